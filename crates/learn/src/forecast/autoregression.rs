//! How does a value follow from those just before, and from those a day and a week before? Penalized least squares on lags.
//!
//! The lags stand around multiples of the seasons. The series may be differenced first (by one point, by a season), which
//! suits levels that move; what suits a series is for the back-test to say. Forecasts are fed back step by step.
#![allow(clippy::indexing_slicing, reason = "lags are at most the length of what is kept, which is fixed at the fit")]

use serde::{Deserialize, Serialize};

use super::backtest::Windows;
use super::forecaster::{Clean, FitError, Method, follow_windows};
use super::normal_equations::NormalEquations;
use super::season;
use super::smoothing::mean;

/// Lags next to a season of up to this many points are all used.
const LONGEST_DENSE: usize = 30;
/// Lags where no season is near.
const MOST_PLAIN: usize = 24;
/// How often a value of the shortest season is looked back at.
const MOST_MULTIPLES: usize = 6;
/// Lags that learn from fewer rows than this many times their number learn noise.
const ROWS_PER_LAG: usize = 2;
/// A forecast of the differenced series is at most this many times the largest seen.
const LARGEST: f64 = 1.5;
/// The constant, as a feature: small, so that the penalty keeps it near 0 where the values have a center.
const CONSTANT: f64 = 0.1;

/// Parameters of `Autoregression`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoregressionConfig {
    /// Which past values are used, in points; empty chooses them by the seasons.
    pub lags: Vec<usize>,
    /// Lengths of the seasons in points, shortest first; empty finds them.
    pub seasons: Vec<usize>,
    /// Forecast the change over this many points; 0 forecasts the value itself.
    pub difference: usize,
    /// How strongly weights are pulled to 0, relative to each feature's size; 0 takes what suits the difference.
    pub penalty: f64,
}

impl AutoregressionConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        let mut check = |name: &str, value: usize, low: usize| {
            if !(low..=season::LONGEST).contains(&value) {
                problems.push(format!("{name} has {value}; it must be {low} to {}", season::LONGEST));
            }
        };
        self.lags.iter().for_each(|it| check("lags", *it, 1));
        self.seasons.iter().for_each(|it| check("seasons", *it, 2));
        check("difference", self.difference, 0);
        if !self.lags.is_sorted() {
            problems.push("lags are not in ascending order".to_owned());
        }
        if self.lags.len() > 300 {
            problems.push(format!("lags has {} entries; it may have 300", self.lags.len()));
        }
        if !(self.penalty >= 0.0 && self.penalty <= 1e6) {
            problems.push(format!("penalty is {}; it must be 0 to 1e6", self.penalty));
        }
        problems
    }
}

/// Least squares on lags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Autoregression {
    pub config: AutoregressionConfig,
    /// The lags for a history that is long enough, and those there is room for.
    wanted: Vec<usize>,
    lags: Vec<usize>,
    difference: usize,
    penalty: f64,
    /// What is subtracted from values that are not differenced.
    center: f64,
    /// The largest size of a value, differenced or centered.
    largest: f64,
    equations: NormalEquations,
    weights: Vec<f64>,
    /// The newest values, as many as the longest lag and the difference need together.
    recent: Vec<f64>,
}

impl Autoregression {
    pub fn new(config: AutoregressionConfig) -> Self {
        Self {
            config,
            wanted: vec![],
            lags: vec![],
            difference: 0,
            penalty: 0.0,
            center: 0.0,
            largest: 0.0,
            equations: NormalEquations::default(),
            weights: vec![],
            recent: vec![],
        }
    }

    fn longest_lag(&self) -> usize {
        self.lags.last().copied().unwrap_or(1)
    }

    fn n_kept(&self) -> usize {
        self.longest_lag() + self.difference
    }

    /// Values as the regression sees them: fewer by the difference.
    fn transformed(&self, values: &[f64]) -> Vec<f64> {
        match self.difference {
            0 => values.iter().map(|it| it - self.center).collect(),
            distance => values.iter().zip(&values[distance..]).map(|(old, new)| new - old).collect(),
        }
    }

    /// Learns every value that has all of its lags before it.
    fn learn(&mut self, values: &[f64]) {
        let series = self.transformed(values);
        let longest = self.longest_lag();
        let mut features = vec![CONSTANT; self.lags.len() + 1];
        for end in longest..series.len() {
            features.iter_mut().zip(&self.lags).for_each(|(feature, lag)| *feature = series[end - lag]);
            self.equations.add(&features, series[end], 1.0);
        }
        self.largest = series.iter().fold(self.largest, |largest, it| largest.max(it.abs()));
        self.weights = self.equations.solve(&vec![self.penalty; features.len()]);
        self.recent = values[values.len() - self.n_kept()..].to_vec();
    }
}

