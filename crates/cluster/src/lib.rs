//! How do gateways, workers and the responder work as one system? They speak through topics of Kafka.
//!
//! Reading order: what the operator sets (`config`); which series lies where (`partition`); what is said (`wire`, then
//! `batch` from gateway to worker, `work` from worker to worker, `finding` to the responder); what survives a change of owner (`saved`, and `book` of the
//! responder) and how what is
//! said twice is heard once (`repeats`); then Kafka itself: `topics`, `outlet` sends, `group` shares partitions out, `range`
//! reads again; and what is counted (`counts`).

#![warn(missing_docs)]

mod config;
mod counts;
mod error;

mod partition;

mod wire;

mod span;
mod work;

mod batch;
mod book;
mod finding;
mod repeats;
mod saved;

mod group;
mod outlet;
mod range;
mod topics;

pub use batch::{Batch, Beat, Signals};
pub use book::{Book, row_records};
pub use config::Config;
pub use counts::{Counts, Origin, Refusal};
pub use error::Error;
pub use finding::{Alert, Finding, Presence, Sample};
pub use group::{Membership, Progress, Tenant, take_part};
pub use outlet::{NotSent, OnItsWay, Outlet};
pub use partition::{of_owner, of_series, of_trace};
pub use range::{offset_at, read_book, read_from, read_state};
pub use repeats::Repeats;
pub use saved::{Piece, Saved, Shelf, UnknownNote};
pub use topics::Topics;
pub use work::{Heard, Mark, TaskDone, What, Work};
