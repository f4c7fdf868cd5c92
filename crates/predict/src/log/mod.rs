//! What has each model been asked, and what did it answer? An append-only log on disk, off the path of requests.
//!
//! `queue` takes rows from requests, `writer` appends them to `segment` files in the form of `codec`, `labels` joins what
//! turned out to be true, `ids` tells labels of unknown predictions, `follower` brings rows on to other places: `csv` and `parquet`.

mod codec;
pub mod csv;
pub mod follower;
mod ids;
mod labels;
pub mod parquet;
mod queue;
mod segment;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use signal::{
    Clock, FeatureValue, Inference, InferenceLog, InferenceQuery, InferenceSink, Label, LoggedInference, Meter, Metric,
    PortError, TimeRange,
};
use tokio::sync::oneshot;

use crate::config::LogConfig;
use crate::error::PredictError;
use ids::Ids;
pub use ids::Joined;
use labels::Labels;
use queue::{Item, Queue};
use segment::Segments;

/// The log. It lives as long as the server; [`Log::close`] writes what is in the queue and ends it.
pub struct Log {
    shared: Arc<Shared>,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
    followers: Mutex<Vec<follower::Follower>>,
}

/// Names of classes by model and version.
type Classes = BTreeMap<(Arc<str>, Arc<str>), Vec<Arc<str>>>;

/// What the writer and the readers share.
struct Shared {
    config: LogConfig,
    clock: Arc<dyn Clock>,
    queue: Queue,
    rows: Segments,
    label_log: Segments,
    labels: Labels,
    ids: Ids,
    models: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Names of the classes that a version answers by their number.
    classes: RwLock<Classes>,
    sinks: RwLock<Vec<Arc<dyn InferenceSink>>>,
    appended: (Mutex<u64>, Condvar),
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    sampled_out: AtomicU64,
    expired: AtomicU64,
    labels: AtomicU64,
}

impl Log {
    /// Opens the log in a folder and starts its writer.
    ///
    /// # Errors
    /// Of the disk, and of files that another version wrote.
    pub fn open(dir: &Path, config: &LogConfig, clock: Arc<dyn Clock>) -> std::io::Result<Arc<Self>> {
        let rows = Segments::open(&dir.join("rows"), config.segment_bytes)?;
        let label_log = Segments::open(&dir.join("labels"), config.segment_bytes)?;
        let labels = Labels::new(config.max_labels);
        labels.load(&label_log)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(config.queue_rows, config.queue_bytes),
            rows,
            label_log,
            labels,
            ids: Ids::new(config.max_pending_labels, Duration::from_secs(config.label_patience_secs)),
            models: Mutex::new(writer::load_models(dir)),
            classes: RwLock::default(),
            sinks: RwLock::default(),
            appended: (Mutex::default(), Condvar::new()),
            counts: Counts::default(),
            config: config.clone(),
            clock,
        });
        // It ends by itself; until then no label is called unknown.
        let its = Arc::clone(&shared);
        std::thread::Builder::new().name("prediction-ids".to_owned()).spawn(move || {
            if let Err(error) = its.ids.load(&its.rows) {
                tracing::warn!(%error, "Ids of earlier predictions were not read; their labels count as unknown.");
            }
        })?;
        let (its, dir) = (Arc::clone(&shared), dir.to_owned());
        let writer = std::thread::Builder::new()
            .name("prediction-log".to_owned())
            .spawn(move || writer::Writer::new(its, &dir).run())?;
        Ok(Arc::new(Self { shared, writer: Mutex::new(Some(writer)), followers: Mutex::default() }))
    }

    /// Hands predictions over and returns at once; what does not fit is dropped and counted.
    pub fn offer(&self, rows: Vec<Inference>) {
        let n = rows.len() as u64;
        if self.shared.queue.push(Item::Rows(rows, None)).is_err() {
            self.shared.counts.dropped.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Hands predictions over and returns when they are durable.
    ///
    /// # Errors
    /// If there is no room, or the disk refuses them; then the sender keeps them.
    pub async fn write(&self, rows: Vec<Inference>) -> Result<(), PredictError> {
        let (ack, done) = oneshot::channel();
        self.push(Item::Rows(rows, Some(ack)))?;
        written(done.await).map(|_| ())
    }

    /// Hands labels over and tells when they are durable which of them have a prediction.
    ///
    /// # Errors
    /// As [`Log::write`].
    pub async fn label(&self, labels: Vec<Label>) -> Result<Joined, PredictError> {
        let (ack, done) = oneshot::channel();
        self.push(Item::Labels(labels, ack))?;
        written(done.await)
    }

    fn push(&self, item: Item) -> Result<(), PredictError> {
        let full = |_| PredictError::Busy("the log of predictions has no room now".to_owned());
        self.shared.queue.push(item).map_err(full)
    }

    /// Says which classes a version answers by their number: a label may be the name of one.
    pub fn name_classes(&self, model: &Arc<str>, version: &Arc<str>, classes: &[Arc<str>]) {
        let mut all = self.shared.classes.write().unwrap_or_else(PoisonError::into_inner);
        all.insert((Arc::clone(model), Arc::clone(version)), classes.to_vec());
    }

    /// Tells somebody of all predictions and labels from now on, on the writer's thread.
    pub fn subscribe(&self, sink: Arc<dyn InferenceSink>) {
        self.shared.sinks.write().unwrap_or_else(PoisonError::into_inner).push(sink);
    }

    /// Brings rows to another place, on a thread of its own, from where it was before the last stop.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn follow(self: &Arc<Self>, name: &str, dir: &Path, outlet: Box<dyn follower::Outlet>) -> std::io::Result<()> {
        let follower = follower::Follower::start(name, dir, Arc::clone(&self.shared) as _, outlet)?;
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).push(follower);
        Ok(())
    }

    /// Writes what is in the queue, brings it on as far as that works at once, and ends the threads.
    pub fn close(&self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic was told on standard error already.
            let _ = writer.join();
        }
        for follower in self.followers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            follower.stop();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

