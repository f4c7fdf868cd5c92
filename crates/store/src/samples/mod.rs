//! Where are the points of all series? In memory first, then in blocks; a read sees both as one.
//!
//! The newest points are in `head`. A flush moves the head to `frozen`, from where it is written to a block. One lock
//! holds the three together, so that a read at any moment finds every point in exactly one place.

mod block;
pub mod chunk;
mod decimals;
mod footer;
mod index;
pub mod merge;
mod scan;
mod series;
mod values;
mod xor;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use signal::{Labels, Point, SeriesId, SeriesMap, SeriesPoints, SeriesQuery, TimeRange, Timestamp};
use tracing::warn;

use self::block::Block;
use self::index::Index;
use self::series::{Series, SeriesData};
use crate::counters::{Counters, count};
use crate::{Error, Recovery, disk};

/// All points.
#[derive(Debug)]
pub struct Samples {
    dir: PathBuf,
    state: RwLock<State>,
    counters: Arc<Counters>,
    late_millis: i64,
    /// Outside the lock, because every write asks for it.
    head_bytes: AtomicIsize,
}

#[derive(Debug, Default)]
struct State {
    head: SeriesMap<Series>,
    frozen: Option<Arc<Frozen>>,
    /// In order of sequence.
    blocks: Vec<Arc<Block>>,
    index: Index,
}

/// The former head, on its way to a block.
#[derive(Debug)]
pub struct Frozen {
    series: SeriesMap<Series>,
    pub wal_through: u64,
}

/// What became of points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    pub stored: u64,
    pub late: u64,
    pub duplicates: u64,
    pub too_old: u64,
}

/// Sizes, for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    pub series: usize,
    pub head_series: usize,
    pub head_points: usize,
    pub head_bytes: usize,
    pub blocks: usize,
    pub block_bytes: u64,
    pub block_points: u64,
}

impl Samples {
    /// Opens the blocks of a directory; the ones that cannot be read are set aside.
    pub fn open(dir: &Path, late_millis: i64, counters: Arc<Counters>, recovery: &mut Recovery) -> Result<Self, Error> {
        disk::make_dir(dir)?;
        for extension in ["tmp", merge::EXTENSION] {
            for (_, path) in disk::numbered(dir, extension)? {
                disk::remove(&path)?;
            }
        }
        let mut state = State::default();
        for (sequence, path) in disk::numbered(dir, "block")? {
            match Block::open(&path, sequence) {
                Ok((block, labels)) => {
                    labels.iter().for_each(|it| state.index.insert(it));
                    state.blocks.push(Arc::new(block));
                }
                Err(error) if error.is_corruption() => {
                    warn!(%error, "Block set aside.");
                    recovery.set_aside.push(disk::set_aside(&path)?);
                    count(&counters.files_set_aside, 1);
                }
                Err(error) => return Err(error),
            }
        }
        merge::remove_covered(&mut state.blocks)?;
        Ok(Self {
            dir: dir.to_owned(),
            state: RwLock::new(state),
            counters,
            late_millis,
            head_bytes: AtomicIsize::new(0),
        })
    }

    /// Samples in this segment of the write-ahead log and before are in blocks.
    pub fn wal_through(&self) -> u64 {
        self.read().blocks.iter().map(|it| it.footer.wal_through).max().unwrap_or(0)
    }

    /// Takes points into memory. The same writes in the same order give the same result, also after a restart.
    pub fn apply(&self, batch: &[SeriesPoints]) -> Fates {
        let mut fates = Fates::default();
        let mut state = self.write();
        for one in batch {
            let grown = self.apply_one(&mut state, one, &mut fates);
            self.head_bytes.fetch_add(grown, Relaxed);
        }
        fates
    }

    fn apply_one(&self, state: &mut State, batch: &SeriesPoints, fates: &mut Fates) -> isize {
        let id = batch.labels.id();
        let State { head, frozen, blocks, index } = state;
        let older = Older { frozen: frozen.as_deref(), blocks, counters: &self.counters };
        let series = head.entry(id).or_insert_with(|| {
            let is_known = index.get(id).is_some();
            index.insert(&batch.labels);
            let earliest = batch.points.iter().map(|it| it.time).min();
            let newest = earliest.filter(|_| is_known).and_then(|it| older.newest(id, it));
            Series { labels: index.get(id).unwrap_or(&batch.labels).clone(), newest, data: SeriesData::of(id) }
        });
        let mut sorted;
        let mut points = &batch.points;
        if !points.is_sorted_by_key(|it| it.time) {
            sorted = points.clone();
            sorted.sort_by_key(|it| it.time);
            points = &sorted;
        }
        points.iter().map(|it| place(series, &older, *it, self.late_millis, fates)).sum()
    }

