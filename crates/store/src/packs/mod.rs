//! Where are log lines and spans? In the write-ahead log at once, then in memory, then packed: some thousand records
//! compressed together, with a filter of the words in them.
//!
//! A thread packs what waits in memory. A search looks into memory first and then into the packs: a record that is
//! moved in between is found twice and shown once, never missed.

pub mod columns;
pub mod file;
pub mod filter;
pub mod form;
pub mod kind;
pub mod labels;
mod merge;
pub mod order;
pub mod parts;
mod pending;
pub mod plain;
pub mod recent;
pub mod sections;
pub mod words;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use signal::{TimeRange, Timestamp};
use tracing::{error, warn};

use self::file::{EXTENSION, MERGING_EXTENSION, Pack, PackFile};
use self::filter::Asked;
use self::kind::{Entry, Kind};
use self::merge::Merging;
use self::pending::Pending;
use self::recent::told_apart;
use crate::config::Retention;
use crate::counters::{Counters, count};
use crate::{Error, Recovery, disk};

/// How long the packer waits after an error.
const RETRY: Duration = Duration::from_secs(1);
const DAY_MILLIS: i64 = 86_400_000;
/// Unpacked packs that are remembered: pages ask for line after line of the same one.
const REMEMBERED: usize = 2;

/// Limits of one sort of records.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size at which a new file is begun.
    pub file_bytes: u64,
    /// Newest records among which one that comes again is recognized.
    pub duplicates: usize,
    pub retention: Retention,
}

/// All records of a kind.
#[derive(Debug)]
pub struct Packs<K: Kind> {
    dir: PathBuf,
    pending: Mutex<Pending<K>>,
    /// Tells the packer of records or of the end, and those who wait that records were packed.
    changed: Condvar,
    files: RwLock<Vec<PackFile>>,
    unpacked: Mutex<VecDeque<Unpacked<K>>>,
    /// All records up to this id are in packs.
    packed: AtomicU64,
    limits: Limits,
    counters: Arc<Counters>,
    /// Held while a file is written to, and while one is put in the place of another.
    writing: Mutex<()>,
    /// Files that are merged.
    merging: Mutex<Merging>,
    /// Nothing can be packed.
    pub is_failing: AtomicBool,
}

#[derive(Debug)]
struct Unpacked<K: Kind> {
    path: PathBuf,
    /// A merged file has the name of the one before.
    is_merged: bool,
    offset: u64,
    records: Records<K>,
}

/// Records with their ids.
pub type Records<K> = Arc<Vec<(u64, <K as Kind>::Record)>>;

/// Called with records and their ids.
pub type Visit<'a, K> = dyn FnMut(&[(u64, <K as Kind>::Record)]) + 'a;

/// How much there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    pub disk_bytes: u64,
    pub packed_records: u64,
    /// Of the packed records, before they were packed.
    pub raw_bytes: u64,
}

impl<K: Kind> Packs<K> {
    /// Opens the files of a directory; the ones that cannot be read are set aside.
    pub fn open(dir: &Path, limits: Limits, counters: Arc<Counters>, recovery: &mut Recovery) -> Result<Self, Error> {
        disk::make_dir(dir)?;
        for (_, path) in disk::numbered(dir, MERGING_EXTENSION)? {
            disk::remove(&path)?;
        }
        let (mut files, mut newest_id) = (vec![], 0);
        for (first_id, path) in disk::numbered(dir, EXTENSION)? {
            match PackFile::open(&path, first_id) {
                Ok(mut file) => {
                    // A pack whose sync failed was packed again: what holds nothing new is passed over.
                    Arc::make_mut(&mut file.packs).retain(|it| it.first_id > newest_id);
                    if file.passed_over > 0 {
                        let bytes = file.passed_over;
                        warn!(path = %path.display(), bytes, "A part of a file is torn or damaged and is passed over.");
                        count(&counters.reads_failed, 1);
                    }
                    let last_id = file.packs.last().map_or(0, |it| it.last_id);
                    newest_id = last_id.max(first_id.saturating_sub(1)).max(newest_id);
                    files.push(file);
                }
                Err(error) if error.is_corruption() => {
                    warn!(path = %path.display(), %error, "File set aside.");
                    recovery.set_aside.push(disk::set_aside(&path)?);
                    count(&counters.files_set_aside, 1);
                }
                Err(error) => return Err(error),
            }
        }
        let packs = Self {
            dir: dir.to_owned(),
            pending: Mutex::new(Pending::new(limits.duplicates, newest_id)),
            changed: Condvar::new(),
            files: RwLock::new(files),
            unpacked: Mutex::default(),
            packed: AtomicU64::new(newest_id),
            limits,
            counters,
            writing: Mutex::default(),
            merging: Mutex::default(),
            is_failing: AtomicBool::new(false),
        };
        packs.remember_newest();
        Ok(packs)
    }

    /// All records up to this id are in packs.
    pub fn packed_through(&self) -> u64 {
        self.packed.load(Relaxed)
    }

    /// The largest id ever given.
    pub fn newest_id(&self) -> u64 {
        self.pending().newest_id
    }

