//! Who else shall know of new versions? Trackers of experiments are told of each training, behind everything else: a
//! tracker that is slow or away costs nothing but the entry, which is counted.

mod mlflow;
mod wandb;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use forecast::{Status, TrackingConfig, Version};
use reqwest::RequestBuilder;
use serde::Serialize;
use serde_json::Value;
use signal::Metric;
use tokio::sync::{mpsc, watch};

use crate::forecasts::source::causes;
use crate::run::until;

/// Trainings that may wait to be told.
const MOST_WAITING: usize = 1000;
/// Tries of one entry, with a pause that doubles between them.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of an answer that a message repeats.
const SHOWN: usize = 300;

/// What a tracker is told of a training.
#[derive(Clone, Debug)]
pub struct Training {
    /// The version that came of it.
    pub version: Version,
    /// Its artifact; none if it was refused.
    pub artifact: Option<Vec<u8>>,
    /// When the training began and ended, in milliseconds since 1970.
    pub millis: (i64, i64),
}

impl Training {
    /// Numbers that tell how good the version is.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        let version = &self.version;
        let numbers = [
            ("mae", version.mae),
            ("mape", version.mape),
            ("mase", version.mase),
            ("drift_score_at_trigger", version.drift_score_at_trigger),
            ("n_samples", Some(version.n_samples as f64)),
        ];
        numbers.into_iter().filter_map(|(name, value)| Some((name, value.filter(|it| it.is_finite())?))).collect()
    }

    /// What it was trained with.
    fn parameters(&self) -> Vec<(String, String)> {
        let version = &self.version;
        let policy = serde_json::to_value(version.training_policy).unwrap_or_default();
        let mut all = vec![
            ("metric_key".to_owned(), version.metric_key.clone()),
            ("model_class".to_owned(), version.model_class.clone()),
            ("training_policy".to_owned(), words(&policy)),
        ];
        all.extend(version.extra.iter().map(|(key, value)| (key.clone(), words(value))));
        all
    }

    /// `<series> v3`.
    fn name(&self) -> String {
        format!("{} {}", self.version.metric_key, self.version.version_id)
    }

    /// True if the version serves.
    fn is_active(&self) -> bool {
        self.version.status == Status::Active
    }

    fn status(&self) -> String {
        words(&serde_json::to_value(self.version.status).unwrap_or_default())
    }
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Why a tracker was not told.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// It will not take it as it is.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached, or fails.
    #[error("{0}")]
    Failed(String),
}

/// The trackers that are configured.
pub struct Trackers {
    queue: mpsc::Sender<Training>,
    waiting: std::sync::Mutex<Option<mpsc::Receiver<Training>>>,
    trackers: Vec<Tracker>,
    dropped: AtomicU64,
}

struct Tracker {
    name: &'static str,
    kind: Kind,
    told: AtomicU64,
    failed: AtomicU64,
}

enum Kind {
    Mlflow(mlflow::Mlflow),
    Wandb(wandb::Wandb),
}

impl Trackers {
    /// As configured.
    pub fn new(config: &TrackingConfig) -> anyhow::Result<Self> {
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(config.timeout_secs)).build()?;
        let mlflow = config.mlflow.as_ref().map(|it| ("mlflow", Kind::Mlflow(mlflow::Mlflow::new(it, &client))));
        let wandb = config.wandb.as_ref().map(|it| ("wandb", Kind::Wandb(wandb::Wandb::new(it, &client))));
        let tracker = |(name, kind)| Tracker { name, kind, told: AtomicU64::new(0), failed: AtomicU64::new(0) };
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        Ok(Self {
            queue,
            waiting: std::sync::Mutex::new(Some(waiting)),
            trackers: [mlflow, wandb].into_iter().flatten().map(tracker).collect(),
            dropped: AtomicU64::new(0),
        })
    }

    /// Tells all trackers of a training, later. Never waits.
    pub fn tell(&self, training: Training) {
        if !self.trackers.is_empty() && self.queue.try_send(training).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Tells until stopped.
    pub async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let taken = self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut waiting) = taken else { return };
        loop {
            let training = tokio::select! {
                training = waiting.recv() => training,
                () = until(&mut stopped) => return,
            };
            let Some(training) = training else { return };
            for tracker in &self.trackers {
                tokio::select! {
                    () = tracker.tell(&training) => {}
                    () = until(&mut stopped) => return,
                }
            }
        }
    }

    /// What is counted.
    pub fn metrics(&self) -> Vec<Metric> {
        let help = "Trainings that trackers of experiments were told of.";
        let mut all: Vec<Metric> = vec![];
        for it in &self.trackers {
            for (result, count) in [("told", &it.told), ("failed", &it.failed)] {
                let metric = Metric::counter("sentinel_forecast_tracked_total", help, count.load(Relaxed));
                all.push(metric.label("tracker", it.name).label("result", result));
            }
        }
        if !self.trackers.is_empty() {
            let help = "Trainings that no tracker was told of, because too many were waiting.";
            all.push(Metric::counter("sentinel_forecast_track_dropped_total", help, self.dropped.load(Relaxed)));
        }
        all
    }
}

impl Tracker {
    async fn tell(&self, training: &Training) {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=TRIES {
            let told = match &self.kind {
                Kind::Mlflow(it) => it.tell(training).await,
                Kind::Wandb(it) => it.tell(training).await,
            };
            match told {
                Ok(()) => {
                    self.told.fetch_add(1, Relaxed);
                    return;
                }
                Err(TrackError::Failed(_)) if attempt < TRIES => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => {
                    self.failed.fetch_add(1, Relaxed);
                    tracing::warn!(tracker = self.name, run = training.name(), %error, "A training is not tracked.");
                    return;
                }
            }
        }
    }
}

/// Sends JSON and reads the answer; statuses from 500 on, 429 and what cannot be reached may be tried again.
async fn asked(request: RequestBuilder, what: &str, body: &impl Serialize) -> Result<Value, TrackError> {
    let body = serde_json::to_vec(body).map_err(|error| TrackError::Refused(error.to_string()))?;
    let text = answered(request.header("content-type", "application/json").body(body), what).await?;
    serde_json::from_str(&text).map_err(|error| TrackError::Refused(format!("{what}: not JSON: {error}")))
}

/// The body of a good answer.
async fn answered(request: RequestBuilder, what: &str) -> Result<String, TrackError> {
    let answer = request.send().await.map_err(|error| TrackError::Failed(format!("{what}: {}", causes(&error))))?;
    let status = answer.status().as_u16();
    let text = answer.text().await.map_err(|error| TrackError::Failed(format!("{what}: {}", causes(&error))))?;
    let told = || format!("{what}: answered {status}: {}", text.chars().take(SHOWN).collect::<String>());
    match status {
        200..=299 => Ok(text),
        429 | 500.. => Err(TrackError::Failed(told())),
        _ => Err(TrackError::Refused(told())),
    }
}

/// A secret in a file, read for every use, because secrets are renewed.
fn secret(path: &str) -> Result<String, TrackError> {
    let text = std::fs::read_to_string(path).map_err(|error| TrackError::Failed(format!("{path}: {error}")))?;
    Ok(text.trim().to_owned())
}
