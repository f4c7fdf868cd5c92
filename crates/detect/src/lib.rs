//! Which series gets which estimator, when is a deviation worth a word, and which anomalies are one incident?
//!
//! Reading order: `config`, `policy`, `calendar` say what is wanted; `shard` owns the state of its `series` and judges
//! points; `budgets` says how high the threshold must be for few enough alerts (`account`, `calibrator`, `ladder`), `lessons` what people have said (`learned`);
//! `spans` makes series and the service graph of traces; `log_watch` takes in log lines, `log_finder` judges them, `log_rules` counts them and `windows` makes series of them;
//! `correlator` groups anomalies into incidents along the `service_map`.

#![warn(missing_docs)]

mod account;
mod backtest;
mod band;
mod budget;
mod budgets;
mod calendar;
mod calibrator;
mod config;
mod correlator;
mod episode;
mod fields;
mod groups;
mod ladder;
mod learned;
mod lessons;
mod load;
mod log_config;
mod log_counted;
mod log_episodes;
mod log_finder;
mod log_habit;
mod log_match;
mod log_rules;
mod log_saved;
mod log_telling;
mod log_text;
mod log_view;
mod log_watch;
mod missing;
mod policy;
mod rate;
mod saved;
mod series;
mod service_map;
mod shard;
mod spans;
mod threshold;
mod title;
mod tracked;
mod wall_clock;
mod windows;

pub use backtest::back_test;
pub use budget::Budget;
pub use budgets::{AlertBudgets, Rehearsal};
pub use calendar::{Day, Maintenance};
pub use config::{Config, CorrelatorConfig};
pub use correlator::Correlator;
pub use groups::{Findings, FleetConfig, GroupSample, GroupWatch, GroupsConfig, JointConfig};
pub use learned::Learned;
pub use lessons::{FeedbackConfig, LessonBook, Never};
pub use log_config::{FromLevel, LogConfig, SymptomFrom};
pub use log_rules::LogRule;
pub use log_watch::{LogNews, LogWatch, LogWatchConfig};
pub use policy::{Policy, Rule, Side, Sides, Usage};
pub use saved::{RestoreError, Saving};
pub use service_map::{ServiceMap, place_of};
pub use shard::{Fate, Shard, Slot, Verdict};
pub use spans::{SpanConfig, SpanCounts, SpanJoin, SpanTally, SpanWatch, Task, Work};
pub use threshold::Criterion;
pub use windows::{Aggregate, WindowConfig};
