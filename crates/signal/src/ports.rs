//! How does a stage ask for what another stage has? Traits that the composition root fills in.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{
    Anomaly, Change, Exemplar, Incident, IncidentId, IncidentStatus, Label, Labels, LedgerEntry, LogHit, LogId,
    LogLevel, LogRecord, LoggedInference, Matcher, NativeHistogram, Plan, PlanId, Point, Score, SeriesId, TimeRange,
    Timestamp,
};

/// Why a port could not answer.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The thing does not exist. The text names it.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The request is not possible now, for example approving an expired plan. The text says why.
    #[error("{0}")]
    Refused(String),
    /// As much is going on already as is allowed; ask again later. The text says what.
    #[error("{0}")]
    Busy(String),
    /// The request itself is wrong. The text names the field.
    #[error("{0}")]
    Invalid(String),
    /// The store failed; the operator looks at the log.
    #[error("cannot {operation}")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Tells the time; simulated in tests and in the demo.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// No earlier than now: the latest that it may be, where it is not sure which clock is right.
    fn latest(&self) -> Timestamp {
        self.now()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Which series: all matchers must hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SeriesQuery {
    /// Conditions on labels.
    pub matchers: Vec<Matcher>,
    /// Only series with points in this range.
    pub range: Option<TimeRange>,
    /// At most this many, in order of labels; 0 means all.
    pub limit: usize,
}

/// A condition on one label, as queries ask for it. A label that is missing has the empty value.
#[derive(Clone, Copy)]
pub struct LabelTest<'a> {
    /// The label.
    pub label: &'a str,
    /// The only values that can pass, where they are known: the index leads to their series at once.
    pub values: Option<&'a [String]>,
    /// True for values that pass.
    pub holds: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Asked with the number of points after each series that was read; false ends the reading.
pub type GoOn<'a> = &'a (dyn Fn(usize) -> bool + Sync);

/// Stored samples.
pub trait History: Send + Sync {
    /// Series that match.
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError>;

    /// The labels of a series; none if it is unknown.
    fn labels(&self, series: SeriesId) -> Result<Option<Labels>, PortError> {
        Ok(self.series(&SeriesQuery::default())?.into_iter().find(|it| it.id() == series))
    }

    /// Points of a series in the range, ascending, no two with the same time. Unknown series have none.
    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError>;

    /// Series that pass all tests, in any order; with a range those that may have points there.
    fn select(&self, tests: &[LabelTest<'_>], range: Option<TimeRange>) -> Result<Vec<Labels>, PortError> {
        let found = self.series(&SeriesQuery { range, ..SeriesQuery::default() })?.into_iter();
        Ok(found.filter(|it| tests.iter().all(|test| (test.holds)(it.get(test.label).unwrap_or("")))).collect())
    }

    /// The points of each of the series in the range, as [`History::points`] gives them. What was not read when `go_on`
    /// said no is empty.
    fn read(&self, series: &[Labels], range: TimeRange, go_on: GoOn<'_>) -> Result<Vec<Vec<Point>>, PortError> {
        let mut is_going_on = true;
        let mut one = |labels: &Labels| {
            let points = if is_going_on { self.points(labels.id(), range)? } else { vec![] };
            is_going_on = is_going_on && go_on(points.len());
            Ok(points)
        };
        series.iter().map(&mut one).collect()
    }

    /// The native histograms of each of the series in the range, in order of time. Among its points such a series has a
    /// mark at the same time.
    fn histograms(&self, series: &[Labels], range: TimeRange) -> Result<Vec<OfHistograms>, PortError> {
        let _ = range;
        Ok(series.iter().map(|_| vec![]).collect())
    }
}

/// Native histograms of one series, in order of time.
pub type OfHistograms = Vec<(Timestamp, Arc<NativeHistogram>)>;

/// Stored exemplars.
pub trait ExemplarSearch: Send + Sync {
    /// Exemplars in the range, of series whose labels fit: in order of series, then of time.
    fn exemplars(&self, fits: &dyn Fn(&Labels) -> bool, range: TimeRange) -> Vec<Exemplar>;
}

/// A log search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogQuery {
    /// Words that must all occur (a quoted part is a phrase); empty for all lines.
    pub text: String,
    /// Conditions on the stream's labels.
    pub matchers: Vec<Matcher>,
    /// At least this bad.
    pub min_level: Option<LogLevel>,
    /// When.
    pub range: TimeRange,
    /// At most this many: the most relevant with words, else the newest; printed newest first.
    pub limit: usize,
}

/// Stored log lines.
pub trait LogSearch: Send + Sync {
    /// Lines that match. Words are data: no text can break the query.
    fn search(&self, query: &LogQuery) -> Result<Vec<LogHit>, PortError>;
    /// One line again.
    fn line(&self, id: LogId) -> Result<Option<LogRecord>, PortError>;
}

/// How a template's rate differs between two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateTrend {
    /// Never seen before the second window.
    New,
    /// Much more often in the second window.
    Surging,
    /// Regular in the first window, none in the second.
    Gone,
}

