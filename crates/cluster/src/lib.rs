//! How do gateways, workers and the responder work as one system? They speak through topics of Kafka.
//!
//! Reading order: what the operator sets (`config`); which series lies where (`partition`); what is said (`wire`, then
//! `batch` from gateway to worker, `finding` from worker to responder); what survives a change of owner (`saved`) and how
//! what is said twice is heard once (`repeats`); then Kafka itself: `topics`, `outlet`, `assigned`, `findings`,
//! `changelog`; and what is counted (`counts`).

#![warn(missing_docs)]

mod config;
mod error;

mod partition;

mod wire;

mod batch;
mod finding;
mod repeats;
mod saved;

pub use batch::{Batch, Signals};
pub use config::Config;
pub use error::Error;
pub use finding::{Finding, Presence, Sample};
pub use partition::{of_owner, of_series, of_trace};
pub use repeats::Repeats;
pub use saved::{Saved, Shelf};
