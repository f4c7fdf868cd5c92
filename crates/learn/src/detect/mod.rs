//! How unusual is one point of one series, given the points before it?
//!
//! Two verbs: `score_one` judges and changes nothing; `learn_one` takes the point in.
//! `level` is the estimator; `drift` is its slow reference, `excursion` its memory of a stay outside the band.

mod drift;
mod excursion;
mod level;
mod start;
mod words;

pub use level::{Level, LevelScore, Settings};
pub use words::WordsError;