    /// Points of a series in the range, ascending, no two with the same time.
    pub fn points(&self, id: SeriesId, range: TimeRange) -> Vec<Point> {
        let mut slices = vec![];
        let blocks: Vec<Arc<Block>>;
        {
            let state = self.read();
            blocks = state.blocks.iter().filter(|it| it.overlaps(range)).cloned().collect();
            if let Some(series) = state.frozen.as_ref().and_then(|it| it.series.get(&id)) {
                series.data.slices(range, &mut slices);
            }
            if let Some(series) = state.head.get(&id) {
                series.data.slices(range, &mut slices);
            }
        }
        let mut points = vec![];
        for block in blocks {
            points.extend(self.readable(block.points(id, range)).unwrap_or_default());
        }
        slices.into_iter().for_each(|it| it.read(range, &mut points));
        // Stable: of two points with the same time the one that was stored first stays.
        points.sort_by_key(|it| it.time);
        points.dedup_by_key(|it| it.time);
        points
    }

    /// Series that match, in order of labels.
    pub fn series(&self, query: &SeriesQuery) -> Vec<Labels> {
        let mut found = self.read().index.find(&query.matchers);
        found.sort();
        if let Some(range) = query.range {
            let limit = if query.limit == 0 { usize::MAX } else { query.limit };
            return found.into_iter().filter(|it| self.has_points(it.id(), range)).take(limit).collect();
        }
        if query.limit > 0 {
            found.truncate(query.limit);
        }
        found
    }

    fn has_points(&self, id: SeriesId, range: TimeRange) -> bool {
        let newest = self.read().head.get(&id).and_then(|it| it.newest.filter(|_| !it.data.is_empty()));
        if newest.is_some_and(|it| range.contains(it)) {
            return true;
        }
        let blocks: Vec<Arc<Block>>;
        let mut slices = vec![];
        {
            let state = self.read();
            let frozen = state.frozen.as_ref().and_then(|it| it.series.get(&id));
            frozen.into_iter().chain(state.head.get(&id)).for_each(|it| it.data.slices(range, &mut slices));
            blocks = state.blocks.iter().rev().filter(|it| it.overlaps(range)).cloned().collect();
        }
        let mut points = vec![];
        slices.into_iter().for_each(|it| it.read(range, &mut points));
        !points.is_empty() || blocks.iter().any(|it| self.readable(it.has_points(id, range)).unwrap_or(false))
    }

    /// Bytes in memory that a flush would move to disk.
    pub fn head_bytes(&self) -> usize {
        usize::try_from(self.head_bytes.load(Relaxed)).unwrap_or(0)
    }

    /// True while a former head is not written yet.
    pub fn is_frozen(&self) -> bool {
        self.read().frozen.is_some()
    }

    /// Moves the head out of the way of new points; None if the one before is not written yet or there is nothing. It is
    /// moved as a whole, because nothing can be written meanwhile: a series comes back with its next point, and what it
    /// must know of its past is in the former head or in blocks.
    pub fn freeze(&self, wal_through: u64) -> Option<Arc<Frozen>> {
        let mut state = self.write();
        if state.frozen.is_some() || state.head.values().all(|it| it.data.is_empty()) {
            return None;
        }
        let room = SeriesMap::with_capacity_and_hasher(state.head.len(), Default::default());
        let frozen = Arc::new(Frozen { series: std::mem::replace(&mut state.head, room), wal_through });
        state.frozen = Some(Arc::clone(&frozen));
        self.head_bytes.store(0, Relaxed);
        Some(frozen)
    }

    /// Writes what was frozen to a block and lets go of the memory. May be tried again after an error.
    pub fn write_block(&self, frozen: &Frozen) -> Result<(), Error> {
        let sequence = self.read().blocks.last().map_or(1, |it| it.sequence + 1);
        let mut series: Vec<(&SeriesId, &Series)> = frozen.series.iter().collect();
        series.sort_unstable_by_key(|(id, _)| **id);
        let mut series = series.into_iter().map(|(_, it)| (it.labels.clone(), it.data.to_chunks()));
        let block = block::write(&self.dir, sequence, frozen.wal_through, &mut series)?;
        let mut state = self.write();
        state.blocks.extend(block.map(Arc::new));
        state.frozen = None;
        drop(state);
        count(&self.counters.blocks_written, 1);
        Ok(())
    }

