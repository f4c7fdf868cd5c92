//! The nouns and the ports every stage shares; no I/O, no async, nothing imported from another crate of ours.
//!
//! Reading order: what comes in (`time`, `labels`, `sample`, `log`, `span`, `change`,
//! `inference`), what is found in it
//! (`anomaly`, `group`, `incident`, `evidence`, `diagnosis`), what is done about it (`plan`, `ledger`), how often people are told (`budget`, `backtest`), what they say to it (`lesson`), how a
//! stage is told about the outside (`ports`), and how it tells about itself (`meter`).

#![warn(missing_docs)]

mod anomaly;
mod backtest;
mod budget;
mod causal;
mod change;
mod diagnosis;
mod event;
mod evidence;
mod glob;
mod group;
mod histogram;
mod incident;
mod inference;
mod investigation;
mod labels;
mod ledger;
mod lesson;
mod log;
mod meter;
mod plan;
mod ports;
mod role;
mod sample;
mod series_map;
mod span;
mod text;
mod time;
mod trace;

pub use anomaly::{Anomaly, AnomalyKind, Direction, Score, Severity};
pub use backtest::{BackTest, BackTestAlert, BackTestOutcome, BackTestQuestion, BackTester, BandPoint, Choice};
pub use budget::{AlertBudget, BudgetStatus, Budgets, HeldAlert};
pub use causal::{CausalEdge, CausalGraph, CausalNode};
pub use change::{Change, ChangeKind};
pub use diagnosis::{Cause, Diagnosis, FaultClass};
pub use event::Event;
pub use evidence::{Evidence, EvidenceId, EvidenceSource, RequestMeasure};
pub use glob::glob_matches;
pub use group::{GroupKind, GroupMember, GroupStatus, Groups};
pub use histogram::{HISTOGRAM_MARK, HistogramSample, NativeHistogram, ResetHint, is_histogram_mark};
pub use incident::{Incident, IncidentId, IncidentStatus, Opinion, Symptom, TimelineEntry};
pub use inference::{FeatureValue, Inference, Label, LoggedInference};
pub use investigation::{
    CauseOpinion, Claim, DroppedClaims, Investigation, InvestigationOutcome, InvestigationStep, Investigations,
    StepResult,
};
pub use labels::{LabelParseError, Labels, Matcher, SeriesId};
pub use ledger::LedgerEntry;
pub use lesson::{Feedback, FeedbackDesk, Hours, Lesson, LessonEffect, LessonTarget, Priors};
pub use log::{LogHit, LogId, LogLevel, LogRecord};
pub use meter::{Meter, Metric, MetricKind};
pub use plan::{Approval, Plan, PlanId, PlanState, PlannedStep, StepKind, StepOutcome, Verification};
pub use ports::{
    ChangeLog, Clock, ExemplarSearch, GoOn, History, IncidentBook, IncidentFilter, InferenceLog, InferenceQuery,
    InferenceSink, LabelTest, Ledger, LogQuery, LogSearch, LogTemplate, OfHistograms, Outbox, PlanDesk, PlanStore,
    PortError, ReportFormat, Reports, Scores, SeriesQuery, SystemClock, TemplateChange, TemplateTrend, Templates,
    Topology,
};
pub use role::{Role, is_counter, is_derived};
pub use sample::{Exemplar, Point, SeriesPoints, rates};
pub use series_map::SeriesMap;
pub use span::{IdParseError, Span, SpanEvent, SpanId, SpanKind, SpanStatus, TraceId};
pub use text::shortened;
pub use time::{TimeRange, Timestamp};
pub use trace::{SpanQuery, TraceSearch, TraceSummary};
