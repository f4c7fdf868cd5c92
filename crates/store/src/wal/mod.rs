//! What is durable before it is acknowledged? Frames appended to segment files, written and synced in groups.
//!
//! ```text
//! segment = "SNTLWAL1" | number (8 bytes) | frame | frame | ...
//! frame   = "FRM1" | length (4) | crc32 of the payload (4) | payload
//! ```
//!
//! A segment is never appended to after a restart or after an error: what stands behind a failed sync is unknown
//! (Rebello and others, "Can applications recover from fsync failures?", USENIX ATC 2020), so the segment is cut to
//! the last acknowledged frame and a fresh one is begun.

pub mod frame;
mod replay;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal::{HistogramSample, LogRecord, SeriesMap, SeriesPoints, Span, Timestamp};
use tracing::warn;

pub use self::replay::replay;
use crate::{Error, disk};

/// A payload above this size is refused; a length above it in a file is damage.
pub const MAX_FRAME_BYTES: usize = 256 << 20;
const MAGIC: &[u8; 8] = b"SNTLWAL1";
const MARKER: &[u8; 4] = b"FRM1";
const SEGMENT_HEADER_BYTES: usize = 16;
const FRAME_HEADER_BYTES: usize = 12;
const EXTENSION: &str = "wal";

/// A segment on disk and what must be elsewhere before it can go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub number: u64,
    pub path: PathBuf,
    pub bytes: u64,
    pub has_samples: bool,
    /// 0 if there is no line.
    pub newest_log_id: u64,
    /// 0 if there is no span.
    pub newest_span_id: u64,
    /// 0 if there is no native histogram.
    pub newest_histogram_id: u64,
}

/// Up to where everything has its final place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Through {
    /// Samples of segments up to this number are in blocks.
    pub samples: u64,
    /// Lines up to this id are in packs.
    pub log_id: u64,
    /// Spans up to this id are in packs.
    pub span_id: u64,
    /// Native histograms up to this id are in packs.
    pub histogram_id: u64,
}

/// All segments, oldest first; shared by those who write them and those who make them superfluous.
#[derive(Debug, Default)]
pub struct Segments(Mutex<Vec<Segment>>);

