//! What can every model do, and how does it fail?

use std::fmt;

use super::backtest::Windows;
use super::regular::Regular;

/// A model of one series that tells what comes next.
///
/// What is not finite in a history is a gap; every model copes with gaps.
/// A failed call leaves the model as it was.
pub trait Forecaster: Send + Sync {
    /// Learns from a history, and forgets all it knew.
    ///
    /// # Errors
    /// `FitError` if the history is too short, or nothing finite can be learned from it.
    fn fit(&mut self, history: &Regular) -> Result<(), FitError>;

    /// Learns from what came since: forecasts then begin after the last value of `newer`. What the model has seen
    /// already is left out; a distance between its last value and the first of `newer` is a gap.
    ///
    /// # Errors
    /// `FitError` if it was never fitted, the step is another one, or the gap is longer than what it has seen.
    fn partial_fit(&mut self, newer: &Regular) -> Result<(), FitError>;

    /// Exactly `steps` finite values, the first one step after the last value seen.
    ///
    /// # Errors
    /// `PredictError` if it was never fitted, or would have to answer something that is not finite.
    fn predict(&self, steps: usize) -> Result<Vec<f64>, PredictError>;

    /// Time of the first value that `predict` tells, in seconds since 1970; `None` before `fit`.
    fn next_time(&self) -> Option<i64>;
}

/// Why a model could not learn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// Too few values that are no gaps.
    TooShort {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// The step is not above 0, or above a century.
    BadStep(i64),
    /// The start is millions of years away, in seconds.
    BadStart(i64),
    /// The step is not the one that was learned.
    OtherStep {
        /// Of the model, in seconds.
        learned: i64,
        /// Of the newer values, in seconds.
        found: i64,
    },
    /// The newer values begin so late that the model knows nothing about that time: fit again.
    LongGap {
        /// Missing points.
        missing: usize,
    },
    /// `partial_fit` came before `fit`.
    NotFitted,
    /// A parameter is outside of what the model can do.
    BadParameter(String),
    /// What was learned would give values that are not finite.
    NotFinite,
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { needed, found } => {
                write!(f, "the history has {found} usable values, the model needs {needed}")
            }
            Self::BadStep(step) => write!(f, "the step is {step} s, it must be above 0 and at most a century"),
            Self::BadStart(start) => write!(f, "the start is {start} s after 1970, which is no time of ours"),
            Self::OtherStep { learned, found } => {
                write!(f, "the newer values are {found} s apart, the model was fitted to steps of {learned} s")
            }
            Self::LongGap { missing } => {
                write!(f, "{missing} points are missing before the newer values: fit the model again")
            }
            Self::NotFitted => write!(f, "the model was never fitted"),
            Self::BadParameter(problem) => write!(f, "{problem}"),
            Self::NotFinite => write!(f, "the model would tell values that are not finite"),
        }
    }
}

impl std::error::Error for FitError {}

/// Why a model could not tell what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PredictError {
    /// The model was never fitted.
    NotFitted,
    /// A value would not be finite.
    NotFinite,
    /// More steps than `MAX_STEPS`.
    TooManySteps,
}

/// The most steps of one forecast.
pub const MAX_STEPS: usize = 1_000_000;

impl fmt::Display for PredictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFitted => write!(f, "the model was never fitted"),
            Self::NotFinite => write!(f, "a forecast would not be finite"),
            Self::TooManySteps => write!(f, "a forecast has at most {MAX_STEPS} steps"),
        }
    }
}

impl std::error::Error for PredictError {}

/// A history without gaps whose values are at most 1 in size, as methods see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clean<'a> {
    /// The values, oldest first, all finite.
    pub values: &'a [f64],
    /// Time of the first, in seconds.
    pub start: i64,
    /// Distance, in seconds.
    pub step: i64,
}

/// The arithmetic of a model: gaps, scale, times and bounds are the business of `Model`.
pub(super) trait Method: Send + Sync {
    /// The fewest values it learns from.
    fn min_points(&self) -> usize;

    /// Learns from at least `min_points` values, and forgets what it knew.
    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError>;

    /// Learns from the values that follow.
    fn extend(&mut self, newer: &[f64]);

    /// The next values, exactly as many as asked for.
    fn predict(&self, steps: usize) -> Vec<f64>;

    /// Learns as `fit`, and tells what came minus what it would have told in windows at the end of the history, by window
    /// and step. Empty if the history has no room for windows.
    fn fit_and_test(&mut self, history: &Clean<'_>, windows: Windows) -> Result<Vec<Vec<f64>>, FitError> {
        let (first, newer) = history.values.split_at(history.values.len().saturating_sub(windows.n_values()));
        let can_test = windows.count > 0 && first.len() >= self.min_points();
        let is_fitted = can_test && self.fit(&Clean { values: first, ..*history }).is_ok();
        let errors = if is_fitted { follow_windows(self, newer, windows) } else { vec![] };
        self.fit(history)?;
        Ok(errors)
    }
}

/// Forecasts from the start of each window, following the values in between; ends with the start of the last one.
pub(super) fn follow_windows(method: &mut (impl Method + ?Sized), newer: &[f64], windows: Windows) -> Vec<Vec<f64>> {
    let mut errors = Vec::with_capacity(windows.count);
    for window in 0..windows.count {
        let rest = newer.get(window * windows.stride..).unwrap_or_default();
        let told = method.predict(windows.horizon);
        errors.push(rest.iter().zip(told).map(|(came, told)| came - told).collect());
        if window + 1 < windows.count {
            method.extend(rest.get(..windows.stride).unwrap_or(rest));
        }
    }
    errors
}
