//! What do log files say? They are followed through rotation and truncation, and resumed where they were left.
//!
//! A place in a file is saved only after the sink has acknowledged everything before it: after a crash lines may come
//! twice, but none is lost.

mod file;
mod glob;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use signal::{Clock, Labels, LogRecord, PortError};

use crate::tail::file::{Chunk, FollowedFile, is_same};
use crate::{Alteration, Config, Counts, ErrorKind, Reason, Refused, Sink, Source, TailConfig, host, when};

/// How often the patterns are looked up for new files.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(2);
/// How long to wait after the sink has failed.
const FAILED_WAIT: Duration = Duration::from_secs(2);
/// Most files of one configuration entry; further ones are left out with a warning.
const MAX_FILES: usize = 1000;

/// A place in a file that survives restarts and recognizes the file again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The file's inode.
    pub inode: u64,
    /// Bytes that are done with.
    pub offset: u64,
    /// Hash of the first `fingerprint_bytes` bytes: an inode is used again, and a copied file is truncated in place.
    pub fingerprint: u64,
    /// How many bytes were hashed, at most 256 and never more than `offset`.
    pub fingerprint_bytes: u64,
}

/// Keeps places over restarts.
pub trait Offsets: Send + Sync + 'static {
    /// The saved place in the file with this path.
    fn load(&self, path: &Path) -> Option<Position>;
    /// Saves a place; durable when it returns.
    fn save(&self, path: &Path, position: Position) -> Result<(), PortError>;
}

/// Follows the files of a configuration entry until `shutdown` becomes true.
pub async fn tail(
    config: TailConfig,
    limits: Config,
    offsets: Arc<dyn Offsets>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    mut shutdown: watch::Receiver<bool>,
) {
    let poll = Duration::from_millis(config.poll_interval_ms.max(50));
    let mut follower = Follower {
        host: config.host.clone().unwrap_or_else(host::name),
        config,
        limits,
        offsets,
        sink,
        clock,
        counts,
        files: HashMap::new(),
        replaced: vec![],
        is_first_look: true,
    };
    let work = async {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut discovered: Option<Instant> = None;
        loop {
            ticks.tick().await;
            if discovered.is_none_or(|it| it.elapsed() >= DISCOVERY_INTERVAL) {
                follower.discover();
                discovered = Some(Instant::now());
            }
            follower.read_all().await;
        }
    };
    tokio::select! {
        () = work => {}
        _ = shutdown.wait_for(|it| *it) => {}
    }
}

struct Follower {
    config: TailConfig,
    host: String,
    limits: Config,
    offsets: Arc<dyn Offsets>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    files: HashMap<PathBuf, FollowedFile>,
    /// Files that were rotated away; under their new name they are not read again.
    replaced: Vec<Position>,
    is_first_look: bool,
}

impl Follower {
    /// Takes up new files and forgets those that are gone and read to their end.
    fn discover(&mut self) {
        self.files.retain(|path, it| path.exists() || !it.is_done());
        let found: Vec<PathBuf> = self.config.paths.iter().flat_map(|it| glob::matches(it)).collect();
        for path in found {
            if self.files.contains_key(&path) || self.is_rotated(&path) {
                continue;
            }
            if self.files.len() >= MAX_FILES {
                self.counts.error(Source::Tail, ErrorKind::TooLarge);
                warn!(path = %path.display(), MAX_FILES, "Too many log files; this one is not followed.");
                break;
            }
            if let Err(error) = self.follow(&path) {
                self.counts.error(Source::Tail, ErrorKind::Unreachable);
                warn!(path = %path.display(), %error, "Log file cannot be opened.");
            }
        }
        self.is_first_look = false;
    }

    fn follow(&mut self, path: &Path) -> std::io::Result<()> {
        let saved = self.offsets.load(path);
        let from_end = self.is_first_look && saved.is_none() && !self.config.read_existing;
        let file = FollowedFile::open(path, saved, from_end, self.limits.max_line_bytes)?;
        let position = file.position();
        info!(path = %path.display(), offset = position.offset, "Log file is followed.");
        if saved.is_none() {
            // So that lines that are written while we are away are not taken for old ones.
            save(&*self.offsets, &self.counts, path, position);
        }
        self.files.insert(path.to_owned(), file);
        Ok(())
    }

