//! How does a user say what must be found in which signals? The scenario language and its runner.
//!
//! A scenario is text, one statement per line. Inputs (`load`, `log`, `call`, `predict`, `shop`, `break`, `change`, `config`) say what
//! comes in and when; where they stand does not matter. `detect` lets simulated time pass and `expect` says what must
//! have been found by then. docs/book/src/scenarios.md is the reference.

mod cadence;
mod call;
mod check;
mod cursor;
mod fill;
mod load;
mod parse;
mod predict;
mod run;
mod script;
mod values;

pub use cursor::ParseError;
pub use parse::parse;
pub use run::{Check, Outcome, run};
pub use script::Script;

use signal::Timestamp;

/// Time zero of every scenario: Monday, 2026-01-05T00:00:00Z.
pub const EPOCH: Timestamp = Timestamp::from_secs(1_767_571_200);

#[cfg(test)]
mod tests;
