//! What is known of one incident, as plain data without a store behind it?

use signal::LogLevel;

/// Everything there is to judge one incident by. Each part may be empty.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// When the incident was noticed, milliseconds since 1970. It may be up to a minute or so wrong to either side.
    pub at: i64,
    /// Series around that time.
    pub metrics: Vec<Metric>,
    /// Steps of requests.
    pub spans: Vec<Span>,
    /// Lines of logs.
    pub logs: Vec<Line>,
    /// Deploys, commits, flags, settings and what providers tell.
    pub changes: Vec<Change>,
    /// Who calls whom, if it is known beforehand.
    pub calls: Vec<Call>,
    /// Where it was noticed, if that is known.
    pub symptom: Option<Symptom>,
}

/// One series of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// Whom the numbers are about.
    pub service: String,
    /// What they are, for example `cpu` or `latency/p99`.
    pub indicator: String,
    /// Values of a time without a fault, in the order in which they were measured; may be empty. `NaN` is a gap.
    pub normal: Vec<f64>,
    /// Times of `values` in milliseconds since 1970, ascending.
    pub times: Vec<i64>,
    /// Values around the incident. `NaN` is a gap.
    pub values: Vec<f64>,
}

/// One service sends requests to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Who asks.
    pub caller: String,
    /// Who answers.
    pub callee: String,
}

/// What was noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symptom {
    /// On which service.
    pub service: String,
    /// In which of its indicators.
    pub indicator: Option<String>,
}

/// One step of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Which request; empty if it is not known.
    pub trace: String,
    /// Which step of it.
    pub id: String,
    /// The step that caused it; empty for the first one.
    pub parent: String,
    /// Who did it.
    pub service: String,
    /// What was done.
    pub operation: String,
    /// When it began, milliseconds since 1970.
    pub start: i64,
    /// How long it took, in milliseconds.
    pub millis: f64,
    /// Whether it failed.
    pub is_error: bool,
    /// What it says about the failure, or an empty text.
    pub message: String,
    /// From a time without a fault, whatever its time says.
    pub is_normal: bool,
}

/// One line of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// When it was written, milliseconds since 1970.
    pub time: i64,
    /// Who wrote it.
    pub service: String,
    /// What it says.
    pub text: String,
    /// How bad it is, if it says so.
    pub level: Option<LogLevel>,
    /// The request and the step that it was written for; empty if not known.
    pub trace: String,
    /// See `trace`.
    pub span: String,
    /// From a time without a fault, whatever its time says.
    pub is_normal: bool,
}

/// Something that people or machines changed, or that a provider tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// What it is known by: a commit, a flag, an event.
    pub id: String,
    /// What was done.
    pub kind: ChangeKind,
    /// When it came into effect, milliseconds since 1970.
    pub time: i64,
    /// Where; empty if it is not known.
    pub service: String,
    /// Its title.
    pub title: String,
    /// Files that it touches.
    pub files: Vec<String>,
    /// What it does to them, as a unified diff; empty if not known.
    pub diff: String,
}

/// What a change is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A version was put in place.
    #[default]
    Deploy,
    /// Something was committed, and it is not known to run anywhere.
    Commit,
    /// A flag was switched.
    Flag,
    /// A setting was changed.
    Config,
    /// A provider tells of trouble of its own.
    Outage,
}

impl ChangeKind {
    /// Name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Commit => "commit",
            Self::Flag => "flag",
            Self::Config => "config",
            Self::Outage => "outage",
        }
    }
}
