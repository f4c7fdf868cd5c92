//! What follows from the last values and the time of day? A linear regression on lags, told step by step.
//!
//! The target is the change since the last value, the features are how far older values, their mean and their spread
//! are from it; so the level may be anywhere. Features of a row come from the values before its target only. For more
//! than one step, the told value takes the place of the real one and every feature is computed anew.
#![allow(clippy::indexing_slicing, reason = "windows and features have lengths that are fixed at the fit")]

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::normal_equations::NormalEquations;

const DAY_SECS: i64 = 86_400;
const WEEK_SECS: i64 = 7 * DAY_SECS;
/// What the mean and the spread are computed over, for each lag.
const WINDOW_PER_LAG: usize = 2;
const FEWEST_ROWS: usize = 4;

/// Parameters of `LinearTrend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearTrendConfig {
    /// The most past values that a forecast is made of; fewer if the history is short.
    pub lags: usize,
    /// How strongly weights are pulled to 0, relative to each feature's size.
    pub penalty: f64,
    /// What a value counts less with every later one; 0 lets all count the same.
    pub forgetting: f64,
}

impl Default for LinearTrendConfig {
    fn default() -> Self {
        Self { lags: 30, penalty: 0.01, forgetting: 0.0 }
    }
}

impl LinearTrendConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(1..=1000).contains(&self.lags) {
            problems.push(format!("lags is {}; it must be 1 to 1000", self.lags));
        }
        if !(self.penalty >= 0.0 && self.penalty <= 1e6) {
            problems.push(format!("penalty is {}; it must be 0 to 1e6", self.penalty));
        }
        if !(0.0..0.5).contains(&self.forgetting) {
            problems.push(format!("forgetting is {}; it must be 0 to below 0.5", self.forgetting));
        }
        problems
    }
}

/// Linear regression on lags, their mean and spread, and the time of day and week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LinearTrend {
    pub config: LinearTrendConfig,
    n_lags: usize,
    has_day: bool,
    has_week: bool,
    equations: NormalEquations,
    weights: Vec<f64>,
    /// The newest values, as many as features need.
    recent: Vec<f64>,
    /// Time of the next value and distance, in seconds.
    next: i64,
    step: i64,
}

impl LinearTrend {
    pub fn new(config: LinearTrendConfig) -> Self {
        Self {
            config,
            n_lags: 0,
            has_day: false,
            has_week: false,
            equations: NormalEquations::default(),
            weights: vec![],
            recent: vec![],
            next: 0,
            step: 1,
        }
    }

    fn window(&self) -> usize {
        self.n_lags * WINDOW_PER_LAG
    }

    /// Writes the features of the value that follows `window` at `time`.
    fn write_features(&self, window: &[f64], time: i64, features: &mut Vec<f64>) {
        features.clear();
        features.push(1.0);
        let n = window.len();
        let last = window[n - 1];
        features.extend(window[n - self.n_lags..n - 1].iter().map(|it| it - last));
        let mean = window.iter().map(|it| it - last).sum::<f64>() / n as f64;
        let variance = window.iter().map(|it| (it - last - mean).powi(2)).sum::<f64>() / n as f64;
        features.extend([mean, variance.sqrt()]);
        for (is_used, period) in [(self.has_day, DAY_SECS), (self.has_week, WEEK_SECS)] {
            if is_used {
                let (sin, cos) = (TAU * time.rem_euclid(period) as f64 / period as f64).sin_cos();
                features.extend([sin, cos]);
            }
        }
    }

    fn learn(&mut self, values: &[f64], first_time: i64) {
        let window = self.window();
        let mut features = vec![];
        for (index, row) in values.windows(window + 1).enumerate() {
            let time = first_time.saturating_add(self.step.saturating_mul((index + window) as i64));
            self.write_features(&row[..window], time, &mut features);
            if self.config.forgetting > 0.0 {
                self.equations.fade(1.0 - self.config.forgetting);
            }
            self.equations.add(&features, row[window] - row[window - 1], 1.0);
        }
        self.weights = self.equations.solve(&vec![self.config.penalty; features.len()]);
    }
}

impl Method for LinearTrend {
    fn min_points(&self) -> usize {
        WINDOW_PER_LAG + FEWEST_ROWS
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let n = history.values.len();
        self.n_lags = self.config.lags.min(n / 6).max(1);
        self.step = history.step;
        let span = history.step.saturating_mul(n as i64);
        // A wave of which less than two turns were seen cannot be told from a trend.
        self.has_day = span >= 2 * DAY_SECS && 2 * history.step <= DAY_SECS;
        self.has_week = span >= 2 * WEEK_SECS && 2 * history.step <= WEEK_SECS;
        let n_features = 2 + self.n_lags + 2 * usize::from(self.has_day) + 2 * usize::from(self.has_week);
        self.equations = NormalEquations::new(n_features);
        self.learn(history.values, history.start);
        self.recent = history.values[n - self.window()..].to_vec();
        self.next = history.time_of(n);
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let window = self.window();
        let mut values = std::mem::take(&mut self.recent);
        let first_time = self.next.saturating_sub(self.step.saturating_mul(window as i64));
        values.extend(newer);
        self.learn(&values, first_time);
        self.recent = values[values.len() - window..].to_vec();
        self.next = self.next.saturating_add(self.step.saturating_mul(newer.len() as i64));
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let window = self.window();
        let mut values = self.recent.clone();
        let mut features = vec![];
        let spread = |it: &[f64]| it.iter().fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(*it), high.max(*it)));
        let (lowest, highest) = spread(&values);
        for step in 0..steps {
            let time = self.next.saturating_add(self.step.saturating_mul(step as i64));
            self.write_features(&values[values.len() - window..], time, &mut features);
            let change: f64 = self.weights.iter().zip(&features).map(|(a, b)| a * b).sum();
            // Feeding forecasts back can swing up without end; no step is larger than all that was seen lately.
            let limit = highest - lowest;
            values.push(values[values.len() - 1] + change.clamp(-limit, limit));
        }
        values.split_off(window)
    }
}
