//! Signals to disk and back: what was acknowledged is still there after a crash, exactly once.
//!
//! Reading order: `store` (the doors), `writer` and `wal` (one durable log for samples and lines), `samples`
//! (compressed chunks and blocks), `packs` (compressed records: `logs`, `spans`, `histograms`), `state` (incidents, plans, changes, ledger, values).

#![warn(missing_docs)]

mod bytes;
mod config;
mod counters;
mod disk;
mod error;
mod exemplars;
#[doc(hidden)]
pub mod fuzzing;
mod histograms;
mod logs;
mod merger;
mod packs;
mod recovery;
mod rows;
mod samples;
mod snapshots;
mod spans;
mod state;
mod store;
mod threads;
mod wal;
mod writer;

pub use config::{Config, Retention};
pub use error::{Busy, Error};
pub use packs::parts::Parts as LogParts;
pub use recovery::{Cut, Recovery};
pub use rows::Effort;
pub use samples::chunk;
pub use state::{Row, peek as peek_state, replace as replace_state};
pub use store::Store;
pub use writer::{Appended, Done, Write};