fn written(outcome: Result<Result<Joined, String>, oneshot::error::RecvError>) -> Result<Joined, PredictError> {
    match outcome {
        Ok(Ok(joined)) => Ok(joined),
        Ok(Err(problem)) => Err(PredictError::Log(problem)),
        Err(_) => Err(PredictError::Busy("the server stops".to_owned())),
    }
}

impl Shared {
    /// Waits until something was appended after `seen` or the time is over; the number of appends so far.
    fn wait(&self, seen: u64, most: Duration) -> u64 {
        let (count, changed) = &self.appended;
        let count = count.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = changed.wait_timeout_while(count, most, |it| *it == seen);
        *wait.unwrap_or_else(PoisonError::into_inner).0
    }

    fn tell_appended(&self) {
        let (count, changed) = &self.appended;
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_all();
    }

    fn read_rows(&self, query: &InferenceQuery, visit: &mut dyn FnMut(LoggedInference) -> bool) -> std::io::Result<()> {
        let mut is_bad = false;
        let fits = |row: &Inference| {
            query.range.contains(row.time)
                && query.model.as_deref().is_none_or(|it| it == &*row.model)
                && query.version.as_deref().is_none_or(|it| it == &*row.version)
        };
        self.rows.read(query.range, query.after, |first, head, body| {
            let Some(rows) = codec::decode_inferences(head, body) else {
                is_bad = true;
                return false;
            };
            for (sequence, inference) in (first..).zip(rows) {
                if sequence > query.after && fits(&inference) {
                    let label = self.labels.of(&inference.id).map(|it| self.numbered(it, &inference));
                    if !visit(LoggedInference { sequence, inference, label }) {
                        return false;
                    }
                }
            }
            true
        })?;
        if is_bad { Err(std::io::Error::other("a frame holds something else than it says")) } else { Ok(()) }
    }
}

impl Shared {
    /// The label in the words of the answer: its class's number where that was answered.
    fn numbered(&self, label: Label, row: &Inference) -> Label {
        let (FeatureValue::Text(text), FeatureValue::Number(_)) = (&label.label, &row.prediction) else { return label };
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        let of_version = classes.get(&(Arc::clone(&row.model), Arc::clone(&row.version)));
        let number = of_version.and_then(|it| it.iter().position(|it| it == text));
        number.map_or(label.clone(), |it| Label { label: (it as f64).into(), ..label })
    }

    fn read_labels(&self, after: u64, visit: &mut dyn FnMut(u64, Label) -> bool) -> std::io::Result<()> {
        let mut is_bad = false;
        self.label_log.read(TimeRange::ALL, after, |first, head, body| {
            let Some(labels) = codec::decode_labels(head, body) else {
                is_bad = true;
                return false;
            };
            (first..).zip(labels).filter(|it| it.0 > after).all(|(place, label)| visit(place, label))
        })?;
        if is_bad { Err(std::io::Error::other("a frame holds something else than it says")) } else { Ok(()) }
    }
}

