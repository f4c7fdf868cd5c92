//! What was found when the store was opened: replayed, cut, set aside?

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::counters::{Counters, count};
use crate::histograms::Histograms;
use crate::logs::Logs;
use crate::packs::Packs;
use crate::samples::Samples;
use crate::spans::Spans;
use crate::store::Shared;
use crate::wal::frame::Frame;
use crate::wal::{self, Segments, Wal};
use crate::{Config, Error};

/// What happened while the store was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// Segments of the write-ahead log that were read.
    pub segments: u64,
    /// Points that were read from it into memory.
    pub points: u64,
    /// Lines that were read from it and are not packed yet.
    pub lines: u64,
    /// Spans that were read from it and are not packed yet.
    pub spans: u64,
    /// Native histograms that were read from it and are not packed yet.
    pub histograms: u64,
    /// Bytes of the write-ahead log that could not be read.
    pub cuts: Vec<Cut>,
    /// Files that could not be used and were renamed to `<name>.corrupt`.
    pub set_aside: Vec<PathBuf>,
    /// How long opening took.
    pub took: Duration,
}

/// A part of the write-ahead log that could not be read: a write that was under way when the process died (never
/// acknowledged), or damage to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub file: PathBuf,
    /// Where the part begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Recovery {
    /// Bytes that were cut.
    pub fn cut_bytes(&self) -> u64 {
        self.cuts.iter().map(|it| it.bytes).sum()
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, points, lines, spans, .. } = self;
        let millis = self.took.as_millis();
        write!(
            formatter,
            "{points} points, {lines} lines and {spans} spans replayed from {segments} segments in {millis} ms"
        )?;
        for cut in &self.cuts {
            let Cut { file, offset, bytes, reason } = cut;
            write!(formatter, "; {bytes} bytes at {offset} of {} cut: {reason}", file.display())?;
        }
        self.set_aside.iter().try_for_each(|it| write!(formatter, "; set aside as {}", it.display()))
    }
}

/// Opens samples and logs and replays the write-ahead log into them.
pub fn recover(dir: &Path, config: Config, recovery: &mut Recovery) -> Result<(Shared, Wal), Error> {
    let counters = Arc::new(Counters::default());
    let samples = Samples::open(&dir.join("samples"), config.late_millis(), Arc::clone(&counters), recovery)?;
    let logs: Logs = Packs::open(&dir.join("logs"), config.log_limits(), Arc::clone(&counters), recovery)?;
    let spans: Spans = Packs::open(&dir.join("spans"), config.span_limits(), Arc::clone(&counters), recovery)?;
    let limits = config.histogram_limits();
    let histograms: Histograms = Packs::open(&dir.join("histograms"), limits, Arc::clone(&counters), recovery)?;
    let samples_through = samples.wal_through();
    let (mut points, mut lines, mut n_spans, mut n_histograms) = (0, 0, 0, 0);
    let mut visit = |segment: u64, frame: Frame| match frame {
        Frame::Samples(batch) if segment > samples_through => points += samples.apply(&batch).stored,
        Frame::Samples(_) => {}
        Frame::Logs { first_id, received, records } => lines += logs.apply(first_id, received, &records),
        Frame::Spans { first_id, received, spans: steps } => n_spans += spans.apply(first_id, received, &steps),
        Frame::Histograms { first_id, received, samples } => {
            n_histograms += histograms.apply(first_id, received, &samples);
        }
    };
    let segments = wal::replay(&dir.join("wal"), recovery, &mut visit)?;
    (recovery.points, recovery.lines, recovery.spans) = (points, lines, n_spans);
    recovery.histograms = n_histograms;
    count(&counters.bytes_cut, recovery.cut_bytes());
    let segments = Arc::new(Segments::new(segments));
    let mut wal = Wal::new(&dir.join("wal"), config.segment_megabytes << 20, Arc::clone(&segments));
    wal.reserve(samples_through);
    let shared = Shared {
        config,
        samples,
        logs,
        spans,
        histograms,
        segments,
        counters,
        queued_items: AtomicUsize::new(0),
        active_segment: AtomicU64::new(wal.active_number()),
        samples_through: AtomicU64::new(samples_through),
        merging: Mutex::default(),
        is_closing: AtomicBool::new(false),
    };
    Ok((shared, wal))
}
