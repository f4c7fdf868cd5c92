//! What follows from the last values, learned by many small steps? Linear regression by stochastic gradient descent.
//!
//! Features and target are brought to one size, and a step is never longer than one that would explain its row exactly
//! (normalized least mean squares), so that it cannot diverge; what is told comes from the mean of the weights along the
//! way (Polyak, Juditsky: Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30, 1992).

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::lag_features::{FEWEST_VALUES, LagFeatures};
use crate::random::Random;

/// Parameters of `SgdRegressor`, with the defaults of the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdRegressorConfig {
    /// Length of a step, above 0 to 1.
    pub learning_rate: f64,
    /// How often all rows are gone through at the fit.
    pub epochs: usize,
    /// How strongly weights are pulled to 0 at each step.
    pub l2: f64,
    /// The most past values that a forecast is made of.
    pub lags: usize,
    /// Decides the order of the rows.
    pub seed: u64,
}

impl Default for SgdRegressorConfig {
    fn default() -> Self {
        Self { learning_rate: 0.01, epochs: 10, l2: 1e-4, lags: 30, seed: 42 }
    }
}

impl SgdRegressorConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            problems.push(format!("learning_rate is {}; it must be above 0 and at most 1", self.learning_rate));
        }
        if !(1..=1000).contains(&self.epochs) {
            problems.push(format!("epochs is {}; it must be 1 to 1000", self.epochs));
        }
        if !(0.0..=1.0).contains(&self.l2) {
            problems.push(format!("l2 is {}; it must be 0 to 1", self.l2));
        }
        if !(1..=1000).contains(&self.lags) {
            problems.push(format!("lags is {}; it must be 1 to 1000", self.lags));
        }
        problems
    }
}

/// Linear regression by stochastic gradient descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SgdRegressor {
    pub config: SgdRegressorConfig,
    features: LagFeatures,
    /// Root mean squares of the features, and of the change that is told.
    sizes: Vec<f64>,
    size: f64,
    weights: Vec<f64>,
    /// Mean of the weights since the second half of the fit.
    mean_weights: Vec<f64>,
    n_averaged: f64,
}

impl SgdRegressor {
    pub fn new(config: SgdRegressorConfig) -> Self {
        Self {
            config,
            features: LagFeatures::default(),
            sizes: vec![],
            size: 0.0,
            weights: vec![],
            mean_weights: vec![],
            n_averaged: 0.0,
        }
    }

    fn step(&mut self, features: &[f64], change: f64, is_averaged: bool) {
        if self.size == 0.0 {
            return;
        }
        let scaled = || features.iter().zip(&self.sizes).map(|(it, size)| it * size);
        let told: f64 = scaled().zip(&self.weights).map(|(a, b)| a * b).sum();
        let length: f64 = scaled().map(|it| it * it).sum();
        let error = change / self.size - told;
        // Not more than the row itself asks for, however far out it lies.
        let rate = self.config.learning_rate.min(1.0 / (length + 1e-12));
        let kept = 1.0 - self.config.learning_rate * self.config.l2;
        let moves: Vec<f64> = scaled().map(|it| rate * error * it).collect();
        self.weights.iter_mut().zip(moves).for_each(|(weight, it)| *weight = kept * *weight + it);
        if is_averaged {
            self.n_averaged += 1.0;
            let share = 1.0 / self.n_averaged;
            self.mean_weights.iter_mut().zip(&self.weights).for_each(|(mean, it)| *mean += share * (it - *mean));
        }
    }
}

impl Method for SgdRegressor {
    fn min_points(&self) -> usize {
        FEWEST_VALUES
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        self.features = LagFeatures::new(history, self.config.lags);
        let n_features = self.features.len();
        let mut rows: Vec<(Vec<f64>, f64)> = vec![];
        self.features.take(history.values, |features, change| rows.push((features.to_vec(), change)));
        let mut squares = vec![0.0; n_features];
        rows.iter().for_each(|row| squares.iter_mut().zip(&row.0).for_each(|(sum, it)| *sum += it * it));
        let inverse = |square: &f64| if *square > 0.0 { (rows.len() as f64 / square).sqrt() } else { 0.0 };
        self.sizes = squares.iter().map(inverse).collect();
        self.size = (rows.iter().map(|it| it.1 * it.1).sum::<f64>() / rows.len().max(1) as f64).sqrt();
        (self.weights, self.mean_weights) = (vec![0.0; n_features], vec![0.0; n_features]);
        self.n_averaged = 0.0;
        let mut random = Random::new(self.config.seed);
        for epoch in 0..self.config.epochs {
            random.shuffle(&mut rows);
            let is_averaged = 2 * epoch + 1 >= self.config.epochs;
            rows.iter().for_each(|(features, change)| self.step(features, *change, is_averaged));
        }
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let mut rows: Vec<(Vec<f64>, f64)> = vec![];
        self.features.take(newer, |features, change| rows.push((features.to_vec(), change)));
        rows.iter().for_each(|(features, change)| self.step(features, *change, true));
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        self.features.predict(steps, |features| {
            let scaled = features.iter().zip(&self.sizes).map(|(it, size)| it * size);
            self.size * scaled.zip(&self.mean_weights).map(|(a, b)| a * b).sum::<f64>()
        })
    }
}
