//! What follows from the last values and the time of day? A linear regression on lags, told step by step.
//!
//! It fails where a season is longer than the lags reach and not a smooth wave of a day or a week.

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::lag_features::{FEWEST_VALUES, LagFeatures};
use super::normal_equations::NormalEquations;

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
    features: LagFeatures,
    equations: NormalEquations,
    weights: Vec<f64>,
}

impl LinearTrend {
    pub fn new(config: LinearTrendConfig) -> Self {
        Self { config, features: LagFeatures::default(), equations: NormalEquations::default(), weights: vec![] }
    }
}

impl Method for LinearTrend {
    fn min_points(&self) -> usize {
        FEWEST_VALUES
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        self.features = LagFeatures::new(history, self.config.lags);
        self.equations = NormalEquations::new(self.features.len());
        self.extend(history.values);
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let kept = 1.0 - self.config.forgetting;
        self.features.take(newer, |features, change| {
            if kept < 1.0 {
                self.equations.fade(kept);
            }
            self.equations.add(features, change, 1.0);
        });
        self.weights = self.equations.solve(&vec![self.config.penalty; self.features.len()]);
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        self.features.predict(steps, |features| self.weights.iter().zip(features).map(|(a, b)| a * b).sum())
    }
}
