//! What is in memory of one series? A few raw points, a chunk that is still growing, sealed chunks, late points.

use std::sync::Arc;

use signal::{Labels, Point, SeriesId, TimeRange, Timestamp};

use super::chunk;
use crate::rows::Effort;

/// Raw points before they are merged into the growing chunk: 16 bytes each, so few; merging costs time, so not one.
const TAIL_POINTS: usize = 16;
/// A longer chunk costs more to merge into, so it waits for more: at least one raw point for so many encoded ones.
/// Thus each point is encoded about 3 times until its chunk is sealed; with a tail of one length it would be 8 times.
const CHUNK_TO_TAIL: usize = 2;
/// What a raw point takes.
const POINT_BYTES: isize = size_of::<Point>() as isize;
/// A chunk of this many points is sealed.
const CHUNK_POINTS: usize = 240;
/// The first chunk of a series is shorter by so many points for each step of its delay: not a multiple of the tail, so
/// that the merges of later chunks are apart, too.
const DELAY_POINTS: usize = 7;
/// A chunk of this many bytes is sealed, however few points it has.
const CHUNK_BYTES: usize = 1024;

/// A series that is being written.
#[derive(Debug)]
pub struct Series {
    pub labels: Labels,
    /// The newest point ever, also of those that have left memory.
    pub newest: Option<Timestamp>,
    pub data: SeriesData,
}

/// Its points in memory.
#[derive(Debug, Default)]
pub struct SeriesData {
    sealed: Vec<Chunk>,
    growing: Option<Chunk>,
    tail: Vec<Point>,
    /// Points that came after newer ones, in order of time.
    late: Vec<Point>,
    /// 0 to 15: so many points later the first raw points are merged.
    delay: u8,
}

/// Encoded points and the time they span.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: usize,
    pub bytes: Arc<[u8]>,
}

impl Chunk {
    /// Points in order of time; None for no points.
    pub fn new(points: &[Point]) -> Option<Self> {
        let (first, last) = (points.first()?.time, points.last()?.time);
        Some(Self { first, last, count: points.len(), bytes: chunk::encode(points).into() })
    }

    /// The same with as few bytes as can be found.
    pub fn dense(points: &[Point]) -> Option<Self> {
        let (first, last) = (points.first()?.time, points.last()?.time);
        Some(Self { first, last, count: points.len(), bytes: chunk::encode_with(points, Effort::Dense).into() })
    }

    /// The points. What was encoded in memory can be decoded.
    pub fn points(&self) -> Vec<Point> {
        chunk::decode(&self.bytes).unwrap_or_default()
    }

    fn overlaps(&self, range: TimeRange) -> bool {
        self.first <= range.to && range.from <= self.last
    }
}

impl SeriesData {
    /// Nothing yet. Series that begin together would be merged in the same second again and again, and whoever writes
    /// would wait for all of them; so each begins at its own moment.
    pub fn of(id: SeriesId) -> Self {
        Self { delay: (id.hash() % TAIL_POINTS as u64) as u8, ..Self::default() }
    }

    /// Adds a point that is newer than all others; returns by how many bytes memory has grown (less than 0: shrunk).
    pub fn push(&mut self, point: Point) -> isize {
        self.tail.push(point);
        let encoded = self.growing.as_ref().map_or(0, |it| it.count);
        let delay = if self.sealed.is_empty() { usize::from(self.delay) } else { 0 };
        let full = CHUNK_POINTS - DELAY_POINTS * delay;
        let first = if encoded == 0 { delay } else { 0 };
        let is_tail_long = self.tail.len() >= TAIL_POINTS.max(encoded / CHUNK_TO_TAIL) + first;
        if !is_tail_long && encoded + self.tail.len() < full {
            return POINT_BYTES;
        }
        let before = self.open_bytes();
        self.merge_tail();
        let grown = self.open_bytes() - before;
        if self.growing.as_ref().is_some_and(|it| it.count >= full || it.bytes.len() >= CHUNK_BYTES) {
            self.sealed.extend(self.growing.take());
        }
        POINT_BYTES + grown
    }

    /// Adds a point that is older than the newest one; returns by how many bytes memory has grown.
    pub fn push_late(&mut self, point: Point) -> isize {
        let at = self.late.partition_point(|it| it.time < point.time);
        self.late.insert(at, point);
        POINT_BYTES
    }

    /// True if a point with this time is in memory.
    pub fn has(&self, time: Timestamp) -> bool {
        let is_in = |points: &[Point]| points.binary_search_by_key(&time, |it| it.time).is_ok();
        let at = TimeRange::new(time, time);
        is_in(&self.tail) || is_in(&self.late) || self.chunks().any(|it| it.overlaps(at) && is_in(&it.points()))
    }

