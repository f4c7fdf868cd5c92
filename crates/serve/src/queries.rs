//! How are expressions evaluated? Over stored series, on threads that may block, no more at once than is allowed, and
//! none for longer than is allowed.

mod adapter;
mod config;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use promql::{Answer, Engine, Limits, Query, QueryError, Stop};
use signal::{History, Meter, Metric, MetricKind, Timestamp};
use tokio::sync::Semaphore;
use tracing::error;

use crate::api::prometheus::fault::{Fault, FaultKind};

pub use adapter::{Stored, select};
pub use config::QueryConfig;

/// Evaluates expressions over stored series.
pub struct Queries {
    config: QueryConfig,
    history: Arc<dyn History>,
    engine: Engine,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    full: AtomicU64,
    micros: AtomicU64,
    samples: AtomicU64,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The expression.
    pub text: String,
    /// First time.
    pub start: Timestamp,
    /// Last time; the same as the first for an instant query.
    pub end: Timestamp,
    /// Milliseconds between times; 0 for an instant query.
    pub step_millis: i64,
    /// Another look-back than the usual one.
    pub lookback_millis: Option<i64>,
    /// A shorter time-out than the usual one.
    pub timeout: Option<Duration>,
}

impl Asked {
    /// The value at one time.
    pub fn at(text: &str, time: Timestamp) -> Self {
        let text = text.to_owned();
        Self { text, start: time, end: time, step_millis: 0, lookback_millis: None, timeout: None }
    }
}

impl Queries {
    /// Over a history.
    pub fn new(config: &QueryConfig, history: Arc<dyn History>) -> Arc<Self> {
        let limits = Limits {
            max_samples: config.max_samples,
            max_bytes: config.max_megabytes << 20,
            max_steps: MAX_STEPS,
            lookback_millis: config.lookback_secs.saturating_mul(1000),
            subquery_step_millis: config.subquery_step_secs.saturating_mul(1000),
            ..Limits::default()
        };
        Arc::new(Self {
            config: config.clone(),
            history,
            engine: Engine::new(limits),
            room: Arc::new(Semaphore::new(config.max_concurrent)),
            waiting: AtomicUsize::new(0),
            counts: Counts::default(),
        })
    }

    /// What may be used.
    pub fn config(&self) -> &QueryConfig {
        &self.config
    }

    /// Does blocking work for a question when there is room. Full means: too many are waiting already, or it has waited
    /// for as long as a query may take.
    pub async fn work<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<Result<T, Fault>, Fault> {
        let full = |it: &Self| {
            it.counts.full.fetch_add(1, Relaxed);
            let text = "too many queries run; see query.max_concurrent and query.max_waiting";
            Fault::new(FaultKind::Unavailable, text)
        };
        let permit = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let waiting = Waiting::begin(&self.waiting);
                if waiting.before >= self.config.max_waiting {
                    return Err(full(&self));
                }
                let permit = Arc::clone(&self.room).acquire_owned();
                match tokio::time::timeout(self.timeout(), permit).await {
                    Ok(Ok(permit)) => permit,
                    _ => return Err(full(&self)),
                }
            }
        };
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(permit);
            outcome
        });
        outcome.await.map_err(|error| {
            error!(%error, "A query panicked.");
            Fault::new(FaultKind::Internal, "internal error; the log of the server has the details")
        })
    }

    /// Evaluates now, on this thread. For those who have a thread to spare; `work` is for requests.
    pub fn ask(&self, asked: &Asked) -> Result<Answer, QueryError> {
        let begin = Instant::now();
        let timeout = asked.timeout.unwrap_or(Duration::MAX).min(self.timeout());
        let stop = || (begin.elapsed() >= timeout).then_some(Stop::Timeout);
        let stored = Stored::new(&*self.history, self.config.max_samples, &stop);
        let query = Query {
            text: &asked.text,
            start: asked.start,
            end: asked.end,
            step_millis: asked.step_millis,
            lookback_millis: asked.lookback_millis,
            stop: &stop,
        };
        let outcome = self.engine.run(&stored, &query);
        // The storage only knows that it was stopped.
        let outcome = outcome.map_err(|it| stored.why().unwrap_or(it));
        let counts = &self.counts;
        counts.micros.fetch_add(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX), Relaxed);
        let counter = match &outcome {
            Ok(answer) => {
                counts.samples.fetch_add(answer.samples as u64, Relaxed);
                &counts.answered
            }
            Err(QueryError::BadData(_)) => &counts.refused,
            Err(QueryError::Timeout | QueryError::Canceled) => &counts.timed_out,
            Err(QueryError::Execution(_) | QueryError::Internal(_)) => &counts.failed,
        };
        counter.fetch_add(1, Relaxed);
        outcome
    }

    const fn timeout(&self) -> Duration {
        Duration::from_secs(self.config.timeout_secs)
    }
}

/// Steps of a range query, as in Prometheus.
pub const MAX_STEPS: usize = 11_000;

/// Somebody who waits, for as long as this lives.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Relaxed);
    }
}

impl Meter for Queries {
    fn metrics(&self) -> Vec<Metric> {
        let counts = &self.counts;
        let of = |outcome: &str, count: &AtomicU64| {
            let help = "PromQL expressions, by what became of them.";
            Metric::counter("sentinel_query_queries_total", help, count.load(Relaxed)).label("outcome", outcome)
        };
        let running = self.config.max_concurrent.saturating_sub(self.room.available_permits());
        vec![
            of("answered", &counts.answered),
            of("refused", &counts.refused),
            of("failed", &counts.failed),
            of("timed_out", &counts.timed_out),
            of("no_room", &counts.full),
            Metric {
                name: "sentinel_query_seconds_total".into(),
                help: "Seconds in which expressions were evaluated.".into(),
                kind: MetricKind::Counter,
                labels: vec![],
                value: counts.micros.load(Relaxed) as f64 / 1e6,
            },
            Metric::counter("sentinel_query_samples_total", "Samples read.", counts.samples.load(Relaxed)),
            Metric::gauge("sentinel_query_running_count", "Questions being answered.", running as f64),
            Metric::gauge(
                "sentinel_query_waiting_count",
                "Questions that wait for room.",
                self.waiting.load(Relaxed) as f64,
            ),
        ]
    }
}