fn failed(operation: &'static str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::Failed { operation, source: error.into() }
}

impl InferenceLog for Log {
    fn read(&self, query: &InferenceQuery, visit: &mut dyn FnMut(LoggedInference) -> bool) -> Result<(), PortError> {
        self.shared.read_rows(query, visit).map_err(|it| failed("read the log of predictions", it))
    }

    fn read_labels(&self, after: u64, visit: &mut dyn FnMut(u64, Label) -> bool) -> Result<(), PortError> {
        let read = self.shared.read_labels(after, visit);
        read.map_err(|it| failed("read the log of labels", it))
    }

    fn ends(&self) -> (u64, u64) {
        let last = |it: &Segments| it.end().saturating_sub(1);
        (last(&self.shared.rows), last(&self.shared.label_log))
    }

    fn logged_models(&self) -> Vec<(String, Vec<String>)> {
        let models = self.shared.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.iter().map(|(name, versions)| (name.clone(), versions.iter().cloned().collect())).collect()
    }

    fn add_labels(&self, labels: &[Label]) -> Result<(), PortError> {
        let (ack, done) = oneshot::channel();
        self.push(Item::Labels(labels.to_vec(), ack)).map_err(|it| PortError::Busy(it.to_string()))?;
        written(done.blocking_recv()).map(|_| ()).map_err(|it| failed("write labels", it))
    }
}

impl Meter for Log {
    // Long because each number is a line.
    fn metrics(&self) -> Vec<Metric> {
        let shared = &self.shared;
        let counts = &shared.counts;
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let own = |it: Metric| it.label("sink", "log");
        let (rows, bytes) = shared.queue.depth();
        let sent = "Predictions written, by sink.";
        let dropped = "Predictions that a sink did not get, by reason.";
        let failed = "Deliveries that failed; they are tried again.";
        let depth = "Predictions that wait for a sink.";
        let mut metrics = vec![
            own(Metric::counter("sentinel_predict_logger_events_sent_total", sent, get(&counts.sent))),
            own(Metric::counter("sentinel_predict_logger_events_dropped_total", dropped, get(&counts.dropped)))
                .label("reason", "queue_full"),
            own(Metric::counter("sentinel_predict_logger_events_failed_total", failed, get(&counts.failed))),
            own(Metric::gauge("sentinel_predict_logger_work_queue_depth", depth, rows as f64)),
            Metric::gauge("sentinel_predict_log_queue_bytes", "Memory of predictions that wait.", bytes as f64),
            Metric::gauge("sentinel_predict_log_bytes", "Size of the log on disk.", shared.rows.bytes() as f64),
            Metric::counter(
                "sentinel_predict_log_sampled_out_total",
                "Left out by sampling.",
                get(&counts.sampled_out),
            ),
            Metric::counter("sentinel_predict_log_expired_total", "Removed by retention.", get(&counts.expired)),
            Metric::counter(
                "sentinel_predict_log_torn_bytes_total",
                "Bytes that a kill left unfinished and that were cut when the log was opened.",
                shared.rows.torn_bytes + shared.label_log.torn_bytes,
            ),
            Metric::counter("sentinel_predict_labels_total", "Labels taken.", get(&counts.labels)),
            Metric::gauge("sentinel_predict_labels", "Labels at hand for joining.", shared.labels.len() as f64),
        ];
        metrics.extend(shared.ids.metrics(shared.clock.now()));
        for follower in self.followers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            metrics.extend(follower.metrics());
        }
        metrics
    }
}

impl follower::Source for Shared {
    fn read_after(&self, after: u64, most: usize) -> std::io::Result<Vec<LoggedInference>> {
        let query = InferenceQuery { model: None, version: None, range: TimeRange::ALL, after };
        let mut rows = Vec::new();
        self.read_rows(&query, &mut |row| {
            rows.push(row);
            rows.len() < most
        })?;
        Ok(rows)
    }

    fn start(&self) -> u64 {
        self.rows.start()
    }

    fn end(&self) -> u64 {
        self.rows.end()
    }

    fn wait(&self, seen: u64, most: Duration) -> u64 {
        Self::wait(self, seen, most)
    }
}
