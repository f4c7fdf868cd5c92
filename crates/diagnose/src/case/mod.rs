//! Which service is to blame, told from plain data: metrics, spans, log lines, changes and who calls whom?
//!
//! Reading order: `input` is what a case holds; `column` and `kind` say what a number is about; `scale` and `episode`
//! how far and since when it is off; `volume` how much is asked for, `counts` what is counted and `load` what requests explain; `gone` who is not there any more; `topology` who calls whom; `metrics` makes findings of series, `habits` of
//! spans and log lines (`requests` joins these, `way`, `templates` and `compare` tell what they do otherwise, `window` which
//! are from before); `changes` says which change may have brought it (`diff` reads what it does); `blame` says how much
//! of the trouble a service can be the source of; `rank` joins them to one list by `weights`, and `calibration` turns a
//! score into a probability.
//! `onset` tells when it began if nobody does, and `graph` shows the way that the trouble took;
//! `peers` has the published rankers that ours is compared with.

mod blame;
mod calibration;
mod changes;
mod column;
mod compare;
mod counts;
mod diff;
mod episode;
mod gone;
mod graph;
mod habits;
mod input;
mod kind;
mod load;
mod metrics;
mod onset;
mod peers;
mod rank;
mod requests;
mod scale;
mod templates;
mod topology;
mod volume;
mod way;
mod weights;
mod window;

pub use calibration::{Calibration, Features, expected_error, fit};
pub use column::{Column, column, columns};
pub use graph::causal_graph;
pub(crate) use habits::calls;
pub use input::{Call, Case, Change, ChangeKind, Line, Metric, Span, Symptom};
pub use kind::{Direction, Fault, Kind};
pub use onset::onset;
pub use peers::{baro, n_sigma, published};
pub use rank::{About, Blamed, Finding, Observed, RankedCause, Ranking, rank};
pub(crate) use requests::measured;
pub use weights::{Weight, Weights};
