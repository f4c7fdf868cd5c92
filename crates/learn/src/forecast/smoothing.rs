//! How do level, trend and season follow the values? The recursion of exponential smoothing, and the search for its weights.
//!
//! Source: Hyndman, Koehler, Ord, Snyder: Forecasting with Exponential Smoothing, Springer 2008, table 2.1 (error
//! correction form).
#![allow(clippy::indexing_slicing, reason = "the phase is below the number of seasonal terms, which is at least one")]

use serde::{Deserialize, Serialize};

use super::minimize::{Search, minimize};

/// How a season acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seasonal {
    /// Not at all.
    #[default]
    None,
    /// Adds the same at every level.
    Additive,
    /// Multiplies the level; for series that are above 0 throughout.
    Multiplicative,
}

/// Which parts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Form {
    pub has_trend: bool,
    pub is_damped: bool,
    pub seasonal: Seasonal,
    /// Errors are proportional to what is told.
    pub is_relative: bool,
    /// In points.
    pub period: usize,
}

impl Form {
    /// Weights that are searched, and starting values.
    pub fn n_parameters(&self) -> usize {
        let seasonal = if self.seasonal == Seasonal::None { 0 } else { self.period };
        2 + 2 * usize::from(self.has_trend) + usize::from(self.is_damped) + usize::from(seasonal > 0) + seasonal
    }
}

/// How fast each part follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Weights {
    pub alpha: f64,
    /// Of the change of the level, so that the trend moves by `alpha * beta * error`.
    pub beta: f64,
    pub gamma: f64,
    pub phi: f64,
}

/// Given weights are kept, others searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Given {
    pub alpha: Option<f64>,
    pub beta: Option<f64>,
    pub gamma: Option<f64>,
    pub phi: Option<f64>,
}

/// Level, trend and season at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Smoothing {
    pub form: Form,
    pub weights: Weights,
    pub level: f64,
    pub trend: f64,
    /// One term per phase; a single neutral one without a season.
    pub seasonal: Vec<f64>,
    /// The phase of the next value.
    pub phase: usize,
}

/// What a pass over values left behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fit {
    pub squares: f64,
    /// Sum of the logarithms of what was told, for relative errors.
    pub logarithms: f64,
    pub n: usize,
}

impl Fit {
    /// Twice the negative log-likelihood but for a constant.
    pub fn deviance(&self, form: Form) -> f64 {
        let n = self.n as f64;
        // A perfect fit would be minus infinity and beat everything; nothing is measured better than this.
        let variance = (self.squares / n).max(1e-24);
        n * variance.ln() + if form.is_relative { 2.0 * self.logarithms } else { 0.0 }
    }
}

impl Smoothing {
    /// Starting values from the beginning of a history of at least two periods, or two values without a season.
    pub fn start(values: &[f64], form: Form) -> Self {
        let weights = Weights { alpha: 0.3, beta: 0.1, gamma: 0.05, phi: if form.is_damped { 0.95 } else { 1.0 } };
        if form.seasonal == Seasonal::None {
            let neutral = vec![0.0];
            let (level, trend) = line(&values[..values.len().min(10)]);
            let trend = if form.has_trend { trend } else { 0.0 };
            return Self { form, weights, level: level - trend, trend, seasonal: neutral, phase: 0 };
        }
        let period = form.period;
        let n_periods = (values.len() / period).min(4);
        let means: Vec<f64> = values.chunks_exact(period).take(n_periods).map(mean).collect();
        let is_multiplicative = form.seasonal == Seasonal::Multiplicative;
        let mut seasonal = vec![0.0; period];
        let trend = (means[n_periods - 1] - means[0]) / (period * (n_periods - 1).max(1)) as f64;
        let center = (period as f64 - 1.0) / 2.0;
        for (values, mean) in values.chunks_exact(period).take(n_periods).zip(&means) {
            for (phase, (value, term)) in values.iter().zip(&mut seasonal).enumerate() {
                let expected = mean + trend * (phase as f64 - center);
                *term += if is_multiplicative { value / expected } else { value - expected } / n_periods as f64;
            }
        }
        let middle = mean(&seasonal);
        seasonal.iter_mut().for_each(|it| if is_multiplicative { *it /= middle } else { *it -= middle });
        let level = means[0] - trend * (center + 1.0);
        let trend = if form.has_trend { trend } else { 0.0 };
        Self { form, weights, level, trend, seasonal, phase: 0 }
    }

