//! Which bends of a line, waves of day, week and year, and holidays make up a series? A curve in the manner of Prophet.
//!
//! The trend is a line with possible bends in the first four fifths of the history; each bend is pulled to 0 by its size
//! (L1, by reweighting), so that few remain. Seasons are sums of waves, holidays are levels of their own. All weights come
//! from one penalized least squares, to which newer values are added later. What the curve missed lately fades slowly out
//! of the forecast, so that it begins where the series is.
//!
//! It fails where the season is neither a wave of the given lengths nor a holiday.
//!
//! Source: Taylor, Letham: Forecasting at scale, The American Statistician 72 (2018).
#![allow(clippy::indexing_slicing, reason = "features have the number that was fixed at the fit")]

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::backtest::Windows;
use super::forecaster::{Clean, FitError, Method, follow_windows};
use super::normal_equations::NormalEquations;
use super::season;

const DAY_SECS: f64 = 86_400.0;
/// The built-in seasons: seconds and number of waves.
const SEASONS: [(f64, usize); 3] = [(DAY_SECS, 6), (7.0 * DAY_SECS, 8), (365.25 * DAY_SECS, 10)];
const REWEIGHTINGS: usize = 4;
/// Windows of a back-test between two fits.
const WINDOWS_PER_FIT: usize = 5;
/// How long what was missed is remembered, in points.
const MISSED_POINTS: f64 = 3.0;

/// A span of time with a level of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// Days of one name have one effect.
    pub name: String,
    /// Begin, in seconds since 1970.
    pub start: i64,
    /// End, in seconds since 1970, not included.
    pub end: i64,
}

/// Parameters of the curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProphetConfig {
    /// Possible bends of the trend.
    pub changepoints: usize,
    /// How freely the trend bends; larger bends more.
    pub changepoint_prior_scale: f64,
    /// The share of the history, from its beginning, in which the trend may bend.
    pub changepoint_range: f64,
    /// How freely seasons swing; larger swings more.
    pub seasonality_prior_scale: f64,
    /// Seasons and holidays multiply the trend; for series that are above 0 throughout.
    pub multiplicative: bool,
    /// Holidays of the past, and those to come.
    pub holidays: Vec<Holiday>,
}

impl Default for ProphetConfig {
    fn default() -> Self {
        Self {
            changepoints: 25,
            changepoint_prior_scale: 0.05,
            changepoint_range: 0.8,
            seasonality_prior_scale: 10.0,
            multiplicative: false,
            holidays: vec![],
        }
    }
}

impl ProphetConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.changepoints > 200 {
            problems.push(format!("changepoints is {}; it must be 0 to 200", self.changepoints));
        }
        for (name, scale) in [
            ("changepoint_prior_scale", self.changepoint_prior_scale),
            ("seasonality_prior_scale", self.seasonality_prior_scale),
        ] {
            if !(scale > 0.0 && scale <= 1e6) {
                problems.push(format!("{name} is {scale}; it must be above 0 and at most 1e6"));
            }
        }
        if !(self.changepoint_range > 0.0 && self.changepoint_range <= 1.0) {
            problems.push(format!("changepoint_range is {}; it must be above 0 and at most 1", self.changepoint_range));
        }
        if self.holidays.len() > 10_000 {
            problems.push(format!("holidays has {} entries; it may have 10000", self.holidays.len()));
        }
        let backwards = self.holidays.iter().find(|it| it.end <= it.start);
        problems.extend(backwards.map(|it| format!("holidays has {:?}, which ends before it begins", it.name)));
        problems
    }
}

/// The curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Prophet {
    pub config: ProphetConfig,
    /// Beginning and length of the history, in seconds, and distance.
    start: i64,
    span: f64,
    step: i64,
    next: i64,
    /// Logarithms are taken.
    is_log: bool,
    bends: Vec<f64>,
    /// Seconds and waves of the seasons that were seen.
    seasons: Vec<(f64, usize)>,
    holiday_names: Vec<String>,
    equations: NormalEquations,
    penalties: Vec<f64>,
    weights: Vec<f64>,
    /// What the curve missed lately, and what of it is left after a step.
    missed: f64,
    kept: f64,
}

