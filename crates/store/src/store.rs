//! How does the rest of Sentinel reach what is stored? One object that opens everything and implements the ports.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{TrySendError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal::{
    Change, ChangeLog, Clock, Exemplar, ExemplarSearch, GoOn, History, Incident, IncidentFilter, IncidentId, LabelTest,
    Labels, Ledger, LedgerEntry, LogHit, LogId, LogQuery, LogRecord, LogSearch, Meter, Metric, OfHistograms, Plan,
    PlanStore, Point, PortError, SeriesId, SeriesQuery, Span, SpanQuery, SystemClock, TimeRange, Timestamp, TraceId,
    TraceSearch, TraceSummary,
};
use tracing::warn;

use crate::counters::{Counters, FAILED, count};
use crate::disk::{self, DirectoryLock};
use crate::exemplars::Exemplars;
use crate::histograms::Histograms;
use crate::logs::Logs;
use crate::merger;
use crate::packs::Sizes;
use crate::packs::parts::Parts as LogParts;
use crate::samples::Samples;
use crate::snapshots::Snapshots;
use crate::spans::Spans;
use crate::state::{self, Row, State};
use crate::threads::{self, Doors};
use crate::wal::{Segments, Through};
use crate::writer::{Appended, Done, Message, Request, Write};
use crate::{Busy, Config, Error, Recovery, recovery};

/// When the samples that could not be moved to disk reach this many times the limit, writes are refused.
const HEAD_LIMIT_FACTOR: u64 = 4;
/// The name of the snapshot of exemplars.
const EXEMPLARS: &str = "exemplars";
/// How long `flush` waits for the packers.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(600);

/// Everything that is stored, in one directory. Dropping it waits for writes that were accepted.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    state: State,
    snapshots: Snapshots,
    exemplars: Exemplars,
    /// None while dropping.
    doors: Option<Doors>,
    threads: Vec<JoinHandle<()>>,
    /// When the head was last moved to a block, in milliseconds of the caller's time.
    last_flush: Mutex<Option<Timestamp>>,
    _lock: DirectoryLock,
}

/// What the threads share.
#[derive(Debug)]
pub struct Shared {
    pub config: Config,
    pub samples: Samples,
    pub logs: Logs,
    pub spans: Spans,
    pub histograms: Histograms,
    pub segments: Arc<Segments>,
    pub counters: Arc<Counters>,
    /// Points and lines that wait for the disk.
    pub queued_items: AtomicUsize,
    /// Segments below this one are finished.
    pub active_segment: AtomicU64,
    /// Samples in segments up to this one are in blocks.
    pub samples_through: AtomicU64,
    /// Held by whoever merges files.
    pub merging: Mutex<()>,
    pub is_closing: AtomicBool,
}

impl Shared {
    /// Removes segments that are no longer needed.
    pub fn remove_covered_segments(&self) {
        let through = Through {
            samples: self.samples_through.load(Relaxed),
            log_id: self.logs.packed_through(),
            span_id: self.spans.packed_through(),
            histogram_id: self.histograms.packed_through(),
        };
        let active = self.active_segment.load(Relaxed);
        if let Err(error) = self.segments.remove_covered(through, active) {
            warn!(%error, "Segment not removed; tried again later.");
        }
    }
}

