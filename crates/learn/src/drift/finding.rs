//! What comes out of a comparison?

use serde::{Deserialize, Serialize};

use super::binning::Binning;
use super::method::Method;

/// What is asked of every column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The share of columns without drift that may be called drifted.
    pub alpha: f64,
    /// A difference smaller than this is never drift, however sure it is; in standard deviations.
    pub min_effect: f64,
    /// How numbers are put into bins by distances of shares.
    pub bins: Binning,
    /// The most random divisions of the pooled sample from which a p-value is read, where no formula gives it.
    pub permutations: u32,
    /// Seed of these.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { alpha: 0.05, min_effect: 0.02, bins: Binning::Deciles, permutations: 999, seed: 42 }
    }
}

/// The answer about one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was asked.
    pub method: Method,
    /// The statistic or distance, as the method's file defines it.
    pub statistic: f64,
    /// How probable a statistic this large is without drift; `None` where it is not defined (all values are one).
    pub p_value: Option<f64>,
    /// The p-value after Benjamini and Hochberg over all columns; `None` before [`judge_columns`](super::judge_columns).
    pub adjusted_p_value: Option<f64>,
    /// How large the difference is, in standard deviations of the reference, whatever the method:
    /// numbers by how far values have to move on average; categories by the chi-square distance of the shares without
    /// what chance adds, which for two categories is the change of a share over its standard deviation.
    pub effect: f64,
    /// Is the p-value, adjusted if there is more than one column, at most `alpha` and the effect at least `min_effect`?
    pub drifted: bool,
}

impl Finding {
    /// The answer about a column that is judged alone.
    pub(super) fn new(method: Method, statistic: f64, p_value: Option<f64>, effect: f64, options: &Options) -> Self {
        let p_value = p_value.filter(|it| !it.is_nan());
        let mut finding = Self { method, statistic, p_value, adjusted_p_value: None, effect, drifted: false };
        finding.judge(p_value, options);
        finding
    }

    /// Is it drift at this p-value?
    pub(super) fn judge(&mut self, p_value: Option<f64>, options: &Options) {
        self.drifted = p_value.is_some_and(|it| it <= options.alpha) && self.effect >= options.min_effect;
    }
}