impl Prophet {
    pub fn new(config: ProphetConfig) -> Self {
        Self {
            config,
            start: 0,
            span: 1.0,
            step: 1,
            next: 0,
            is_log: false,
            bends: vec![],
            seasons: vec![],
            holiday_names: vec![],
            equations: NormalEquations::default(),
            penalties: vec![],
            weights: vec![],
            missed: 0.0,
            kept: 0.0,
        }
    }

    fn n_features(&self) -> usize {
        let waves: usize = self.seasons.iter().map(|it| 2 * it.1).sum();
        2 + self.bends.len() + waves + self.holiday_names.len()
    }

    fn write_features(&self, time: i64, features: &mut Vec<f64>) {
        features.clear();
        let seconds = (time as f64) - self.start as f64;
        let at = seconds / self.span;
        features.extend([1.0, at]);
        features.extend(self.bends.iter().map(|it| (at - it).max(0.0)));
        for (period, waves) in &self.seasons {
            let (sin, cos) = (TAU * ((time as f64) / period).fract()).sin_cos();
            // Higher waves by the sum of angles, which is faster than sine and cosine of each.
            let (mut s, mut c) = (sin, cos);
            for _ in 0..*waves {
                features.extend([s, c]);
                (s, c) = (s * cos + c * sin, c * cos - s * sin);
            }
        }
        let is_now = |name: &String| {
            self.config.holidays.iter().any(|it| it.name == *name && (it.start..it.end).contains(&time))
        };
        features.extend(self.holiday_names.iter().map(|it| f64::from(u8::from(is_now(it)))));
    }

    fn transformed(&self, value: f64) -> f64 {
        if self.is_log { value.max(1e-9).ln() } else { value }
    }

    fn curve(&self, features: &[f64]) -> f64 {
        self.weights.iter().zip(features).map(|(a, b)| a * b).sum()
    }

    /// Least squares, where a bend is pulled the more the smaller it was in the last round: that is a pull by its size.
    fn solve(&mut self, variance: f64) {
        let bends = 2..2 + self.bends.len();
        let n = self.equations.weight.max(1.0);
        let mut penalties = self.penalties.clone();
        for round in 0..REWEIGHTINGS {
            self.weights = self.equations.solve_with(&penalties);
            if bends.is_empty() || round + 1 == REWEIGHTINGS {
                break;
            }
            for (index, penalty) in penalties.iter_mut().enumerate().filter(|it| bends.contains(&it.0)) {
                let size = self.weights[index].abs().max(1e-4);
                *penalty = (variance / (self.config.changepoint_prior_scale * size)).min(1e6 * n);
            }
        }
    }
}

