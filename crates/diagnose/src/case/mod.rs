//! Which service is to blame, told from plain data: metrics, spans, log lines, changes and who calls whom?
//!
//! Reading order: `input` is what a case holds; `column` and `kind` say what a number is about; `scale` and `episode`
//! how far and since when it is off; `topology` who calls whom; `metrics`, `traces`, `logs` and `changes` make findings
//! of each signal; `blame` says how much of the trouble a service can be the source of; `rank` joins them to one list, and `calibration` turns a score into a probability.
//! `peers` has the published rankers that ours is compared with.

mod blame;
mod calibration;
mod column;
mod episode;
mod input;
mod kind;
mod metrics;
mod peers;
mod rank;
mod scale;
mod topology;

pub use column::{Column, column};
pub use input::{Call, Case, Metric, Symptom};
pub use kind::{Direction, Fault, Kind};
pub use peers::{baro, n_sigma, published};
pub use rank::{Finding, RankedCause, Ranking, rank};
