//! How are the points of very many series read at once? A part of the series after the other, each block once for a part.
//!
//! A look-up of one series opens every block and searches its index. That is right for a chart and too slow for ten
//! thousand series in a week of hourly blocks. Here the series come in order of id, as they lie in the blocks, so that
//! one search finds the index of a whole part.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use signal::{GoOn, LabelTest, Labels, Point, SeriesId, TimeRange};

use super::Samples;
use super::block::Block;
use super::series::Slice;

/// Series that are read together: their encoded points, some 8 MB for a week of minutes, are in memory at once.
const PART: usize = 512;

/// What was found of one series before it is decoded.
#[derive(Default)]
struct Found {
    runs: Vec<(Arc<Block>, Vec<u8>)>,
    slices: Vec<Slice>,
}

impl Samples {
    /// Calls `visit` with the points of each of the series in the range, ascending, no two with the same time; also for
    /// a series without any. The ids must be in ascending order.
    pub fn scan(&self, ids: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(SeriesId, Vec<Point>)) {
        debug_assert!(ids.is_sorted(), "the series are looked for in the order in which they lie in the blocks");
        for part in ids.chunks(PART) {
            for (id, found) in part.iter().zip(self.find_part(part, range)) {
                visit(*id, self.decode(found, range));
            }
        }
    }

    /// Series that pass the tests, in any order; with a range those that have chunks there.
    pub fn select(&self, tests: &[LabelTest<'_>], range: Option<TimeRange>) -> Vec<Labels> {
        let mut found = self.read().index.select(tests);
        if let Some(range) = range {
            found.sort_unstable_by_key(Labels::id);
            let ids: Vec<SeriesId> = found.iter().map(Labels::id).collect();
            let mut are_there = self.are_there(&ids, range).into_iter();
            found.retain(|_| are_there.next().unwrap_or(false));
        }
        found
    }

    /// For each of the series whether a chunk of it reaches into the range; the ids are in ascending order.
    fn are_there(&self, ids: &[SeriesId], range: TimeRange) -> Vec<bool> {
        let (mut found, blocks): (Vec<bool>, Vec<Arc<Block>>) = {
            let state = self.read();
            let is_in_memory = |id: &SeriesId| {
                let frozen = state.frozen.as_ref().and_then(|it| it.series.get(id));
                frozen.into_iter().chain(state.head.get(id)).any(|it| it.data.reaches(range))
            };
            let blocks = state.blocks.iter().rev().filter(|it| it.overlaps(range)).cloned().collect();
            (ids.iter().map(is_in_memory).collect(), blocks)
        };
        for block in blocks {
            if found.iter().all(|it| *it) {
                break;
            }
            let mut mark = |idx: usize| {
                if let Some(it) = found.get_mut(idx) {
                    *it = true;
                }
            };
            self.readable(block.entries(ids, range, &mut mark));
        }
        found
    }

    /// The points of each series in the range, in the order of the series. The work is shared by all processors. What
    /// was not read when `go_on` said no is empty.
    pub fn read_many(&self, series: &[Labels], range: TimeRange, go_on: GoOn<'_>) -> Vec<Vec<Point>> {
        let mut order: Vec<(SeriesId, usize)> = series.iter().enumerate().map(|(idx, it)| (it.id(), idx)).collect();
        order.sort_unstable();
        let ids: Vec<SeriesId> = order.iter().map(|(id, _)| *id).collect();
        let parts: Vec<&[SeriesId]> = ids.chunks(PART).collect();
        let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut done = vec![];
            while let Some((idx, part)) = Some(next.fetch_add(1, Relaxed)).and_then(|it| Some((it, *parts.get(it)?))) {
                let mut points = vec![];
                for found in self.find_part(part, range) {
                    if is_over.load(Relaxed) {
                        break;
                    }
                    let one = self.decode(found, range);
                    if !go_on(one.len()) {
                        is_over.store(true, Relaxed);
                    }
                    points.push(one);
                }
                done.push((idx, points));
            }
            done
        };
        let n_threads = thread::available_parallelism().map_or(1, usize::from).min(parts.len());
        let done = thread::scope(|scope| {
            let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            // A panic of theirs is ours.
            done.extend(others.into_iter().flat_map(|it| it.join().unwrap_or_else(|it| std::panic::resume_unwind(it))));
            done
        });
        let mut points: Vec<Vec<Point>> = series.iter().map(|_| vec![]).collect();
        for (part, found) in done {
            let places = order.iter().skip(part * PART).map(|(_, idx)| *idx);
            for (place, one) in places.zip(found) {
                if let Some(it) = points.get_mut(place) {
                    *it = one;
                }
            }
        }
        points
    }

    fn find_part(&self, ids: &[SeriesId], range: TimeRange) -> Vec<Found> {
        let mut found: Vec<Found> = ids.iter().map(|_| Found::default()).collect();
        let blocks = {
            let state = self.read();
            for (id, it) in ids.iter().zip(&mut found) {
                if let Some(series) = state.frozen.as_ref().and_then(|it| it.series.get(id)) {
                    series.data.slices(range, &mut it.slices);
                }
                if let Some(series) = state.head.get(id) {
                    series.data.slices(range, &mut it.slices);
                }
            }
            state.blocks.iter().filter(|it| it.overlaps(range)).cloned().collect::<Vec<_>>()
        };
        for block in blocks {
            let mut keep = |idx: usize, run| {
                if let Some(it) = found.get_mut(idx) {
                    it.runs.push((Arc::clone(&block), run));
                }
            };
            self.readable(block.runs(ids, range, &mut keep));
        }
        found
    }

    fn decode(&self, found: Found, range: TimeRange) -> Vec<Point> {
        let mut points = vec![];
        for (block, run) in found.runs {
            self.readable(block.decode(&run, range, &mut points));
        }
        found.slices.into_iter().for_each(|it| it.read(range, &mut points));
        // Stable: of two points with the same time the one that was stored first stays.
        points.sort_by_key(|it| it.time);
        points.dedup_by_key(|it| it.time);
        points
    }
}