impl Method for Prophet {
    fn min_points(&self) -> usize {
        6
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let n = history.values.len();
        (self.start, self.step, self.next) = (history.start, history.step, history.start);
        self.span = (n as f64 * history.step as f64).max(1.0);
        self.is_log = self.config.multiplicative && history.values.iter().all(|it| *it > 1e-6);
        let n_bends = self.config.changepoints.min(n / 8);
        let bend = |it: usize| self.config.changepoint_range * (it + 1) as f64 / (n_bends + 1) as f64;
        self.bends = (0..n_bends).map(bend).collect();
        let is_seen = |it: &(f64, usize)| self.span >= 2.0 * it.0 && 2.0 * history.step as f64 <= it.0;
        // A wave that is faster than two points cannot be told from a slower one.
        let waves = |it: (f64, usize)| (it.0, it.1.min((it.0 / (2.0 * history.step as f64)) as usize).max(1));
        self.seasons = SEASONS.into_iter().filter(is_seen).map(waves).collect();
        if self.seasons.is_empty() {
            let found = season::detect(history.values, history.step);
            self.seasons.extend(found.into_iter().map(|it| waves((it as f64 * history.step as f64, 6))));
        }
        self.holiday_names = self.config.holidays.iter().map(|it| it.name.clone()).collect();
        self.holiday_names.sort_unstable();
        self.holiday_names.dedup();
        let variance = variance_of_changes(history.values);
        let seasonal = variance / self.config.seasonality_prior_scale.powi(2);
        let trend = variance / (self.config.changepoint_prior_scale * 0.1);
        let n_trend = 2 + self.bends.len();
        self.penalties = (0..self.n_features())
            .map(|it| {
                if it < 2 {
                    0.0
                } else if it < n_trend {
                    trend
                } else {
                    seasonal
                }
            })
            .collect();
        self.equations = NormalEquations::new(self.n_features());
        (self.missed, self.kept, self.weights) = (0.0, 0.0, vec![]);
        self.extend(history.values);
        // What was missed lately is told from what the whole curve misses.
        let mut features = vec![];
        let misses: Vec<f64> = (0..n)
            .map(|it| {
                self.write_features(self.start + self.step * it as i64, &mut features);
                self.transformed(history.values[it]) - self.curve(&features)
            })
            .collect();
        let squares: f64 = misses.iter().map(|it| it * it).sum();
        let products: f64 = misses.windows(2).map(|it| it[0] * it[1]).sum();
        self.kept = if squares > 0.0 { (products / squares).clamp(0.0, 0.999) } else { 0.0 };
        self.missed = misses.iter().fold(0.0, |missed, it| missed + (it - missed) / MISSED_POINTS);
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let mut features = vec![];
        for value in newer {
            self.write_features(self.next, &mut features);
            let value = self.transformed(*value);
            if !self.weights.is_empty() {
                self.missed += (value - self.curve(&features) - self.missed) / MISSED_POINTS;
            }
            self.equations.add(&features, value, 1.0);
            self.next = self.next.saturating_add(self.step);
        }
        let variance = self.penalties.last().copied().unwrap_or(0.0) * self.config.seasonality_prior_scale.powi(2);
        let before = std::mem::take(&mut self.weights);
        self.solve(variance);
        // With the new curve, less was missed than with the old one.
        if !before.is_empty() {
            let moved: f64 =
                self.weights.iter().zip(&before).zip(&features).map(|((new, old), it)| (new - old) * it).sum();
            self.missed -= moved;
        }
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let mut features = vec![];
        let mut missed = self.missed;
        let mut tell = |step: usize| {
            self.write_features(self.next.saturating_add(self.step.saturating_mul(step as i64)), &mut features);
            missed *= self.kept;
            let told = self.curve(&features) + missed;
            if self.is_log { told.min(50.0).exp() } else { told }
        };
        (0..steps).map(&mut tell).collect()
    }

    fn fit_and_test(&mut self, history: &Clean<'_>, windows: Windows) -> Result<Vec<Vec<f64>>, FitError> {
        let mut errors = vec![];
        let n_first = history.values.len().saturating_sub(windows.n_values());
        // The place of the bends decides how far off the trend is, so they are placed anew as a fit would.
        for first in (0..windows.count).step_by(WINDOWS_PER_FIT) {
            let (before, after) = history.values.split_at(n_first + first * windows.stride);
            if before.len() < self.min_points() {
                continue;
            }
            self.fit(&Clean { values: before, ..*history })?;
            let count = WINDOWS_PER_FIT.min(windows.count - first);
            errors.extend(follow_windows(self, after, Windows { count, ..windows }));
        }
        self.fit(history)?;
        Ok(errors)
    }
}

/// The variance of noise, judged by the changes from point to point.
fn variance_of_changes(values: &[f64]) -> f64 {
    let squares: f64 = values.windows(2).map(|it| (it[1] - it[0]).powi(2)).sum();
    (squares / (2.0 * values.len() as f64)).max(1e-12)
}
