//! DDM: did the rate of errors rise by three of its deviations above its best? Values are 1 (wrong) and 0.
//!
//! Source: Gama, Medas, Castillo, Rodrigues: Learning with drift detection, SBIA 2004; details as in River.

use serde::{Deserialize, Serialize};

use super::running::Mean;
use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ddm {
    /// Says nothing before so many values.
    pub warm_start: u32,
    /// Deviations above the best until a warning.
    pub warning: f64,
    /// Deviations above the best until drift.
    pub drift: f64,
    rate: Mean,
    /// Rate and deviation at their least sum.
    best: Option<(f64, f64)>,
    has_drifted: bool,
}

impl Default for Ddm {
    fn default() -> Self {
        Self { warm_start: 30, warning: 2.0, drift: 3.0, rate: Mean::default(), best: None, has_drifted: false }
    }
}

impl OnlineDetector for Ddm {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if self.has_drifted {
            (self.rate, self.best, self.has_drifted) = (Mean::default(), None, false);
        }
        self.rate.update(value);
        let rate = self.rate.mean;
        let deviation = (rate * (1.0 - rate) / self.rate.n).sqrt();
        if self.rate.n <= f64::from(self.warm_start) {
            return State::Steady;
        }
        let (best, least) = match self.best {
            Some((best, least)) if rate + deviation > best + least => (best, least),
            _ => (rate, deviation),
        };
        self.best = Some((best, least));
        if rate + deviation > best + self.drift * least {
            self.has_drifted = true;
            State::Drift
        } else if rate + deviation > best + self.warning * least {
            State::Warning
        } else {
            State::Steady
        }
    }
}
