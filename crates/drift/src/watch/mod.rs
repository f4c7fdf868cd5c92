//! When is a watched model told of? What is configured, which rules hold after a comparison, and when an alarm begins
//! and ends.
//!
//! Reading order: `config` is what the user says; `rule` reads `data_drift_score > 0.1`; `measures` are the numbers that
//! rules name; `alarm` begins and ends without flapping; `performance` measures answers by labels that came later,
//! `class_order` knows which probability is of which class;
//! `concept` compares how wrong a model is with how wrong it was; `onset` says since when; `online` follows the stream
//! between comparisons; `estimate` says how right answers are before labels come.

mod alarm;
mod class_order;
mod concept;
mod config;
mod estimate;
mod measures;
pub mod online;
mod onset;
mod performance;
mod rule;

pub use alarm::{Alarm, News};
pub use concept::{ConceptDrift, Wrongness};
pub use config::{OneOrMany, PerformanceConfig, ReferenceConfig, Task, WatchConfig, WindowConfig, seconds};
pub use estimate::{EstimateRow, Estimated, Estimator, NoEstimate};
pub use measures::{MEASURES, Measures, is_estimate_of, is_of_performance};
pub use onset::{Seen, onset};
pub use performance::{Answered, Performance, Quality};
pub use rule::{Comparison, Rule};