impl Store {
    /// Opens or makes the store in a directory and brings it in order after a crash. Fails if another process has it
    /// open, if the configuration is wrong, or if the directory cannot be read or written; damaged content is no
    /// failure but is told in [`Recovery`].
    pub fn open(dir: &Path, config: Config) -> Result<(Arc<Self>, Recovery), Error> {
        let start = Instant::now();
        let problems = config.validate();
        if !problems.is_empty() {
            return Err(Error::Config(problems.join("; ")));
        }
        disk::make_dir(dir)?;
        let lock = DirectoryLock::take(dir)?;
        let mut recovery = Recovery::default();
        let state = State::open(&dir.join(state::FILE), &mut recovery)?;
        let snapshots = Snapshots::open(&dir.join("snapshots"))?;
        let exemplars = Exemplars::new(&config);
        if snapshots.get(EXEMPLARS)?.is_some_and(|it| !exemplars.restore(&it)) {
            warn!("Some of the saved exemplars cannot be read.");
        }
        let (shared, wal) = recovery::recover(dir, config, &mut recovery)?;
        let shared = Arc::new(shared);
        let (doors, threads) = threads::start(&shared, wal)?;
        recovery.took = start.elapsed();
        let store = Self {
            shared,
            state,
            snapshots,
            exemplars,
            doors: Some(doors),
            threads,
            last_flush: Mutex::new(None),
            _lock: lock,
        };
        Ok((Arc::new(store), recovery))
    }

