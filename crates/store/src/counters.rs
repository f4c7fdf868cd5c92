//! How does the store count what it does? Names of its metrics, in one place.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use signal::{Metric, MetricKind};

/// Help of a metric whose rows come from two places.
pub const FAILED: &str = "Background work that failed and is tried again.";

/// Numbers that only grow, and the health of the stage.
#[derive(Debug, Default)]
pub struct Counters {
    pub points_stored: AtomicU64,
    pub points_late: AtomicU64,
    pub points_duplicate: AtomicU64,
    pub points_too_old: AtomicU64,
    pub points_future: AtomicU64,
    pub lines_stored: AtomicU64,
    pub lines_duplicate: AtomicU64,
    pub lines_too_old: AtomicU64,
    pub lines_future: AtomicU64,
    pub spans_stored: AtomicU64,
    pub spans_duplicate: AtomicU64,
    pub spans_too_old: AtomicU64,
    pub spans_future: AtomicU64,
    pub histograms_stored: AtomicU64,
    pub histograms_duplicate: AtomicU64,
    pub histograms_too_old: AtomicU64,
    pub histograms_future: AtomicU64,
    pub writes_busy: AtomicU64,
    pub writes_failed: AtomicU64,
    pub commits: AtomicU64,
    pub sync_nanos: AtomicU64,
    pub blocks_written: AtomicU64,
    pub blocks_merged: AtomicU64,
    pub pack_files_merged: AtomicU64,
    pub merges_failed: AtomicU64,
    pub flushes_failed: AtomicU64,
    pub packing_failed: AtomicU64,
    pub blocks_expired: AtomicU64,
    pub pack_files_expired: AtomicU64,
    pub bytes_cut: AtomicU64,
    pub files_set_aside: AtomicU64,
    pub reads_failed: AtomicU64,
    pub panics: AtomicU64,
    pub is_wal_failing: AtomicBool,
    pub is_flush_failing: AtomicBool,
}

/// Adds to a counter.
pub fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Relaxed);
}

impl Counters {
    /// Why the stage is unhealthy, if it is.
    pub fn complaint(&self) -> Option<&'static str> {
        if self.has_panicked() {
            return Some("one of its threads has panicked; restart Sentinel");
        }
        let complaints = [
            (&self.is_wal_failing, "writes to the log on disk fail"),
            (&self.is_flush_failing, "blocks of samples cannot be written"),
        ];
        complaints.iter().find(|(is_failing, _)| is_failing.load(Relaxed)).map(|(_, text)| *text)
    }

    /// True if a thread is gone, so that its work will not be done.
    pub fn has_panicked(&self) -> bool {
        self.panics.load(Relaxed) > 0
    }

    /// All of them, as metrics.
    pub fn metrics(&self) -> Vec<Metric> {
        const POINTS: &str = "Points refused or absorbed.";
        const LINES: &str = "Log lines refused or absorbed.";
        const SPANS: &str = "Spans refused or absorbed.";
        const HISTOGRAMS: &str = "Native histograms refused or absorbed.";
        const EXPIRED: &str = "Files removed by retention.";
        let of = |name, help, value: &AtomicU64| Metric::counter(name, help, value.load(Relaxed));
        let seconds = self.sync_nanos.load(Relaxed) as f64 / 1e9;
        vec![
            of("sentinel_store_points_stored_total", "Points stored.", &self.points_stored),
            of("sentinel_store_points_late_total", "Points stored out of order.", &self.points_late),
            of("sentinel_store_points_dropped_total", POINTS, &self.points_duplicate).label("reason", "duplicate"),
            of("sentinel_store_points_dropped_total", POINTS, &self.points_too_old).label("reason", "too_old"),
            of("sentinel_store_points_dropped_total", POINTS, &self.points_future).label("reason", "future"),
            of("sentinel_store_lines_stored_total", "Log lines stored.", &self.lines_stored),
            of("sentinel_store_lines_dropped_total", LINES, &self.lines_duplicate).label("reason", "duplicate"),
            of("sentinel_store_lines_dropped_total", LINES, &self.lines_too_old).label("reason", "too_old"),
            of("sentinel_store_lines_dropped_total", LINES, &self.lines_future).label("reason", "future"),
            of("sentinel_store_spans_stored_total", "Spans stored.", &self.spans_stored),
            of("sentinel_store_spans_dropped_total", SPANS, &self.spans_duplicate).label("reason", "duplicate"),
            of("sentinel_store_spans_dropped_total", SPANS, &self.spans_too_old).label("reason", "too_old"),
            of("sentinel_store_spans_dropped_total", SPANS, &self.spans_future).label("reason", "future"),
            of("sentinel_store_histograms_stored_total", "Native histograms stored.", &self.histograms_stored),
            of("sentinel_store_histograms_dropped_total", HISTOGRAMS, &self.histograms_duplicate)
                .label("reason", "duplicate"),
            of("sentinel_store_histograms_dropped_total", HISTOGRAMS, &self.histograms_too_old)
                .label("reason", "too_old"),
            of("sentinel_store_histograms_dropped_total", HISTOGRAMS, &self.histograms_future)
                .label("reason", "future"),
            of("sentinel_store_writes_busy_total", "Writes refused as the queue was full.", &self.writes_busy),
            of("sentinel_store_writes_failed_total", "Writes that the disk refused.", &self.writes_failed),
            of("sentinel_store_wal_commits_total", "Group commits to the log on disk.", &self.commits),
            Metric {
                kind: MetricKind::Counter,
                ..Metric::gauge("sentinel_store_wal_sync_seconds_total", "Time in write and fdatasync.", seconds)
            },
            of("sentinel_store_blocks_written_total", "Blocks of samples written.", &self.blocks_written),
            of("sentinel_store_blocks_merged_total", "Blocks of samples merged into larger ones.", &self.blocks_merged),
            of("sentinel_store_pack_files_merged_total", "Files of packs written anew.", &self.pack_files_merged),
            of("sentinel_store_background_failures_total", FAILED, &self.merges_failed).label("task", "merge"),
            of("sentinel_store_background_failures_total", FAILED, &self.flushes_failed).label("task", "flush"),
            of("sentinel_store_background_failures_total", FAILED, &self.packing_failed).label("task", "pack"),
            of("sentinel_store_files_expired_total", EXPIRED, &self.blocks_expired).label("kind", "samples"),
            of("sentinel_store_files_expired_total", EXPIRED, &self.pack_files_expired).label("kind", "packs"),
            of("sentinel_store_wal_cut_bytes_total", "Bytes of the log that could not be read.", &self.bytes_cut),
            of("sentinel_store_files_set_aside_total", "Corrupt files set aside.", &self.files_set_aside),
            of("sentinel_store_reads_failed_total", "Files skipped by a read.", &self.reads_failed),
            of("sentinel_store_panics_total", "Threads that ended by a panic.", &self.panics),
            Metric::gauge(
                "sentinel_store_healthy_ratio",
                "1 while everything can be written, else 0.",
                f64::from(u8::from(self.complaint().is_none())),
            ),
        ]
    }
}
