//! How much came in, what was dropped and why? Counters with labels from closed sets.

use std::sync::atomic::{AtomicU64, Ordering};

use signal::{Meter, Metric, MetricKind};

use crate::{Accepted, Error, Problems, Reason, Refused, Source};

/// Why a whole request, scrape or read failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The body could not be decoded.
    Malformed,
    /// The body is larger than the limit.
    TooLarge,
    /// The content type, encoding or version is not supported.
    Unsupported,
    /// The sink was busy.
    Busy,
    /// The tenant sent more than it may.
    TooFast,
    /// The sink failed.
    Failed,
    /// A scrape target or a file could not be read.
    Unreachable,
}

impl ErrorKind {
    const ALL: [Self; 7] = [
        Self::Malformed,
        Self::TooLarge,
        Self::Unsupported,
        Self::Busy,
        Self::TooFast,
        Self::Failed,
        Self::Unreachable,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::TooFast => "too_fast",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How a log line was changed before it was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alteration {
    /// It was longer than the limit and was cut.
    Cut,
    /// It held bytes that are not UTF-8; they were replaced by U+FFFD.
    InvalidUtf8,
    /// Its time could not be read; that of the message it came in was taken.
    Time,
}

impl Alteration {
    const ALL: [Self; 3] = [Self::Cut, Self::InvalidUtf8, Self::Time];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Time => "time",
        }
    }
}

/// Counters of all sources; shared by the router and the tasks.
#[derive(Debug, Default)]
pub struct Counts {
    sources: [SourceCounts; Source::ALL.len()],
}

#[derive(Debug, Default)]
struct SourceCounts {
    received: AtomicU64,
    dropped: [AtomicU64; Reason::ALL.len()],
    errors: [AtomicU64; ErrorKind::ALL.len()],
    altered: [AtomicU64; Alteration::ALL.len()],
}

impl Counts {
    /// Signals (points, lines, changes) that were decoded and offered to the sink.
    pub fn received(&self, source: Source, count: u64) {
        if let Some(it) = self.sources.get(source as usize) {
            it.received.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Signals that were left out.
    pub fn dropped(&self, source: Source, reason: Reason, count: u64) {
        if let Some(it) = self.sources.get(source as usize).and_then(|it| it.dropped.get(reason as usize)) {
            it.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// A request, scrape or read that failed as a whole.
    pub fn error(&self, source: Source, kind: ErrorKind) {
        if let Some(it) = self.sources.get(source as usize).and_then(|it| it.errors.get(kind as usize)) {
            it.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that were changed.
    pub fn altered(&self, source: Source, alteration: Alteration, count: u64) {
        if let Some(it) = self.sources.get(source as usize).and_then(|it| it.altered.get(alteration as usize)) {
            it.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Everything a decoder left out or changed.
    pub fn problems(&self, source: Source, problems: &Problems) {
        for reason in Reason::ALL {
            self.dropped(source, reason, problems.count(reason));
        }
        self.altered(source, Alteration::Cut, problems.lines_cut);
        self.altered(source, Alteration::InvalidUtf8, problems.lines_repaired);
        self.altered(source, Alteration::Time, problems.times_replaced);
    }

    /// What the sink left out of a batch that it took.
    pub fn accepted(&self, source: Source, accepted: &Accepted) {
        self.dropped(source, Reason::Store, accepted.dropped);
        self.dropped(source, Reason::OverLimit, accepted.over_limit.as_ref().map_or(0, |it| it.count));
    }

    /// What the sink said to exemplars; how many it keeps. One that is lost is no reason to send the samples again.
    pub fn exemplars(&self, source: Source, outcome: &Result<Accepted, Refused>, offered: u64) -> u64 {
        let (stored, dropped) = outcome.as_ref().map_or((0, offered), |it| (it.stored, it.dropped));
        self.dropped(source, Reason::Exemplar, dropped);
        stored
    }

    /// What the sink said to a batch.
    pub fn outcome(&self, source: Source, outcome: &Result<Accepted, Refused>) {
        match outcome {
            Ok(accepted) => self.accepted(source, accepted),
            Err(refused) => self.error(source, refused.kind()),
        }
    }
}

impl Refused {
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy { .. } => ErrorKind::Busy,
            Self::TooFast { .. } => ErrorKind::TooFast,
            Self::Invalid(_) => ErrorKind::Malformed,
            Self::Failed(_) => ErrorKind::Failed,
        }
    }
}

impl Error {
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Malformed { .. } | Self::Fields(_) => ErrorKind::Malformed,
            Self::Unreachable(_) => ErrorKind::Unreachable,
        }
    }
}

impl Meter for Counts {
    fn metrics(&self) -> Vec<Metric> {
        Source::ALL.iter().zip(&self.sources).flat_map(|(source, counts)| counts.metrics(*source)).collect()
    }
}

impl SourceCounts {
    fn metrics(&self, source: Source) -> Vec<Metric> {
        let counter = |name: &'static str, help: &'static str, value: &AtomicU64| Metric {
            name: name.into(),
            help: help.into(),
            kind: MetricKind::Counter,
            labels: vec![("source".into(), source.as_str().to_owned())],
            value: value.load(Ordering::Relaxed) as f64,
        };
        let mut all = vec![counter(
            "sentinel_ingest_signals_received_total",
            "Points, lines and changes that were decoded.",
            &self.received,
        )];
        all.extend(Reason::ALL.iter().zip(&self.dropped).map(|(reason, value)| {
            counter("sentinel_ingest_signals_dropped_total", "Points, lines and labels that were left out.", value)
                .label("reason", reason.as_str())
        }));
        all.extend(ErrorKind::ALL.iter().zip(&self.errors).map(|(kind, value)| {
            counter("sentinel_ingest_errors_total", "Requests, scrapes and reads that failed as a whole.", value)
                .label("kind", kind.as_str())
        }));
        all.extend(Alteration::ALL.iter().zip(&self.altered).map(|(alteration, value)| {
            counter(
                "sentinel_ingest_lines_altered_total",
                "Log lines that were cut or repaired, or got another time.",
                value,
            )
            .label("alteration", alteration.as_str())
        }));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_labels_come_from_closed_sets() {
        let counts = Counts::default();
        counts.received(Source::Loki, 3);
        counts.dropped(Source::Tail, Reason::Timestamp, 2);
        let metrics = counts.metrics();
        let value = |name: &str, source: &str| -> f64 {
            let is_it = |it: &&Metric| it.name == name && it.labels.contains(&("source".into(), source.to_owned()));
            metrics.iter().filter(is_it).map(|it| it.value).sum()
        };
        assert_eq!(value("sentinel_ingest_signals_received_total", "loki"), 3.0);
        assert_eq!(value("sentinel_ingest_signals_dropped_total", "tail"), 2.0);
        assert!(metrics.iter().all(|it| it.name.starts_with("sentinel_ingest_") && it.name.ends_with("_total")));
    }
}
