//! EDDM: do errors come closer to each other? Values are 1 (wrong) and 0.
//!
//! Source: Baena-Garcia et al.: Early drift detection method, IWKDDS 2006; details as in River.

use serde::{Deserialize, Serialize};

use super::running::Variance;
use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eddm {
    /// Says nothing before so many values and so many errors.
    pub warm_start: u32,
    /// Share of the greatest distance until a warning.
    pub warning: f64,
    /// Share of the greatest distance until drift.
    pub drift: f64,
    distances: Variance,
    n: f64,
    last_error: f64,
    greatest: f64,
    state: State,
}

impl Default for Eddm {
    fn default() -> Self {
        Self {
            warm_start: 30,
            warning: 0.95,
            drift: 0.9,
            distances: Variance::default(),
            n: 0.0,
            last_error: 0.0,
            greatest: -1.0,
            state: State::Steady,
        }
    }
}

impl OnlineDetector for Eddm {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if self.state == State::Drift {
            let Self { warm_start, warning, drift, .. } = *self;
            *self = Self { warm_start, warning, drift, ..Self::default() };
        }
        self.n += 1.0;
        if value == 1.0 {
            self.distances.update(self.n - self.last_error);
            if self.n > f64::from(self.warm_start) {
                self.judge();
            }
            self.last_error = self.n;
        }
        self.state
    }
}

impl Eddm {
    fn judge(&mut self) {
        let distance = self.distances.mean.mean + 2.0 * self.distances.variance().sqrt();
        if distance > self.greatest {
            self.greatest = distance;
        } else if self.distances.mean.n > f64::from(self.warm_start) {
            let level = distance / self.greatest;
            self.state = if level < self.drift {
                State::Drift
            } else if level < self.warning {
                State::Warning
            } else {
                State::Steady
            };
        }
    }
}
