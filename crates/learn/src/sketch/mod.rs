//! What can be said about many values without keeping them? Mergeable summaries of bounded size.
//!
//! `quantile` answers "what is the 95th percentile", `ranks` answers "which share lies below", `distinct` answers "how
//! many different ones". Two summaries of two
//! parts are merged into the summary of the whole, so that windows can slide by panes and keys can be added up.

mod distinct;
mod quantile;
mod ranks;

pub use distinct::{Distinct, hash_text};
pub use quantile::QuantileSketch;
pub use ranks::RankSketch;
