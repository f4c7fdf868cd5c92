//! Where are the log lines? In the write-ahead log at once, then in memory, then in the full-text index.
//!
//! An indexer thread moves lines from memory into partitions. A search looks into memory first and then into the
//! partitions: a line that is moved in between is found twice and shown once, never missed.

mod line;
mod partition;
mod words;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use signal::{LogHit, LogId, LogQuery, LogRecord, Timestamp};
use tracing::{error, warn};

use self::line::{Line, Recent, digests};
use self::partition::{OpenPartition, Partition};
use self::words::Words;
use crate::counters::{Counters, count};
use crate::{Config, Error, Recovery, disk};

/// Lines per transaction: large enough for speed, small enough to hold the disk for less than a second.
const BATCH_LINES: usize = 8192;
/// How long the indexer waits after an error.
const RETRY: Duration = Duration::from_secs(1);
const DAY_MILLIS: i64 = 86_400_000;

/// All lines.
#[derive(Debug)]
pub struct Logs {
    dir: PathBuf,
    pending: Mutex<Pending>,
    /// Tells the indexer of lines or of the end, and those who wait that lines were indexed.
    changed: Condvar,
    partitions: RwLock<Vec<Partition>>,
    /// All lines up to this id are indexed.
    indexed: AtomicU64,
    max_partition_bytes: u64,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Pending {
    lines: VecDeque<Arc<Line>>,
    recent: Recent,
    /// The largest id that was given to a line, whether it is stored or a duplicate.
    newest_id: u64,
    is_closing: bool,
}

impl Logs {
    /// Opens the partitions of a directory; the ones that cannot be read are set aside.
    pub fn open(dir: &Path, config: &Config, counters: Arc<Counters>, recovery: &mut Recovery) -> Result<Self, Error> {
        disk::make_dir(dir)?;
        let mut recent = Recent::new(config.log_duplicate_lines);
        let (mut partitions, mut newest_id) = (vec![], 0);
        for (first_id, path) in disk::numbered(dir, partition::EXTENSION)? {
            match Partition::open(&path, first_id, config.log_duplicate_lines) {
                Ok(content) => {
                    // A new file may have been made for the first line after the newest one.
                    newest_id = content.newest_id.max(first_id.saturating_sub(1)).max(newest_id);
                    content.digests.into_iter().for_each(|it| _ = recent.insert(it));
                    partitions.push(content.partition);
                }
                Err(error) if error.is_corruption() => {
                    warn!(path = %path.display(), %error, "Partition set aside.");
                    recovery.set_aside.push(Partition::set_aside(&path)?);
                    count(&counters.files_set_aside, 1);
                }
                Err(error) => return Err(error),
            }
        }
        let pending = Pending { lines: VecDeque::new(), recent, newest_id, is_closing: false };
        let tenth = config.logs.bytes() / 10;
        Ok(Self {
            dir: dir.to_owned(),
            pending: Mutex::new(pending),
            changed: Condvar::new(),
            partitions: RwLock::new(partitions),
            indexed: AtomicU64::new(newest_id),
            // Small enough that retention by size removes a tenth and not everything.
            max_partition_bytes: (config.log_partition_megabytes << 20).min(tenth.max(1 << 20)),
            counters,
        })
    }

    /// All lines up to this id are in partitions.
    pub fn indexed_through(&self) -> u64 {
        self.indexed.load(Relaxed)
    }

    /// The largest id ever given.
    pub fn newest_id(&self) -> u64 {
        self.pending().newest_id
    }

    /// Lines that wait for the index.
    pub fn pending_lines(&self) -> usize {
        self.pending().lines.len()
    }

    /// Number and bytes of the partitions.
    pub fn sizes(&self) -> (usize, u64) {
        let partitions = self.partitions();
        (partitions.len(), partitions.iter().map(Partition::bytes).sum())
    }

    /// Takes lines that are durable; returns how many are new. Lines that the index holds already are left out, so a
    /// replay of the write-ahead log can give all it has.
    pub fn apply(&self, first_id: u64, received: Timestamp, records: &[LogRecord]) -> u64 {
        let digests = digests(records);
        let indexed = self.indexed_through();
        let mut stored = 0;
        let mut pending = self.pending();
        for ((record, digest), id) in records.iter().zip(digests).zip(first_id..) {
            pending.newest_id = pending.newest_id.max(id);
            if id <= indexed || !pending.recent.insert(digest) {
                continue;
            }
            stored += 1;
            let line = Line { id, received, level: record.level(), digest, record: record.clone() };
            pending.lines.push_back(Arc::new(line));
        }
        drop(pending);
        self.changed.notify_all();
        stored
    }

