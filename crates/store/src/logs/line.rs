//! What is a line on its way to the index, and was it there before?

use std::collections::{HashMap, HashSet, VecDeque};

use signal::{LogLevel, LogRecord, Timestamp};
use xxhash_rust::xxh3::Xxh3;

/// A line that is durable in the write-ahead log.
#[derive(Debug)]
pub struct Line {
    pub id: u64,
    pub received: Timestamp,
    pub level: LogLevel,
    pub digest: u64,
    pub record: LogRecord,
}

/// Digests of the newest lines, to recognize a push that comes again after its acknowledgement was lost.
#[derive(Debug)]
pub struct Recent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
    capacity: usize,
}

impl Recent {
    /// Remembers this many lines.
    pub fn new(capacity: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), capacity }
    }

    /// Remembers a digest; false if it is known.
    pub fn insert(&mut self, digest: u64) -> bool {
        if self.capacity == 0 {
            return true;
        }
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// Digests of the lines of one push. The second of two equal lines in one push has a digest of its own: a program may
/// say the same thing twice in one millisecond, and a push that comes again has the same digests again.
pub fn digests(records: &[LogRecord]) -> Vec<u64> {
    let mut seen: HashMap<u64, u64> = HashMap::with_capacity(records.len());
    let digest = |record: &LogRecord| {
        let mut hasher = Xxh3::new();
        hasher.update(&record.labels.id().hash().to_le_bytes());
        hasher.update(&record.time.millis().to_le_bytes());
        hasher.update(record.line.as_bytes());
        let digest = hasher.digest();
        let times_before = seen.entry(digest).or_default();
        *times_before += 1;
        digest.wrapping_add((*times_before - 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    };
    records.iter().map(digest).collect()
}

#[cfg(test)]
mod tests {
    use signal::Labels;

    use super::*;

    #[test]
    fn a_push_again_is_known_and_a_repeated_line_is_not() {
        let record = LogRecord::new(Timestamp::MIN, Labels::new([("app", "a")]), "x");
        let push = vec![record.clone(), record];
        let mut recent = Recent::new(2);
        let mut store = |push: &[LogRecord]| digests(push).into_iter().filter(|it| recent.insert(*it)).count();
        assert_eq!((store(&push), store(&push)), (2, 0));
        let other = LogRecord { line: "y".to_owned(), ..push[0].clone() };
        assert_eq!((store(&[other]), store(&push[..1])), (1, 1), "the oldest is forgotten");
    }
}
