//! Where do the last level and half of the long trend lead? The dynamic optimized theta method, on the series without its season.
//!
//! Source: Fiorucci, Pellegrini, Louzada, Petropoulos, Koehler: Models for optimising the theta method and their relationship
//! to state space models, Int. J. Forecasting 32 (2016), equations of the dynamic model.
#![allow(clippy::indexing_slicing, reason = "the phase is below the number of terms, which is at least one")]

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::minimize::{Search, minimize};
use super::season;
use super::smoothing::mean;

const SEARCH: Search = Search { max_calls: 150, tolerance: 1e-7 };

/// Parameters of the theta method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThetaConfig {
    /// Length of the season in points; 0 finds it, 1 uses none.
    pub season: usize,
}

impl ThetaConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let is_bad = self.season > season::LONGEST;
        is_bad.then(|| format!("season is {}; it must be 0 to {}", self.season, season::LONGEST)).into_iter().collect()
    }
}

/// The dynamic optimized theta method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Theta {
    pub config: ThetaConfig,
    line: Line,
    /// What each phase adds; a single 0 without a season.
    seasonal: Vec<f64>,
    phase: usize,
}

/// The recursion: a level that follows, and the regression line of all values so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Line {
    alpha: f64,
    theta: f64,
    level: f64,
    mean: f64,
    intercept: f64,
    slope: f64,
    /// Values seen.
    n: f64,
}

impl Line {
    fn told(&self) -> f64 {
        let left = (1.0 - self.alpha).powf(self.n);
        let line = left * self.intercept + (1.0 - left * (1.0 - self.alpha)) / self.alpha * self.slope;
        self.level + (1.0 - 1.0 / self.theta) * line
    }

    fn take(&mut self, value: f64) {
        let before = self.mean;
        self.n += 1.0;
        let n = self.n;
        self.level += self.alpha * (value - self.level);
        self.mean += (value - self.mean) / n;
        if n > 1.0 {
            self.slope = ((n - 2.0) * self.slope + 6.0 / n * (value - before)) / (n + 1.0);
        }
        self.intercept = self.mean - (n + 1.0) / 2.0 * self.slope;
    }
}

impl Theta {
    pub fn new(config: ThetaConfig) -> Self {
        Self { config, line: Line::default(), seasonal: vec![0.0], phase: 0 }
    }
}

/// The mean of each phase around the mean of all, with the line through all taken out.
fn phase_means(values: &[f64], period: usize) -> Vec<f64> {
    let (start, slope) = super::smoothing::line(values);
    let mut sums = vec![(0.0, 0.0); period];
    for (index, value) in values.iter().enumerate() {
        let (sum, n) = &mut sums[index % period];
        *sum += value - start - slope * index as f64;
        *n += 1.0;
    }
    let means: Vec<f64> = sums.into_iter().map(|(sum, n)| sum / f64::max(n, 1.0)).collect();
    let center = mean(&means);
    means.into_iter().map(|it| it - center).collect()
}

impl Method for Theta {
    fn min_points(&self) -> usize {
        4
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let found = || season::detect(history.values, history.step).last().copied().unwrap_or(1);
        let period = if self.config.season == 0 { found() } else { self.config.season };
        let has_season = period > 1 && 2 * period <= history.values.len();
        self.seasonal = if has_season { phase_means(history.values, period) } else { vec![0.0] };
        let adjusted: Vec<f64> = history.values.iter().zip(self.seasonal.iter().cycle()).map(|(a, b)| a - b).collect();
        let begin = Line { level: adjusted[0], ..Line::default() };
        let run = |at: &[f64]| {
            let mut line = Line { alpha: at[0], theta: at[1], ..begin };
            let mut squares = 0.0;
            for (index, value) in adjusted.iter().enumerate() {
                // The first values only tell where the line begins.
                squares += if index < 3 { 0.0 } else { (value - line.told()).powi(2) };
                line.take(*value);
            }
            (squares, line)
        };
        let bounds = [(0.02, 0.99), (1.0, 8.0)];
        let (_, best) = minimize(&[0.4, 2.0], &bounds, SEARCH, |it| run(it).0);
        self.line = run(&best).1;
        self.phase = history.values.len() % self.seasonal.len();
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        for value in newer {
            let term = self.seasonal[self.phase];
            // The season follows slowly.
            let surprise = value - term - self.line.told();
            self.line.take(value - term);
            if self.seasonal.len() > 1 {
                self.seasonal[self.phase] += 0.05 * surprise;
            }
            self.phase = (self.phase + 1) % self.seasonal.len();
        }
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let mut line = self.line;
        let mut tell = |step: usize| {
            let told = line.told();
            line.take(told);
            told + self.seasonal[(self.phase + step) % self.seasonal.len()]
        };
        (0..steps).map(&mut tell).collect()
    }
}
