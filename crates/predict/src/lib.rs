//! What does a model answer, and what was it asked? Serving, the log of predictions and late labels.
//!
//! Reading order: `schema` checks what comes, `model` is what answers, `folder` reads models from files, `served`
//! knows their versions, `desk` chooses who answers, `log` keeps what was said, `http` has the protocols.

#![warn(missing_docs)]

mod config;
mod counts;
mod desk;
mod error;
mod folder;
pub mod fuzzing;
mod http;
mod log;
mod model;
mod pairs;
mod payload;
mod redact;
mod schema;
mod served;

pub use config::{
    CanaryConfig, Config, CsvConfig, Keep, LogConfig, ModelConfig, ParquetConfig, ProxyConfig, VersionConfig, is_name,
};
pub use desk::{Answered, Chosen, Desk, Place};
pub use error::PredictError;
pub use folder::{Loaded, MODEL_FILES, OnnxLoader, SCHEMA_FILE, load};
pub use http::routes;
pub use log::Log;
pub use log::csv::CsvOutlet;
pub use log::follower::Outlet;
pub use log::parquet::{Files, ParquetOutlet};
pub use model::{Answer, Model, Predictions, Rows, TreeModel};
pub use schema::{Column, ColumnKind, FieldProblem, Fields, Row, Schema, Target, UnknownFields, VERSION};
pub use served::{Roles, Served, Version};
