//! How do forecasts reach a Prometheus or a VictoriaMetrics? By remote write: in batches, tried again while the receiver
//! is away, bounded by a queue that drops the oldest.
//!
//! Prometheus refuses samples that lie more than ten minutes ahead; such samples wait until they do not.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forecast::RemoteWriteConfig;
use signal::{Clock, Labels, Metric, Point, SeriesPoints};
use tokio::sync::{Notify, watch};

use crate::forecasts::source::causes;
use crate::run::until;

/// How far ahead a sample may lie when it is sent.
const AHEAD: Duration = Duration::from_secs(590);
/// How often the queue is looked at for samples whose time has come.
const LOOK: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The way to one receiver.
pub struct Outlet {
    config: RemoteWriteConfig,
    client: reqwest::Client,
    queue: Mutex<VecDeque<(Labels, Point)>>,
    filled: Notify,
    sent: AtomicU64,
    overflowed: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
}

/// What came of a request.
enum Sent {
    Taken,
    /// As it is, it will never be taken.
    Refused(String),
    Failed(String),
}

impl Outlet {
    /// Nothing waits.
    pub fn new(config: &RemoteWriteConfig) -> anyhow::Result<Self> {
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(config.timeout_secs)).build()?;
        Ok(Self {
            config: config.clone(),
            client,
            queue: Mutex::default(),
            filled: Notify::new(),
            sent: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<(Labels, Point)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes samples to be sent; if there are too many, the oldest go.
    pub fn push(&self, all: &[SeriesPoints]) {
        let mut queue = self.queue();
        for series in all {
            queue.extend(series.points.iter().map(|it| (series.labels.clone(), *it)));
        }
        let n_over = queue.len().saturating_sub(self.config.queue_samples);
        queue.drain(..n_over);
        self.overflowed.fetch_add(n_over as u64, Relaxed);
        drop(queue);
        self.filled.notify_one();
    }

    /// Sends until stopped.
    pub async fn run(self: Arc<Self>, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<bool>) {
        let mut wait = FIRST_WAIT;
        loop {
            let batch = self.due(&*clock);
            if batch.is_empty() {
                tokio::select! {
                    () = self.filled.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = until(&mut stopped) => return,
                }
                continue;
            }
            let n = batch.len() as u64;
            match self.send(&batch).await {
                Sent::Taken => {
                    self.sent.fetch_add(n, Relaxed);
                    wait = FIRST_WAIT;
                    continue;
                }
                Sent::Refused(why) => {
                    self.refused.fetch_add(n, Relaxed);
                    tracing::warn!(url = self.config.url, why, "Forecasts were refused by a receiver.");
                    continue;
                }
                Sent::Failed(why) => {
                    self.failures.fetch_add(1, Relaxed);
                    tracing::warn!(url = self.config.url, why, "Forecasts wait for a receiver.");
                    self.give_back(batch);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = until(&mut stopped) => return,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Takes a batch of samples that do not lie too far ahead.
    fn due(&self, clock: &dyn Clock) -> Vec<(Labels, Point)> {
        let latest = clock.now().plus(AHEAD);
        let mut queue = self.queue();
        let (mut batch, mut rest) = (vec![], VecDeque::with_capacity(queue.len()));
        for it in queue.drain(..) {
            if it.1.time <= latest && batch.len() < self.config.batch_samples {
                batch.push(it)
            } else {
                rest.push_back(it)
            }
        }
        *queue = rest;
        batch
    }

    fn give_back(&self, batch: Vec<(Labels, Point)>) {
        let mut queue = self.queue();
        let n_room = self.config.queue_samples.saturating_sub(queue.len());
        let n_over = batch.len().saturating_sub(n_room);
        self.overflowed.fetch_add(n_over as u64, Relaxed);
        for it in batch.into_iter().skip(n_over).rev() {
            queue.push_front(it);
        }
    }

    async fn send(&self, batch: &[(Labels, Point)]) -> Sent {
        let body = match crate::write_request::encode(batch.iter().map(|it| (&it.0, it.1))) {
            Ok(body) => body,
            Err(error) => return Sent::Refused(error.to_string()),
        };
        let mut request = self.client.post(&self.config.url).body(body);
        request = request.header("content-type", "application/x-protobuf").header("content-encoding", "snappy");
        request = request.header("x-prometheus-remote-write-version", "0.1.0");
        if let Some(path) = &self.config.token_file {
            match std::fs::read_to_string(path) {
                Ok(token) => request = request.header("authorization", format!("Bearer {}", token.trim())),
                Err(error) => return Sent::Failed(format!("{path}: {error}")),
            }
        }
        match request.send().await {
            Err(error) => Sent::Failed(causes(&error)),
            Ok(answer) => match answer.status().as_u16() {
                200..=299 => Sent::Taken,
                status @ (429 | 500..=599) => Sent::Failed(format!("answered {status}")),
                status => {
                    let text = answer.text().await.unwrap_or_default();
                    Sent::Refused(format!("answered {status}: {}", text.chars().take(300).collect::<String>()))
                }
            },
        }
    }

    /// What it counts.
    pub fn metrics(&self) -> Vec<Metric> {
        let url = self.config.url.as_str();
        let dropped = |reason, count: &AtomicU64| {
            let help = "Samples of forecasts that were not sent.";
            Metric::counter("sentinel_forecast_remote_write_dropped_total", help, count.load(Relaxed))
                .label("url", url)
                .label("reason", reason)
        };
        let counter =
            |name, help, count: &AtomicU64| Metric::counter(name, help, count.load(Relaxed)).label("url", url);
        let waiting = self.queue().len() as f64;
        vec![
            counter("sentinel_forecast_remote_write_samples_total", "Samples of forecasts that were sent.", &self.sent),
            counter(
                "sentinel_forecast_remote_write_failures_total",
                "Requests that will be tried again.",
                &self.failures,
            ),
            dropped("queue_full", &self.overflowed),
            dropped("refused", &self.refused),
            Metric::gauge("sentinel_forecast_remote_write_waiting", "Samples that wait to be sent.", waiting)
                .label("url", url),
        ]
    }
}
