//! Who writes the log? One thread: it takes rows from the queue, redacts and samples them, appends them, and tells.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use signal::{Inference, Label, LoggedInference};

use super::Shared;
use super::codec::{encode_inferences, encode_labels};
use super::queue::{Ack, Item};
use crate::redact::Redactor;

/// Rows that are taken from the queue at once.
const MOST_ROWS: usize = 4096;
/// Rows of a frame.
const FRAME_ROWS: usize = 512;
/// How often what nobody waits for is made durable, and retention looked at.
const UPKEEP: Duration = Duration::from_secs(1);
/// How long a refusal of the disk is tried again while somebody waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between tries.
const PAUSE: Duration = Duration::from_millis(100);

type Models = BTreeMap<String, BTreeSet<String>>;

/// The writer's own state.
pub struct Writer {
    shared: Arc<Shared>,
    redactor: Redactor,
    models_file: PathBuf,
    last_upkeep: Instant,
}

/// Models that have been logged, from their file.
pub fn load_models(dir: &Path) -> Models {
    std::fs::read(dir.join("models.json")).ok().and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default()
}

impl Writer {
    pub fn new(shared: Arc<Shared>, dir: &Path) -> Self {
        let redactor = Redactor::new(&shared.config);
        Self { shared, redactor, models_file: dir.join("models.json"), last_upkeep: Instant::now() }
    }

    /// Writes until the queue is closed and empty.
    pub fn run(mut self) {
        while let Some(items) = self.shared.queue.pop(MOST_ROWS, UPKEEP) {
            let (mut rows, mut labels, mut acks) = (vec![], vec![], vec![]);
            for item in items {
                match item {
                    Item::Rows(more, ack) => {
                        rows.extend(more);
                        acks.extend(ack.map(|it| (it, 0..0)));
                    }
                    Item::Labels(more, ack) => {
                        let from = labels.len();
                        labels.extend(more);
                        acks.push((ack, from..labels.len()));
                    }
                }
            }
            // Also where nothing comes any more rows become durable, and old.
            if !(rows.is_empty() && labels.is_empty() && acks.is_empty()) {
                self.write(rows, &labels, acks);
            }
            if self.last_upkeep.elapsed() >= UPKEEP {
                self.upkeep();
            }
        }
        self.upkeep();
    }

    fn write(&mut self, mut rows: Vec<Inference>, labels: &[Label], acks: Vec<(Ack, Range<usize>)>) {
        let n_given = rows.len();
        // What sampling leaves out was predicted all the same.
        self.shared.ids.predicted(&rows);
        rows.retain_mut(|it| self.redactor.keep(it));
        let counts = &self.shared.counts;
        counts.sampled_out.fetch_add((n_given - rows.len()) as u64, Ordering::Relaxed);
        let must_sync = !acks.is_empty();
        let outcome = self.append(&rows, labels, must_sync);
        let failure = outcome.as_ref().err().map(ToString::to_string);
        match outcome {
            Ok(first) => self.tell(first, rows, labels),
            Err(error) => {
                counts.dropped.fetch_add(rows.len() as u64, Ordering::Relaxed);
                tracing::error!(%error, rows = rows.len(), "Predictions not logged.");
            }
        }
        let now = self.shared.clock.now();
        for (ack, range) in acks {
            let told = match &failure {
                Some(failure) => Err(failure.clone()),
                None => Ok(self.shared.ids.labeled(labels.get(range).unwrap_or_default(), now)),
            };
            // Who asked may have gone.
            let _ = ack.send(told);
        }
    }

    /// Sequence of the first row. A disk that refuses is asked again; meanwhile the queue fills.
    fn append(&self, rows: &[Inference], labels: &[Label], sync: bool) -> io::Result<u64> {
        let (mut row_frames, mut label_frames) = (vec![], vec![]);
        rows.chunks(FRAME_ROWS).for_each(|it| encode_inferences(it, &mut row_frames));
        labels.chunks(FRAME_ROWS).for_each(|it| encode_labels(it, &mut label_frames));
        let (shared, now) = (&self.shared, self.shared.clock.now());
        if !labels.is_empty() {
            self.with_patience(|| shared.label_log.append(&label_frames, sync, now))?;
        }
        if rows.is_empty() {
            return Ok(shared.rows.end());
        }
        self.with_patience(|| shared.rows.append(&row_frames, sync, now))
    }

    fn with_patience(&self, append: impl Fn() -> io::Result<u64>) -> io::Result<u64> {
        let started = Instant::now();
        loop {
            match append() {
                Err(error) if started.elapsed() > PATIENCE => return Err(error),
                Err(error) => {
                    self.shared.counts.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "The disk refused predictions; trying again.");
                    std::thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }

    fn tell(&self, first: u64, rows: Vec<Inference>, labels: &[Label]) {
        let shared = &self.shared;
        shared.counts.sent.fetch_add(rows.len() as u64, Ordering::Relaxed);
        shared.counts.labels.fetch_add(labels.len() as u64, Ordering::Relaxed);
        shared.labels.add(labels);
        self.note_models(&rows);
        shared.tell_appended();
        let sinks = shared.sinks.read().unwrap_or_else(PoisonError::into_inner);
        if sinks.is_empty() {
            return;
        }
        let logged = |(sequence, inference)| LoggedInference { sequence, inference, label: None };
        let batch: Vec<LoggedInference> = (first..).zip(rows).map(logged).collect();
        for sink in sinks.iter() {
            if !batch.is_empty() {
                sink.inferences(&batch);
            }
            if !labels.is_empty() {
                sink.labels(labels);
            }
        }
    }

    fn note_models(&self, rows: &[Inference]) {
        let mut models = self.shared.models.lock().unwrap_or_else(PoisonError::into_inner);
        let mut has_new = false;
        for row in rows {
            if models.get(&*row.model).is_none_or(|it| !it.contains(&*row.version)) {
                models.entry(row.model.to_string()).or_default().insert(row.version.to_string());
                has_new = true;
            }
        }
        if has_new
            && let Err(error) = std::fs::write(&self.models_file, serde_json::to_vec(&*models).unwrap_or_default())
        {
            tracing::warn!(%error, "The list of logged models was not saved.");
        }
    }

    fn upkeep(&mut self) {
        self.last_upkeep = Instant::now();
        let (shared, config) = (&self.shared, &self.shared.config);
        if let Err(error) = shared.rows.sync().and_then(|()| shared.label_log.sync()) {
            tracing::error!(%error, "Predictions are not durable.");
        }
        let now = shared.clock.now();
        for log in [&shared.rows, &shared.label_log] {
            if let Err(error) = log.finish_old(now) {
                tracing::error!(%error, "A file of the log was not finished; its rows stay for longer.");
            }
        }
        let keep = Duration::from_secs(u64::from(config.retention_days) * 86_400);
        let oldest = now.minus(keep);
        let expired = shared.rows.retain(config.max_bytes, oldest);
        shared.label_log.retain(config.max_bytes, oldest);
        shared.counts.expired.fetch_add(expired, Ordering::Relaxed);
    }
}
