//! Where do level, trend and season go? Simple, Holt's and Holt-Winters' exponential smoothing with chosen parts.
//!
//! Fails where a level jumps for a short time only: the forecast follows.

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::minimize::Search;
use super::season;
use super::smoothing::{Form, Given, Seasonal, Smoothing};

const SEARCH: Search = Search { max_calls: 200, tolerance: 1e-7 };
/// Weights are searched on this many of the newest values; older ones say little about how fast to follow.
const MOST_VALUES: usize = 4096;

/// Parameters of exponential smoothing. Weights that are left out are searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExponentialSmoothingConfig {
    /// How fast the level follows, above 0 to 1.
    pub alpha: Option<f64>,
    /// How fast the trend follows the level, 0 to 1.
    pub beta: Option<f64>,
    /// How fast the season follows, 0 to 1.
    pub gamma: Option<f64>,
    /// What is left of the trend after each step, 0.8 to 1; needs `damped`.
    pub phi: Option<f64>,
    /// Follow a trend (Holt).
    pub trend: bool,
    /// Let the trend fade with the horizon.
    pub damped: bool,
    /// Follow a season (Holt-Winters) if there is one.
    pub seasonal: Seasonal,
    /// Length of the season in points; 0 finds it.
    pub season: usize,
}

impl Default for ExponentialSmoothingConfig {
    fn default() -> Self {
        let (seasonal, season) = (Seasonal::Additive, 0);
        Self { alpha: None, beta: None, gamma: None, phi: None, trend: true, damped: false, seasonal, season }
    }
}

impl ExponentialSmoothingConfig {
    /// Level and trend only.
    pub fn holt() -> Self {
        Self { seasonal: Seasonal::None, ..Self::default() }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let weights =
            [("alpha", self.alpha, 0.0), ("beta", self.beta, 0.0), ("gamma", self.gamma, 0.0), ("phi", self.phi, 0.8)];
        let is_bad = |it: &&(&str, Option<f64>, f64)| it.1.is_some_and(|value| !(it.2..=1.0).contains(&value));
        let mut problems: Vec<String> = weights
            .iter()
            .filter(is_bad)
            .map(|(name, value, low)| format!("{name} is {}; it must be {low} to 1", value.unwrap_or_default()))
            .collect();
        if self.damped && !self.trend {
            problems.push("damped is true but trend is false; there is no trend to damp".to_owned());
        }
        if self.season == 1 || self.season > season::LONGEST {
            problems.push(format!("season is {}; it must be 0 or 2 to {}", self.season, season::LONGEST));
        }
        problems
    }
}

/// Exponential smoothing with given parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ExponentialSmoothing {
    pub config: ExponentialSmoothingConfig,
    state: Option<Smoothing>,
}

impl ExponentialSmoothing {
    pub fn new(config: ExponentialSmoothingConfig) -> Self {
        Self { config, state: None }
    }

    /// The parts that this history has room for: without two whole seasons there is none, and a season that
    /// multiplies needs values above 0.
    fn form(&self, history: &Clean<'_>) -> Form {
        let config = &self.config;
        let period = match (config.seasonal, config.season) {
            (Seasonal::None, _) => 0,
            (_, 0) => season::detect(history.values, history.step).first().copied().unwrap_or(0),
            (_, period) => period,
        };
        let has_room = period > 1 && history.values.len() >= 2 * period;
        let is_positive = || history.values.iter().all(|it| *it > 1e-6);
        let seasonal = match config.seasonal {
            Seasonal::Multiplicative if !is_positive() => Seasonal::Additive,
            it => it,
        };
        let (seasonal, period) = if has_room { (seasonal, period) } else { (Seasonal::None, 0) };
        Form { has_trend: config.trend, is_damped: config.trend && config.damped, seasonal, is_relative: false, period }
    }
}

impl Method for ExponentialSmoothing {
    fn min_points(&self) -> usize {
        2
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let form = self.form(history);
        let given =
            Given { alpha: self.config.alpha, beta: self.config.beta, gamma: self.config.gamma, phi: self.config.phi };
        let kept = MOST_VALUES.max(4 * form.period).min(history.values.len());
        let values = history.values.split_at(history.values.len() - kept).1;
        self.state = Some(Smoothing::fit(values, form, given, SEARCH).0);
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        if let Some(state) = &mut self.state {
            state.follow(newer);
        }
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        self.state.as_ref().map(|it| it.predict(steps)).unwrap_or_default()
    }
}
