//! What is told about forecasts and their models, and what may be asked of them?

use serde::Serialize;
use serde_json::Value;
use signal::{Labels, PortError, Timestamp};

/// Watches and the models that forecast them.
pub trait Forecasts: Send + Sync {
    /// All watches, in the order of the configuration.
    fn watches(&self) -> Vec<WatchStatus>;
    /// All models, in the order of their watches and keys.
    fn models(&self) -> Vec<ModelStatus>;
    /// What was, and what is forecast, of one model by its id.
    fn chart(&self, id: &str) -> Result<ForecastChart, PortError>;
    /// Trains a model, or all of a watch, soon. `model` is an id, a key or the name of a watch.
    fn retrain(&self, model: &str, actor: &str) -> Result<Triggered, PortError>;
    /// Takes the serving version back; the one before it, or the one that is named, serves. Durable when it returns.
    fn rollback(&self, model: &str, version: Option<&str>, actor: &str) -> Result<Switched, PortError>;
    /// Lets a version serve. Durable when it returns.
    fn promote(&self, model: &str, version: &str, actor: &str) -> Result<Switched, PortError>;
}

/// A watch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchStatus {
    /// Its name.
    pub name: String,
    /// What is evaluated.
    pub expr: String,
    /// True if the metric is a counter, whose rate per second is watched.
    pub is_rate: bool,
    /// Kind of model.
    pub model_class: String,
    /// Time between two values.
    pub granularity: String,
    /// How far is forecast.
    pub horizon: String,
    /// How much is learned from.
    pub lookback: String,
    /// When it is trained anew.
    pub cron: String,
    /// Series that are watched.
    pub n_series: usize,
    /// Series that were one too many.
    pub n_left_out: usize,
    /// Why there are no values; none if there are some.
    pub error: Option<String>,
    /// When values were asked for last with success.
    pub last_success: Option<Timestamp>,
}

/// The model of one series, or an own model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelStatus {
    /// Identity, 16 hexadecimal digits.
    pub id: String,
    /// `name{labels}`.
    pub metric_key: String,
    /// The watch; empty for an own model.
    pub watch: String,
    /// Labels of the series.
    pub labels: Labels,
    /// waiting, training, inferring, retraining or error.
    pub state: String,
    /// True if it forecasts.
    pub ready: bool,
    /// Kind of model.
    pub model_class: String,
    /// The version that serves.
    pub active_version: Option<String>,
    /// Its mean absolute error in its trial.
    pub active_version_mae: Option<f64>,
    /// Mean absolute error of late.
    pub drift_mae: Option<f64>,
    /// By how much the error exceeds what was expected, as a share.
    pub drift_relative: f64,
    /// Share of values inside their interval, since the version serves.
    pub coverage: Option<f64>,
    /// The level of that interval.
    pub level: Option<f64>,
    /// Share of the look-back that is filled.
    pub buffer_fill: f64,
    /// Why it fails; none if it does not.
    pub error: Option<String>,
    /// How often in a row it failed.
    pub consecutive_errors: u32,
    /// When training is tried again after a failure.
    pub retry_at: Option<Timestamp>,
    /// When the schedule trains it next.
    pub next_training: Option<Timestamp>,
    /// Limits of the watch, and how likely they are crossed.
    pub crosses: Vec<CrossStatus>,
    /// Newest values and the forecast, for a small picture.
    pub recent: Vec<f64>,
    /// Where the forecast begins in `recent`.
    pub n_actual: usize,
    /// All versions that are kept, oldest first, as they are in the registry.
    pub versions: Vec<Value>,
}

/// How likely a limit is crossed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossStatus {
    /// `above 90 within 4h`.
    pub limit: String,
    /// The largest probability of a single step.
    pub probability: f64,
    /// The first time at which it is as likely as not.
    pub likely_from: Option<Timestamp>,
}

/// A picture of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastChart {
    /// The model.
    pub model: ModelStatus,
    /// Time, value; null for a gap.
    pub actual: Vec<(Timestamp, Option<f64>)>,
    /// The newest forecast.
    pub forecast: Vec<ForecastPoint>,
    /// What was forecast for times that have come, a horizon ahead.
    pub recorded: Vec<(Timestamp, f64)>,
}

/// One step of a forecast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastPoint {
    /// The time it is made for.
    pub time: Timestamp,
    /// What is expected.
    pub value: f64,
    /// Level, lower and upper bound.
    pub intervals: Vec<(f64, f64, f64)>,
}

/// A training will begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Triggered {
    /// `triggered`.
    pub status: &'static str,
    /// What was named.
    pub model: String,
    /// The version that the training will make; of the first model if there are several.
    pub run_id: String,
    /// How many models are trained.
    pub n_models: usize,
}

/// Another version serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// `rolled_back` or `promoted`.
    pub status: &'static str,
    /// Its key.
    pub model: String,
    /// The version that serves now.
    pub version: String,
    /// The version that served before.
    pub before: Option<String>,
    /// Where its artifact is.
    pub artifact_path: String,
}
