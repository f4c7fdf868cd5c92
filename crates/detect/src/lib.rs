//! Which series gets which estimator, when is a deviation worth a word, and which anomalies are one incident?
//!
//! Reading order: `config`, `policy`, `calendar` say what is wanted; `shard` owns the state of its `series` and judges
//! points; `correlator` groups anomalies into incidents along the `service_map`.

#![warn(missing_docs)]

mod config;
mod glob;
mod policy;
mod calendar;
mod rate;
mod band;
mod episode;
mod series;
mod missing;
mod saved;
mod shard;
mod service_map;
mod title;
mod load;
mod correlator;

pub use calendar::{Day, Maintenance};
pub use config::{Config, CorrelatorConfig};
pub use correlator::Correlator;
pub use policy::{Policy, Rule, Side, Sides, Usage};
pub use saved::RestoreError;
pub use service_map::ServiceMap;
pub use shard::{Fate, Shard, Slot, Verdict};
