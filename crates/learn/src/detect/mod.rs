//! How unusual is one point of one series, given the points before it?
//!
//! Two verbs: `score_one` judges and changes nothing; `learn_one` takes the point in.
//! `level` is the estimator of most series; `drift` is its slow reference, `excursion` its memory of a stay outside the
//! band. `counts` judges counters of rare events.

mod counts;
mod drift;
mod excursion;
mod level;
mod start;
mod words;

pub use counts::Counts;
pub use level::{Level, LevelScore, Settings};
pub use words::WordsError;
