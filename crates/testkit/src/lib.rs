//! The simulated shop, the scenario language and its runner, and stand-ins for clock, ledger and plan store.
//!
//! Reading order: `shop` makes signals with known faults in them, `scn` is the language that says what must be found
//! in signals, `system` is what the language asks of the thing under test, `expose` prints samples as a scrape target
//! would, `fake` stands in for the ports of `signal`, `attacks` is what hostile people write into signals.

#![warn(missing_docs)]

pub mod attacks;
pub mod expose;
pub mod fake;
pub mod scn;
pub mod shop;
mod system;

pub use system::{Reply, System};
