//! What is told about watched models, and what may be asked of them?

use std::collections::BTreeMap;

use serde::Serialize;
use signal::{PortError, Timestamp};

/// Models whose predictions are compared with a reference.
pub trait ModelDrift: Send + Sync {
    /// All watched models, in the order of the configuration.
    fn watched(&self) -> Vec<WatchedModel>;
    /// One of them.
    fn one(&self, model: &str) -> Result<WatchedModel, PortError>;
    /// Its comparisons, newest first.
    fn runs(&self, model: &str) -> Result<Vec<DriftRun>, PortError>;
    /// The report of a comparison: JSON or a self-contained page. `latest` is the newest.
    fn report(&self, model: &str, run: &str, is_page: bool) -> Result<String, PortError>;
    /// Compares now. Durable when it returns.
    fn run(&self, model: &str, actor: &str) -> Result<DriftRun, PortError>;
}

/// A watched model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchedModel {
    /// Its name.
    pub model: String,
    /// The version that is watched; none if all are.
    pub version: Option<String>,
    /// The service that its incidents name.
    pub service: String,
    /// `drift` while a rule holds, `ok`, `waiting` before the first comparison, or `error`.
    pub state: String,
    /// Why there is no comparison now; none if there is one.
    pub trouble: Option<String>,
    /// What it is compared with.
    pub reference: String,
    /// Its columns with what they hold and what they are to the model.
    pub schema: Vec<SchemaColumn>,
    /// Rules, each with since when it holds.
    pub alarms: Vec<(String, Option<Timestamp>)>,
    /// Predictions that were read since the start.
    pub predictions: u64,
    /// When it is compared next.
    pub next: Option<Timestamp>,
    /// The newest comparison.
    pub newest: Option<DriftRun>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaColumn {
    /// Its name.
    pub name: String,
    /// `number`, `category`, `text` ..
    pub kind: String,
}

/// One comparison in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DriftRun {
    /// Its name: `20260131T120000Z`.
    pub id: String,
    /// The model.
    pub model: String,
    /// When it was made.
    pub time: Timestamp,
    /// What asked for it: `schedule`, `predictions` or `request`.
    pub reason: String,
    /// First prediction that was compared.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// Predictions that were compared.
    pub rows: u64,
    /// The same by version.
    pub versions: BTreeMap<String, u64>,
    /// What they were compared with.
    pub reference: String,
    /// The numbers that rules name, such as `data_drift_score` and `accuracy`.
    pub measures: BTreeMap<String, f64>,
    /// Features, the most drifted first.
    pub features: Vec<DriftFeature>,
    /// The answers.
    pub prediction: Option<DriftFeature>,
    /// What happened to columns, in words.
    pub schema_changes: Vec<String>,
    /// Half and 99 % of the predictions took no longer, in milliseconds.
    pub latency_ms: Option<(f64, f64)>,
    /// The verdict as a sentence.
    pub summary: String,
    /// How long the comparison took, in milliseconds.
    pub took_ms: f64,
}

/// One column of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DriftFeature {
    /// Its name.
    pub name: String,
    /// The test.
    pub method: String,
    /// Its score.
    pub score: f64,
    /// How large the difference is.
    pub effect: f64,
    /// From where on that is drift.
    pub limit: f64,
    /// Probability by chance, adjusted for the number of columns.
    pub adjusted_p: Option<f64>,
    /// Whether it drifted.
    pub drifted: bool,
    /// Share of values that are missing now.
    pub missing: f64,
    /// The group in which it moved most.
    pub segment: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What changed, in words.
    pub said: String,
}
