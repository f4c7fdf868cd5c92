//! Where do anomalies wait for the next tick? Before the lock that a tick holds while it works: the shards, on whose
//! verdicts senders wait, only ever wait for a push.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use signal::{Anomaly, Metric};

/// Anomalies that may wait; further ones are dropped and counted.
const LONGEST: usize = 100_000;

/// Anomalies on their way to the incidents.
#[derive(Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    dropped: AtomicU64,
}

/// What waits, in the order in which it came.
#[derive(Default)]
pub struct Waiting {
    /// Those that may open incidents.
    pub anomalies: Vec<Anomaly>,
    /// Those that may only stand beside one.
    pub evidence: Vec<Anomaly>,
}

impl Inbox {
    /// Takes anomalies in.
    pub fn push(&self, anomalies: Vec<Anomaly>) {
        self.add(anomalies, |it| &mut it.anomalies);
    }

    /// Takes in what may only stand beside incidents.
    pub fn push_evidence(&self, anomalies: Vec<Anomaly>) {
        self.add(anomalies, |it| &mut it.evidence);
    }

    /// How many wait that may open incidents.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).anomalies.len()
    }

    /// All that waits.
    pub fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was dropped.
    pub fn metrics(&self) -> Vec<Metric> {
        let help = "Anomalies that opened nothing.";
        let dropped = self.dropped.load(Ordering::Relaxed);
        let metric = Metric::counter("sentinel_detect_anomalies_suppressed_total", help, dropped);
        vec![metric.label("reason", "inbox_full")]
    }

    fn add(&self, mut anomalies: Vec<Anomaly>, queue: fn(&mut Waiting) -> &mut Vec<Anomaly>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue(&mut waiting);
        let room = LONGEST.saturating_sub(queue.len());
        self.dropped.fetch_add(anomalies.len().saturating_sub(room) as u64, Ordering::Relaxed);
        anomalies.truncate(room);
        queue.append(&mut anomalies);
    }
}

#[cfg(test)]
mod tests {
    use signal::{AnomalyKind, Direction, Labels, Score, Severity, Timestamp};

    use super::*;

    #[test]
    fn a_full_inbox_drops_and_counts() {
        let inbox = Inbox::default();
        let time = Timestamp::from_secs(1);
        let anomaly = Anomaly {
            labels: Labels::metric("latency", &[]),
            kind: AnomalyKind::Point,
            direction: Direction::Above,
            onset: time,
            time,
            score: Score::warming_up(1.0),
            severity: Severity::Warning,
            is_over: false,
            explanation: String::new(),
        };
        inbox.push(vec![anomaly.clone(); LONGEST - 1]);
        inbox.push(vec![anomaly.clone(); 3]);
        inbox.push_evidence(vec![anomaly; 4]);
        let value = || inbox.metrics().first().map(|it| it.value);
        assert_eq!(value(), Some(2.0));
        let waiting = inbox.take();
        assert_eq!((waiting.anomalies.len(), waiting.evidence.len()), (LONGEST, 4));
        assert!(inbox.take().anomalies.is_empty(), "what was taken is gone");
        assert_eq!(value(), Some(2.0));
    }
}
