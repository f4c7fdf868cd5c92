//! Which series gets which estimator, when is a deviation worth a word, and which anomalies are one incident?
//!
//! Reading order: `config`, `policy`, `calendar` say what is wanted; `shard` owns the state of its `series` and judges
//! points; `correlator` groups anomalies into incidents along the `service_map`.

#![warn(missing_docs)]

mod band;
mod calendar;
mod config;
mod correlator;
mod episode;
mod glob;
mod load;
mod log_watch;
mod missing;
mod policy;
mod rate;
mod saved;
mod series;
mod series_map;
mod service_map;
mod shard;
mod title;

pub use calendar::{Day, Maintenance};
pub use config::{Config, CorrelatorConfig};
pub use correlator::Correlator;
pub use log_watch::{LogWatch, LogWatchConfig};
pub use policy::{Policy, Rule, Side, Sides, Usage};
pub use saved::RestoreError;
pub use service_map::ServiceMap;
pub use shard::{Fate, Shard, Slot, Verdict};