/// A template whose rate has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemplateChange {
    /// The stream's service (or host, or "").
    pub service: String,
    /// The text with `<*>` for variables.
    pub template: String,
    /// How it changed.
    pub trend: TemplateTrend,
    /// The worst level seen.
    pub level: LogLevel,
    /// Lines per minute before.
    pub before_per_minute: f64,
    /// Lines per minute after.
    pub after_per_minute: f64,
    /// When it began: the first line in the second window (for `Gone`: the last before it).
    pub onset: Timestamp,
    /// One line, verbatim (untrusted).
    pub example: String,
}

/// A kind of line of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogTemplate {
    /// Identity of the template, 16 hexadecimal digits; the same on all machines.
    pub id: String,
    /// The stream's service (or host, or "").
    pub service: String,
    /// The text with `<*>` for variables.
    pub template: String,
    /// The worst level seen.
    pub level: LogLevel,
    /// Lines since it was first seen.
    pub lines: u64,
    /// Lines per minute in the last five minutes of the range.
    pub per_minute: f64,
    /// Lines of a usual minute; none before a minute has passed.
    pub usual_per_minute: Option<f64>,
    /// The first line.
    pub first_seen: Timestamp,
    /// The newest line.
    pub last_seen: Timestamp,
    /// One line, verbatim (untrusted).
    pub example: String,
}

