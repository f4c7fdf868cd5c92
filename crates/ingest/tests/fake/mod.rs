//! A sink that remembers what it was given and answers as it is told, and a clock that stands still.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ingest::{
    Accepted, Admission, Alert, Config, Counts, Entrance, MetricMetadata, MonitorVerdict, Offsets, Position, Refused,
    Sink, Source,
};
use signal::{Change, Clock, Exemplar, HistogramSample, LogRecord, Meter, PortError, SeriesPoints, Span, Timestamp};
use tokio::sync::Notify;
use tower::ServiceExt;

/// Remembers everything.
#[derive(Default)]
pub struct Recorder {
    pub samples: Mutex<Vec<SeriesPoints>>,
    pub exemplars: Mutex<Vec<Exemplar>>,
    pub histograms: Mutex<Vec<HistogramSample>>,
    pub metadata: Mutex<Vec<MetricMetadata>>,
    pub lines: Mutex<Vec<LogRecord>>,
    pub spans: Mutex<Vec<Span>>,
    pub changes: Mutex<Vec<Change>>,
    pub alerts: Mutex<Vec<Alert>>,
    /// What is answered next, instead of taking the batch.
    pub refusals: Mutex<Vec<Refused>>,
    pub arrived: Notify,
}

impl Recorder {
    fn take(&self, keep: impl FnOnce()) -> Result<Accepted, Refused> {
        if let Some(refused) = self.refusals.lock().unwrap().pop() {
            return Err(refused);
        }
        keep();
        self.arrived.notify_one();
        Ok(Accepted::new(1, 0))
    }

    /// Waits until the condition holds; the test's time limit ends a wait that is in vain.
    pub async fn wait_until(&self, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                self.arrived.notified().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(120), wait).await.expect("the sink gets what is awaited");
    }

    pub fn texts(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|it| it.line.clone()).collect()
    }
}

impl Sink for Recorder {
    fn samples(&self, _: Source, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        async move { self.take(|| self.samples.lock().unwrap().extend(batch)) }.boxed()
    }

    fn exemplars(&self, _: Source, batch: Vec<Exemplar>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let stored = batch.len() as u64;
        async move {
            self.take(|| self.exemplars.lock().unwrap().extend(batch))
                .map(|_| Accepted { stored, ..Accepted::default() })
        }
        .boxed()
    }

    fn histograms(&self, _: Source, batch: Vec<HistogramSample>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        let stored = batch.len() as u64;
        async move {
            self.take(|| self.histograms.lock().unwrap().extend(batch))
                .map(|_| Accepted { stored, ..Accepted::default() })
        }
        .boxed()
    }

    fn metadata(&self, batch: Vec<MetricMetadata>) {
        self.metadata.lock().unwrap().extend(batch);
    }

    fn logs(&self, _: Source, batch: Vec<LogRecord>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        async move { self.take(|| self.lines.lock().unwrap().extend(batch)) }.boxed()
    }

    fn spans(&self, _: Source, batch: Vec<Span>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        async move { self.take(|| self.spans.lock().unwrap().extend(batch)) }.boxed()
    }

    fn alerts(&self, batch: Vec<Alert>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        async move { self.take(|| self.alerts.lock().unwrap().extend(batch)) }.boxed()
    }

    fn changes(&self, batch: Vec<Change>) -> BoxFuture<'_, Result<Accepted, Refused>> {
        async move { self.take(|| self.changes.lock().unwrap().extend(batch)) }.boxed()
    }

    fn monitor(&self, batch: Vec<SeriesPoints>) -> BoxFuture<'_, Result<MonitorVerdict, Refused>> {
        async move {
            let value = batch[0].points[0].value;
            self.take(|| self.samples.lock().unwrap().extend(batch))?;
            let is_critical = value > 100.0;
            Ok(MonitorVerdict {
                is_critical,
                message: "Normal".to_owned(),
                z_score: value,
                report: is_critical.then(|| "Root cause: minerd".to_owned()),
                incident: is_critical.then_some(signal::IncidentId(7)),
                investigation: None,
            })
        }
        .boxed()
    }
}

/// Stands still at 2023-11-14T22:13:20Z.
pub struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000)
    }
}

/// Offsets in memory.
#[derive(Default)]
pub struct MemoryOffsets(pub Mutex<std::collections::HashMap<PathBuf, Position>>);

impl Offsets for MemoryOffsets {
    fn load(&self, path: &Path) -> Option<Position> {
        self.0.lock().unwrap().get(path).copied()
    }

    fn save(&self, path: &Path, position: Position) -> Result<(), PortError> {
        self.0.lock().unwrap().insert(path.to_owned(), position);
        Ok(())
    }
}

/// The way to a recorder.
pub fn entrance(sink: Arc<dyn ingest::Sink>, config: &Config, counts: Arc<Counts>) -> Entrance {
    Entrance {
        sink,
        config: config.clone(),
        tenant_label: "tenant".to_owned(),
        admission: Admission::new(config.max_in_flight_bytes),
        counts,
        clock: Arc::new(StillClock),
    }
}

/// A router over a recorder.
pub struct Service {
    pub recorder: Arc<Recorder>,
    pub counts: Arc<Counts>,
    pub router: axum::Router,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Service {
    pub fn new() -> Self {
        Self::with(&Config::default())
    }

    pub fn with(config: &Config) -> Self {
        let recorder = Arc::new(Recorder::default());
        let counts = Arc::new(Counts::default());
        let router = ingest::router(entrance(recorder.clone(), config, counts.clone()));
        Self { recorder, counts, router }
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send("POST", path, headers, body).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        // Of an answer in protobuf the texts in it can still be read.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// The value of one of our own metrics: name, source and one more label's value ("" for any).
    pub fn metric(&self, name: &str, source: &str, other: &str) -> f64 {
        let is_it = |it: &signal::Metric| {
            let has = |wanted: &str| it.labels.iter().any(|(_, value)| value == wanted);
            it.name == name && has(source) && (other.is_empty() || has(other))
        };
        self.counts.metrics().iter().filter(|it| is_it(it)).map(|it| it.value).sum()
    }
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
}
