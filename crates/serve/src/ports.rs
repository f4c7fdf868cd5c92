//! What must the composition root hand over? One port for each thing that is shown or asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use signal::{
    BackTester, Budgets, ChangeLog, Clock, Groups, History, IncidentBook, Ledger, LogSearch, Meter, PlanDesk, Reports,
    Scores, Templates, Topology, TraceSearch,
};

/// Everything `serve` reads from and the few words it passes on. All calls may touch the disk.
pub struct Ports {
    /// Incidents, acknowledgement, feedback.
    pub incidents: Arc<dyn IncidentBook>,
    /// Plans, approval, rejection.
    pub plans: Arc<dyn PlanDesk>,
    /// The hash-chained record.
    pub ledger: Arc<dyn Ledger>,
    /// Samples.
    pub history: Arc<dyn History>,
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
    /// What would have alerted.
    pub back_tester: Arc<dyn BackTester>,
    /// Rows of numbers that programs send.
    pub rows: Arc<dyn RowJudge>,
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

/// How is the program itself?
pub trait Health: Send + Sync {
    /// Ok if requests can be served in full, else why not.
    fn ready(&self) -> Result<(), String>;
    /// One word for people: `run`, `demo`, or the role.
    fn mode(&self) -> String;
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
