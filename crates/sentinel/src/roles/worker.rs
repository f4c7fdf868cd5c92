//! What does a worker do? It works on the partitions that the group gives it, answers questions about them, and says every
//! two seconds that it is there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use cluster::{Finding, Presence, Progress, Shelf, Tenant};
use serde::{Deserialize, Serialize};
use signal::{Meter, Metric};

use crate::roles::lane::{Lane, Start, Yard};
use crate::roles::ledge::Ledge;
use crate::roles::partition::Partition;
use crate::roles::question::{Answer, Question};

/// All partitions of this process.
pub struct Worker {
    yard: Arc<Yard>,
    data_dir: PathBuf,
    name: String,
    address: String,
    lanes: RwLock<BTreeMap<u32, Lane>>,
}

/// What a worker answers to one question.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answers {
    /// The answer of each partition that is restored.
    pub answers: Vec<(u32, Answer)>,
}

impl Worker {
    /// Has no partition yet.
    pub fn new(yard: Arc<Yard>, data_dir: PathBuf, name: String, address: String) -> Self {
        Self { yard, data_dir, name, address, lanes: RwLock::default() }
    }

    /// Asks all partitions. Touches the disk.
    pub fn answer(&self, question: &Question) -> Answers {
        Answers { answers: self.partitions().iter().map(|it| (it.number, it.answer(question))).collect() }
    }

    /// Tells the responder where this worker is and what it has.
    pub async fn tell_presence(&self) {
        let presence = Presence {
            worker: self.name.clone(),
            address: self.address.clone(),
            partitions: self.partitions().iter().map(|it| it.number).collect(),
            lag: self.yard.counts.lag(),
            anomalies: self.yard.counts.all_told(),
            time: self.yard.clock.now(),
        };
        for record in Finding::Presence(presence).encode() {
            // The next one comes soon.
            if let Ok(way) = self.yard.outlet.send(&self.yard.topics.findings, 0, "", &record) {
                let _ = way.arrived().await;
            }
        }
    }

    /// Why the worker is not ready, if it is not.
    pub fn complaint(&self) -> Option<String> {
        if let Some(refusal) = self.yard.counts.refusal() {
            return Some(refusal);
        }
        let lanes = self.lanes();
        if let Some((partition, _)) = lanes.iter().find(|it| it.1.has_ended()) {
            return Some(format!("the thread of partition {partition} has panicked; restart Sentinel"));
        }
        let restoring = lanes.values().filter(|it| it.partition().is_none()).count();
        let failing = lanes.values().filter_map(Lane::partition).find_map(|it| it.store.complaint());
        match (restoring, failing) {
            (0, None) => None,
            (0, Some(reason)) => Some(format!("store: {reason}")),
            (count, _) => Some(format!("{count} partitions are being restored")),
        }
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.lanes().values().filter_map(|it| it.partition().cloned()).collect()
    }

    fn lanes(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_of(&self, partition: u32, dir: &std::path::Path, committed: Option<&Progress>) -> Start {
        let ledge = Ledge::read(dir);
        let shelf: Option<Shelf> = committed.and_then(|it| it.note.parse().ok());
        let newest = [ledge.state.map(|it| it.as_of), shelf.map(|it| it.as_of)].into_iter().flatten().max();
        let window = self.window_begin(partition);
        // Without any state the window teaches the detectors what is usual.
        let position = newest.unwrap_or_else(|| window.unwrap_or(0).max(0));
        let missing_from = ledge.stored.max(window.unwrap_or(position));
        let refill_from = (missing_from < position).then_some(missing_from);
        Start { shelf, ledge, position, refill_from }
    }

    /// The first record of the store's window, or the oldest if that is not known; None if there is none that young.
    fn window_begin(&self, partition: u32) -> Option<i64> {
        let Yard { config, topics, clock, .. } = &*self.yard;
        let begin = clock.now().minus(Duration::from_secs(config.cluster.window_secs));
        match cluster::offset_at(&config.cluster, &topics.signals, partition, begin) {
            Ok(offset) => offset,
            Err(error) => {
                tracing::warn!(partition, %error, "The store's window is not known; all of it is read again.");
                Some(0)
            }
        }
    }
}

impl Tenant for Worker {
    fn take_over(&self, partition: u32, committed: Option<Progress>) -> Option<i64> {
        let known = self.yard.topics.partitions;
        if partition >= known {
            tracing::warn!(
                partition,
                known,
                "The topic of signals has more partitions than when this process began; restart workers, gateways and \
                 responders, so that all of them spread signals alike."
            );
        }
        let dir = self.data_dir.join(format!("partition-{partition}"));
        let start = self.start_of(partition, &dir, committed.as_ref());
        match Lane::start(Arc::clone(&self.yard), partition, dir, start) {
            Ok(lane) => {
                self.yard.counts.position(partition, start.position);
                let before = self.lanes.write().unwrap_or_else(PoisonError::into_inner).insert(partition, lane);
                // The group does not give what we have; if it does, the old thread must not work beside the new one.
                before.map(|it| it.stop(false));
            }
            Err(error) => tracing::error!(partition, %error, "No thread for the partition."),
        }
        Some(start.position)
    }

    fn record(&self, partition: u32, offset: i64, bytes: &[u8]) -> bool {
        self.lanes().get(&partition).is_some_and(|it| it.record(offset, bytes))
    }

    fn caught_up(&self, partition: u32) {
        self.lanes().get(&partition).into_iter().for_each(Lane::caught_up);
    }

    fn progress(&self, partition: u32) -> Option<Progress> {
        self.lanes().get(&partition)?.progress()
    }

    fn let_go(&self, partition: u32, is_orderly: bool) -> Option<Progress> {
        let lane = self.lanes.write().unwrap_or_else(PoisonError::into_inner).remove(&partition)?;
        tracing::info!(partition, is_orderly, "Partition let go.");
        lane.stop(is_orderly)
    }
}

impl Meter for Worker {
    fn metrics(&self) -> Vec<Metric> {
        let mut sums: Vec<Metric> = vec![];
        for metric in self.partitions().iter().flat_map(|it| it.metrics()) {
            match sums.iter_mut().find(|it| it.name == metric.name && it.labels == metric.labels) {
                Some(sum) => sum.value += metric.value,
                None => sums.push(metric),
            }
        }
        sums
    }
}
