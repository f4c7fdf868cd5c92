//! Estimators and statistics: pure arithmetic, no clock, no I/O, nothing imported from another crate of ours.
//!
//! Reading order: `catalog` lists what there is; `detect` says how unusual one point of one series is;
//! `logs` says which lines say the same thing.

#![warn(missing_docs)]

pub mod catalog;
pub mod detect;
pub mod logs;
