//! How unusual is one point of one series, given the points before it?
//!
//! Two verbs: `score_one` judges and changes nothing; `learn_one` takes the point in.
//! `detector` is the estimator of every series. It joins `level`, a fast band (`drift` is its slow reference, `excursion` its
//! memory of a stay outside), and `novelty`, which says whether anything like this was ever there: it looks at the series
//! from seven sides (`views`, one of them `season`) and remembers what each of them showed (`seen`).
//! `counts` judges counters of rare events.

mod counts;
mod detector;
mod drift;
mod excursion;
mod habits;
mod level;
mod novelty;
mod season;
mod seen;
mod start;
mod views;
mod words;

pub use counts::Counts;
pub use detector::{Detector, Judgment};
pub use level::{Level, LevelScore, Settings};
pub use novelty::News;
pub use views::View;
pub use words::WordsError;
