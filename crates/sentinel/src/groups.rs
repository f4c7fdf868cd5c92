//! Who compares series with each other? One watch for all shards, behind a bounded queue.
//!
//! Shards hand samples over without waiting: if the queue is full they are dropped and counted. The tick of the system
//! takes them out and compares, so that simulated time gives the same result each time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use detect::{GroupSample, GroupWatch};
use signal::{GroupStatus, Meter, Metric};

use crate::responder::Responder;

/// Batches that may wait, and samples in all of them: some 20 MB.
const BATCHES: usize = 4096;
const SAMPLES: usize = 262_144;

/// The way from the shards to the comparison of groups.
pub struct Groups {
    queue: SyncSender<Vec<GroupSample>>,
    state: Mutex<State>,
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

struct State {
    queue: Receiver<Vec<GroupSample>>,
    watch: GroupWatch,
}

impl Groups {
    /// Knows no group yet.
    pub fn new(config: Arc<detect::Config>) -> Arc<Self> {
        let (sender, queue) = sync_channel(BATCHES);
        let state = Mutex::new(State { queue, watch: GroupWatch::new(config) });
        Arc::new(Self { queue: sender, state, waiting: AtomicUsize::new(0), dropped: AtomicU64::new(0) })
    }

    /// Takes samples from a shard; never waits.
    pub fn offer(&self, samples: Vec<GroupSample>) {
        let count = samples.len();
        if count == 0 {
            return;
        }
        let waiting = self.waiting.fetch_add(count, Ordering::Relaxed);
        if waiting + count > SAMPLES || self.queue.try_send(samples).is_err() {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// Compares what has come in, and tells the responder.
    pub fn tick(&self, responder: &Responder) {
        let mut state = self.lock();
        while let Ok(samples) = state.queue.try_recv() {
            self.waiting.fetch_sub(samples.len(), Ordering::Relaxed);
            samples.iter().for_each(|it| state.watch.observe(it));
        }
        let found = state.watch.tick();
        drop(state);
        responder.evidence(found.evidence);
        responder.anomalies(found.symptoms);
    }

    /// A panic while comparing leaves the state as it was after the last complete step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl signal::Groups for Groups {
    fn groups(&self) -> Vec<GroupStatus> {
        self.lock().watch.groups()
    }
}

impl Meter for Groups {
    fn metrics(&self) -> Vec<Metric> {
        const DROPPED: &str = "Samples of groups dropped because the queue was full.";
        let mut metrics = self.lock().watch.metrics();
        metrics.extend([
            Metric::gauge(
                "sentinel_detect_group_queue_samples",
                "Samples that wait to be compared.",
                self.waiting.load(Ordering::Relaxed) as f64,
            ),
            Metric::counter("sentinel_detect_group_dropped_total", DROPPED, self.dropped.load(Ordering::Relaxed)),
        ]);
        metrics
    }
}

#[cfg(test)]
mod tests {
    use signal::{Labels, Timestamp};

    use super::*;

    #[test]
    fn a_full_queue_drops_and_counts() {
        let groups = Groups::new(Arc::new(detect::Config::default()));
        let sample = GroupSample {
            labels: Labels::metric("latency", &[("instance", "a")]),
            time: Timestamp::from_secs(1),
            y: 1.0,
            interval_secs: 1.0,
        };
        groups.offer(vec![sample.clone(); SAMPLES]);
        groups.offer(vec![sample; 3]);
        assert_eq!(groups.dropped.load(Ordering::Relaxed), 3);
        assert_eq!(groups.waiting.load(Ordering::Relaxed), SAMPLES);
        let value = |name: &str| groups.metrics().iter().find(|it| it.name == name).map(|it| it.value);
        assert_eq!(value("sentinel_detect_group_dropped_total"), Some(3.0));
    }
}
