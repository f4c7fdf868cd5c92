//! Which records wait in memory to be packed, and when is it time? When there are enough for a good pack, when the
//! first has waited long, or when somebody wants all of them packed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::kind::{Entry, Kind};
use super::recent::Recent;

/// The longest time that a record waits in memory; it is safe in the write-ahead log.
pub const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Enough for a pack: more would save little room, but cost a search more to unpack.
pub const PACK_RECORDS: usize = 16_384;
/// The same in bytes.
pub const PACK_BYTES: usize = 2 << 20;

/// What waits.
#[derive(Debug)]
pub struct Pending<K: Kind> {
    pub entries: VecDeque<Arc<Entry<K::Record>>>,
    pub recent: Recent,
    /// The largest id that was given to a record, whether it is stored or a duplicate.
    pub newest_id: u64,
    pub is_closing: bool,
    pub is_flushing: bool,
    bytes: usize,
    /// When the first of them came.
    since: Option<Instant>,
}

impl<K: Kind> Pending<K> {
    /// Nothing waits.
    pub fn new(duplicates: usize, newest_id: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            recent: Recent::new(duplicates),
            newest_id,
            is_closing: false,
            is_flushing: false,
            bytes: 0,
            since: None,
        }
    }

    /// One more.
    pub fn push(&mut self, entry: Entry<K::Record>) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes += K::weight(&entry.record);
        self.entries.push_back(Arc::new(entry));
    }

    /// True if it is time to pack.
    pub fn is_due(&self) -> bool {
        let has_waited = || self.since.is_some_and(|it| it.elapsed() >= LONGEST_WAIT);
        let is_enough = || self.entries.len() >= PACK_RECORDS || self.bytes >= PACK_BYTES;
        !self.entries.is_empty() && (is_enough() || self.is_flushing || has_waited())
    }

    /// How long the packer may sleep if nobody wakes it.
    pub fn may_wait(&self) -> Duration {
        self.since.map_or(LONGEST_WAIT, |it| LONGEST_WAIT.saturating_sub(it.elapsed()))
    }

    /// The first records, enough for one pack.
    pub fn batch(&self) -> Vec<Arc<Entry<K::Record>>> {
        let mut bytes = 0;
        let fits = |it: &&Arc<Entry<K::Record>>| {
            let is_first_or_fits = bytes < PACK_BYTES;
            bytes += K::weight(&it.record);
            is_first_or_fits
        };
        self.entries.iter().take(PACK_RECORDS).take_while(fits).cloned().collect()
    }

    /// Takes the first ones out: they are packed.
    pub fn forget(&mut self, count: usize) {
        let gone: usize = self.entries.drain(..count).map(|it| K::weight(&it.record)).sum();
        self.bytes = self.bytes.saturating_sub(gone);
        self.since = (!self.entries.is_empty()).then(Instant::now);
    }
}