    /// Lines that match: the most relevant with words, else the newest; newest first.
    pub fn search(&self, query: &LogQuery) -> Vec<LogHit> {
        let words = Words::parse(&query.text);
        if words.accept_none() || query.limit == 0 {
            return vec![];
        }
        let mut hits: HashMap<LogId, LogHit> = HashMap::new();
        // Memory first: see the head of this file.
        for hit in self.search_pending(query, &words) {
            hits.insert(hit.id, hit);
        }
        for partition in self.partitions().iter().rev() {
            if self.is_too_old(partition, query, &words, &hits) {
                continue;
            }
            for hit in self.readable(partition.search(query, &words)).unwrap_or_default() {
                hits.insert(hit.id, hit);
            }
        }
        let mut hits: Vec<LogHit> = hits.into_values().collect();
        let newest = |it: &LogHit| std::cmp::Reverse((it.record.time, it.id));
        hits.sort_by(|a, b| b.relevance.total_cmp(&a.relevance).then_with(|| newest(a).cmp(&newest(b))));
        hits.truncate(query.limit);
        hits.sort_by_key(newest);
        hits
    }

    /// One line.
    pub fn line(&self, id: LogId) -> Option<LogRecord> {
        let pending = self.pending().lines.iter().find(|it| it.id == id.0).map(|it| it.record.clone());
        pending.or_else(|| {
            let partitions = self.partitions();
            let partition = partitions.iter().rev().find(|it| it.first_id <= id.0)?;
            self.readable(partition.line(id))?
        })
    }

    /// Moves lines into partitions until the store closes; what is left then is in the write-ahead log.
    pub fn run_indexer(&self, on_progress: &dyn Fn()) {
        let mut open = None;
        while let Some(batch) = self.next_batch() {
            match self.index(&mut open, &batch) {
                Ok(()) => {
                    self.counters.is_index_failing.store(false, Relaxed);
                    self.forget(&batch);
                    on_progress();
                }
                Err(error) => {
                    error!(%error, cause = ?std::error::Error::source(&error), "Lines not indexed; trying again.");
                    count(&self.counters.indexing_failed, 1);
                    self.counters.is_index_failing.store(true, Relaxed);
                    open = None;
                    let pending = self.pending();
                    let _ = self.changed.wait_timeout_while(pending, RETRY, |it| !it.is_closing);
                }
            }
        }
    }

    /// Ends the indexer after its batch.
    pub fn close(&self) {
        self.pending().is_closing = true;
        self.changed.notify_all();
    }

    /// Waits until nothing is pending; false if that takes longer, or will never be as a thread has panicked.
    pub fn wait_until_indexed(&self, at_most: Duration) -> bool {
        let waiting = |it: &mut Pending| !it.lines.is_empty() && !self.counters.has_panicked();
        let result = self.changed.wait_timeout_while(self.pending(), at_most, waiting);
        result.unwrap_or_else(PoisonError::into_inner).0.lines.is_empty()
    }

    /// Wakes those who wait for the index, so that they look again whether it still works.
    pub fn wake(&self) {
        // The lock is between their looking and their waiting: without it they could miss this.
        drop(self.pending());
        self.changed.notify_all();
    }

    /// Removes partitions whose lines arrived before `oldest`, and the oldest ones above the size.
    pub fn expire(&self, oldest: Timestamp, max_bytes: u64) -> Result<(), Error> {
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        let mut total: u64 = partitions.iter().map(Partition::bytes).sum();
        // The newest one stays: its name keeps ids from being given twice.
        let mut n_expired = 0;
        for partition in partitions.iter().take(partitions.len().saturating_sub(1)) {
            let is_old = (partition.day + 1).saturating_mul(DAY_MILLIS) < oldest.millis();
            if !is_old && total <= max_bytes {
                break;
            }
            total = total.saturating_sub(partition.bytes());
            partition.remove()?;
            n_expired += 1;
        }
        partitions.drain(..n_expired);
        count(&self.counters.partitions_expired, n_expired as u64);
        Ok(())
    }

