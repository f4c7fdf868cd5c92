//! How do people and programs ask Sentinel? HTTP API, web UI, live events and /metrics over the ports of `signal`.
//!
//! Reading order: what it is given (`config`, `ports`, `app`), how a request passes (`routes`, `guard`, `rescue`,
//! `parameters`), what it answers (`api`, `live`, `exposition`, `ui`, `assets`, `swagger`), and what it counts (`traffic`).

#![warn(missing_docs)]

mod agent;
mod api;
mod app;
mod assets;
mod config;
mod error;
mod exposition;
mod forecasts;
mod guard;
mod knowledge;
mod live;
mod model_drift;
mod operations;
mod parameters;
mod ports;
mod queries;
mod rescue;
mod routes;
mod selectors;
mod served;
mod sources;
mod swagger;
mod traffic;
mod ui;
mod unpacked;
mod workforce;

pub use agent::{AgentCap, AgentDesk, AgentStatus, AgentTool};
pub use api::prometheus::form::duration_ms;
pub use api::prometheus::rules::{Alerting, FiringAlert, Rule, RuleGroup};
pub use api::prometheus::targets::ScrapedTarget;
pub use api::prometheus::time_series::TimeSeries;
pub use config::Config;
pub use error::Error;
pub use forecasts::{
    CrossStatus, ForecastChart, ForecastPoint, Forecasts, ModelStatus, Switched, Triggered, WatchStatus,
};
pub use knowledge::{
    Answer, AnswerCause, Answers, Asking, EXAMPLES, Knowledge, KnowledgePassage, KnowledgeQuery, KnowledgeStatus,
    LinesQuery, ProposedAction, Related, RunbookStatus, Understood,
};
pub use live::Live;
pub use model_drift::{
    DriftFeature, DriftRun, EstimatedMeasure, LiveStream, LiveTarget, ModelDrift, ModelVersion, SchemaColumn,
    WatchedModel,
};
pub use operations::{Operations, operations};
pub use ports::{
    Health, Intake, IntakeStatus, MetricBook, MetricMetadata, NamedCount, Ports, Row, RowJudge, RowVerdict, RuleBook,
    TenantStatus,
};
pub use queries::{Asked, Queries, QueryConfig, Stored};
pub use routes::{page_paths, router};
pub use served::{Promoted, ServedModel, ServedModels};
pub use workforce::{WorkerStatus, Workforce, WorkforceStatus};
