//! How do many blocks become few small ones? Neighbors of one size are merged: points of a series lie together in longer
//! chunks, encoded with as few bytes as can be found, and labels and index are there once.
//!
//! The merged block takes the number of the last of its parts, whose file it replaces by a rename, and says how many
//! numbers it covers. After a crash in between the other parts are still there and are removed when the store opens.
//! Readers keep the parts open, so they go on with them.

use std::sync::Arc;
use std::time::Duration;

use signal::{Labels, Point, SeriesId};

use super::Samples;
use super::block::{self, Block, IndexReader, Written};
use super::footer::{Entry, Footer};
use super::series::Chunk;
use crate::counters::count;
use crate::{Error, disk};

/// Blocks of one size that become one: each point is encoded anew once a size, so not fewer; and until then each series
/// has so many entries of the index, so not more.
const FAN_IN: usize = 8;
/// Points of a chunk: a read of one point decodes all of it, and more save little.
const CHUNK_POINTS: usize = 4096;
/// Ending of a merged block before it has its name.
pub const EXTENSION: &str = "merging";

/// What a merged block may be at most: retention removes whole files.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub span: Duration,
    pub bytes: u64,
}

impl Samples {
    /// Merges the first blocks that are ready for it; false if none are. `pause` is called between two series and says
    /// whether to go on.
    ///
    /// # Errors
    /// A part cannot be read or the disk refuses; the parts stay as they were and are not tried again before the next
    /// start if it is a part's fault. Closed if `pause` has said no.
    pub fn merge_next(&self, limits: Limits, pause: &dyn Fn() -> bool) -> Result<bool, Error> {
        let parts = {
            let state = self.read();
            let Some(range) = ready(&state.blocks, limits) else { return Ok(false) };
            state.blocks.get(range).unwrap_or_default().to_vec()
        };
        match self.merge(&parts, pause) {
            Ok(()) => Ok(true),
            Err(error) => {
                if error.is_corruption() {
                    parts.iter().for_each(|it| it.keep_apart());
                }
                Err(error)
            }
        }
    }

    fn merge(&self, parts: &[Arc<Block>], pause: &dyn Fn() -> bool) -> Result<(), Error> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(()) };
        let covers = last.sequence - first.sequence + covered(first);
        let heading = Footer {
            wal_through: parts.iter().map(|it| it.footer.wal_through).max().unwrap_or(0),
            covers: u32::try_from(covers).unwrap_or(u32::MAX),
            ..Footer::default()
        };
        let mut merging = Merging::of(parts)?;
        let mut failed = None;
        let mut series = std::iter::from_fn(|| {
            if !pause() {
                failed = Some(Error::Closed);
                return None;
            }
            match merging.next(&|id| self.labels(id)) {
                Ok(it) => it,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        });
        let path = disk::numbered_path(&self.dir, last.sequence, EXTENSION);
        let written = block::write_file(&path, heading, &mut series)?;
        match (written, failed) {
            (Some(written), None) => self.replace(parts, written, last.sequence),
            (written, failed) => {
                written.map_or(Ok(()), Written::discard)?;
                failed.map_or(Ok(()), Err)
            }
        }
    }

    /// Puts a merged block in the place of its parts, if they are still there.
    fn replace(&self, parts: &[Arc<Block>], written: Written, sequence: u64) -> Result<(), Error> {
        let mut state = self.write();
        let at = state.blocks.windows(parts.len()).position(|it| it.iter().zip(parts).all(|(a, b)| Arc::ptr_eq(a, b)));
        let Some(at) = at else {
            drop(state);
            // Retention was faster.
            return written.discard();
        };
        let merged = Arc::new(written.renamed(&self.dir, sequence)?);
        state.blocks.splice(at..at + parts.len(), [merged]);
        drop(state);
        disk::sync_dir(&self.dir)?;
        count(&self.counters.blocks_merged, parts.len() as u64);
        parts.iter().filter(|it| it.sequence != sequence).try_for_each(|it| disk::remove(&it.path))
    }
}

/// Removes the blocks whose points a merged one has, too: a crash came between the two.
pub fn remove_covered(blocks: &mut Vec<Arc<Block>>) -> Result<(), Error> {
    let merged: Vec<(u64, u64)> =
        blocks.iter().map(|it| (it.sequence.saturating_sub(covered(it) - 1), it.sequence)).collect();
    let is_covered = |block: &Block| merged.iter().any(|(first, last)| (*first..*last).contains(&block.sequence));
    blocks.iter().filter(|it| is_covered(it)).try_for_each(|it| disk::remove(&it.path))?;
    blocks.retain(|it| !is_covered(it));
    Ok(())
}

fn covered(block: &Block) -> u64 {
    u64::from(block.footer.covers).max(1)
}

/// The oldest neighbors of one size that are enough to be merged and together not too large.
fn ready(blocks: &[Arc<Block>], limits: Limits) -> Option<std::ops::Range<usize>> {
    let fits = |parts: &[Arc<Block>]| {
        let (Some(first), Some(last)) =
            (parts.iter().map(|it| it.footer.first).min(), parts.iter().map(|it| it.footer.last).max())
        else {
            return false;
        };
        let size = size_of(parts.first());
        parts.iter().all(|it| size_of(Some(it)) == size && !it.is_kept_apart())
            && last.since(first) <= limits.span
            && parts.iter().map(|it| it.bytes).sum::<u64>() <= limits.bytes
    };
    let at = blocks.windows(FAN_IN).position(fits)?;
    Some(at..at + FAN_IN)
}

/// 0 for blocks from memory, 1 for those merged of them, and so on.
fn size_of(block: Option<&Arc<Block>>) -> u32 {
    block.map_or(0, |it| (covered(it) as usize).ilog(FAN_IN))
}

/// The series of several blocks, in order of id.
struct Merging<'a> {
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    block: &'a Block,
    index: IndexReader<'a>,
    next: Option<Entry>,
}

impl<'a> Merging<'a> {
    fn of(parts: &'a [Arc<Block>]) -> Result<Self, Error> {
        let part = |block: &'a Arc<Block>| {
            let mut index = block.entries_in_order();
            let next = index.next()?;
            Ok(Part { block, index, next })
        };
        Ok(Self { parts: parts.iter().map(part).collect::<Result<_, Error>>()? })
    }

    /// The next series with its chunks.
    fn next(&mut self, labels: &dyn Fn(SeriesId) -> Option<Labels>) -> Result<Option<(Labels, Vec<Chunk>)>, Error> {
        loop {
            let Some(id) = self.parts.iter().filter_map(|it| it.next).map(|it| it.id).min() else { return Ok(None) };
            let mut points: Vec<Point> = vec![];
            for part in &mut self.parts {
                if let Some(entry) = part.next.filter(|it| it.id == id) {
                    points.append(&mut part.block.points_of(&entry)?);
                    part.next = part.index.next()?;
                }
            }
            // Stable: of two points with the same time the one that was stored first stays.
            points.sort_by_key(|it| it.time);
            points.dedup_by_key(|it| it.time);
            // Labels are known as long as a block has points of the series; else retention has removed one.
            if let Some(labels) = labels(id) {
                return Ok(Some((labels, points.chunks(CHUNK_POINTS).filter_map(Chunk::dense).collect())));
            }
        }
    }
}
