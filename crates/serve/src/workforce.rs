//! Who works where signals are judged by several processes?

use serde::Serialize;
use signal::Timestamp;

/// The workers of a responder.
pub trait Workforce: Send + Sync {
    /// Those that said lately that they are there.
    fn workforce(&self) -> WorkforceStatus;
}

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkforceStatus {
    /// Partitions, which is as many workers as can have work.
    pub partitions: u32,
    /// By name.
    pub workers: Vec<WorkerStatus>,
}

/// A worker as it said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// Where it is asked.
    pub address: String,
    /// The partitions that it answers for.
    pub partitions: Vec<u32>,
    /// Records that wait for it.
    pub lag: u64,
    /// Anomalies that it has told since it was started.
    pub anomalies: u64,
    /// When it said so.
    pub heard: Timestamp,
}

impl WorkforceStatus {
    /// Partitions that nobody answers for.
    pub fn unassigned(&self) -> Vec<u32> {
        let is_free = |it: &u32| !self.workers.iter().any(|worker| worker.partitions.contains(it));
        (0..self.partitions).filter(is_free).collect()
    }
}

/// Numbers as ranges: `0-3, 7`.
pub fn ranges(numbers: &[u32]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let ranges = sorted.chunk_by(|a, b| b.saturating_sub(*a) <= 1).filter_map(|it| Some((it.first()?, it.last()?)));
    let words = ranges.map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&[3, 0, 1, 2, 7, 9, 10]), "0-3, 7, 9-10");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn partitions_that_nobody_has_are_known() {
        let worker = WorkerStatus { partitions: vec![0, 2], ..WorkerStatus::default() };
        assert_eq!(WorkforceStatus { partitions: 4, workers: vec![worker] }.unassigned(), [1, 3]);
    }
}