    /// The state after all values, with the weights that told them best.
    pub fn fit(values: &[f64], form: Form, given: Given, search: Search) -> (Self, Fit) {
        let start = Self::start(values, form);
        // Names of weights with what was given, the search's start and limits.
        let seasonal = form.seasonal != Seasonal::None;
        let all = [
            (given.alpha, true, start.weights.alpha, (1e-4, 0.9999)),
            (given.beta, form.has_trend, start.weights.beta, (1e-4, 0.9999)),
            (given.gamma, seasonal, start.weights.gamma, (1e-4, 0.9999)),
            (given.phi, form.is_damped, start.weights.phi, (0.8, 0.98)),
        ];
        let with = |free: &[f64]| {
            let mut free = free.iter();
            let [alpha, beta, gamma, phi] = all.map(|(given, is_used, start, _)| {
                given.unwrap_or_else(|| if is_used { *free.next().unwrap_or(&start) } else { start })
            });
            Weights { alpha, beta, gamma, phi }
        };
        let is_free = |it: &&(Option<f64>, bool, f64, (f64, f64))| it.0.is_none() && it.1;
        let begin: Vec<f64> = all.iter().filter(is_free).map(|it| it.2).collect();
        let bounds: Vec<(f64, f64)> = all.iter().filter(is_free).map(|it| it.3).collect();
        let mut scratch = start.clone();
        let mut run = |weights: Weights| {
            scratch.clone_from(&start);
            scratch.weights = weights;
            let fit = scratch.follow(values);
            (fit, fit.deviance(form))
        };
        let best = if begin.is_empty() { vec![] } else { minimize(&begin, &bounds, search, |it| run(with(it)).1).1 };
        let fit = run(with(&best)).0;
        (scratch, fit)
    }

    /// What is told for the next value.
    #[inline]
    fn told(&self) -> (f64, f64, f64) {
        let base = self.level + self.weights.phi * self.trend;
        let term = self.seasonal[self.phase];
        let told = if self.form.seasonal == Seasonal::Multiplicative { base * term } else { base + term };
        (base, term, told)
    }

    /// Takes in values one after the other.
    pub fn follow(&mut self, values: &[f64]) -> Fit {
        let mut fit = Fit { n: values.len(), ..Fit::default() };
        let Weights { alpha, beta, gamma, phi } = self.weights;
        // The season may not take more than the level leaves.
        let gamma = if self.form.seasonal == Seasonal::None { 0.0 } else { gamma.min(1.0 - alpha) };
        for value in values {
            let (base, term, told) = self.told();
            let error = value - told;
            let (of_level, of_season) = if self.form.seasonal == Seasonal::Multiplicative {
                (ratio(error, term), ratio(error, base))
            } else {
                (error, error)
            };
            self.level = base + alpha * of_level;
            self.trend = if self.form.has_trend { phi * self.trend + alpha * beta * of_level } else { 0.0 };
            self.seasonal[self.phase] = term + gamma * of_season;
            self.phase = if self.phase + 1 == self.seasonal.len() { 0 } else { self.phase + 1 };
            if self.form.is_relative {
                fit.squares += ratio(error, told).powi(2);
                fit.logarithms += told.abs().max(1e-300).ln();
            } else {
                fit.squares += error * error;
            }
        }
        fit
    }

    /// The next values.
    pub fn predict(&self, steps: usize) -> Vec<f64> {
        let mut ahead = self.clone();
        let mut tell = |_| {
            let (base, _, told) = ahead.told();
            (ahead.level, ahead.trend) = (base, ahead.weights.phi * ahead.trend);
            ahead.phase = if ahead.phase + 1 == ahead.seasonal.len() { 0 } else { ahead.phase + 1 };
            told
        };
        (0..steps).map(&mut tell).collect()
    }
}

/// A quotient that does not explode where a multiplicative part is near 0.
#[inline]
fn ratio(error: f64, part: f64) -> f64 {
    if part.abs() > 1e-9 { error / part } else { 0.0 }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Value at the first point and slope of the line through all.
pub(super) fn line(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let (middle, center) = (mean(values), (n - 1.0) / 2.0);
    let (mut top, mut bottom) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 - center;
        top += x * (value - middle);
        bottom += x * x;
    }
    let slope = if bottom > 0.0 { top / bottom } else { 0.0 };
    (middle - slope * center, slope)
}