    /// True if the file is one that is or was followed under another name.
    fn is_rotated(&self, path: &Path) -> bool {
        let Ok(file) = std::fs::File::open(path) else { return false };
        let followed = self.files.values().map(FollowedFile::position);
        let mut known = followed.chain(self.replaced.iter().copied()).filter(|it| it.fingerprint_bytes > 0);
        known.any(|it| is_same(&file, it))
    }

    async fn read_all(&mut self) {
        let files = std::mem::take(&mut self.files);
        for (path, file) in files {
            let before = file.position();
            if let Some(file) = self.read(&path, file).await {
                if file.position().inode != before.inode && self.replaced.len() < MAX_FILES {
                    self.replaced.push(before);
                }
                self.files.insert(path, file);
            }
        }
    }

    /// Reads until there is nothing new; the place moves on with each acknowledged chunk. None if reading panicked.
    async fn read(&self, path: &Path, mut file: FollowedFile) -> Option<FollowedFile> {
        let patience = Duration::from_millis(self.config.partial_line_ms);
        loop {
            let owned_path = path.to_owned();
            let read = tokio::task::spawn_blocking(move || {
                let chunk = file.next_chunk(&owned_path, patience);
                (file, chunk)
            });
            let (returned, chunk) = read.await.ok()?;
            file = returned;
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Some(file),
                Err(error) => {
                    self.counts.error(Source::Tail, ErrorKind::Unreachable);
                    warn!(path = %path.display(), %error, "Log file cannot be read.");
                    return Some(file);
                }
            };
            self.counts.altered(Source::Tail, Alteration::Cut, chunk.lines_cut);
            self.counts.altered(Source::Tail, Alteration::InvalidUtf8, chunk.lines_repaired);
            let position = chunk.position;
            self.deliver(path, chunk).await;
            let (offsets, counts, owned_path) = (Arc::clone(&self.offsets), Arc::clone(&self.counts), path.to_owned());
            tokio::task::spawn_blocking(move || save(&*offsets, &counts, &owned_path, position)).await.ok()?;
        }
    }

    /// Offers the lines until they are taken: a file can wait. Only what is refused as wrong is dropped.
    async fn deliver(&self, path: &Path, chunk: Chunk) {
        let records = self.records(path, chunk.lines);
        let n_lines = records.len() as u64;
        if n_lines == 0 {
            return;
        }
        self.counts.received(Source::Tail, n_lines);
        loop {
            let outcome = self.sink.logs(Source::Tail, records.clone()).await;
            self.counts.outcome(Source::Tail, &outcome);
            match outcome {
                Ok(_) => return,
                Err(Refused::Busy { retry_after_secs } | Refused::TooFast { retry_after_secs, .. }) => {
                    tokio::time::sleep(Duration::from_secs(retry_after_secs)).await;
                }
                Err(Refused::Failed(error)) => {
                    warn!(path = %path.display(), error, "Log lines could not be stored; they are sent again.");
                    tokio::time::sleep(FAILED_WAIT).await;
                }
                Err(Refused::Invalid(error)) => {
                    self.counts.dropped(Source::Tail, Reason::Refused, n_lines);
                    warn!(path = %path.display(), error, "Log lines were refused.");
                    return;
                }
            }
        }
    }

    fn records(&self, path: &Path, lines: Vec<String>) -> Vec<LogRecord> {
        let filename = path.to_string_lossy();
        let further = self.config.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = [
            ("filename", &*filename),
            ("job", self.config.job.as_str()),
            ("host", self.host.as_str()),
            ("service", self.config.service.as_deref().unwrap_or("")),
        ];
        let labels = Labels::new(own.into_iter().chain(further));
        let now = self.clock.now();
        let record = |line: String| {
            let own_time = if self.config.time_from_line { when::of_line(&line) } else { None };
            LogRecord::new(own_time.unwrap_or(now), labels.clone(), line)
        };
        lines.into_iter().filter(|it| !it.is_empty()).map(record).collect()
    }
}

fn save(offsets: &dyn Offsets, counts: &Counts, path: &Path, position: Position) {
    if let Err(error) = offsets.save(path, position) {
        counts.error(Source::Tail, ErrorKind::Failed);
        warn!(path = %path.display(), %error, "The place in a log file cannot be saved.");
    }
}
