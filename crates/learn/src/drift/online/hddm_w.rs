//! HDDM_W: did the weighted mean rise beyond McDiarmid's bound above its best cut? Values lie between 0 and 1.
//!
//! Source: as `hddm_a`; details as in River, rises only.

use serde::{Deserialize, Serialize};

use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HddmW {
    /// Chance of a false alarm at one value, by the bound.
    pub drift_confidence: f64,
    /// The same for a warning.
    pub warning_confidence: f64,
    /// Weight of the newest value.
    pub lambda: f64,
    all: Weighted,
    before: Weighted,
    after: Weighted,
    cut: Option<f64>,
    has_drifted: bool,
}

impl Default for HddmW {
    fn default() -> Self {
        Self {
            drift_confidence: 0.001,
            warning_confidence: 0.005,
            lambda: 0.05,
            all: Weighted::default(),
            before: Weighted::default(),
            after: Weighted::default(),
            cut: None,
            has_drifted: false,
        }
    }
}

/// A weighted mean and the sum of the squares of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Weighted {
    mean: Option<f64>,
    squares: f64,
}

impl Default for Weighted {
    fn default() -> Self {
        Self { mean: None, squares: 1.0 }
    }
}

impl Weighted {
    fn update(&mut self, value: f64, lambda: f64) {
        self.mean = Some(self.mean.map_or(value, |it| lambda * value + (1.0 - lambda) * it));
        self.squares = lambda * lambda + (1.0 - lambda) * (1.0 - lambda) * self.squares;
    }
}

fn bound(squares: f64, confidence: f64) -> f64 {
    (squares * (1.0 / confidence).ln() / 2.0).sqrt()
}

impl HddmW {
    fn has_risen(&self, confidence: f64) -> bool {
        let (Some(before), Some(after)) = (self.before.mean, self.after.mean) else { return false };
        after - before > bound(self.before.squares + self.after.squares, confidence)
    }
}

impl OnlineDetector for HddmW {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if self.has_drifted {
            let Self { drift_confidence, warning_confidence, lambda, .. } = *self;
            *self = Self { drift_confidence, warning_confidence, lambda, ..Self::default() };
        }
        self.all.update(value, self.lambda);
        let above = self.all.mean.unwrap_or(value) + bound(self.all.squares, self.drift_confidence);
        if self.cut.is_none_or(|it| above < it) {
            (self.cut, self.before, self.after) = (Some(above), self.all, Weighted::default());
        } else {
            self.after.update(value, self.lambda);
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
