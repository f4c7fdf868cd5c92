//! How does a write become durable? One thread takes everything that waits, writes and syncs it once, applies it to
//! memory and then acknowledges each write: group commit.
//!
//! The log on disk is written before anything is applied, so what was not acknowledged changes nothing: the same write
//! sent again after an error is no duplicate. Fates are decided while applying, the same way live and in replay.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use signal::{HistogramSample, LogId, LogRecord, Point, SeriesPoints, Span, Timestamp};
use tracing::error;

use crate::counters::count;
use crate::samples::Frozen;
use crate::store::Shared;
use crate::wal::Wal;
use crate::{Config, Error};

/// One commit takes at most about this many points and lines, so that memory and latency stay bounded.
const COMMIT_ITEMS: usize = 100_000;

/// What can be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Points of any number of series; shared, because whoever stores them may judge them, too.
    Samples(Arc<Vec<SeriesPoints>>),
    /// Log lines.
    Logs(Vec<LogRecord>),
    /// Spans.
    Spans(Vec<Span>),
    /// Native histograms; among the points of their series stands a mark at their time, which is written apart.
    Histograms(Vec<HistogramSample>),
}

impl Write {
    /// Points of any number of series.
    pub fn samples(batch: Vec<SeriesPoints>) -> Self {
        Self::Samples(Arc::new(batch))
    }

    /// Number of points, lines or spans.
    pub fn len(&self) -> usize {
        match self {
            Self::Samples(batch) => batch.iter().map(|it| it.points.len()).sum(),
            Self::Logs(records) => records.len(),
            Self::Spans(spans) => spans.len(),
            Self::Histograms(samples) => samples.len(),
        }
    }

    /// True if there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What became of a write. Everything in it is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Points or lines stored, with the late ones.
    pub stored: u64,
    /// Absorbed: the same was stored before.
    pub duplicates: u64,
    /// Stored, though newer points of the series were there already.
    pub late: u64,
    /// Refused: older than the late window, or before 1970.
    pub too_old: u64,
    /// Refused: further ahead than the future window.
    pub future: u64,
    /// Lines: the id of the first that was not refused; the others follow in order, duplicates leave gaps.
    pub first_log_id: Option<LogId>,
}

/// Called once from the writer's thread, so it must be quick.
pub type Done = Box<dyn FnOnce(Result<Appended, Error>) + Send>;

/// What the writer is asked for.
pub enum Message {
    /// Store this.
    Write(Request),
    /// Move samples to a block, and tell when it was tried.
    Flush(Option<Sender<bool>>),
}

/// A write that waits.
pub struct Request {
    pub write: Write,
    pub now: Timestamp,
    pub items: usize,
    pub done: Done,
}

/// Samples to be written to a block.
pub struct FlushJob {
    pub frozen: Option<Arc<Frozen>>,
    pub tell: Option<Sender<bool>>,
}

/// The thread's own state.
pub struct Writer {
    pub shared: Arc<Shared>,
    pub wal: Wal,
    pub next_log_id: u64,
    pub next_span_id: u64,
    pub next_histogram_id: u64,
    pub flusher: Sender<FlushJob>,
}

