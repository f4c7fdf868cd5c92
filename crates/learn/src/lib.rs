//! Estimators and statistics: pure arithmetic, no clock, no I/O, nothing imported from another crate of ours.
//!
//! Reading order: `catalog` lists what there is; `detect` says how unusual one point of one series is;
//! `group` says which of many series is not as the others;
//! `forecast` tells what comes next in a series; `quantile` follows a share of a stream; `events` says whether events are as they always are; `sketch` sums many values
//! up in little memory; `logs` says which lines say the same thing;
//! `drift` says whether data is still as it was, by tests that `probability` has the distributions for;
//! `boosting` learns numbers and probabilities from rows;
//! `performance` says how good a model that serves has been;
//! `evaluate` says how good all that is on published benchmarks.

#![warn(missing_docs)]

pub mod boosting;
pub mod catalog;
pub mod detect;
pub mod drift;
pub mod evaluate;
pub mod events;
pub mod forecast;
pub mod group;
pub mod logs;
pub mod outlier;
pub mod performance;
pub mod probability;
pub mod quantile;
pub mod random;
pub mod sketch;
pub mod trees;