impl Method for Autoregression {
    fn min_points(&self) -> usize {
        8
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let n = history.values.len();
        let found = || season::detect(history.values, history.step);
        let seasons = if self.config.seasons.is_empty() { found() } else { self.config.seasons.clone() };
        self.difference = self.config.difference;
        let room = n.saturating_sub(self.difference);
        self.wanted = self.config.lags.clone();
        if self.wanted.is_empty() {
            self.wanted = lags_for(&seasons, self.difference);
        }
        self.lags = fitting(self.wanted.clone(), room);
        if self.lags.is_empty() {
            return Err(FitError::TooShort { needed: self.difference + self.min_points(), found: n });
        }
        self.penalty = self.config.penalty;
        if self.penalty == 0.0 {
            self.penalty = penalty_for(&seasons, self.difference);
        }
        self.center = mean(history.values);
        self.largest = 0.0;
        self.equations = NormalEquations::new(self.lags.len() + 1);
        self.learn(history.values);
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let mut values = std::mem::take(&mut self.recent);
        values.extend(newer);
        self.learn(&values);
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let mut series = self.transformed(&self.recent);
        let n = series.len();
        let limit = LARGEST * self.largest;
        for _ in 0..steps {
            let end = series.len();
            let constant = self.weights[self.lags.len()] * CONSTANT;
            let told: f64 = self.lags.iter().zip(&self.weights).map(|(lag, weight)| weight * series[end - lag]).sum();
            series.push((told + constant).clamp(-limit, limit));
        }
        let changes = series.split_off(n);
        if self.difference == 0 {
            return changes.into_iter().map(|it| it + self.center).collect();
        }
        let mut values = self.recent.clone();
        let n = values.len();
        changes.into_iter().for_each(|it| values.push(values[values.len() - self.difference] + it));
        values.split_off(n)
    }

    fn fit_and_test(&mut self, history: &Clean<'_>, windows: Windows) -> Result<Vec<Vec<f64>>, FitError> {
        // The equations only grow: what was learned for the test is the beginning of what is learned in the end.
        let (first, newer) = history.values.split_at(history.values.len() - windows.n_values());
        if windows.count == 0 || self.fit(&Clean { values: first, ..*history }).is_err() {
            self.fit(history)?;
            return Ok(vec![]);
        }
        let errors = follow_windows(self, newer, windows);
        let n_possible = fitting(self.wanted.clone(), history.values.len() - self.difference).len();
        if n_possible > self.lags.len() {
            self.fit(history)?;
        } else {
            self.extend(&newer[(windows.count - 1) * windows.stride..]);
        }
        Ok(errors)
    }
}

/// The lags around the multiples of the seasons. A difference over a season makes lags around it superfluous.
pub(super) fn lags_for(seasons: &[usize], difference: usize) -> Vec<usize> {
    let Some(shortest) = seasons.first().copied() else { return (1..=MOST_PLAIN).collect() };
    let plain = if shortest <= LONGEST_DENSE { shortest + 3 } else { MOST_PLAIN / 2 };
    let mut lags: Vec<usize> = (1..=plain).collect();
    let mut around = |middle: usize, reach: usize| lags.extend(middle.saturating_sub(reach).max(1)..=middle + reach);
    around(shortest, 2);
    around(2 * shortest, 2);
    let next = seasons.get(1).map_or(MOST_MULTIPLES, |it| (it / shortest).saturating_sub(1).min(MOST_MULTIPLES));
    (3..=next).for_each(|it| around(it * shortest, 1));
    seasons.iter().skip(1).filter(|it| **it != difference).for_each(|it| around(*it, 2));
    lags.sort_unstable();
    lags.dedup();
    lags
}

/// Levels are strongly correlated, so that a small penalty is already large; changes are not.
pub(super) fn penalty_for(seasons: &[usize], difference: usize) -> f64 {
    match difference {
        0 => 1e-5,
        it if it > 1 && seasons.first() == Some(&it) => 1e-2,
        _ => 1e-3,
    }
}

/// The lags that the history has room for: so short that enough rows are left, and so few.
fn fitting(mut lags: Vec<usize>, n_values: usize) -> Vec<usize> {
    lags.retain(|it| 2 * it + 4 <= n_values);
    while let Some(longest) = lags.last()
        && n_values.saturating_sub(*longest) < ROWS_PER_LAG * lags.len() + 2
    {
        lags.pop();
    }
    lags
}