    fn search_pending(&self, query: &LogQuery, words: &Words) -> Vec<LogHit> {
        let lines: Vec<Arc<Line>> = self.pending().lines.iter().cloned().collect();
        let relevance = if words.accept_all() {
            vec![Some(0.0); lines.len()]
        } else {
            words.relevance(&lines.iter().map(|it| it.record.line.as_str()).collect::<Vec<_>>())
        };
        let accepts = |line: &Line| {
            query.range.contains(line.record.time)
                && query.min_level.is_none_or(|it| line.level >= it)
                && query.matchers.iter().all(|it| it.matches(&line.record.labels))
        };
        let hit = |(line, relevance): (&Arc<Line>, Option<f64>)| {
            let relevance = relevance.filter(|_| accepts(line))?;
            Some(LogHit { id: LogId(line.id), record: line.record.clone(), relevance })
        };
        lines.iter().zip(relevance).filter_map(hit).collect()
    }

    /// True if without words there are enough newer lines already.
    fn is_too_old(
        &self,
        partition: &Partition,
        query: &LogQuery,
        words: &Words,
        hits: &HashMap<LogId, LogHit>,
    ) -> bool {
        if !words.accept_all() || hits.len() < query.limit {
            return false;
        }
        let mut times: Vec<Timestamp> = hits.values().map(|it| it.record.time).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        let oldest_shown = times.get(query.limit - 1).copied();
        let newest = self.readable(partition.newest_time()).flatten();
        newest.is_none_or(|it| oldest_shown.is_some_and(|oldest| it < oldest))
    }

    fn next_batch(&self) -> Option<Vec<Arc<Line>>> {
        let mut pending = self.pending();
        while pending.lines.is_empty() && !pending.is_closing {
            pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        if pending.is_closing {
            return None;
        }
        Some(pending.lines.iter().take(BATCH_LINES).cloned().collect())
    }

    fn forget(&self, batch: &[Arc<Line>]) {
        let mut pending = self.pending();
        pending.lines.drain(..batch.len());
        let all_before = pending.lines.front().map_or(pending.newest_id, |it| it.id - 1);
        self.indexed.fetch_max(all_before, Relaxed);
        drop(pending);
        self.changed.notify_all();
    }

    fn index(&self, open: &mut Option<OpenPartition>, batch: &[Arc<Line>]) -> Result<(), Error> {
        for lines in batch.chunk_by(|a, b| day_of(a) == day_of(b)) {
            let Some(first) = lines.first() else { continue };
            let mut target = match open.take() {
                Some(it) if self.is_current(&it, day_of(first)) => it,
                _ => self.partition_for(first)?,
            };
            target.insert(lines.iter().map(|it| &**it))?;
            *open = Some(target);
        }
        Ok(())
    }

    /// True if more lines of this day may be added.
    fn is_current(&self, open: &OpenPartition, day: i64) -> bool {
        open.partition.day == day
            && open.partition.bytes() < self.max_partition_bytes
            && self.partitions().last() == Some(&open.partition)
    }

    /// The newest partition if lines of this day may be added to it, else a new one.
    fn partition_for(&self, first: &Line) -> Result<OpenPartition, Error> {
        let newest = self.partitions().last().cloned();
        let day = day_of(first);
        if let Some(newest) = newest.filter(|it| it.day == day && it.bytes() < self.max_partition_bytes) {
            return OpenPartition::open(newest);
        }
        let made = Partition::create(&self.dir, first.id, day)?;
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        // An empty file of another day may have had the same name.
        partitions.retain(|it| it.path != made.partition.path);
        partitions.push(made.partition.clone());
        Ok(made)
    }

    /// A partition that cannot be read is skipped, counted and told: the others still answer.
    fn readable<T>(&self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(it) => Some(it),
            Err(error) => {
                warn!(%error, cause = ?std::error::Error::source(&error), "Partition skipped.");
                count(&self.counters.reads_failed, 1);
                None
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partitions(&self) -> Vec<Partition> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Days since the epoch on which a line arrived.
fn day_of(line: &Line) -> i64 {
    line.received.millis().div_euclid(DAY_MILLIS)
}
