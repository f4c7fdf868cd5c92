//! How far off may a forecast be? Intervals from the errors of back-tests, wider with the horizon, each side for itself.
//!
//! Back-tests of one series give few independent windows and many steps. So errors are divided by a typical size per
//! step (which never shrinks with the horizon), and the quotients of all steps are put together: their quantiles times
//! the typical size are the edges. The rank of the quantile is that of split conformal prediction, with the number of
//! windows instead of the number of errors as far as the errors of one window are alike.
//!
//! Source: Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, Springer 2005, for the rank.

use serde::{Deserialize, Serialize};

use super::backtest::{Errors, Windows};
use super::forecaster::{FitError, Forecaster as _, PredictError};
use super::kind::ModelKind;
use super::model::Model;
use super::regular::Regular;
use super::saved::{self, LoadError};

/// The first bytes of a saved model with its errors.
const MAGIC: &[u8; 8] = b"SNTLFCAL";
/// To be raised whenever a saved field changes.
const VERSION: u16 = 2;
/// The most windows kept; the oldest goes first.
const MOST_WINDOWS: usize = 24;

/// A forecast with intervals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Time of the first value, in seconds since 1970, and distance.
    pub start: i64,
    /// In seconds.
    pub step: i64,
    /// What is expected.
    pub values: Vec<f64>,
    /// In the order of the levels that were asked for.
    pub intervals: Vec<Interval>,
}

/// Where the values will lie with a probability.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The probability, above 0 and below 1.
    pub level: f64,
    /// The lower edge per step, never above the expected value.
    pub lower: Vec<f64>,
    /// The upper edge per step, never below the expected value.
    pub upper: Vec<f64>,
}

/// A model with what is known about its errors.
///
/// ```
/// use learn::forecast::{Calibrated, ModelKind, Regular};
/// let wave = |it: i32| f64::from(it % 10) + f64::from(it * 7 % 13) / 13.0;
/// let history = Regular::new(0, 60, (0..200).map(wave).collect());
/// let model = Calibrated::fit(&ModelKind::named("linear_trend").unwrap(), &history, 5).unwrap();
/// let forecast = model.forecast(5, &[0.8, 0.95]).unwrap();
/// assert_eq!((forecast.start, forecast.values.len(), forecast.intervals.len()), (12_000, 5, 2));
/// assert!(forecast.intervals[1].upper[4] >= forecast.intervals[0].upper[4]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    model: Model,
    horizon: usize,
    step: i64,
    /// What came minus what was told, by window and step.
    errors: Vec<Vec<f64>>,
    /// The forecast that is compared with what comes, and the time of its first value.
    open: Option<(i64, Vec<f64>)>,
    /// Mean absolute change from point to point, for a model without errors.
    naive: f64,
}

impl Calibrated {
    /// Back-tests a kind on the history, then fits it to all of it. `horizon` is how far forecasts will usually go.
    ///
    /// # Errors
    /// `FitError` if the model cannot be fitted. A history too short for a back-test is none: intervals then come from
    /// the changes of the values, and are wide.
    pub fn fit(kind: &ModelKind, history: &Regular, horizon: usize) -> Result<Self, FitError> {
        let mut model = Model::new(kind)?;
        let horizon = horizon.max(1);
        let stride = (horizon / 2).max(1);
        let windows = Windows::fitting(history.values.len(), horizon, stride, MOST_WINDOWS);
        let errors = model.fit_and_test(history, windows)?;
        let naive = crate::evaluate::forecast::naive_error(&history.values, 1);
        let mut fitted = Self {
            model,
            horizon,
            step: history.step,
            errors: vec![],
            open: None,
            naive: if naive.is_finite() { naive } else { 0.0 },
        };
        fitted.keep(errors);
        fitted.open_window();
        Ok(fitted)
    }

    /// Follows newer values; forecasts that have come due are compared with them first.
    ///
    /// # Errors
    /// As `Forecaster::partial_fit`.
    pub fn partial_fit(&mut self, newer: &Regular) -> Result<(), FitError> {
        let mut rest = newer.clone();
        // A window may end within the values: the next one begins there.
        while let Some((start, told)) = self.open.take() {
            let end = start.saturating_add(self.step.saturating_mul(told.len() as i64));
            let n_now = usize::try_from((end - rest.start).max(0) / self.step.max(1)).unwrap_or(usize::MAX);
            if n_now >= rest.values.len() {
                self.open = Some((start, told));
                break;
            }
            let (first, last) = (rest.head(n_now), rest.from(n_now));
            self.follow(&first)?;
            self.keep(Errors { windows: vec![self.compare(start, &told, newer)] });
            rest = last;
            self.open_window();
        }
        self.follow(&rest)
    }

    fn follow(&mut self, newer: &Regular) -> Result<(), FitError> {
        if newer.values.is_empty() { Ok(()) } else { self.model.partial_fit(newer) }
    }

    /// Begins to compare from here on.
    fn open_window(&mut self) {
        let start = self.model.next_time();
        self.open = start.and_then(|start| Some((start, self.model.predict(self.horizon).ok()?)));
    }

    fn compare(&self, start: i64, told: &[f64], came: &Regular) -> Vec<f64> {
        let value_at = |time: i64| {
            let index = usize::try_from((time - came.start).div_euclid(self.step.max(1))).ok()?;
            came.values.get(index).copied().filter(|it| it.is_finite())
        };
        let error = |(index, told): (usize, &f64)| {
            value_at(start + self.step * index as i64).map_or(f64::NAN, |came| came - told)
        };
        told.iter().enumerate().map(error).collect()
    }