    /// Removes blocks that end before `oldest`, and the oldest ones above the size.
    pub fn expire(&self, oldest: Timestamp, max_bytes: u64) -> Result<(), Error> {
        let mut state = self.write();
        let mut total: u64 = state.blocks.iter().map(|it| it.bytes).sum();
        let mut expired = vec![];
        state.blocks.retain(|it| {
            let keep = it.footer.last >= oldest && total <= max_bytes;
            if !keep {
                total = total.saturating_sub(it.bytes);
                expired.push(it.path.clone());
            }
            keep
        });
        if expired.is_empty() {
            return Ok(());
        }
        let mut keep: HashSet<SeriesId> = state.head.keys().copied().collect();
        keep.extend(state.frozen.iter().flat_map(|it| it.series.keys()));
        for block in &state.blocks {
            keep.extend(self.readable(block.ids()).unwrap_or_default());
        }
        state.index.retain(&keep);
        drop(state);
        count(&self.counters.blocks_expired, expired.len() as u64);
        expired.iter().try_for_each(|it| disk::remove(it))
    }

    /// Sizes now.
    pub fn sizes(&self) -> Sizes {
        let state = self.read();
        Sizes {
            series: state.index.len(),
            head_series: state.head.len(),
            head_points: state.head.values().map(|it| it.data.len()).sum(),
            head_bytes: self.head_bytes(),
            blocks: state.blocks.len(),
            block_bytes: state.blocks.iter().map(|it| it.bytes).sum(),
            block_points: state.blocks.iter().map(|it| it.footer.points).sum(),
        }
    }

    /// The labels of a series.
    pub fn labels(&self, id: SeriesId) -> Option<Labels> {
        self.read().index.get(id).cloned()
    }

    fn readable<T>(&self, result: Result<T, Error>) -> Option<T> {
        readable(result, &self.counters)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides the fate of one point; returns by how many bytes memory has grown.
fn place(series: &mut Series, older: &Older<'_>, point: Point, late_millis: i64, fates: &mut Fates) -> isize {
    let Some(newest) = series.newest.filter(|it| *it >= point.time) else {
        series.newest = Some(point.time);
        fates.stored += 1;
        return series.data.push(point);
    };
    let id = series.labels.id();
    if newest == point.time || series.data.has(point.time) || older.has(id, point.time) {
        fates.duplicates += 1;
        return 0;
    }
    if newest.millis().saturating_sub(point.time.millis()) > late_millis {
        fates.too_old += 1;
        return 0;
    }
    fates.stored += 1;
    fates.late += 1;
    series.data.push_late(point)
}

/// Points that have left the head.
struct Older<'a> {
    frozen: Option<&'a Frozen>,
    blocks: &'a [Arc<Block>],
    counters: &'a Counters,
}

impl Older<'_> {
    /// True if a point with this time has left the head.
    fn has(&self, id: SeriesId, time: Timestamp) -> bool {
        let at = TimeRange::new(time, time);
        self.frozen.and_then(|it| it.series.get(&id)).is_some_and(|it| it.data.has(time))
            || self
                .blocks
                .iter()
                .rev()
                .filter(|it| it.overlaps(at))
                .any(|it| readable(it.points(id, at), self.counters).is_some_and(|points| !points.is_empty()))
    }

    /// The newest time of a series in blocks that reach to `time` or beyond: only those can make a point late.
    fn newest(&self, id: SeriesId, time: Timestamp) -> Option<Timestamp> {
        let blocks = self.blocks.iter().filter(|it| it.footer.last >= time);
        let newest = blocks.filter_map(|it| readable(it.entry(id), self.counters)?).map(|it| it.last).max();
        let frozen = self.frozen.and_then(|it| it.series.get(&id));
        newest.max(frozen.and_then(|it| it.newest))
    }
}

/// A block that cannot be read is skipped, counted and told: the others still answer. One that is gone has expired.
fn readable<T>(result: Result<T, Error>, counters: &Counters) -> Option<T> {
    match result {
        Ok(it) => Some(it),
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            warn!(%error, "Block skipped.");
            count(&counters.reads_failed, 1);
            None
        }
    }
}
