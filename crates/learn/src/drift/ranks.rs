//! Do scores of ranks differ between the sides? Linear rank tests with ties, by their exact moments.
//!
//! A value scores by its middle rank. Given the pooled values, the sum of the scores of one side has the mean and the
//! variance of a draw without replacement, whatever the ties.

use crate::probability::normal_upper;

use super::pair::Cell;

/// Sums of scores.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scores {
    reference: f64,
    sum: f64,
    squares: f64,
}

impl Scores {
    /// Adds a cell whose values score `score` each.
    #[inline]
    pub(super) fn add(&mut self, cell: &Cell, score: f64) {
        let total = cell.total() as f64;
        self.reference += score * cell.reference as f64;
        self.sum += score * total;
        self.squares += score * score * total;
    }

    /// The standardized sum of the reference; `None` if all scores are equal.
    pub(super) fn z(&self, n: f64, m: f64) -> Option<f64> {
        let all = n + m;
        let mean = self.sum / all;
        let variance = (self.squares / all - mean * mean) * n * m / (all - 1.0);
        (variance > 0.0).then(|| (self.reference - n * mean) / variance.sqrt())
    }

    /// The two-sided p-value.
    pub(super) fn p_value(&self, n: f64, m: f64) -> Option<f64> {
        Some(2.0 * normal_upper(self.z(n, m)?.abs()))
    }
}