impl Segments {
    /// Those that were found at the start.
    pub const fn new(segments: Vec<Segment>) -> Self {
        Self(Mutex::new(segments))
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.lock().iter().map(|it| it.bytes).sum()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True if a block of samples would let segments go.
    pub fn wait_for_samples(&self, samples_through: u64) -> bool {
        self.lock().iter().any(|it| it.has_samples && it.number > samples_through)
    }

    /// Removes finished segments whose content has its final place.
    pub fn remove_covered(&self, through: Through, active: u64) -> Result<(), Error> {
        let mut segments = self.lock();
        let is_covered = |it: &Segment| {
            it.number < active
                && (!it.has_samples || it.number <= through.samples)
                && it.newest_log_id <= through.log_id
                && it.newest_span_id <= through.span_id
                && it.newest_histogram_id <= through.histogram_id
        };
        for segment in segments.iter().filter(|it| is_covered(it)) {
            disk::remove(&segment.path)?;
        }
        segments.retain(|it| !is_covered(it));
        Ok(())
    }

    fn update(&self, segment: &Segment) {
        let mut segments = self.lock();
        match segments.iter_mut().find(|it| it.number == segment.number) {
            Some(known) => known.clone_from(segment),
            None => segments.push(segment.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Segment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that is written to; owned by one thread.
#[derive(Debug)]
pub struct Wal {
    dir: PathBuf,
    max_segment_bytes: u64,
    next_number: u64,
    active: Option<Active>,
    /// Frames that were added and not committed yet.
    buffer: Vec<u8>,
    segments: Arc<Segments>,
}

#[derive(Debug)]
struct Active {
    file: File,
    segment: Segment,
    /// Series whose labels stand in this segment.
    defined: SeriesMap<()>,
    /// What the buffer holds.
    has_samples: bool,
    newest_log_id: u64,
    newest_span_id: u64,
    newest_histogram_id: u64,
}

impl Wal {
    /// Begins behind the segments that were found.
    pub fn new(dir: &Path, max_segment_bytes: u64, segments: Arc<Segments>) -> Self {
        let next_number = segments.lock().iter().map(|it| it.number).max().unwrap_or(0) + 1;
        Self { dir: dir.to_owned(), max_segment_bytes, next_number, active: None, buffer: vec![], segments }
    }

    /// The segment that will be written to next, or is.
    pub fn active_number(&self) -> u64 {
        self.active.as_ref().map_or(self.next_number, |it| it.segment.number)
    }

    /// No number below this will be used again.
    pub fn reserve(&mut self, number: u64) {
        self.next_number = self.next_number.max(number + 1);
    }

    /// Adds samples to the next commit.
    pub fn add_samples(&mut self, batch: &[SeriesPoints]) -> Result<(), Error> {
        self.add(|defined, out| frame::put_samples(batch, defined, out))?;
        if let Some(active) = &mut self.active {
            active.has_samples = true;
        }
        Ok(())
    }

    /// Adds lines to the next commit; they have the ids from `first_id` on.
    pub fn add_logs(&mut self, first_id: u64, received: Timestamp, records: &[LogRecord]) -> Result<(), Error> {
        self.add(|defined, out| frame::put_logs(first_id, received, records, defined, out))?;
        if let Some(active) = &mut self.active {
            active.newest_log_id = first_id + records.len() as u64 - 1;
        }
        Ok(())
    }

    /// Adds spans to the next commit; they have the ids from `first_id` on.
    pub fn add_spans(&mut self, first_id: u64, received: Timestamp, spans: &[Span]) -> Result<(), Error> {
        self.add(|_, out| frame::put_spans(first_id, received, spans, out))?;
        if let Some(active) = &mut self.active {
            active.newest_span_id = first_id + spans.len() as u64 - 1;
        }
        Ok(())
    }

    /// Adds native histograms to the next commit; they have the ids from `first_id` on.
    pub fn add_histograms(
        &mut self,
        first_id: u64,
        received: Timestamp,
        samples: &[HistogramSample],
    ) -> Result<(), Error> {
        self.add(|_, out| frame::put_histograms(first_id, received, samples, out))?;
        if let Some(active) = &mut self.active {
            active.newest_histogram_id = first_id + samples.len() as u64 - 1;
        }
        Ok(())
    }

    /// Makes everything that was added durable. After an error none of it is.
    pub fn commit(&mut self) -> Result<(), Error> {
        let result = self.write_and_sync();
        self.buffer.clear();
        match &result {
            Ok(()) => {
                if self.active.as_ref().is_some_and(|it| it.segment.bytes >= self.max_segment_bytes) {
                    self.active = None;
                }
            }
            Err(_) => self.abandon(),
        }
        result
    }

    /// Ends the active segment and returns the number of the last one that was written to.
    pub fn finish_segment(&mut self) -> u64 {
        self.active = None;
        self.next_number - 1
    }

    fn add(&mut self, put: impl FnOnce(&mut SeriesMap<()>, &mut Vec<u8>)) -> Result<(), Error> {
        if self.active.is_none() {
            self.active = Some(self.begin_segment()?);
        }
        let Some(active) = &mut self.active else { return Err(Error::Closed) };
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        put(&mut active.defined, &mut self.buffer);
        let payload = self.buffer.get(start + FRAME_HEADER_BYTES..).unwrap_or_default();
        let (length, crc) = (payload.len(), crc32fast::hash(payload));
        if length > MAX_FRAME_BYTES {
            self.buffer.truncate(start);
            // The definitions that were in the frame are gone with it.
            active.defined.clear();
            return Err(Error::TooLarge(length));
        }
        let header = [*MARKER, (length as u32).to_le_bytes(), crc.to_le_bytes()].concat();
        self.buffer.iter_mut().skip(start).zip(header).for_each(|(to, from)| *to = from);
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<Active, Error> {
        disk::make_dir(&self.dir)?;
        let number = self.next_number;
        let path = disk::numbered_path(&self.dir, number, EXTENSION);
        // The number is used up even if what follows fails: a half-made file is never written to again.
        self.next_number += 1;
        let file = begun(&path, number).inspect_err(|_| discard(&path))?;
        disk::sync_dir(&self.dir)?;
        let segment = Segment { number, path, bytes: SEGMENT_HEADER_BYTES as u64, ..Segment::default() };
        self.segments.update(&segment);
        Ok(Active {
            file,
            segment,
            defined: SeriesMap::default(),
            has_samples: false,
            newest_log_id: 0,
            newest_span_id: 0,
            newest_histogram_id: 0,
        })
    }

    fn write_and_sync(&mut self) -> Result<(), Error> {
        let Some(active) = self.active.as_mut().filter(|_| !self.buffer.is_empty()) else { return Ok(()) };
        let written = active.file.write_all(&self.buffer).and_then(|()| active.file.sync_data());
        written.map_err(Error::io("write", &active.segment.path))?;
        active.segment.bytes += self.buffer.len() as u64;
        active.segment.has_samples |= active.has_samples;
        active.segment.newest_log_id = active.segment.newest_log_id.max(active.newest_log_id);
        active.segment.newest_span_id = active.segment.newest_span_id.max(active.newest_span_id);
        active.segment.newest_histogram_id = active.segment.newest_histogram_id.max(active.newest_histogram_id);
        self.segments.update(&active.segment);
        Ok(())
    }

    /// Cuts the active segment to what was acknowledged and leaves it.
    fn abandon(&mut self) {
        let Some(Active { file, segment, .. }) = self.active.take() else { return };
        if segment.bytes == SEGMENT_HEADER_BYTES as u64 {
            discard(&segment.path);
            self.segments.lock().retain(|it| it.number != segment.number);
            return;
        }
        if let Err(error) = file.set_len(segment.bytes).and_then(|()| file.sync_all()) {
            // What stays behind was not acknowledged; a restart may find it, which at-least-once allows.
            warn!(path = %segment.path.display(), %error, "Segment not cut after a failed write.");
        }
    }
}

/// A new segment file with nothing but its header.
fn begun(path: &Path, number: u64) -> Result<File, Error> {
    let mut file = File::create(path).map_err(Error::io("create", path))?;
    let header = [MAGIC.as_slice(), &number.to_le_bytes()].concat();
    file.write_all(&header).and_then(|()| file.sync_all()).map_err(Error::io("write", path))?;
    Ok(file)
}

/// Removes a segment file that holds nothing: on a full disk there would be one for each write that failed.
fn discard(path: &Path) {
    if let Err(error) = disk::remove(path) {
        warn!(path = %path.display(), %error, "Empty segment not removed.");
    }
}

/// The beginning of a segment file, if it is one.
fn header_fits(bytes: &[u8], number: u64) -> bool {
    bytes.get(..SEGMENT_HEADER_BYTES) == Some([MAGIC.as_slice(), &number.to_le_bytes()].concat().as_slice())
}
