//! What does a member of the cluster tell of itself? Lag, rebalances, restores, anomalies told and heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal::{Meter, Metric};

/// Where restored state came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The worker's own disk.
    Local,
    /// The changelog.
    Changelog,
    /// Nowhere: the detectors learn anew.
    Nothing,
}

/// Counters of one process.
#[derive(Debug, Default)]
pub struct Counts {
    partitions: Mutex<BTreeMap<u32, Place>>,
    rebalances: AtomicU64,
    failures: AtomicU64,
    unreadable: AtomicU64,
    restores: [AtomicU64; 3],
    restore_micros: AtomicU64,
    last_restore_micros: AtomicU64,
    told: AtomicU64,
    heard: AtomicU64,
    absorbed: AtomicU64,
    dropped_alerts: AtomicU64,
    states: AtomicU64,
    state_bytes: AtomicU64,
    records_sent: AtomicU64,
    busy: AtomicU64,
    partial_answers: AtomicU64,
    is_refused: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
}

/// What the brokers refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub reason: String,
    /// They do not let us into the group: over as soon as we are in it.
    pub is_of_group: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    position: Option<i64>,
    end: i64,
}

impl Counts {
    /// The work on a partition has come this far.
    pub fn position(&self, partition: u32, position: i64) {
        self.places().entry(partition).or_default().position = Some(position);
    }

    /// A partition goes this far.
    pub(crate) fn end(&self, partition: u32, end: i64) {
        if let Some(place) = self.places().get_mut(&partition) {
            place.end = end;
        }
    }

    /// A partition is no longer ours.
    pub(crate) fn gone(&self, partition: u32) {
        self.places().remove(&partition);
    }

    /// Records that wait, over all partitions.
    pub fn lag(&self) -> u64 {
        self.places().values().map(Place::lag).sum()
    }

    /// The group has changed.
    pub(crate) fn rebalanced(&self) {
        self.rebalances.fetch_add(1, Relaxed);
    }

    /// The brokers told of a problem.
    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// The brokers refuse what this process is there for. True if that is news.
    pub fn refused(&self, refusal: Refusal) -> bool {
        let mut known = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = known.as_ref() != Some(&refusal);
        *known = Some(refusal);
        self.is_refused.store(true, Relaxed);
        is_news
    }

    /// We are in the group, maybe without a partition.
    pub(crate) fn joined(&self) {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take_if(|it| it.is_of_group);
    }

