//! Policy, plan, approval, execution, verification, undo: what may be done about an incident, and is it safe?
//!
//! A playbook of the configuration matches the typed facts of a diagnosis and becomes a plan; a person (or the playbook
//! itself, where every step can be undone) approves exactly that plan; the [`Desk`] carries it out, watches the signal
//! that was anomalous and takes the steps back when it does not recover. Each decision stands in the ledger before its
//! effect.

#![warn(missing_docs)]

mod config;
mod error;
mod glob;
mod identity;
mod placeholder;
mod refusal;
mod remedy;
// From an incident to a plan.
mod draft;
mod policy;
mod seal;
// From a plan to an effect.
mod counters;
mod desk;
mod execute;
mod verdict;

pub use config::{ApprovalMode, Config, Match, Playbook, StepConfig, Verify};
pub use desk::{Consideration, Desk};
pub use error::Error;
pub use refusal::{Refusal, RefusalReason};
pub use remedy::{AirflowRun, AirflowStop, Command, StepTemplate, TerminateProcess, Train, Webhook};
pub use seal::digest;
