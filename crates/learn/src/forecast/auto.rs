//! Which models suit this series? Each is back-tested on it; what is told is their average, weighted by how well they did.
//!
//! Averages of different models err less than the best of them (Bates, Granger: The combination of forecasts,
//! Operational Research Quarterly 20, 1969), and the weights are the inverse squares of the mean absolute errors.
#![allow(clippy::indexing_slicing, reason = "windows are compared step by step with windows of the same shape")]

use serde::{Deserialize, Serialize};

use super::autoregression::{AutoregressionConfig, lags_for, penalty_for};
use super::backtest::Windows;
use super::exponential_smoothing::ExponentialSmoothingConfig;
use super::forecaster::{Clean, FitError, Method};
use super::kind::{Learned, ModelKind};
use super::season;
use super::seasonal_naive::SeasonalNaiveConfig;

/// Models that err more than this many times as much as the best are left out.
const WORST: f64 = 2.0;
/// Windows of the back-test, if nobody says how many.
const WINDOWS: usize = 10;
const LONGEST_HORIZON: usize = 48;

/// Parameters of `Auto`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoConfig {
    /// How many steps ahead forecasts shall be good; 0 takes a season, at most 48.
    pub horizon: usize,
    /// Names of the models to choose from; empty takes those that suit the seasons.
    pub models: Vec<String>,
}

impl AutoConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.horizon > season::LONGEST {
            problems.push(format!("horizon is {}; it must be 0 to {}", self.horizon, season::LONGEST));
        }
        let names: Vec<&str> = ModelKind::names().into_iter().filter(|it| *it != "auto").collect();
        let unknown = self.models.iter().filter(|it| !names.contains(&it.as_str()));
        problems.extend(unknown.map(|it| format!("models has {it:?}; it may have {}", names.join(", "))));
        problems
    }
}

/// A weighted average of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Auto {
    pub config: AutoConfig,
    members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    /// Between 0 and 1; all together 1.
    weight: f64,
    learned: Learned,
}

impl Auto {
    pub fn new(config: AutoConfig) -> Self {
        Self { config, members: vec![] }
    }

    fn windows(&self, n_values: usize, seasons: &[usize]) -> Windows {
        let season = seasons.first().copied().unwrap_or(n_values / 10).clamp(1, LONGEST_HORIZON);
        let horizon = if self.config.horizon == 0 { season } else { self.config.horizon };
        Windows::fitting(n_values, horizon, (horizon / 2).max(1), WINDOWS)
    }

    fn candidates(&self, seasons: &[usize]) -> Vec<ModelKind> {
        if self.config.models.is_empty() {
            return if seasons.is_empty() { without_season() } else { with_seasons(seasons) };
        }
        self.config.models.iter().filter(|it| *it != "auto").filter_map(|it| ModelKind::named(it)).collect()
    }

    fn choose(&mut self, history: &Clean<'_>, windows: Windows, seasons: &[usize]) -> Result<Vec<Vec<f64>>, FitError> {
        let mut tried: Vec<(f64, Learned, Vec<Vec<f64>>)> = vec![];
        let mut problem = FitError::TooShort { needed: self.min_points(), found: history.values.len() };
        for kind in self.candidates(seasons) {
            let mut learned = Learned::new(&kind);
            if history.values.len() < learned.method().min_points() {
                continue;
            }
            match learned.method_mut().fit_and_test(history, windows) {
                Ok(errors) => tried.push((mean_error(&errors), learned, errors)),
                Err(error) => problem = error,
            }
        }
        // A model that could not be tested is only used where none could.
        if tried.iter().any(|it| it.0.is_finite()) {
            tried.retain(|it| it.0.is_finite());
        }
        let best = tried.iter().map(|it| it.0).fold(f64::MAX, f64::min);
        tried.retain(|it| !it.0.is_finite() || it.0 <= WORST * best);
        let weight = |error: f64| if error.is_finite() { (best.max(1e-12) / error.max(1e-12)).powi(2) } else { 1.0 };
        let total: f64 = tried.iter().map(|it| weight(it.0)).sum();
        let mut combined: Vec<Vec<f64>> = tried.first().map(|it| zeros_like(&it.2)).ok_or(problem)?;
        self.members.clear();
        for (error, learned, errors) in tried {
            let weight = weight(error) / total;
            let pairs = combined.iter_mut().flatten().zip(errors.iter().flatten());
            pairs.for_each(|(sum, error)| *sum += weight * error);
            self.members.push(Member { weight, learned });
        }
        Ok(combined)
    }
}

/// For levels that move without a rhythm.
fn without_season() -> Vec<ModelKind> {
    let damped = ExponentialSmoothingConfig { damped: true, ..ExponentialSmoothingConfig::holt() };
    let autoregression = |difference| {
        let (lags, penalty) = (lags_for(&[], difference), penalty_for(&[], difference));
        ModelKind::Autoregression(AutoregressionConfig { lags, penalty, difference, ..Default::default() })
    };
    vec![
        ModelKind::ExponentialSmoothing(damped),
        ModelKind::SeasonalNaive(SeasonalNaiveConfig { season: 1 }),
        autoregression(0),
        autoregression(1),
    ]
}

/// The same regression on values, on their changes, and on their changes over each season.
fn with_seasons(seasons: &[usize]) -> Vec<ModelKind> {
    let autoregression = |difference| {
        let (lags, penalty) = (lags_for(seasons, difference), penalty_for(seasons, difference));
        ModelKind::Autoregression(AutoregressionConfig { lags, penalty, difference, seasons: seasons.to_vec() })
    };
    let naive = seasons.iter().map(|it| ModelKind::SeasonalNaive(SeasonalNaiveConfig { season: *it }));
    [0, 1].into_iter().chain(seasons.iter().copied()).map(autoregression).chain(naive).collect()
}

fn mean_error(errors: &[Vec<f64>]) -> f64 {
    let (sum, n) = errors.iter().flatten().fold((0.0, 0.0), |(sum, n), it| (sum + it.abs(), n + 1.0));
    sum / n
}

fn zeros_like(errors: &[Vec<f64>]) -> Vec<Vec<f64>> {
    errors.iter().map(|it| vec![0.0; it.len()]).collect()
}

impl Method for Auto {
    fn min_points(&self) -> usize {
        2
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let seasons = season::detect(history.values, history.step);
        let windows = self.windows(history.values.len(), &seasons);
        self.choose(history, windows, &seasons).map(|_| ())
    }

    fn extend(&mut self, newer: &[f64]) {
        self.members.iter_mut().for_each(|it| it.learned.method_mut().extend(newer));
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        let mut told = vec![0.0; steps];
        for member in &self.members {
            let values = member.learned.method().predict(steps);
            told.iter_mut().zip(values).for_each(|(sum, value)| *sum += member.weight * value);
        }
        told
    }

    fn fit_and_test(&mut self, history: &Clean<'_>, windows: Windows) -> Result<Vec<Vec<f64>>, FitError> {
        let seasons = season::detect(history.values, history.step);
        self.choose(history, windows, &seasons)
    }
}