    /// Records that wait to be packed.
    pub fn pending_records(&self) -> usize {
        self.pending().entries.len()
    }

    /// How much there is.
    pub fn sizes(&self) -> Sizes {
        let files = self.files();
        let packs = || files.iter().flat_map(|it| it.packs.iter());
        Sizes {
            disk_bytes: files.iter().map(|it| it.bytes).sum(),
            packed_records: packs().map(|it| it.records).sum(),
            raw_bytes: packs().map(|it| it.raw_bytes).sum(),
        }
    }

    /// Takes records that are durable; returns how many are new. What is in packs already is left out, so a replay of
    /// the write-ahead log can give all it has.
    pub fn apply(&self, first_id: u64, received: Timestamp, records: &[K::Record]) -> u64 {
        let digests = told_apart(records.iter().map(K::digest));
        let packed = self.packed_through();
        let mut stored = 0;
        let mut pending = self.pending();
        for ((record, digest), id) in records.iter().zip(digests).zip(first_id..) {
            pending.newest_id = pending.newest_id.max(id);
            if id > packed && pending.recent.insert(digest) {
                stored += 1;
                pending.push(Entry { id, received, record: record.clone() });
            }
        }
        let is_due = pending.is_due();
        drop(pending);
        if is_due {
            self.changed.notify_all();
        }
        stored
    }

    /// Gives what waits and then one pack after the other to `visit`, those with the newest records first; only packs
    /// that overlap the range and may hold all the words. `is_enough` is asked before each pack, with the newest
    /// instant in it and in all that follow.
    pub fn scan(
        &self,
        range: TimeRange,
        words: &[Asked],
        is_enough: &mut dyn FnMut(Timestamp) -> bool,
        visit: &mut Visit<'_, K>,
    ) {
        // Shared first and copied without the lock: writers wait for it.
        let pending: Vec<Arc<Entry<K::Record>>> = self.pending().entries.iter().cloned().collect();
        let overlaps = |it: &&Arc<Entry<K::Record>>| {
            let (from, to) = K::times(&it.record);
            from <= range.to && to >= range.from
        };
        let waiting: Vec<(u64, K::Record)> =
            pending.iter().filter(overlaps).map(|it| (it.id, it.record.clone())).collect();
        visit(&waiting);
        let mut packs: Vec<(PackFile, Pack)> = vec![];
        for file in self.files() {
            packs.extend(file.packs.iter().filter(|it| it.overlaps(range)).map(|it| (file.clone(), *it)));
        }
        packs.sort_by_key(|(_, pack)| std::cmp::Reverse((pack.to, pack.last_id)));
        for (file, pack) in packs {
            if is_enough(pack.to) {
                return;
            }
            if self.readable(file.may_hold_all(&pack, words)).unwrap_or(false)
                && let Some(records) = self.readable(self.records(&file, &pack))
            {
                visit(&records);
            }
        }
    }

    /// One record.
    pub fn record(&self, id: u64) -> Option<K::Record> {
        let waiting = self.pending().entries.iter().find(|it| it.id == id).map(|it| it.record.clone());
        waiting.or_else(|| {
            let files = self.files();
            let file = files.iter().rev().find(|it| it.first_id <= id)?;
            let pack = file.packs.iter().find(|it| (it.first_id..=it.last_id).contains(&id))?;
            let records = self.readable(self.records(file, pack))?;
            records.iter().find(|it| it.0 == id).map(|it| it.1.clone())
        })
    }

