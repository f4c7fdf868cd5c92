//! How do predictions come to other places? A follower reads the log from where it was and delivers at its own pace: a
//! place that is slow or dead costs disk, not memory, and holds up nobody.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use signal::{LoggedInference, Metric, MetricKind};

/// Rows that are delivered at once.
const BATCH: usize = 1000;
/// Pauses after failures, from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Upper ends of the histogram of deliveries, in seconds.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// A place that rows are brought to.
pub trait Outlet: Send {
    /// Takes rows, all or none; they are brought again after a failure, and after a kill at the wrong moment.
    ///
    /// # Errors
    /// If the place did not take them.
    fn deliver(&mut self, rows: &[LoggedInference]) -> io::Result<()>;

    /// Called when there is nothing more to deliver, and before the end: what waits inside may be written.
    /// Returns false while something must still wait; then the place in the log is not moved over it.
    ///
    /// # Errors
    /// As [`Outlet::deliver`].
    fn idle(&mut self, _is_end: bool) -> io::Result<bool> {
        Ok(true)
    }
}

/// Where rows come from.
pub trait Source: Send + Sync {
    /// Rows after a sequence.
    fn read_after(&self, after: u64, most: usize) -> io::Result<Vec<LoggedInference>>;
    /// The first sequence that is still there.
    fn start(&self) -> u64;
    /// The next sequence.
    fn end(&self) -> u64;
    /// Waits for more than was seen.
    fn wait(&self, seen: u64, most: Duration) -> u64;
}

/// The thread of an outlet.
pub struct Follower {
    name: String,
    thread: Mutex<Option<JoinHandle<()>>>,
    state: Arc<State>,
}

struct State {
    source: Arc<dyn Source>,
    is_stopped: AtomicBool,
    /// The last sequence that was delivered.
    cursor: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    seconds: Mutex<([u64; BUCKETS.len() + 1], f64)>,
}

impl Follower {
    /// Starts the thread; its place in the log is kept in a file of the folder.
    pub fn start(name: &str, dir: &Path, source: Arc<dyn Source>, outlet: Box<dyn Outlet>) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let file = dir.join(format!("{}.cursor", file_name(name)));
        let kept = match std::fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => Some(other?),
        };
        let known = kept.as_deref().and_then(|it| it.trim().parse().ok());
        let cursor = match (known, &kept) {
            (Some(known), _) => known,
            // A new place gets what comes from now on.
            (None, None) => source.end().saturating_sub(1),
            // Rather twice than never.
            (None, Some(_)) => {
                tracing::warn!(sink = name, file = %file.display(), "How far a sink was is not readable; it gets all anew.");
                source.start().saturating_sub(1)
            }
        };
        let state = Arc::new(State {
            source,
            is_stopped: AtomicBool::new(false),
            cursor: AtomicU64::new(cursor),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            seconds: Mutex::default(),
        });
        let its = Arc::clone(&state);
        if known.is_none() {
            save(&file, cursor)?;
        }
        let thread = std::thread::Builder::new()
            .name(format!("sink-{name}").chars().take(15).collect())
            .spawn(move || Delivery { state: its, outlet, file, taken: cursor, pending: 0 }.run())?;
        Ok(Self { name: name.to_owned(), thread: Mutex::new(Some(thread)), state })
    }

    /// Delivers what is there, if that works at once, and ends the thread.
    pub fn stop(&self) {
        self.state.is_stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic was told on standard error already.
            let _ = thread.join();
        }
    }

    /// What it counts.
    pub fn metrics(&self) -> Vec<Metric> {
        let state = &self.state;
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let own = |it: Metric| it.label("sink", &self.name);
        let depth = state.source.end().saturating_sub(get(&state.cursor) + 1);
        let (sent, dropped) = ("Predictions written, by sink.", "Predictions that a sink did not get, by reason.");
        let failed = "Deliveries that failed; they are tried again.";
        let waiting = "Predictions that wait for a sink.";
        let mut metrics = vec![
            own(Metric::counter("sentinel_predict_logger_events_sent_total", sent, get(&state.sent))),
            own(Metric::counter("sentinel_predict_logger_events_dropped_total", dropped, get(&state.dropped)))
                .label("reason", "disk_bound"),
            own(Metric::counter("sentinel_predict_logger_events_failed_total", failed, get(&state.failed))),
            own(Metric::gauge("sentinel_predict_logger_work_queue_depth", waiting, depth as f64)),
        ];
        metrics.extend(state.histogram().into_iter().map(own));
        metrics
    }
}

