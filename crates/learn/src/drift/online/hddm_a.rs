//! HDDM_A: did the mean rise beyond Hoeffding's bound above its best cut? Values lie between 0 and 1.
//!
//! Source: Frias-Blanco et al.: Online and non-parametric drift detection methods based on Hoeffding's bounds, IEEE
//! Transactions on Knowledge and Data Engineering 27 (2015); details as in River, rises only.

use serde::{Deserialize, Serialize};

use super::running::Mean;
use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HddmA {
    /// Chance of a false alarm at one value, by the bound.
    pub drift_confidence: f64,
    /// The same for a warning.
    pub warning_confidence: f64,
    cut: Mean,
    all: Mean,
    has_drifted: bool,
}

impl Default for HddmA {
    fn default() -> Self {
        Self {
            drift_confidence: 0.001,
            warning_confidence: 0.005,
            cut: Mean::default(),
            all: Mean::default(),
            has_drifted: false,
        }
    }
}

impl HddmA {
    fn bound(&self, n: f64) -> f64 {
        (1.0 / (2.0 * n) * (1.0 / self.drift_confidence).ln()).sqrt()
    }

    fn has_risen(&self, confidence: f64) -> bool {
        if self.cut.n == self.all.n {
            return false;
        }
        let m = (self.all.n - self.cut.n) / self.cut.n * (1.0 / self.all.n);
        self.all.mean - self.cut.mean >= (m / 2.0 * (2.0 / confidence).ln()).sqrt()
    }
}

impl OnlineDetector for HddmA {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if self.has_drifted {
            (self.cut, self.all, self.has_drifted) = (Mean::default(), Mean::default(), false);
        }
        self.all.update(value);
        let is_lower = |it: &Self| it.cut.mean + it.bound(it.cut.n) >= it.all.mean + it.bound(it.all.n);
        if self.cut.n == 0.0 || is_lower(self) {
            self.cut = self.all;
        }
        if self.has_risen(self.drift_confidence) {
            self.has_drifted = true;
            State::Drift
        } else if self.has_risen(self.warning_confidence) {
            State::Warning
        } else {
            State::Steady
        }
    }
}