impl Writer {
    /// Works until all senders are gone and the queue is empty.
    pub fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let mut requests = vec![];
            let mut flushes = vec![];
            let mut items = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Write(request) => {
                        items += request.items;
                        requests.push(request);
                    }
                    Message::Flush(tell) => flushes.push(tell),
                }
                next = if items < COMMIT_ITEMS { messages.try_recv().ok() } else { None };
            }
            self.commit(requests);
            self.shared.queued_items.fetch_sub(items, Relaxed);
            flushes.into_iter().for_each(|it| self.flush(it));
            if self.must_flush() {
                self.flush(None);
            }
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let mut waiting = vec![];
        for mut request in requests {
            let refused = refuse(&mut request.write, request.now, &self.shared.config);
            match self.add(&request) {
                Ok(first_id) => waiting.push((request, refused, first_id)),
                Err(error) => self.fail(request.done, error),
            }
        }
        let start = Instant::now();
        let result = self.wal.commit();
        let counters = &self.shared.counters;
        count(&counters.sync_nanos, nanos(start.elapsed()));
        count(&counters.commits, 1);
        self.shared.active_segment.store(self.wal.active_number(), Relaxed);
        match result {
            Ok(()) => {
                // Nothing to write is no proof that the disk takes it.
                if !waiting.is_empty() {
                    counters.is_wal_failing.store(false, Relaxed);
                }
                for (request, refused, first_id) in waiting {
                    let appended = self.apply(&request, refused, first_id);
                    call(request.done, Ok(appended));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                waiting.into_iter().for_each(|it| self.fail(it.0.done, Error::NotStored(Arc::clone(&error))));
            }
        }
    }

    /// Adds a write to the next commit; for lines and spans, returns the id of the first.
    fn add(&mut self, request: &Request) -> Result<Option<u64>, Error> {
        if request.write.is_empty() {
            return Ok(None);
        }
        match &request.write {
            Write::Samples(batch) => self.wal.add_samples(batch).map(|()| None),
            Write::Logs(records) => {
                let first_id = self.next_log_id;
                self.wal.add_logs(first_id, request.now, records)?;
                self.next_log_id += records.len() as u64;
                Ok(Some(first_id))
            }
            Write::Spans(spans) => {
                let first_id = self.next_span_id;
                self.wal.add_spans(first_id, request.now, spans)?;
                self.next_span_id += spans.len() as u64;
                Ok(Some(first_id))
            }
            Write::Histograms(samples) => {
                let first_id = self.next_histogram_id;
                self.wal.add_histograms(first_id, request.now, samples)?;
                self.next_histogram_id += samples.len() as u64;
                Ok(Some(first_id))
            }
        }
    }

    fn apply(&self, request: &Request, refused: Appended, first_id: Option<u64>) -> Appended {
        let Shared { samples, logs, spans, histograms, counters, .. } = &*self.shared;
        let mut appended = refused;
        match &request.write {
            Write::Samples(batch) => {
                let fates = samples.apply(batch);
                appended.stored = fates.stored;
                appended.late = fates.late;
                appended.duplicates = fates.duplicates;
                appended.too_old += fates.too_old;
                count(&counters.points_stored, appended.stored);
                count(&counters.points_late, appended.late);
                count(&counters.points_duplicate, appended.duplicates);
                count(&counters.points_too_old, appended.too_old);
                count(&counters.points_future, appended.future);
            }
            Write::Logs(records) => {
                appended.first_log_id = first_id.map(LogId);
                appended.stored = first_id.map_or(0, |it| logs.apply(it, request.now, records));
                appended.duplicates = records.len() as u64 - appended.stored;
                count(&counters.lines_stored, appended.stored);
                count(&counters.lines_duplicate, appended.duplicates);
                count(&counters.lines_too_old, appended.too_old);
                count(&counters.lines_future, appended.future);
            }
            Write::Spans(batch) => {
                appended.stored = first_id.map_or(0, |it| spans.apply(it, request.now, batch));
                appended.duplicates = batch.len() as u64 - appended.stored;
                count(&counters.spans_stored, appended.stored);
                count(&counters.spans_duplicate, appended.duplicates);
                count(&counters.spans_too_old, appended.too_old);
                count(&counters.spans_future, appended.future);
            }
            Write::Histograms(batch) => {
                appended.stored = first_id.map_or(0, |it| histograms.apply(it, request.now, batch));
                appended.duplicates = batch.len() as u64 - appended.stored;
                count(&counters.histograms_stored, appended.stored);
                count(&counters.histograms_duplicate, appended.duplicates);
                count(&counters.histograms_too_old, appended.too_old);
                count(&counters.histograms_future, appended.future);
            }
        }
        appended
    }

    fn fail(&self, done: Done, error: Error) {
        let counters = &self.shared.counters;
        count(&counters.writes_failed, 1);
        if !matches!(error, Error::TooLarge(_)) && !counters.is_wal_failing.swap(true, Relaxed) {
            error!(%error, cause = ?std::error::Error::source(&error), "Write not stored.");
        }
        call(done, Err(error));
    }

    fn must_flush(&self) -> bool {
        let Shared { config, samples, segments, samples_through, .. } = &*self.shared;
        let is_wal_large = segments.bytes() > config.wal_megabytes << 20;
        samples.head_bytes() as u64 > config.head_megabytes << 20
            || is_wal_large && segments.wait_for_samples(samples_through.load(Relaxed))
    }

    /// From here on new samples go to a new segment; those before are handed to the flusher.
    fn flush(&mut self, tell: Option<Sender<bool>>) {
        let mut frozen = None;
        if !self.shared.samples.is_frozen() {
            let through = self.wal.finish_segment();
            self.shared.active_segment.store(self.wal.active_number(), Relaxed);
            frozen = self.shared.samples.freeze(through);
            if frozen.is_none() {
                // Nothing is in memory only: all that the segments hold is in blocks, or was a duplicate.
                self.shared.samples_through.fetch_max(through, Relaxed);
            }
        }
        if frozen.is_some() || tell.is_some() {
            // The flusher ends after the writer, so it is there.
            let _ = self.flusher.send(FlushJob { frozen, tell });
        }
    }
}

/// Takes out what lies outside the accepted time; what is left goes to the log.
fn refuse(write: &mut Write, now: Timestamp, config: &Config) -> Appended {
    let latest = now.plus(Duration::from_secs(config.future_window_secs)).min(Timestamp::MAX);
    let mut refused = Appended::default();
    let is_within = |time: Timestamp| (Timestamp::MIN..=latest).contains(&time);
    let mut accepts = |time: Timestamp| {
        refused.future += u64::from(time > latest);
        refused.too_old += u64::from(time < Timestamp::MIN);
        is_within(time)
    };
    match write {
        Write::Samples(batch)
            if batch.iter().all(|it| !it.points.is_empty() && it.points.iter().all(|it| is_within(it.time))) => {}
        Write::Samples(batch) => {
            let batch = Arc::make_mut(batch);
            batch.iter_mut().for_each(|it| it.points.retain(|it: &Point| accepts(it.time)));
            batch.retain(|it| !it.points.is_empty());
        }
        Write::Logs(records) => records.retain(|it| accepts(it.time)),
        Write::Spans(spans) => spans.retain(|it| accepts(it.start())),
        Write::Histograms(samples) => samples.retain(|it| accepts(it.time)),
    }
    refused
}

/// A caller's panic must not end the writer.
fn call(done: Done, result: Result<Appended, Error>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        error!("A caller panicked in its acknowledgement.");
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
