//! What was there one season ago? The plainest forecast, and the one that all others have to beat.

use serde::{Deserialize, Serialize};

use super::forecaster::{Clean, FitError, Method};
use super::season;

/// Parameters of the seasonal naive forecast.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeasonalNaiveConfig {
    /// Length of the season in points; 0 finds it, and takes the last value where there is none.
    pub season: usize,
}

impl SeasonalNaiveConfig {
    pub(super) fn problems(&self) -> Vec<String> {
        let is_bad = self.season > season::LONGEST;
        is_bad.then(|| format!("season is {}; it must be 0 to {}", self.season, season::LONGEST)).into_iter().collect()
    }
}

/// The values of the last season, again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SeasonalNaive {
    pub config: SeasonalNaiveConfig,
    last: Vec<f64>,
}

impl SeasonalNaive {
    pub fn new(config: SeasonalNaiveConfig) -> Self {
        Self { config, last: vec![] }
    }
}

impl Method for SeasonalNaive {
    fn min_points(&self) -> usize {
        1
    }

    fn fit(&mut self, history: &Clean<'_>) -> Result<(), FitError> {
        let found = || season::detect(history.values, history.step).last().copied().unwrap_or(1);
        let season = if self.config.season == 0 { found() } else { self.config.season };
        let season = season.min(history.values.len()).max(1);
        self.last = history.values.split_at(history.values.len() - season).1.to_vec();
        Ok(())
    }

    fn extend(&mut self, newer: &[f64]) {
        let season = self.last.len();
        self.last.extend(newer);
        self.last.drain(..newer.len());
        debug_assert_eq!(self.last.len(), season);
    }

    fn predict(&self, steps: usize) -> Vec<f64> {
        self.last.iter().copied().cycle().take(steps).collect()
    }
}
