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
    /// Its address here: the name of the model, with `@` and the version where several watches are of one model.
    pub name: String,
    /// The model's name.
    pub model: String,
    /// The version that is watched; none if all are.
    pub version: Option<String>,
    /// The service that its incidents name.
    pub service: String,
    /// Who answers for it; none if the configuration does not say.
    pub owner: Option<String>,
    /// What it is for; none if the configuration does not say.
    pub description: Option<String>,
    /// Its versions that are served here.
    pub versions: Vec<ModelVersion>,
    /// Its live stream, if it is followed.
    pub live: Option<LiveStream>,
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

/// A version that is served.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelVersion {
    /// Its name; `1` where the configuration names none.
    pub version: String,
    /// `default`, `shadow`, `canary 10 %`, or nothing in particular.
    pub role: String,
    /// `random_forest`, or the model file.
    pub kind: String,
    /// When it was trained, if its folder tells.
    pub trained_at: Option<Timestamp>,
    /// On what.
    pub data: Option<String>,
    /// On so many rows.
    pub rows: Option<u64>,
    /// How right it was on rows that it had not seen.
    pub quality: BTreeMap<String, f64>,
}

/// The live stream of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LiveStream {
    /// Why nothing is followed now.
    pub trouble: Option<String>,
    /// Without drift one false alarm in so many predictions is to be expected.
    pub expected_run: u64,
    /// Predictions that were followed.
    pub predictions: u64,
    /// Labels that were followed.
    pub labels: u64,
    /// Streams.
    pub streams: usize,
    /// Alarms so far, repeated ones too.
    pub alarms: u64,
    /// What the user should know of the detectors.
    pub notes: Vec<String>,
    /// What is followed.
    pub targets: Vec<LiveTarget>,
}

/// A feature, the answers or the errors of a live stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LiveTarget {
    /// The feature, `prediction` or `error`.
    pub name: String,
    /// `feature`, `prediction` or `error`.
    pub kind: String,
    /// How near an alarm is, from 0 to 1; none where the detector does not tell.
    pub nearness: Option<f64>,
    /// Since when it drifts; none if it does not.
    pub since: Option<Timestamp>,
    /// What changed, in words.
    pub said: Option<String>,
}

/// How right answers are expected to be before labels come.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EstimatedMeasure {
    /// `accuracy`, `roc_auc`, `mae` ..
    pub metric: String,
    /// What is expected.
    pub value: f64,
    /// What it was on the reference.
    pub reference: f64,
    /// Windows like the reference lie above this ..
    pub lower: f64,
    /// .. and below this.
    pub upper: f64,
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
    /// How right answers are expected to be before labels come.
    pub estimated: Vec<EstimatedMeasure>,
    /// Why that is not known; none if it is, or is not wanted.
    pub no_estimate: Option<String>,
    /// Groups with a feature that drifted in them, the strongest first: `country=DE: age`.
    pub drifted_segments: Vec<String>,
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
    /// The groups in which it drifted more than in the whole: `country=DE`.
    pub segment: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What changed, in words.
    pub said: String,
}
