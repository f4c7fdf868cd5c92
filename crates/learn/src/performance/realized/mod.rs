//! What has come true of what a model said? Predictions beside labels that came later.
//!
//! One file per kind of model: `binary` and `classes` for classifiers, `calibration` for their probabilities,
//! `regression` for numbers, `ranking` for ordered lists. Nothing here knows which rows belong together: a window is
//! chosen by the caller. A measure that has no value for the given rows (no positives, one class only, nothing at all)
//! is NaN, never 0: a dashboard shows a gap, not a disaster.

pub mod binary;
pub mod calibration;
pub mod classes;
pub mod ranking;
pub mod regression;