    /// The brokers have done what this process is there for.
    pub fn served(&self) {
        // This is asked for every record.
        if self.is_refused.swap(false, Relaxed) {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// What the brokers refuse, if they do.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|it| it.reason.clone())
    }

    /// A record could not be read and was passed over.
    pub fn unreadable(&self) {
        self.unreadable.fetch_add(1, Relaxed);
    }

    /// State of a partition was restored.
    pub fn restored(&self, origin: Origin, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.restores.get(origin as usize).into_iter().for_each(|it| _ = it.fetch_add(1, Relaxed));
        self.restore_micros.fetch_add(micros, Relaxed);
        self.last_restore_micros.store(micros, Relaxed);
    }

    /// State of a partition went to the changelog.
    pub fn saved(&self, bytes: u64) {
        self.states.fetch_add(1, Relaxed);
        self.state_bytes.fetch_add(bytes, Relaxed);
    }

    /// Anomalies were told to the responder.
    pub fn told(&self, count: u64) {
        self.told.fetch_add(count, Relaxed);
    }

    /// Anomalies told so far.
    pub fn all_told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// An anomaly came in; it is absorbed if it was heard before.
    pub fn heard(&self, is_repeat: bool) {
        let count = if is_repeat { &self.absorbed } else { &self.heard };
        count.fetch_add(1, Relaxed);
    }

    /// Alerts of other systems came while too many fired.
    pub fn dropped_alerts(&self, count: u64) {
        self.dropped_alerts.fetch_add(count, Relaxed);
    }

    /// Records were confirmed by the brokers.
    pub fn sent(&self, records: u64) {
        self.records_sent.fetch_add(records, Relaxed);
    }

    /// A sender was asked to come back later.
    pub fn busy(&self) {
        self.busy.fetch_add(1, Relaxed);
    }

    /// Some worker did not answer a question.
    pub fn partial_answer(&self) {
        self.partial_answers.fetch_add(1, Relaxed);
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<u32, Place>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn lag(&self) -> u64 {
        self.position.map_or(0, |it| u64::try_from(self.end.saturating_sub(it)).unwrap_or(0))
    }
}

impl Meter for Counts {
    // Long because it is a table.
    fn metrics(&self) -> Vec<Metric> {
        const LAG: &str = "Records of the partition that wait for this process.";
        const RESTORES: &str = "Partitions restored, by where their state came from.";
        let get = |it: &AtomicU64| it.load(Relaxed);
        let seconds = |it: &AtomicU64| get(it) as f64 / 1e6;
        let places = self.places().clone();
        let mut metrics: Vec<Metric> = places
            .iter()
            .map(|(number, it)| {
                let lag = Metric::gauge("sentinel_cluster_lag_records", LAG, it.lag() as f64);
                lag.label("partition", &number.to_string())
            })
            .collect();
        for (origin, count) in ["local", "changelog", "nothing"].iter().zip(&self.restores) {
            let restores = Metric::counter("sentinel_cluster_restores_total", RESTORES, get(count));
            metrics.push(restores.label("origin", origin));
        }
        let mut restoring =
            Metric::counter("sentinel_cluster_restore_seconds_total", "Time spent restoring partitions.", 0);
        restoring.value = seconds(&self.restore_micros);
        metrics.extend([
            restoring,
            Metric::gauge("sentinel_cluster_partitions", "Partitions of this process.", places.len() as f64),
            Metric::gauge(
                "sentinel_cluster_last_restore_seconds",
                "How long the newest restore took.",
                seconds(&self.last_restore_micros),
            ),
            Metric::counter("sentinel_cluster_rebalances_total", "Changes of assignment.", get(&self.rebalances)),
            Metric::counter("sentinel_cluster_errors_total", "Problems told by the brokers.", get(&self.failures)),
            Metric::counter(
                "sentinel_cluster_unreadable_records_total",
                "Records passed over because they are not readable.",
                get(&self.unreadable),
            ),
            Metric::counter("sentinel_cluster_anomalies_told_total", "Anomalies told.", get(&self.told)),
            Metric::counter("sentinel_cluster_anomalies_heard_total", "Anomalies heard.", get(&self.heard)),
            Metric::counter(
                "sentinel_cluster_anomalies_absorbed_total",
                "Anomalies that had been heard before.",
                get(&self.absorbed),
            ),
            Metric::counter(
                "sentinel_cluster_alerts_dropped_total",
                "Alerts of other systems that came while too many fired.",
                get(&self.dropped_alerts),
            )
            .label("reason", "too_many"),
            Metric::counter("sentinel_cluster_states_saved_total", "States put into the changelog.", get(&self.states)),
            Metric::counter(
                "sentinel_cluster_state_bytes_total",
                "Bytes put into the changelog.",
                get(&self.state_bytes),
            ),
            Metric::counter("sentinel_cluster_records_sent_total", "Records of signals sent.", get(&self.records_sent)),
            Metric::counter("sentinel_cluster_busy_total", "Writes answered with \"busy\".", get(&self.busy)),
            Metric::counter(
                "sentinel_cluster_partial_answers_total",
                "Questions that some worker did not answer in time.",
                get(&self.partial_answers),
            ),
        ]);
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_holds_until_the_brokers_do_what_is_asked() {
        let counts = Counts::default();
        assert_eq!(counts.refusal(), None);
        let refusal = |reason: &str, is_of_group| Refusal { reason: reason.to_owned(), is_of_group };
        assert!(counts.refused(refusal("no rights", true)));
        assert!(!counts.refused(refusal("no rights", true)), "told once");
        counts.joined();
        assert_eq!(counts.refusal(), None);
        assert!(counts.refused(refusal("no topic", false)));
        counts.joined();
        assert_eq!(counts.refusal().as_deref(), Some("no topic"), "being in the group makes no topic");
        counts.served();
        assert_eq!(counts.refusal(), None);
    }

    #[test]
    fn lag_is_what_waits_in_partitions_that_are_ours() {
        let counts = Counts::default();
        counts.end(3, 100);
        assert_eq!(counts.lag(), 0, "not ours");
        counts.position(3, 40);
        counts.end(3, 100);
        counts.position(4, 10);
        counts.end(4, 5);
        assert_eq!(counts.lag(), 60);
        counts.gone(3);
        assert_eq!(counts.lag(), 0);
        let metrics = counts.metrics();
        let names: Vec<&str> = metrics.iter().map(|it| &*it.name).collect();
        assert!(names.iter().all(|it| it.starts_with("sentinel_cluster_")), "{names:?}");
    }
}
