//! How does reading from Kafka go? Messages, poison, rebalances, commits, and how far behind each partition is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use signal::{Meter, Metric};

use super::delay::Delays;
use super::poison::PoisonReason;

/// Partitions whose lag is told; further ones are not, so that the page of metrics stays small.
const MAX_PARTITIONS: usize = 1000;

/// Counters of all entries of the configuration.
#[derive(Debug, Default)]
pub struct KafkaCounts {
    /// Messages that were read.
    pub(super) messages: AtomicU64,
    /// Messages on their way to the disk.
    pub(super) in_flight: AtomicU64,
    /// How often reading was paused because the sink was busy.
    pub(super) pauses: AtomicU64,
    /// Assignments and revocations of partitions.
    pub(super) rebalances: AtomicU64,
    /// Commits that the brokers refused; they are tried again.
    pub(super) commit_failures: AtomicU64,
    /// Age of messages that are done with.
    pub(super) delays: Delays,
    dead_letters: [AtomicU64; PoisonReason::ALL.len()],
    skipped: [AtomicU64; PoisonReason::ALL.len()],
    lags: Mutex<BTreeMap<(String, String, i32), i64>>,
}

impl KafkaCounts {
    /// A message that cannot be read was sent to the dead-letter topic.
    pub(super) fn dead_letter(&self, reason: PoisonReason) {
        add(&self.dead_letters, reason);
    }

    /// A message that cannot be read was skipped.
    pub(super) fn skipped(&self, reason: PoisonReason) {
        add(&self.skipped, reason);
    }

    /// How far a group is behind in the partitions that this process reads; replaces what was told before.
    pub(super) fn lags(&self, group: &str, lags: impl Iterator<Item = (String, i32, i64)>) {
        let mut all = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(it, _, _), _| it != group);
        for (topic, partition, lag) in lags {
            if all.len() < MAX_PARTITIONS {
                all.insert((group.to_owned(), topic, partition), lag);
            }
        }
    }
}

fn add(counters: &[AtomicU64], reason: PoisonReason) {
    if let Some(it) = counters.get(reason as usize) {
        it.fetch_add(1, Relaxed);
    }
}

impl Meter for KafkaCounts {
    fn metrics(&self) -> Vec<Metric> {
        let counter = |name, help, value: &AtomicU64| Metric::counter(name, help, value.load(Relaxed));
        let mut all = vec![
            counter("sentinel_ingest_kafka_messages_total", "Messages that were read from Kafka.", &self.messages),
            counter("sentinel_ingest_kafka_pauses_total", "How often reading waited for the store.", &self.pauses),
            counter(
                "sentinel_ingest_kafka_rebalances_total",
                "Assignments and revocations of partitions.",
                &self.rebalances,
            ),
            counter(
                "sentinel_ingest_kafka_commit_failures_total",
                "Commits that the brokers refused; they are tried again.",
                &self.commit_failures,
            ),
            Metric::gauge(
                "sentinel_ingest_kafka_in_flight_messages",
                "Messages that were read and are not durable yet.",
                self.in_flight.load(Relaxed) as f64,
            ),
        ];
        for (outcome, counters) in [("dead_letter", &self.dead_letters), ("skipped", &self.skipped)] {
            all.extend(PoisonReason::ALL.iter().zip(counters).map(|(reason, value)| {
                counter("sentinel_ingest_kafka_poison_messages_total", "Messages that could not be read.", value)
                    .label("outcome", outcome)
                    .label("reason", reason.as_str())
            }));
        }
        all.extend(self.delays.metrics());
        let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(lags.iter().map(|((group, topic, partition), lag)| {
            let help = "Messages of a partition that are not committed yet.";
            Metric::gauge("sentinel_ingest_kafka_lag_messages", help, *lag as f64)
                .label("group", group)
                .label("topic", topic)
                .label("partition", &partition.to_string())
        }));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_those_of_the_last_report_of_each_group() {
        let counts = KafkaCounts::default();
        counts.lags("a", [("t".to_owned(), 0, 5), ("t".to_owned(), 1, 7)].into_iter());
        counts.lags("b", [("t".to_owned(), 0, 1)].into_iter());
        counts.lags("a", [("t".to_owned(), 1, 3)].into_iter());
        counts.skipped(PoisonReason::Malformed);
        let metrics = counts.metrics();
        let values =
            |name: &str| -> Vec<f64> { metrics.iter().filter(|it| it.name == name).map(|it| it.value).collect() };
        assert_eq!(values("sentinel_ingest_kafka_lag_messages"), [3.0, 1.0]);
        assert_eq!(values("sentinel_ingest_kafka_poison_messages_total").iter().sum::<f64>(), 1.0);
    }
}
