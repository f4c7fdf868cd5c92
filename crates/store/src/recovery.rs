//! What was found when the store was opened: replayed, cut, set aside?

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