/// Counts of log templates over time.
pub trait Templates: Send + Sync {
    /// Templates whose rate after differs clearly from the rate before.
    fn changes(&self, before: TimeRange, after: TimeRange) -> Vec<TemplateChange>;
    /// Templates with lines in the range, of one service if given: the worst level first, then the highest rate.
    fn templates(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<LogTemplate>;
    /// What was unusual about log lines in the range, as far as it is remembered, newest first.
    fn anomalies(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<Anomaly>;
}

/// Deploys and other changes.
pub trait ChangeLog: Send + Sync {
    /// Changes in the range, in order of time.
    fn changes(&self, range: TimeRange) -> Result<Vec<Change>, PortError>;
}

/// Who calls whom.
pub trait Topology: Send + Sync {
    /// Services that `service` calls.
    fn callees(&self, service: &str) -> Vec<String>;
    /// Services that call `service`.
    fn callers(&self, service: &str) -> Vec<String>;
    /// Services on a host (or hosts of a service).
    fn neighbors(&self, owner: &str) -> Vec<String>;
}

/// The newest verdict of each scored series.
pub trait Scores: Send + Sync {
    /// The newest score of a series and its time; None if it is not scored.
    fn score(&self, series: SeriesId) -> Option<(Timestamp, Score)>;
    /// Expected band of recent points for charts: (time, score) in the range, as far as it is kept.
    fn band(&self, series: SeriesId, range: TimeRange) -> Vec<(Timestamp, Score)>;
    /// The series with the highest scores now, highest first.
    fn highest(&self, limit: usize) -> Vec<(Labels, Timestamp, Score)>;
}

/// Which incidents.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    /// Only with this status.
    pub status: Option<IncidentStatus>,
    /// Only those that touch this service.
    pub service: Option<String>,
    /// Only those before this one (the cursor of the page before).
    pub before: Option<IncidentId>,
    /// At most this many, newest first; 0 means all.
    pub limit: usize,
}

/// Stored incidents.
pub trait IncidentBook: Send + Sync {
    /// Incidents, newest first.
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError>;
    /// One incident.
    fn incident(&self, id: IncidentId) -> Result<Incident, PortError>;
    /// Somebody looks after it.
    fn acknowledge(&self, id: IncidentId, actor: &str) -> Result<Incident, PortError>;
}

/// Plans and the two words a person can say to them.
pub trait PlanDesk: Send + Sync {
    /// Plans, newest first; of one incident if given.
    fn plans(&self, incident: Option<IncidentId>) -> Result<Vec<Plan>, PortError>;
    /// One plan.
    fn plan(&self, id: PlanId) -> Result<Plan, PortError>;
    /// Yes. `digest` is the digest the person saw; another one is refused.
    fn approve(&self, id: PlanId, digest: &str, actor: &str) -> Result<Plan, PortError>;
    /// No.
    fn reject(&self, id: PlanId, actor: &str) -> Result<Plan, PortError>;
}

/// The hash-chained record of everything that was decided and done.
pub trait Ledger: Send + Sync {
    /// Adds an entry and returns it once it is durable.
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError>;
    /// Entries with a sequence above `after`, in order, at most `limit` (0 means all).
    fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, PortError>;
    /// Re-computes the chain; the number of entries, or `Refused` naming the first entry that does not fit.
    fn verify(&self) -> Result<u64, PortError>;
}

/// Takes messages for people; delivery is somebody else's concern.
pub trait Outbox: Send + Sync {
    /// Queues a message about an incident.
    fn post(&self, incident: &Incident);
}

/// Keeps plans over restarts.
pub trait PlanStore: Send + Sync {
    /// Saves a plan, new or changed; durable when it returns.
    fn save_plan(&self, plan: &Plan) -> Result<(), PortError>;
    /// All plans, oldest first.
    fn load_plans(&self) -> Result<Vec<Plan>, PortError>;
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// Self-contained page.
    Html,
    /// CommonMark.
    Md,
    /// For machines.
    Json,
    /// The way that the trouble took, as a picture alone.
    Svg,
}

/// Makes reports.
pub trait Reports: Send + Sync {
    /// The report of one incident.
    fn incident_report(&self, id: IncidentId, format: ReportFormat) -> Result<String, PortError>;
}

/// Which predictions.
#[derive(Clone, Debug)]
pub struct InferenceQuery {
    /// Of this model only; all if none.
    pub model: Option<String>,
    /// Of this version only; all if none.
    pub version: Option<String>,
    /// When the model was asked.
    pub range: TimeRange,
    /// Only those whose sequence is above this; 0 for all. A follower asks again from where it was.
    pub after: u64,
}

/// Predictions as they were logged, with the labels that are known by now.
pub trait InferenceLog: Send + Sync {
    /// Gives each prediction that fits, in order of sequence, until `visit` says no. The log is read from disk in
    /// pieces: memory does not grow with the length of the range.
    fn read(&self, query: &InferenceQuery, visit: &mut dyn FnMut(LoggedInference) -> bool) -> Result<(), PortError>;

    /// Gives each label after a place in the log of labels, with its place, in the order in which they came, until
    /// `visit` says no.
    fn read_labels(&self, after: u64, visit: &mut dyn FnMut(u64, Label) -> bool) -> Result<(), PortError>;

    /// The last places that are taken in the logs of predictions and of labels; 0 where nothing is.
    fn ends(&self) -> (u64, u64);

    /// Models with their versions that have predictions in the log, in order.
    fn logged_models(&self) -> Vec<(String, Vec<String>)>;

    /// Adds labels; durable when it returns. A later label of the same id replaces the earlier one.
    fn add_labels(&self, labels: &[Label]) -> Result<(), PortError>;
}

/// Is told of predictions and labels after they were written to the log, off the path of requests.
///
/// It is called by the thread that writes the log and must be quick: what it holds up waits in the queue.
pub trait InferenceSink: Send + Sync {
    /// New predictions, in order of sequence.
    fn inferences(&self, batch: &[LoggedInference]);
    /// New labels.
    fn labels(&self, batch: &[Label]);
}