impl State {
    fn histogram(&self) -> Vec<Metric> {
        let (counts, sum) = *self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let part = |name: &'static str, value: f64| Metric {
            name: name.into(),
            help: "Seconds that a delivery takes.".into(),
            kind: MetricKind::Histogram,
            labels: vec![],
            value,
        };
        let mut total = 0;
        let mut metrics = vec![];
        let ends = BUCKETS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (count, end) in counts.iter().zip(ends) {
            total += count;
            let bucket = part("sentinel_predict_logger_delivery_duration_seconds_bucket", total as f64);
            metrics.push(bucket.label("le", &end));
        }
        metrics.push(part("sentinel_predict_logger_delivery_duration_seconds_sum", sum));
        metrics.push(part("sentinel_predict_logger_delivery_duration_seconds_count", total as f64));
        metrics
    }

    fn note_seconds(&self, seconds: f64) {
        let mut state = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = BUCKETS.iter().position(|it| seconds <= *it).unwrap_or(BUCKETS.len());
        if let Some(count) = state.0.get_mut(bucket) {
            *count += 1;
        }
        state.1 += seconds;
    }
}

/// What the thread does.
struct Delivery {
    state: Arc<State>,
    outlet: Box<dyn Outlet>,
    file: PathBuf,
    /// The last sequence that the outlet has taken, though perhaps not yet brought to safety.
    taken: u64,
    /// Rows that it has taken since the last that are safe.
    pending: u64,
}

impl Delivery {
    fn run(mut self) {
        let (mut seen, mut pause) = (0, PAUSES.0);
        loop {
            let is_end = self.state.is_stopped.load(Ordering::Acquire);
            match self.step(is_end) {
                Ok(true) => pause = PAUSES.0,
                Ok(false) if is_end => return,
                Ok(false) => seen = self.state.source.wait(seen, Duration::from_millis(250)),
                Err(error) => {
                    self.state.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(sink = %self.file.display(), %error, "Predictions not delivered; trying again.");
                    if self.rest(pause) {
                        return;
                    }
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// Delivers a batch; false if there was none.
    fn step(&mut self, is_end: bool) -> io::Result<bool> {
        let first = self.state.source.start();
        if first > self.taken + 1 {
            // Retention removed what was never delivered.
            self.state.dropped.fetch_add(first - self.taken - 1, Ordering::Relaxed);
            self.taken = first - 1;
        }
        let rows = self.state.source.read_after(self.taken, BATCH)?;
        let started = Instant::now();
        let Some(last) = rows.last().map(|it| it.sequence) else {
            if self.outlet.idle(is_end)? && self.pending > 0 {
                self.settle()?;
            }
            return Ok(false);
        };
        self.outlet.deliver(&rows)?;
        self.state.note_seconds(started.elapsed().as_secs_f64());
        self.taken = last;
        self.pending += rows.len() as u64;
        if self.outlet.idle(false)? {
            self.settle()?;
        }
        Ok(true)
    }

    fn settle(&mut self) -> io::Result<()> {
        self.state.cursor.store(self.taken, Ordering::Release);
        self.state.sent.fetch_add(std::mem::take(&mut self.pending), Ordering::Relaxed);
        save(&self.file, self.taken)
    }

    /// True if it was told to stop meanwhile.
    fn rest(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            if self.state.is_stopped.load(Ordering::Acquire) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

fn save(file: &Path, cursor: u64) -> io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, cursor.to_string())?;
    std::fs::rename(&new, file)
}

fn file_name(name: &str) -> String {
    let plain = |it: char| if it.is_ascii_alphanumeric() { it } else { '_' };
    format!("{}-{:08x}", name.chars().map(plain).take(60).collect::<String>(), crc32fast::hash(name.as_bytes()))
}
