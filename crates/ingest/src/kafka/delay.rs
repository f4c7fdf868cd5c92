//! How old is a message when its signals are stored and judged? A histogram over all messages, from the time that the
//! message carries (its producer's, or the broker's) to the end of its batch.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use signal::{Metric, MetricKind, Timestamp};

/// Upper bounds of the buckets in milliseconds.
const BOUNDS: [u64; 20] = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 500, 1000, 2000, 5000, 10_000, 60_000];

/// Counts of messages by their age.
#[derive(Debug, Default)]
pub(super) struct Delays {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    millis: AtomicU64,
}

impl Delays {
    /// A message of this time is done with now. A clock that runs ahead of ours makes no negative age.
    pub(super) fn add(&self, time: Timestamp, now: Timestamp) {
        let millis = u64::try_from(now.millis().saturating_sub(time.millis())).unwrap_or(0);
        if let Some(bucket) = self.buckets.get(BOUNDS.partition_point(|it| *it < millis)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.millis.fetch_add(millis, Relaxed);
    }

    /// As Prometheus writes a histogram.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        const BUCKET: &str = "sentinel_ingest_kafka_delay_seconds_bucket";
        const HELP: &str = "Age of Kafka messages when they are stored and judged.";
        let part = |name, value| Metric { kind: MetricKind::Histogram, ..Metric::counter(name, HELP, value) };
        let bound = |millis: u64| format!("{}", millis as f64 / 1000.0);
        let mut below = 0;
        let mut all: Vec<Metric> = vec![];
        for (millis, bucket) in BOUNDS.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            all.push(part(BUCKET, below).label("le", &bound(*millis)));
        }
        let count = self.count.load(Relaxed);
        all.push(part(BUCKET, count).label("le", "+Inf"));
        all.push(part("sentinel_ingest_kafka_delay_seconds_count", count));
        let mut sum = part("sentinel_ingest_kafka_delay_seconds_sum", 0);
        sum.value = self.millis.load(Relaxed) as f64 / 1000.0;
        all.push(sum);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_their_age() {
        let delays = Delays::default();
        let now = Timestamp::from_secs(1000);
        for millis in [999_996, 999_996, 999_997, 900_000, 1_000_500] {
            delays.add(Timestamp::from_millis(millis), now);
        }
        let metrics = delays.metrics();
        let below = |le: &str| {
            let is_it = |it: &&Metric| it.labels.iter().any(|label| label.1 == le);
            metrics.iter().find(is_it).map(|it| it.value)
        };
        assert_eq!([below("0.001"), below("0.003"), below("0.005")], [Some(1.0), Some(2.0), Some(4.0)]);
        assert_eq!([below("60"), below("+Inf")], [Some(4.0), Some(5.0)], "100 s are above all bounds");
        assert_eq!(metrics.last().map(|it| it.value), Some(100.011));
    }
}