    /// True if there is no point.
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.late.is_empty() && self.growing.is_none() && self.sealed.is_empty()
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.tail.len() + self.late.len() + self.chunks().map(|it| it.count).sum::<usize>()
    }

    /// What lies in the range, not decoded yet, so that a lock need not be held for it.
    pub fn slices(&self, range: TimeRange, slices: &mut Vec<Slice>) {
        slices.extend(self.chunks().filter(|it| it.overlaps(range)).cloned().map(Slice::Chunk));
        for points in [&self.tail, &self.late] {
            if points.first().is_some_and(|it| it.time <= range.to)
                && points.last().is_some_and(|it| range.from <= it.time)
            {
                slices.push(Slice::Points(points.clone()));
            }
        }
    }

    /// True if a chunk or a raw point lies in the range; a chunk that has a gap there counts.
    pub fn reaches(&self, range: TimeRange) -> bool {
        let is_near = |points: &[Point]| {
            points.first().is_some_and(|it| it.time <= range.to)
                && points.last().is_some_and(|it| range.from <= it.time)
        };
        is_near(&self.tail) || self.chunks().any(|it| it.overlaps(range)) || is_near(&self.late)
    }

    /// All points as chunks in order of time, for a block.
    pub fn to_chunks(&self) -> Vec<Chunk> {
        if self.late.is_empty() {
            let tail = match &self.growing {
                Some(growing) => Chunk::new(&joined(growing, &self.tail)),
                None => Chunk::new(&self.tail),
            };
            return self.sealed.iter().cloned().chain(tail).collect();
        }
        let mut points: Vec<Point> = self.chunks().flat_map(Chunk::points).collect();
        points.extend(self.tail.iter().chain(&self.late));
        points.sort_by_key(|it| it.time);
        points.dedup_by_key(|it| it.time);
        points.chunks(CHUNK_POINTS).filter_map(Chunk::new).collect()
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.sealed.iter().chain(&self.growing)
    }

    /// What merging changes.
    fn open_bytes(&self) -> isize {
        let growing = self.growing.as_ref().map_or(0, |it| it.bytes.len());
        growing as isize + self.tail.len() as isize * POINT_BYTES
    }

    fn merge_tail(&mut self) {
        self.growing = match self.growing.take() {
            Some(growing) => Chunk::new(&joined(&growing, &self.tail)),
            None => Chunk::new(&self.tail),
        };
        self.tail.clear();
        self.tail.shrink_to(TAIL_POINTS);
    }
}

fn joined(chunk: &Chunk, tail: &[Point]) -> Vec<Point> {
    let mut points = chunk.points();
    points.extend_from_slice(tail);
    points
}

/// A part of what a read needs.
#[derive(Debug)]
pub enum Slice {
    Chunk(Chunk),
    Points(Vec<Point>),
}

impl Slice {
    /// Adds the points in the range.
    pub fn read(self, range: TimeRange, points: &mut Vec<Point>) {
        let found = match self {
            Self::Chunk(chunk) => chunk.points(),
            Self::Points(found) => found,
        };
        points.extend(found.into_iter().filter(|it| range.contains(it.time)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_and_chunks_are_of_one_size() {
        let mut data = SeriesData::default();
        let mut counted = 0;
        for idx in 0..1000 {
            counted += data.push(Point { time: Timestamp::from_secs(idx), value: f64::from((idx * idx % 97) as u8) });
            let sealed: usize = data.sealed.iter().map(|it| it.bytes.len()).sum();
            assert_eq!(counted, sealed as isize + data.open_bytes(), "after {idx}");
            assert_eq!(data.len() as i64, idx + 1);
            assert!(data.tail.len() <= CHUNK_POINTS / 3, "raw points are few: {}", data.tail.len());
        }
        counted += data.push_late(Point { time: Timestamp::from_millis(500), value: 0.0 });
        assert_eq!(
            counted - data.open_bytes(),
            data.sealed.iter().map(|it| it.bytes.len()).sum::<usize>() as isize + 16
        );
        let counts: Vec<usize> = data.sealed.iter().map(|it| it.count).collect();
        assert_eq!(counts, [CHUNK_POINTS; 4]);
    }

    #[test]
    fn series_that_begin_together_are_merged_apart_and_lose_nothing() {
        let ids = (0..16).map(SeriesId::from_hash);
        let mut series: Vec<(SeriesData, isize)> = ids.map(|it| (SeriesData::of(it), 0)).collect();
        let point = |idx: i64| Point { time: Timestamp::from_secs(idx), value: f64::from((idx * idx % 97) as u8) };
        for idx in 0..2000 {
            for (data, counted) in &mut series {
                *counted += data.push(point(idx));
            }
            let merged = series.iter().filter(|(data, _)| data.tail.is_empty()).count();
            assert!(merged <= 5, "{merged} of 16 series are merged with point {idx}");
        }
        for (data, counted) in &series {
            let sealed: usize = data.sealed.iter().map(|it| it.bytes.len()).sum();
            assert_eq!(*counted, sealed as isize + data.open_bytes());
            let points: Vec<Point> = data.to_chunks().iter().flat_map(Chunk::points).collect();
            assert_eq!(points, (0..2000).map(point).collect::<Vec<_>>());
        }
    }
}
