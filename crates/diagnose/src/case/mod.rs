//! Which service is to blame, told from plain data: metrics, spans, log lines, changes and who calls whom?
//!
//! Reading order: `input` is what a case holds; `column` and `kind` say what a number is about; `scale` and `episode`
//! how far and since when it is off; `topology` who calls whom; `metrics` makes findings of series, `habits` of
//! spans and log lines (`requests` joins these, `window` says which are from before); `changes`
//! says which change may have brought it (`diff` reads what it does); `blame` says how much of the trouble a service can be the source of; `rank` joins them to one list, and `calibration` turns a score into a probability.
//! `graph` shows the way that the trouble took;
//! `peers` has the published rankers that ours is compared with.

mod blame;
mod calibration;
mod changes;
mod column;
mod diff;
mod episode;
mod graph;
mod habits;
mod input;
mod kind;
mod metrics;
mod peers;
mod rank;
mod requests;
mod scale;
mod topology;
mod window;

pub use calibration::{Features, Weights, expected_error, fit};
pub use column::{Column, column};
pub use graph::{CausalGraph, Node};
pub use input::{Call, Case, Change, ChangeKind, Line, Metric, Span, Symptom};
pub use kind::{Direction, Fault, Kind};
pub use peers::{baro, n_sigma, published};
pub use rank::{Blamed, Finding, RankedCause, Ranking, rank};
