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
const VERSION: u16 = 3;
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
    /// The forecast that is compared with what comes.
    open: Option<Open>,
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
    /// As `Forecaster::partial_fit`; nothing has changed then.
    pub fn partial_fit(&mut self, newer: &Regular) -> Result<(), FitError> {
        let mut followed = self.clone();
        followed.follow(newer)?;
        *self = followed;
        Ok(())
    }

    fn follow(&mut self, newer: &Regular) -> Result<(), FitError> {
        let mut rest = newer.clone();
        // A window may end within the values: the next one begins there.
        while let Some(mut open) = self.open.take() {
            open.compare(&rest);
            let n_of_window = open.n_before_end(&rest);
            if n_of_window > rest.values.len() {
                self.open = Some(open);
                break;
            }
            self.keep(Errors { windows: vec![open.errors] });
            let first = rest.head(n_of_window);
            rest = rest.from(n_of_window);
            if first.values.is_empty() {
                // The values begin after the window: where they end the next one begins.
                break;
            }
            self.model.partial_fit(&first)?;
            self.open_window();
        }
        if !rest.values.is_empty() {
            self.model.partial_fit(&rest)?;
        }
        if self.open.is_none() {
            self.open_window();
        }
        Ok(())
    }

    /// Begins to compare from here on.
    fn open_window(&mut self) {
        let open = |start| {
            let told = self.model.predict(self.horizon).ok()?;
            Some(Open { start, step: self.step, errors: vec![f64::NAN; told.len()], told })
        };
        self.open = self.model.next_time().and_then(open);
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

/// A forecast of which not all has come yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    /// Time of its first value and distance, in seconds.
    start: i64,
    step: i64,
    told: Vec<f64>,
    /// What came minus what was told; NaN where nothing came yet.
    errors: Vec<f64>,
}

impl Open {
    /// Points from the time to the end of the window, on the nearest grid point.
    fn points_until(&self, from: i64, until: i64) -> i128 {
        (i128::from(until) - i128::from(from) + i128::from(self.step) / 2).div_euclid(i128::from(self.step.max(1)))
    }

    /// How many of these values lie before the end of the window.
    fn n_before_end(&self, newer: &Regular) -> usize {
        let n_points = i64::try_from(self.told.len()).unwrap_or(i64::MAX);
        let end = self.start.saturating_add(self.step.saturating_mul(n_points));
        usize::try_from(self.points_until(newer.start, end)).unwrap_or(0)
    }

    fn compare(&mut self, came: &Regular) {
        let offset = self.points_until(self.start, came.start);
        for (index, value) in came.values.iter().enumerate().filter(|it| it.1.is_finite()) {
            let Ok(place) = usize::try_from(offset + index as i128) else { continue };
            if let (Some(error), Some(told)) = (self.errors.get_mut(place), self.told.get(place)) {
                *error = value - told;
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn noise(seed: u64, n: usize, size: f64) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..n).map(|_| 100.0 + size * random.normal()).collect()
    }

    fn fitted(values: Vec<f64>) -> Calibrated {
        Calibrated::fit(&ModelKind::named("auto").unwrap(), &Regular::new(0, 60, values), 12).unwrap()
    }

    fn width(model: &Calibrated) -> f64 {
        let interval = &model.forecast(1, &[0.8]).unwrap().intervals[0];
        interval.upper[0] - interval.lower[0]
    }

    /// Guarantees 395: one value at a time or many, errors that grow widen the interval, by window and step.
    #[test]
    fn intervals_follow_the_errors_that_come() {
        let mut by_one = fitted(noise(1, 300, 1.0));
        let mut at_once = by_one.clone();
        let before = width(&by_one);
        assert!((2.0..4.0).contains(&before), "{before}");
        let newer = Regular::new(300 * 60, 60, noise(2, 240, 10.0));
        for it in 0..240 {
            by_one.partial_fit(&newer.head(it + 1).from(it)).unwrap();
        }
        at_once.partial_fit(&newer).unwrap();
        for model in [&by_one, &at_once] {
            assert!(width(model) > 4.0 * before, "{}", width(model));
            assert!(model.errors().windows.iter().flatten().all(|it| it.is_finite()));
        }
        let newest = by_one.errors().windows.last().cloned().unwrap();
        assert!(newest.iter().map(|it| it.abs()).sum::<f64>() / newest.len() as f64 > 4.0, "{newest:?}");
    }

    /// Guarantees: values that begin after the open window end no loop and are learned.
    #[test]
    fn a_gap_longer_than_the_window_is_bridged() {
        let mut model = fitted(noise(1, 300, 1.0));
        let newer = Regular::new(400 * 60, 60, noise(3, 30, 1.0));
        model.partial_fit(&newer).unwrap();
        assert_eq!(model.forecast(1, &[]).unwrap().start, newer.end());
        let far = Regular::new(1_000_000 * 60, 60, vec![1.0]);
        // Bytes, because what has not come yet is NaN, which equals nothing.
        let before = model.save();
        assert!(model.partial_fit(&far).is_err());
        assert!(model.save() == before);
    }

    /// Guarantees 393: edges never come nearer with the step, and go on widening beyond the back-test.
    #[test]
    fn intervals_widen_with_the_horizon() {
        let mut level = 0.0;
        let walk: Vec<f64> = noise(4, 600, 1.0)
            .iter()
            .map(|it| {
                level += it - 100.0;
                level
            })
            .collect();
        let forecast = fitted(walk).forecast(48, &[0.8]).unwrap();
        let widths: Vec<f64> =
            forecast.intervals[0].upper.iter().zip(&forecast.intervals[0].lower).map(|(a, b)| a - b).collect();
        assert!(widths.windows(2).all(|it| it[1] >= it[0] * (1.0 - 1e-9)), "{widths:?}");
        assert!(widths[11] > 1.5 * widths[0] && widths[47] > 1.8 * widths[11], "{widths:?}");
    }

    /// Guarantees 392: noise lies within the interval as often as it says, also on one side each.
    #[test]
    fn noise_is_covered_as_often_as_promised() {
        let (mut below, mut above, mut n) = (0, 0, 0);
        for seed in 0..40 {
            let values = noise(seed, 412, 5.0);
            let forecast = fitted(values[..400].to_vec()).forecast(12, &[0.8]).unwrap();
            let interval = &forecast.intervals[0];
            for (step, value) in values[400..].iter().enumerate() {
                below += usize::from(*value < interval.lower[step]);
                above += usize::from(*value > interval.upper[step]);
                n += 1;
            }
        }
        for share in [below, above].map(|it| it as f64 / n as f64) {
            assert!((0.05..0.15).contains(&share), "{below} {above} of {n}");
        }
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (probability, quantile) in [(0.9, 1.28155), (0.975, 1.95996), (0.999, 3.09023)] {
            assert!((normal_quantile(probability) - quantile).abs() < 0.001);
        }
    }
}
