//! Which form of exponential smoothing suits a series? The one with the best corrected information criterion (AICc).
//!
//! Source: Hyndman, Koehler, Ord, Snyder: Forecasting with Exponential Smoothing, Springer 2008, chapter 7.

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::minimize::Search;
use super::season;
use super::smoothing::{Form, Given, Seasonal, Smoothing};

const SEARCH: Search = Search { max_calls: 120, tolerance: 1e-6 };
/// Longer seasons have more starting values than can be told from noise; `mstl` is for them.
const LONGEST_SEASON: usize = 48;
/// Forms are compared on this many of the newest values.
pub(super) const MOST_VALUES: usize = 2048;

/// Parameters of the automatic choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EtsConfig {
    /// Length of the season in points; 0 finds it, 1 uses none.
    pub season: usize,
}

impl EtsConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let is_bad = self.season > LONGEST_SEASON;
        is_bad.then(|| format!("season is {}; it must be 0 to {LONGEST_SEASON}", self.season)).into_iter().collect()
    }
}

/// Exponential smoothing in the form that suits the series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ets {
    pub config: EtsConfig,
    state: Option<Smoothing>,
}

impl Ets {
    pub fn new(config: EtsConfig) -> Self {
        Self { config, state: None }
    }
}

/// The best form. Season and error are chosen with a damped trend, then the trend: seven fits instead of fifteen.
pub(super) fn choose(values: &[f64], period: usize) -> Smoothing {
    let is_positive = values.iter().all(|it| *it > 1e-6);
    let has_trend = values.len() >= 8;
    let seasonals: &[Seasonal] = match period {
        0 | 1 => &[Seasonal::None],
        _ if is_positive => &[Seasonal::None, Seasonal::Additive, Seasonal::Multiplicative],
        _ => &[Seasonal::None, Seasonal::Additive],
    };
    let mut best: Option<(f64, Smoothing)> = None;
    let mut attempt = |form: Form| {
        let (state, fit) = Smoothing::fit(values, form, Given::default(), SEARCH);
        let criterion = corrected(fit.deviance(form), form.n_parameters(), values.len());
        if best.as_ref().is_none_or(|it| criterion < it.0) {
            best = Some((criterion, state));
        }
        best.as_ref().map(|it| it.1.form)
    };
    let mut chosen = Form { has_trend, is_damped: has_trend, ..Form::default() };
    for seasonal in seasonals {
        for is_relative in [false, true] {
            // An error that adds to a season that multiplies is not stable.
            let is_odd = *seasonal == Seasonal::Multiplicative && !is_relative;
            if is_odd || is_relative && !is_positive {
                continue;
            }
            let period = if *seasonal == Seasonal::None { 0 } else { period };
            let form = Form { has_trend, is_damped: has_trend, seasonal: *seasonal, is_relative, period };
            chosen = attempt(form).unwrap_or(form);
        }
    }
    if has_trend {
        attempt(Form { is_damped: false, ..chosen });
        attempt(Form { is_damped: false, has_trend: false, ..chosen });
    }
    best.map_or_else(|| Smoothing::start(values, chosen), |it| it.1)
}

/// Akaike's criterion with the correction for short series.
pub(super) fn corrected(deviance: f64, n_parameters: usize, n_values: usize) -> f64 {
    // The variance is a parameter too.
    let (k, n) = (n_parameters as f64 + 1.0, n_values as f64);
    if n - k <= 1.0 { f64::MAX } else { deviance + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0) }
}

impl Method for Ets {
    fn min_points(&self) -> usize {
        2
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let found = || season::detect(history.values, history.step).first().copied().unwrap_or(0);
        let period = if self.config.season == 0 { found() } else { self.config.season };
        let has_room = (2..=LONGEST_SEASON).contains(&period) && history.values.len() >= 3 * period;
        let values = history.values.split_at(history.values.len().saturating_sub(MOST_VALUES)).1;
        self.state = Some(choose(values, if has_room { period } else { 0 }));
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
