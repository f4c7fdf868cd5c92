//! What does the write-ahead log hold after a crash? Every whole frame; what is torn at the end is cut, what is
//! damaged in between is skipped up to the next whole frame. Never an endless loop, never a panic.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use signal::{Labels, SeriesId};
use tracing::warn;

use super::frame::{self, Frame};
use super::{EXTENSION, FRAME_HEADER_BYTES, MARKER, MAX_FRAME_BYTES, SEGMENT_HEADER_BYTES, Segment, header_fits};
use crate::bytes::Reader;
use crate::{Cut, Error, Recovery, disk};

/// Reads all segments in order, gives every frame with the number of its segment to `visit`, and returns the segments.
pub fn replay(dir: &Path, recovery: &mut Recovery, visit: &mut dyn FnMut(u64, Frame)) -> Result<Vec<Segment>, Error> {
    disk::make_dir(dir)?;
    let mut segments = vec![];
    // Over all segments: a damaged definition may stand again in another one.
    let mut known = HashMap::new();
    for (number, path) in disk::numbered(dir, EXTENSION)? {
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        recovery.segments += 1;
        let mut reading = Reading { segment: Segment { number, path, ..Segment::default() }, known: &mut known };
        reading.all(&bytes, recovery, visit)?;
        let segment = reading.segment;
        let newest = [segment.newest_log_id, segment.newest_span_id, segment.newest_histogram_id];
        if !segment.has_samples && newest == [0; 3] {
            disk::remove(&segment.path)?;
        } else {
            segments.push(segment);
        }
    }
    Ok(segments)
}

struct Reading<'a> {
    segment: Segment,
    known: &'a mut HashMap<SeriesId, Labels>,
}

impl Reading<'_> {
    fn all(&mut self, bytes: &[u8], recovery: &mut Recovery, visit: &mut dyn FnMut(u64, Frame)) -> Result<(), Error> {
        let mut offset = SEGMENT_HEADER_BYTES.min(bytes.len());
        if !header_fits(bytes, self.segment.number) {
            recovery.cuts.push(self.cut(0, offset, "the segment's header is damaged"));
        }
        while offset < bytes.len() {
            if let Some((frame, end)) = self.frame_at(bytes, offset) {
                self.note(&frame);
                visit(self.segment.number, frame);
                offset = end;
                continue;
            }
            let next = (offset + 1..bytes.len()).find(|it| payload_at(bytes, *it).is_some());
            let Some(next) = next else {
                recovery.cuts.push(self.cut(offset, bytes.len(), "the end is torn or damaged"));
                truncate(&self.segment.path, offset)?;
                break;
            };
            recovery.cuts.push(self.cut(offset, next, "a frame is damaged"));
            offset = next;
        }
        self.segment.bytes = offset as u64;
        Ok(())
    }

    fn frame_at(&mut self, bytes: &[u8], offset: usize) -> Option<(Frame, usize)> {
        let (payload, end) = payload_at(bytes, offset)?;
        Some((frame::read(payload, self.known)?, end))
    }

    fn note(&mut self, frame: &Frame) {
        match frame {
            Frame::Samples(_) => self.segment.has_samples = true,
            Frame::Logs { first_id, records, .. } => {
                let newest = (first_id + records.len() as u64).saturating_sub(1);
                self.segment.newest_log_id = self.segment.newest_log_id.max(newest);
            }
            Frame::Spans { first_id, spans, .. } => {
                let newest = (first_id + spans.len() as u64).saturating_sub(1);
                self.segment.newest_span_id = self.segment.newest_span_id.max(newest);
            }
            Frame::Histograms { first_id, samples, .. } => {
                let newest = (first_id + samples.len() as u64).saturating_sub(1);
                self.segment.newest_histogram_id = self.segment.newest_histogram_id.max(newest);
            }
        }
    }

    fn cut(&self, from: usize, to: usize, reason: &'static str) -> Cut {
        let file: PathBuf = self.segment.path.clone();
        warn!(file = %file.display(), offset = from, bytes = to - from, reason, "Log cut.");
        Cut { file, offset: from as u64, bytes: (to - from) as u64, reason }
    }
}

/// The payload of the frame that begins here and the offset behind it.
fn payload_at(bytes: &[u8], offset: usize) -> Option<(&[u8], usize)> {
    let mut reader = Reader::new(bytes.get(offset..)?);
    if reader.take(MARKER.len())? != MARKER {
        return None;
    }
    let length = usize::try_from(reader.u32()?).ok().filter(|it| *it <= MAX_FRAME_BYTES)?;
    let crc = reader.u32()?;
    let payload = reader.take(length)?;
    (crc32fast::hash(payload) == crc).then_some((payload, offset + FRAME_HEADER_BYTES + length))
}

fn truncate(path: &Path, length: usize) -> Result<(), Error> {
    let file = File::options().write(true).open(path).map_err(Error::io("open", path))?;
    file.set_len(length as u64).and_then(|()| file.sync_all()).map_err(Error::io("cut", path))
}