    /// Stores points or lines. `done` is called once, from another thread, after they are durable or were refused.
    /// `now` is the time against which future times are judged. Busy means that nothing was taken: send it later.
    pub fn append(&self, write: Write, now: Timestamp, done: Done) -> Result<(), Busy> {
        let Shared { config, counters, queued_items, logs, spans, histograms, samples, .. } = &*self.shared;
        let items = write.len();
        let is_packer_behind = match &write {
            Write::Samples(_) => false,
            Write::Logs(_) => logs.pending_records() >= config.unpacked_records,
            Write::Spans(_) => spans.pending_records() >= config.unpacked_records,
            Write::Histograms(_) => histograms.pending_records() >= config.unpacked_records,
        };
        let is_head_full = samples.head_bytes() as u64 > (config.head_megabytes << 20) * HEAD_LIMIT_FACTOR;
        let before = queued_items.fetch_add(items, Relaxed);
        // One write alone is taken whatever its size, or it would never be.
        let is_full = before > 0 && before + items > config.queue_items;
        let doors = self.doors.as_ref().filter(|_| !is_packer_behind && !is_head_full && !is_full);
        let message = Message::Write(Request { write, now, items, done });
        match doors.map(|it| it.messages.try_send(message)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Disconnected(Message::Write(request)))) => {
                queued_items.fetch_sub(items, Relaxed);
                (request.done)(Err(Error::Closed));
                Ok(())
            }
            _ => {
                queued_items.fetch_sub(items, Relaxed);
                count(&counters.writes_busy, 1);
                Err(Busy)
            }
        }
    }

    /// Stores points or lines and waits until they are durable; waits also while the queue is full. For programs that
    /// have a thread to spare.
    pub fn append_and_wait(&self, write: &Write, now: Timestamp) -> Result<Appended, Error> {
        loop {
            let (sender, receiver) = channel();
            let done: Done = Box::new(move |result| _ = sender.send(result));
            match self.append(write.clone(), now, done) {
                Ok(()) => return receiver.recv().unwrap_or(Err(Error::Closed)),
                Err(Busy) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// From here on changes of incidents, plans, changes, ledger and values are noted, for a copy elsewhere. At the first
    /// time all of them count as changed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn begin_journal(&self) -> Result<(), Error> {
        self.state.begin_journal()
    }

    /// The copy is lost: all of them count as changed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn journal_anew(&self) -> Result<(), Error> {
        self.state.journal_anew()
    }

    /// The oldest changed rows, at most so many, and the number up to which they go.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn journal(&self, limit: usize) -> Result<(Vec<Row>, i64), Error> {
        self.state.journal(limit)
    }

    /// The copy has all changes up to this number.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn forget_journal(&self, up_to: i64) -> Result<(), Error> {
        self.state.forget_journal(up_to)
    }

    /// Periodic work, to be called about once a minute: moves samples to a block when it is time, removes what is older
    /// or more than is kept, and segments that are no longer needed.
    pub fn maintain(&self, now: Timestamp) -> Result<(), Error> {
        let Shared { config, samples, logs, spans, histograms, .. } = &*self.shared;
        let is_due = {
            let mut last_flush = self.last_flush.lock().unwrap_or_else(PoisonError::into_inner);
            let last = *last_flush.get_or_insert(now);
            let is_due = now.since(last) >= Duration::from_secs(config.flush_secs);
            if is_due {
                *last_flush = Some(now);
            }
            is_due
        };
        // A full queue is no reason to wait: it is due again at the next call.
        if is_due && let Some(doors) = &self.doors {
            let _ = doors.messages.try_send(Message::Flush(None));
        }
        samples.expire(now.minus(config.samples.age()), config.samples.bytes())?;
        logs.expire(now)?;
        spans.expire(now)?;
        histograms.expire(now)?;
        self.shared.remove_covered_segments();
        if let Some(doors) = &self.doors {
            let _ = doors.merges.try_send(now);
        }
        Ok(())
    }

    /// Merges all files that are ready for it, as `maintain` has it done in the background, and says how often. Waits for
    /// a merge that is under way.
    ///
    /// # Errors
    /// A file cannot be read, or the disk refuses; nothing is lost then.
    pub fn merge(&self, now: Timestamp) -> Result<usize, Error> {
        merger::merge_all(&self.shared, now)
    }

    /// Moves everything to its final place (blocks, packs) and waits for it. False if the disk refused or it took more
    /// than ten minutes; nothing is lost then.
    pub fn flush(&self) -> bool {
        // Once for what was on its way already, once for what came since.
        let is_flushed = (0..2).all(|_| {
            let (tell, told) = channel();
            let sent = self.doors.as_ref().map(|it| it.messages.send(Message::Flush(Some(tell))));
            matches!(sent, Some(Ok(()))) && told.recv() == Ok(true)
        });
        let Shared { logs, spans, histograms, .. } = &*self.shared;
        let is_packed = logs.flush(FLUSH_TIMEOUT) && spans.flush(FLUSH_TIMEOUT) && histograms.flush(FLUSH_TIMEOUT);
        self.shared.remove_covered_segments();
        is_flushed && is_packed
    }

    /// Where the bytes of packed log lines go.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn log_parts(&self) -> Result<LogParts, Error> {
        self.shared.logs.parts()
    }

    /// Why the store is unhealthy, if it is.
    pub fn complaint(&self) -> Option<&'static str> {
        let Shared { counters, logs, spans, histograms, .. } = &*self.shared;
        let failing = [&logs.is_failing, &spans.is_failing, &histograms.is_failing];
        let is_packing_failing = failing.iter().any(|it| it.load(Relaxed));
        counters.complaint().or_else(|| is_packing_failing.then_some("log lines, spans or histograms cannot be packed"))
    }

    /// Calls `visit` with the points of each of these series in the range, in order of time, and none for a series that
    /// has none there. For very many series at once: those that lie beside each other are read together. The ids must be
    /// in ascending order.
    pub fn scan(&self, series: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(SeriesId, Vec<Point>)) {
        self.shared.samples.scan(series, range, visit);
    }

    /// The labels of a series.
    pub fn labels(&self, series: SeriesId) -> Option<Labels> {
        self.shared.samples.labels(series)
    }

    /// Saves an incident, new or changed; durable when it returns.
    pub fn save_incident(&self, incident: &Incident) -> Result<(), Error> {
        self.state.save_incident(incident)
    }

    /// An incident id that was never given out before.
    pub fn next_incident_id(&self) -> Result<IncidentId, Error> {
        self.state.next_incident_id()
    }

    /// Incidents, newest first.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError> {
        self.state.incidents(filter)
    }

    /// One incident.
    pub fn incident(&self, id: IncidentId) -> Result<Incident, PortError> {
        self.state.incident(id)
    }

    /// Adds changes; one that is there already stays once. Durable when it returns.
    pub fn add_changes(&self, changes: &[Change]) -> Result<(), Error> {
        self.state.add_changes(changes)
    }

    /// The bytes a stage keeps under a name, if there are any.
    pub fn get_state(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.state.get_state(name)
    }

    /// Keeps bytes under a name in place of those that were there; durable when it returns.
    pub fn put_state(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.state.put_state(name, bytes)
    }

    /// Keeps the pieces, one after the other, under a name in place of what was there; durable when it returns. For
    /// values of many megabytes: a piece is asked for when the one before it is on disk.
    pub fn put_snapshot(&self, name: &str, pieces: &mut dyn Iterator<Item = Vec<u8>>) -> Result<(), Error> {
        self.snapshots.put(name, pieces)
    }

    /// What `put_snapshot` keeps under a name, if there is anything.
    pub fn get_snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.snapshots.get(name)
    }

    /// Keeps exemplars and says how many; they are durable after `save_exemplars`. `now` is the time against which
    /// future ones are judged.
    pub fn add_exemplars(&self, batch: Vec<Exemplar>, now: Timestamp) -> u64 {
        self.exemplars.add(batch, now)
    }

    /// Makes the exemplars durable, if there are new ones.
    pub fn save_exemplars(&self) -> Result<(), Error> {
        self.exemplars.save().map_or(Ok(()), |pieces| self.snapshots.put(EXEMPLARS, &mut pieces.into_iter()))
    }

    /// Entries of the ledger about any of these subjects, in order; found through an index.
    pub fn entries_about(&self, subjects: &[String]) -> Result<Vec<LedgerEntry>, PortError> {
        self.state.entries_about(subjects).map_err(Error::port("read the ledger"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Relaxed);
        // The writer ends when the queue is empty, and the flusher after it.
        self.doors = None;
        self.shared.logs.close();
        self.shared.spans.close();
        self.shared.histograms.close();
        for thread in self.threads.drain(..) {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

impl History for Store {
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        Ok(self.shared.samples.series(query))
    }

    fn labels(&self, series: SeriesId) -> Result<Option<Labels>, PortError> {
        Ok(self.shared.samples.labels(series))
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        Ok(self.shared.samples.points(series, range))
    }

    fn select(&self, tests: &[LabelTest<'_>], range: Option<TimeRange>) -> Result<Vec<Labels>, PortError> {
        Ok(self.shared.samples.select(tests, range))
    }

    fn read(&self, series: &[Labels], range: TimeRange, go_on: GoOn<'_>) -> Result<Vec<Vec<Point>>, PortError> {
        Ok(self.shared.samples.read_many(series, range, go_on))
    }

    fn histograms(&self, series: &[Labels], range: TimeRange) -> Result<Vec<OfHistograms>, PortError> {
        Ok(self.shared.histograms.read(series, range))
    }
}

impl ExemplarSearch for Store {
    fn exemplars(&self, fits: &dyn Fn(&Labels) -> bool, range: TimeRange) -> Vec<Exemplar> {
        self.exemplars.find(fits, range)
    }
}

impl LogSearch for Store {
    fn search(&self, query: &LogQuery) -> Result<Vec<LogHit>, PortError> {
        Ok(self.shared.logs.search(query))
    }

    fn line(&self, id: LogId) -> Result<Option<LogRecord>, PortError> {
        Ok(self.shared.logs.line(id))
    }
}

impl TraceSearch for Store {
    fn trace(&self, id: TraceId, range: TimeRange) -> Result<Vec<Span>, PortError> {
        Ok(self.shared.spans.trace(id, range))
    }

    fn trace_size(&self, id: TraceId, range: TimeRange) -> Result<u64, PortError> {
        Ok(self.shared.spans.trace_size(id, range))
    }

    fn traces(&self, query: &SpanQuery) -> Result<Vec<TraceSummary>, PortError> {
        Ok(self.shared.spans.traces(query))
    }
}

impl ChangeLog for Store {
    fn changes(&self, range: TimeRange) -> Result<Vec<Change>, PortError> {
        self.state.changes(range)
    }
}

impl PlanStore for Store {
    fn save_plan(&self, plan: &Plan) -> Result<(), PortError> {
        self.state.save_plan(plan).map_err(Error::port("save a plan"))
    }

    fn load_plans(&self) -> Result<Vec<Plan>, PortError> {
        self.state.load_plans()
    }
}

impl Ledger for Store {
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError> {
        let entry = self.state.append_entry(SystemClock.now(), actor, action, subject, detail);
        entry.map_err(Error::port("add to the ledger"))
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, PortError> {
        self.state.entries(after, limit).map_err(Error::port("read the ledger"))
    }

    fn verify(&self) -> Result<u64, PortError> {
        self.state.verify_ledger()
    }
}

impl Meter for Store {
    fn metrics(&self) -> Vec<Metric> {
        const BYTES: &str = "Bytes on disk.";
        let Shared { samples, logs, spans, histograms, segments, counters, queued_items, .. } = &*self.shared;
        let sizes = samples.sizes();
        let (log_sizes, span_sizes, histogram_sizes) = (logs.sizes(), spans.sizes(), histograms.sizes());
        let gauge = |name, help, value: usize| Metric::gauge(name, help, value as f64);
        let disk = |kind: &str, bytes: u64| {
            Metric::gauge("sentinel_store_disk_bytes", BYTES, bytes as f64).label("kind", kind)
        };
        let packed = |kind: &str, sizes: Sizes| {
            const HELP: &str = "Bytes of packed records before they were packed.";
            Metric::gauge("sentinel_store_packed_raw_bytes", HELP, sizes.raw_bytes as f64).label("kind", kind)
        };
        let packed_records = |kind: &str, sizes: Sizes| {
            const HELP: &str = "Log lines, spans or native histograms in packs.";
            Metric::gauge("sentinel_store_packed_records_count", HELP, sizes.packed_records as f64).label("kind", kind)
        };
        let mut metrics = counters.metrics();
        metrics.extend(self.exemplars.metrics());
        metrics.extend([
            gauge("sentinel_store_queue_items", "Points and lines that wait for the disk.", queued_items.load(Relaxed)),
            gauge("sentinel_store_unpacked_lines", "Lines that wait to be packed.", logs.pending_records()),
            gauge("sentinel_store_unpacked_spans", "Spans that wait to be packed.", spans.pending_records()),
            packed("logs", log_sizes),
            packed("spans", span_sizes),
            packed("histograms", histogram_sizes),
            packed_records("logs", log_sizes),
            packed_records("spans", span_sizes),
            packed_records("histograms", histogram_sizes),
            gauge("sentinel_store_series_count", "Series in memory and in blocks.", sizes.series),
            gauge("sentinel_store_head_series_count", "Series that are being written.", sizes.head_series),
            gauge("sentinel_store_head_points_count", "Points in memory.", sizes.head_points),
            gauge("sentinel_store_head_bytes", "Bytes of samples in memory.", sizes.head_bytes),
            gauge("sentinel_store_blocks_count", "Blocks of samples.", sizes.blocks),
            Metric::gauge("sentinel_store_block_points_count", "Points in blocks.", sizes.block_points as f64),
            gauge("sentinel_store_wal_segments_count", "Segments of the write-ahead log.", segments.len()),
            disk("wal", segments.bytes()),
            disk("samples", sizes.block_bytes),
            disk("logs", log_sizes.disk_bytes),
            disk("spans", span_sizes.disk_bytes),
            disk("histograms", histogram_sizes.disk_bytes),
            disk("state", self.state.bytes()),
            disk("snapshots", self.snapshots.bytes()),
            Metric::counter("sentinel_store_background_failures_total", FAILED, self.state.anchor_failures())
                .label("task", "anchor"),
        ]);
        metrics
    }
}