    fn keep(&mut self, errors: Errors) {
        self.errors.extend(errors.windows.into_iter().filter(|it| it.iter().any(|it| it.is_finite())));
        let n_old = self.errors.len().saturating_sub(MOST_WINDOWS);
        self.errors.drain(..n_old);
    }

    /// The next values with an interval for each level (above 0 and below 1; others are left out).
    ///
    /// # Errors
    /// As `Forecaster::predict`.
    pub fn forecast(&self, steps: usize, levels: &[f64]) -> Result<Forecast, PredictError> {
        let values = self.model.predict(steps)?;
        let sizes = self.sizes(steps);
        let scores = self.scores();
        let levels = levels.iter().copied().filter(|it| *it > 0.0 && *it < 1.0);
        let intervals = levels.map(|level| interval(&values, &sizes, &scores, self.errors.len(), level)).collect();
        let start = self.model.next_time().ok_or(PredictError::NotFitted)?;
        Ok(Forecast { start, step: self.step, values, intervals })
    }

    /// The typical size of an error per step: the root mean square over all windows, smoothed over neighbors, and not
    /// smaller than that of an earlier step. Beyond the horizon it grows with the square root of the step.
    fn sizes(&self, steps: usize) -> Vec<f64> {
        let mut sizes: Vec<f64> = (0..self.horizon).map(|step| self.size_around(step)).collect();
        let mut largest = 0.0;
        for size in &mut sizes {
            largest = f64::max(largest, if size.is_finite() { *size } else { 0.0 });
            *size = largest;
        }
        let at = |step: usize| match sizes.get(step) {
            _ if self.errors.is_empty() => self.naive * ((step + 1) as f64).sqrt(),
            Some(size) => *size,
            None => largest * ((step + 1) as f64 / self.horizon as f64).sqrt(),
        };
        (0..steps).map(at).collect()
    }

    fn size_around(&self, step: usize) -> f64 {
        let reach = (self.horizon / 8).min(step);
        let (from, n) = (step - reach, 2 * reach + 1);
        let errors = self.errors.iter().flat_map(|it| it.iter().skip(from).take(n)).filter(|it| it.is_finite());
        let (largest, n) = errors.clone().fold((0.0, 0), |(largest, n), it| (f64::max(largest, it.abs()), n + 1));
        if largest == 0.0 {
            return 0.0;
        }
        // Divided by the largest first: squares of huge errors overflow.
        largest * (errors.map(|it| (it / largest).powi(2)).sum::<f64>() / f64::from(n)).sqrt()
    }

    /// Errors in units of their typical size, smallest first.
    fn scores(&self) -> Vec<f64> {
        let sizes = self.sizes(self.horizon);
        let quotients = self.errors.iter().flat_map(|it| it.iter().zip(&sizes)).filter(|it| it.0.is_finite());
        let mut scores: Vec<f64> =
            quotients.map(|(error, size)| if *size > 0.0 { error / size } else { 0.0 }).collect();
        scores.sort_by(f64::total_cmp);
        scores
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The errors that intervals come from, oldest window first.
    pub fn errors(&self) -> Errors {
        Errors { windows: self.errors.clone() }
    }

    /// Model and errors as bytes, as `Model::save`.
    pub fn save(&self) -> Vec<u8> {
        saved::save(MAGIC, VERSION, self)
    }

    /// Reads what `save` wrote.
    ///
    /// # Errors
    /// As `Model::load`.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        saved::load(MAGIC, VERSION, bytes)
    }
}

fn interval(values: &[f64], sizes: &[f64], scores: &[f64], n_windows: usize, level: f64) -> Interval {
    let beyond = (1.0 - level) / 2.0;
    // Of errors above and below; a side on which the model never erred still has the forecast itself as its edge.
    let high = edge(scores.iter().copied(), scores.len(), n_windows, beyond);
    let low = -edge(scores.iter().rev().map(|it| -it), scores.len(), n_windows, beyond);
    let shifted = |factor: f64| {
        let edges = values.iter().zip(sizes).map(|(value, size)| (value + factor * size).clamp(f64::MIN, f64::MAX));
        edges.collect::<Vec<f64>>()
    };
    Interval { level, lower: shifted(low.min(0.0)), upper: shifted(high.max(0.0)) }
}

/// The score that a share `beyond` of future errors exceeds. `ascending` are scores, smallest first.
fn edge(ascending: impl Iterator<Item = f64>, n: usize, n_windows: usize, beyond: f64) -> f64 {
    // Errors of a window are alike: they count as few.
    let n_independent = (5 * n_windows).min(n).max(1) as f64;
    let share = ((n_independent + 1.0) * (1.0 - beyond) / n_independent).min(1.0);
    let rank = ((share * n as f64).ceil() as usize).clamp(1, n.max(1));
    let empirical = ascending.into_iter().nth(rank - 1).unwrap_or(0.0);
    // Where there are too few errors to have seen the rare ones, their size is that of a normal distribution.
    if n_independent * beyond < 1.0 { empirical.max(normal_quantile(1.0 - beyond)) } else { empirical }
}

/// The value that a standard normal variable stays below with this probability (above 0.5), to 0.00045.
///
/// Source: Abramowitz, Stegun: Handbook of Mathematical Functions, 26.2.23.
fn normal_quantile(probability: f64) -> f64 {
    let t = (-2.0 * (1.0 - probability).max(1e-300).ln()).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    t - top / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
}
