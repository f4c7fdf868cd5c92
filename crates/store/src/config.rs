//! How is the store configured?

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::packs::Limits;

/// The section `store` of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A point this many seconds older than the newest of its series is still sorted in; older ones are refused
    /// (seconds, default 3600).
    pub late_window_secs: u64,
    /// A point or line this many seconds ahead of our clock is accepted; later ones are refused (seconds, default 600).
    pub future_window_secs: u64,
    /// Writes that may wait for the disk; one more is answered "busy" (default 1024).
    pub queue_writes: usize,
    /// Points and lines that may wait for the disk; more are answered "busy" (default 1000000).
    pub queue_items: usize,
    /// Log lines, and as many spans, that may wait in memory to be packed; more are answered "busy" (default 200000).
    pub unpacked_records: usize,
    /// Size at which a new segment of the write-ahead log is begun (megabytes, default 64).
    pub segment_megabytes: u64,
    /// Size of the write-ahead log at which samples are moved to a block early (megabytes, default 512).
    pub wal_megabytes: u64,
    /// Samples are moved from memory to a block at least this often (seconds, default 3600).
    pub flush_secs: u64,
    /// Size of the samples in memory at which they are moved to a block early (megabytes, default 128).
    pub head_megabytes: u64,
    /// Size at which a new file of packed log lines or spans is begun (megabytes, default 256).
    pub pack_file_megabytes: u64,
    /// A line that is pushed again is recognized among this many newest lines (default 65536).
    pub log_duplicate_lines: usize,
    /// A span that is sent again is recognized among this many newest spans (default 65536).
    pub duplicate_spans: usize,
    /// Exemplars of all series together that are kept in memory; 0 keeps none (default 50000).
    pub max_exemplars: usize,
    /// Exemplars of one series that are kept: the newest (default 10).
    pub max_exemplars_per_series: usize,
    /// How long samples are kept.
    pub samples: Retention,
    /// How long log lines are kept.
    pub logs: Retention,
    /// How long spans are kept.
    pub spans: Retention,
}

/// How long and how much is kept; the oldest files go first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Older data is removed (days, default 30).
    pub retention_days: f64,
    /// The oldest data above this size is removed (gigabytes of 10^9 bytes, default 10).
    pub retention_gigabytes: f64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { retention_days: 30.0, retention_gigabytes: 10.0 }
    }
}

impl Retention {
    /// The age, as a span.
    pub(crate) fn age(&self) -> Duration {
        Duration::try_from_secs_f64(self.retention_days * 86_400.0).unwrap_or(Duration::MAX)
    }

    /// The size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        (self.retention_gigabytes * 1e9) as u64
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            late_window_secs: 3600,
            future_window_secs: 600,
            queue_writes: 1024,
            queue_items: 1_000_000,
            unpacked_records: 200_000,
            segment_megabytes: 64,
            wal_megabytes: 512,
            flush_secs: 3600,
            head_megabytes: 128,
            pack_file_megabytes: 256,
            log_duplicate_lines: 65_536,
            duplicate_spans: 65_536,
            max_exemplars: 50_000,
            max_exemplars_per_series: 10,
            samples: Retention::default(),
            logs: Retention::default(),
            spans: Retention { retention_days: 7.0, ..Retention::default() },
        }
    }
}

impl Config {
    /// Every problem of this section, each naming its key; empty when it can be used.
    pub fn validate(&self) -> Vec<String> {
        let not_zero = [
            ("queue_writes", self.queue_writes == 0),
            ("queue_items", self.queue_items == 0),
            ("unpacked_records", self.unpacked_records == 0),
            ("segment_megabytes", self.segment_megabytes == 0),
            ("wal_megabytes", self.wal_megabytes == 0),
            ("flush_secs", self.flush_secs == 0),
            ("head_megabytes", self.head_megabytes == 0),
            ("pack_file_megabytes", self.pack_file_megabytes == 0),
        ];
        let positive = [
            ("samples.retention_days", self.samples.retention_days),
            ("samples.retention_gigabytes", self.samples.retention_gigabytes),
            ("logs.retention_days", self.logs.retention_days),
            ("logs.retention_gigabytes", self.logs.retention_gigabytes),
            ("spans.retention_days", self.spans.retention_days),
            ("spans.retention_gigabytes", self.spans.retention_gigabytes),
        ];
        let mut problems: Vec<String> =
            not_zero.iter().filter(|it| it.1).map(|it| format!("{} must be at least 1", it.0)).collect();
        let wrong = positive.iter().filter(|it| !(it.1 > 0.0 && it.1.is_finite()));
        problems.extend(wrong.map(|it| format!("{} must be a number above 0, not {}", it.0, it.1)));
        problems
    }

    /// How log lines are packed.
    pub(crate) fn log_limits(&self) -> Limits {
        self.limits(&self.logs, self.log_duplicate_lines)
    }

    /// How native histograms are packed: they are kept as long as the samples of their series.
    pub(crate) fn histogram_limits(&self) -> Limits {
        self.limits(&self.samples, self.duplicate_spans)
    }

    /// How spans are packed.
    pub(crate) fn span_limits(&self) -> Limits {
        self.limits(&self.spans, self.duplicate_spans)
    }

    fn limits(&self, retention: &Retention, duplicates: usize) -> Limits {
        // Small enough that retention by size removes a tenth and not everything.
        let tenth = (retention.bytes() / 10).max(1 << 20);
        let file_bytes = (self.pack_file_megabytes << 20).min(tenth);
        Limits { file_bytes, duplicates, retention: retention.clone() }
    }

    /// The late window in milliseconds.
    pub(crate) fn late_millis(&self) -> i64 {
        i64::try_from(self.late_window_secs.saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_named_at_once() {
        assert!(Config::default().validate().is_empty());
        let logs = Retention { retention_days: f64::NAN, retention_gigabytes: -1.0 };
        let problems = Config { flush_secs: 0, logs, ..Config::default() }.validate().join("\n");
        let expected = "flush_secs must be at least 1\n\
                        logs.retention_days must be a number above 0, not NaN\n\
                        logs.retention_gigabytes must be a number above 0, not -1";
        assert_eq!(problems, expected);
    }
}
