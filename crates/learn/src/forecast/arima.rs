//! What follows from the last values and the last errors? ARIMA, also seasonal, of given or chosen order.
//!
//! `arima_order` says what an order is and which one suits; `arima_fit` estimates. This file keeps the state and forecasts.
#![allow(clippy::indexing_slicing, reason = "lags are at most the length of what is kept, which is fixed at the fit")]

use serde::{Deserialize, Serialize};

use super::arima_fit::{Estimate, MOST_VALUES, estimate, residuals};
use super::arima_order::{self, Order};
use super::backtest::Windows;
use super::forecaster::{Clean, FitError, Method, follow_windows};
use super::season;

/// Longer seasons make an order with a season too slow to estimate; `autoregression` and `mstl` are for them.
const LONGEST_SEASON: usize = 400;

/// Parameters of ARIMA. What is left out is chosen by AICc.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArimaConfig {
    /// How many past values.
    pub p: Option<usize>,
    /// How often the series is differenced.
    pub d: Option<usize>,
    /// How many past errors.
    pub q: Option<usize>,
    /// How many values of past seasons.
    pub seasonal_p: Option<usize>,
    /// How often the series is differenced over a season.
    pub seasonal_d: Option<usize>,
    /// How many errors of past seasons.
    pub seasonal_q: Option<usize>,
    /// Length of the season in points; 0 finds it, 1 uses none.
    pub season: usize,
}

impl ArimaConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let limits = [
            ("p", self.p, 24),
            ("d", self.d, 2),
            ("q", self.q, 24),
            ("seasonal_p", self.seasonal_p, 3),
            ("seasonal_d", self.seasonal_d, 1),
            ("seasonal_q", self.seasonal_q, 3),
            ("season", Some(self.season), LONGEST_SEASON),
        ];
        let is_bad = |it: &&(&str, Option<usize>, usize)| it.1.is_some_and(|value| value > it.2);
        let told =
            |it: &(&str, Option<usize>, usize)| format!("{} is {}; it must be 0 to {}", it.0, it.1.unwrap_or(0), it.2);
        limits.iter().filter(is_bad).map(told).collect()
    }

    /// True if nothing is left to choose.
    fn is_complete(&self, season: usize) -> bool {
        let plain = self.p.is_some() && self.d.is_some() && self.q.is_some();
        plain && (season < 2 || self.seasonal_p.is_some() && self.seasonal_d.is_some() && self.seasonal_q.is_some())
    }
}

/// A fitted ARIMA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Arima {
    pub config: ArimaConfig,
    order: Order,
    estimate: Estimate,
    /// The newest values and errors, as many as the lags need.
    values: Vec<f64>,
    errors: Vec<f64>,
}

impl Arima {
    pub fn new(config: ArimaConfig) -> Self {
        Self { config, order: Order::default(), estimate: Estimate::default(), values: vec![], errors: vec![] }
    }

    /// The order for a history: what is given, and for the rest what suits best.
    fn choose(&self, history: &Clean<'_>) -> Order {
        let found = || season::detect(history.values, history.step).first().copied().unwrap_or(0);
        let season = if self.config.season == 0 { found() } else { self.config.season };
        let has_room = (2..=LONGEST_SEASON).contains(&season) && history.values.len() >= 3 * season;
        let season = if has_room { season } else { 0 };
        let config = &self.config;
        let fixed = Order {
            p: config.p.unwrap_or(0),
            d: config.d.unwrap_or(0),
            q: config.q.unwrap_or(0),
            seasonal_p: config.seasonal_p.unwrap_or(0),
            seasonal_d: config.seasonal_d.unwrap_or(0),
            seasonal_q: config.seasonal_q.unwrap_or(0),
            season,
        };
        let order = if config.is_complete(season) {
            fixed
        } else {
            arima_order::choose(newest(history.values), config, season)
        };
        order.fitting(history.values.len())
    }

    fn estimate(&mut self, values: &[f64], order: Order) {
        self.order = order;
        let values = newest(values);
        self.estimate = estimate(values, order);
        let errors = residuals(&self.estimate, &self.estimate.differenced(values));
        self.values = values[values.len() - self.estimate.n_values().min(values.len())..].to_vec();
        self.errors = errors[errors.len() - self.estimate.n_errors().min(errors.len())..].to_vec();
    }
}

fn newest(values: &[f64]) -> &[f64] {
    &values[values.len().saturating_sub(MOST_VALUES)..]
}

impl Method for Arima {
    fn min_points(&self) -> usize {
        8
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let order = self.choose(history);
        self.estimate(history.values, order);
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let (n_values, n_errors) = (self.estimate.n_values(), self.estimate.n_errors());
        for value in newer {
            let told = self.estimate.told(&self.values, &self.errors);
            self.values.push(*value);
            self.errors.push(value - told);
        }
        self.values.drain(..self.values.len().saturating_sub(n_values));
        self.errors.drain(..self.errors.len().saturating_sub(n_errors));
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let (mut values, mut errors) = (self.values.clone(), self.errors.clone());
        let n = values.len();
        for _ in 0..steps {
            values.push(self.estimate.told(&values, &errors));
            errors.push(0.0);
        }
        values.split_off(n)
    }

    fn fit_and_test(&mut self, history: &Clean<'_>, windows: Windows) -> Result<Vec<Vec<f64>>, FitError> {
        let (first, newer) = history.values.split_at(history.values.len().saturating_sub(windows.n_values()));
        if windows.count == 0 || first.len() < self.min_points() {
            self.fit(history)?;
            return Ok(vec![]);
        }
        // Choosing the order is what takes long; that of the first part is kept.
        self.fit(&Clean { values: first, ..*history })?;
        let errors = follow_windows(self, newer, windows);
        let order = self.order;
        self.estimate(history.values, order);
        Ok(errors)
    }
}
