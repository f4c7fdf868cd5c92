//! What must the composition root hand over? One port for each thing that is shown or asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use signal::{
    BackTester, Budgets, ChangeLog, Clock, ExemplarSearch, FeedbackDesk, Groups, History, IncidentBook, Investigations,
    Ledger, LogSearch, Meter, PlanDesk, Reports, Scores, Templates, Topology, TraceSearch,
};

use crate::agent::AgentDesk;
use crate::forecasts::Forecasts;
use crate::knowledge::{Answers, Knowledge};
use crate::model_drift::ModelDrift;
use crate::served::ServedModels;
use crate::{Queries, RuleGroup, ScrapedTarget, Workforce};

/// Everything `serve` reads from and the few words it passes on. All calls may touch the disk.
pub struct Ports {
    /// Incidents, acknowledgement.
    pub incidents: Arc<dyn IncidentBook>,
    /// What people say of incidents, and what followed from it.
    pub feedback: Arc<dyn FeedbackDesk>,
    /// What a language model added to their diagnoses.
    pub investigations: Arc<dyn Investigations>,
    /// How that language model does.
    pub agent: Arc<dyn AgentDesk>,
    /// Plans, approval, rejection.
    pub plans: Arc<dyn PlanDesk>,
    /// The hash-chained record.
    pub ledger: Arc<dyn Ledger>,
    /// Samples.
    pub history: Arc<dyn History>,
    /// Expressions over samples.
    pub queries: Arc<Queries>,
    /// Types and descriptions of metrics.
    pub metadata: Arc<dyn MetricBook>,
    /// Rules and their alerts.
    pub rules: Arc<dyn RuleBook>,
    /// What is scraped.
    pub targets: Vec<ScrapedTarget>,
    /// How long samples are kept, for people.
    pub retention: String,
    /// Requests behind measured values.
    pub exemplars: Arc<dyn ExemplarSearch>,
    /// Log lines.
    pub logs: Arc<dyn LogSearch>,
    /// Log templates.
    pub templates: Arc<dyn Templates>,
    /// Spans.
    pub traces: Arc<dyn TraceSearch>,
    /// Deploys and other changes.
    pub changes: Arc<dyn ChangeLog>,
    /// Who calls whom.
    pub topology: Arc<dyn Topology>,
    /// The newest verdicts.
    pub scores: Arc<dyn Scores>,
    /// How many alerts there may be.
    pub budgets: Arc<dyn Budgets>,
    /// What is compared with each other.
    pub groups: Arc<dyn Groups>,
    /// Who sends how much.
    pub intake: Arc<dyn Intake>,
    /// Who judges signals, if other processes do.
    pub workforce: Option<Arc<dyn Workforce>>,
    /// What would have alerted.
    pub back_tester: Arc<dyn BackTester>,
    /// Rows of numbers that programs send.
    pub rows: Arc<dyn RowJudge>,
    /// Watches and their models.
    pub forecasts: Arc<dyn Forecasts>,
    /// Models whose predictions are compared with a reference.
    pub drift: Arc<dyn ModelDrift>,
    /// Models that answer requests here.
    pub served: Arc<dyn ServedModels>,
    /// Runbooks, past incidents, log templates.
    pub knowledge: Arc<dyn Knowledge>,
    /// Questions in words.
    pub answers: Arc<dyn Answers>,
    /// Incident reports.
    pub reports: Arc<dyn Reports>,
    /// The stages that count what they do; printed on /metrics.
    pub meters: Vec<Arc<dyn Meter>>,
    /// The time that "now" and relative ranges refer to.
    pub clock: Arc<dyn Clock>,
    /// Version of the program.
    pub version: &'static str,
    /// Readiness and mode.
    pub health: Arc<dyn Health>,
}

/// What senders say about metrics.
pub trait MetricBook: Send + Sync {
    /// What is known by name of metric, of one if it is named.
    fn metadata(&self, metric: Option<&str>) -> BTreeMap<String, Vec<MetricMetadata>>;
}

/// What a sender says about a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricMetadata {
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset` or `unknown`.
    pub kind: String,
    /// In words.
    pub help: String,
    /// For example `seconds`.
    pub unit: String,
}

/// Rules that are evaluated.
pub trait RuleBook: Send + Sync {
    /// All groups with what became of them last.
    fn groups(&self) -> Vec<RuleGroup>;
    /// Where alerts are sent.
    fn alertmanagers(&self) -> Vec<String>;
}

/// How is the program itself?
pub trait Health: Send + Sync {
    /// Ok if requests can be served in full, else why not.
    fn ready(&self) -> Result<(), String>;
    /// One word for people: `run`, `demo`, or the role.
    fn mode(&self) -> String;
}

/// Who sends how much, and how much may they?
pub trait Intake: Send + Sync {
    /// Memory that requests hold, and each tenant by name.
    fn intake(&self) -> IntakeStatus;
}

/// What comes in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IntakeStatus {
    /// Memory that requests hold now, in bytes.
    pub in_flight_bytes: u64,
    /// The most since the start.
    pub in_flight_bytes_max: u64,
    /// The most that is allowed.
    pub in_flight_bytes_limit: u64,
    /// Requests that were asked to come later since the start, because there was no memory for them.
    pub turned_away: u64,
    /// Those that sent something lately, by name.
    pub tenants: Vec<TenantStatus>,
}

/// How much a tenant sends and may send. Counts are since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TenantStatus {
    /// Its name.
    pub name: String,
    /// Series that came lately.
    pub series: u64,
    /// Most series.
    pub max_series: u64,
    /// Log streams that came lately.
    pub streams: u64,
    /// Most log streams.
    pub max_streams: u64,
    /// Most events a second; 0 for any number.
    pub events_per_sec: u64,
    /// Points, lines and spans taken.
    pub events: u64,
    /// Points and lines left out, of series and streams that were one too many.
    pub over_limit: u64,
    /// Batches refused because they came too fast.
    pub throttled: u64,
    /// Labels of its series with their numbers of values (estimated), the most first.
    pub labels: Vec<NamedCount>,
    /// Metrics with their numbers of series, the most first.
    pub metrics: Vec<NamedCount>,
}

/// How many of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedCount {
    /// A label or a metric.
    pub name: String,
    /// How many it has.
    pub count: u64,
}

/// Numbers by name; finite.
pub type Row = BTreeMap<String, f64>;

/// Which rows of numbers are unusual?
pub trait RowJudge: Send + Sync {
    /// One verdict per row, by the other rows and those of earlier calls; then the rows are remembered.
    fn judge(&self, rows: &[Row]) -> Vec<RowVerdict>;
}

/// What is said of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowVerdict {
    /// Whether the score is above 1.
    pub is_anomaly: bool,
    /// How unusual the row is; 1 is the threshold.
    pub score: f64,
    /// The name that is to blame most.
    pub top_feature: Option<String>,
}