    /// Packs what waits until the store closes; what is left then is in the write-ahead log.
    pub fn run_packer(&self, on_progress: &dyn Fn()) {
        while let Some(batch) = self.next_batch() {
            match self.pack(&batch) {
                Ok(()) => {
                    self.is_failing.store(false, Relaxed);
                    self.forget(&batch);
                    on_progress();
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error);
                    error!(%error, ?cause, kind = K::NAME, "Records not packed; trying again.");
                    count(&self.counters.packing_failed, 1);
                    self.is_failing.store(true, Relaxed);
                    let pending = self.pending();
                    let _ = self.changed.wait_timeout_while(pending, RETRY, |it| !it.is_closing);
                }
            }
        }
    }

    /// Ends the packer after its batch.
    pub fn close(&self) {
        self.pending().is_closing = true;
        self.changed.notify_all();
    }

    /// Has everything packed and waits for it; false if that takes longer, or will never be as a thread has panicked.
    pub fn flush(&self, at_most: Duration) -> bool {
        let mut pending = self.pending();
        pending.is_flushing = true;
        self.changed.notify_all();
        let waiting = |it: &mut Pending<K>| !it.entries.is_empty() && !self.counters.has_panicked();
        let result = self.changed.wait_timeout_while(pending, at_most, waiting);
        let mut pending = result.unwrap_or_else(PoisonError::into_inner).0;
        pending.is_flushing = false;
        pending.entries.is_empty()
    }

    /// Wakes those who wait, so that they look again whether the packer still works.
    pub fn wake(&self) {
        // The lock is between their looking and their waiting: without it they could miss this.
        drop(self.pending());
        self.changed.notify_all();
    }

    /// Removes files whose records arrived before what is kept, and the oldest ones above the size.
    pub fn expire(&self, now: Timestamp) -> Result<(), Error> {
        let (oldest, max_bytes) = (now.minus(self.limits.retention.age()), self.limits.retention.bytes());
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let mut total: u64 = files.iter().map(|it| it.bytes).sum();
        // The newest one stays: its name keeps ids from being given twice.
        let mut n_expired = 0;
        let mut outcome = Ok(());
        for file in files.iter().take(files.len().saturating_sub(1)) {
            let is_old = (file.day + 1).saturating_mul(DAY_MILLIS) < oldest.millis();
            if !is_old && total <= max_bytes {
                break;
            }
            total = total.saturating_sub(file.bytes);
            outcome = file.remove();
            if outcome.is_err() {
                break;
            }
            n_expired += 1;
        }
        // Also after an error: what is gone must not be searched.
        files.drain(..n_expired);
        count(&self.counters.pack_files_expired, n_expired as u64);
        outcome
    }

    /// Digests of the newest records, so that one that comes again after a restart is recognized.
    fn remember_newest(&self) {
        let mut newest: Vec<(u64, u64)> = vec![];
        for (file, pack) in self.files().iter().rev().flat_map(|it| it.packs.iter().rev().map(move |p| (it, p))) {
            if newest.len() >= self.limits.duplicates {
                break;
            }
            let records = self.readable(file.records::<K>(pack)).unwrap_or_default();
            newest.extend(records.iter().map(|(id, record)| (*id, K::digest(record))));
        }
        newest.sort_unstable_by_key(|it| it.0);
        let mut pending = self.pending();
        for digest in told_apart(newest.into_iter().map(|it| it.1)) {
            pending.recent.insert(digest);
        }
    }

    fn next_batch(&self) -> Option<Vec<Arc<Entry<K::Record>>>> {
        let mut pending = self.pending();
        loop {
            if pending.is_closing {
                return None;
            }
            if pending.is_due() {
                return Some(pending.batch());
            }
            let longest = pending.may_wait();
            let wait = self.changed.wait_timeout(pending, longest);
            pending = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn forget(&self, batch: &[Arc<Entry<K::Record>>]) {
        let mut pending = self.pending();
        pending.forget(batch.len());
        let all_before = pending.entries.front().map_or(pending.newest_id, |it| it.id - 1);
        self.packed.fetch_max(all_before, Relaxed);
        drop(pending);
        self.changed.notify_all();
    }

    fn pack(&self, batch: &[Arc<Entry<K::Record>>]) -> Result<(), Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for entries in batch.chunk_by(|a, b| day_of(a) == day_of(b)) {
            let Some(first) = entries.first() else { continue };
            let mut file = self.file_for(first)?;
            file.append::<K>(entries)?;
            let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
            match files.iter_mut().find(|it| it.path == file.path) {
                Some(known) => *known = file,
                None => files.push(file),
            }
        }
        Ok(())
    }

    /// The newest file if more of this day may be added to it, else a new one. After a failure always a new one: what
    /// stands behind a failed sync is unknown.
    fn file_for(&self, first: &Entry<K::Record>) -> Result<PackFile, Error> {
        let day = day_of(first);
        let newest = self.files().pop();
        let newest = newest.filter(|it| it.day == day && it.bytes < self.limits.file_bytes && !it.is_merged);
        let merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = newest.filter(|it| merging.under_way.as_ref() != Some(&it.path));
        drop(merging);
        match newest.filter(|_| !self.is_failing.load(Relaxed)) {
            Some(newest) => Ok(newest),
            None => PackFile::create(&self.dir, first.id, day),
        }
    }

    fn records(&self, file: &PackFile, pack: &Pack) -> Result<Records<K>, Error> {
        let unpacked = || self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it =
            |it: &Unpacked<K>| it.path == file.path && it.is_merged == file.is_merged && it.offset == pack.offset;
        if let Some(known) = unpacked().iter().find(|it| is_it(it)) {
            return Ok(Arc::clone(&known.records));
        }
        // Without the lock: other searches unpack other packs meanwhile.
        let records = Arc::new(file.records::<K>(pack)?);
        let mut unpacked = unpacked();
        if unpacked.len() >= REMEMBERED {
            unpacked.pop_front();
        }
        let (path, offset) = (file.path.clone(), pack.offset);
        let is_merged = file.is_merged;
        unpacked.push_back(Unpacked { path, is_merged, offset, records: Arc::clone(&records) });
        Ok(records)
    }

    /// What cannot be read is skipped, counted and told: the rest still answers.
    fn readable<T>(&self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(it) => Some(it),
            Err(error) => {
                warn!(%error, cause = ?std::error::Error::source(&error), "Pack skipped.");
                count(&self.counters.reads_failed, 1);
                None
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending<K>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> Vec<PackFile> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Days since the epoch on which a record arrived.
fn day_of<R>(entry: &Entry<R>) -> i64 {
    entry.received.millis().div_euclid(DAY_MILLIS)
}
