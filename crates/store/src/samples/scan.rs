//! How are the points of very many series read at once? A part of the series after the other, each block once for a part.
//!
//! A look-up of one series opens every block and searches its index. That is right for a chart and too slow for ten
//! thousand series in a week of hourly blocks. Here the series come in order of id, as they lie in the blocks, so that
//! one search finds the index of a whole part.

use std::sync::Arc;

use signal::{Point, SeriesId, TimeRange};

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
