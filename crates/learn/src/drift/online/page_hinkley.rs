//! Page-Hinkley: does the sum of deviations from the mean so far leave its lowest or highest point behind?
//!
//! Source: Page: Continuous inspection schemes, Biometrika 41 (1954); parameters and both sides as in River.
//! The threshold is in the unit of the values: the detector is quicker and alarms more on larger numbers.

use serde::{Deserialize, Serialize};

use super::running::Mean;
use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    /// Says nothing before so many values.
    pub min_values: u32,
    /// Deviations smaller than this are allowed.
    pub delta: f64,
    /// How far the sum may go.
    pub threshold: f64,
    /// What is kept of the sum at each value.
    pub alpha: f64,
    mean: Mean,
    increase: f64,
    decrease: f64,
    lowest: Option<f64>,
    highest: f64,
    is_new: bool,
}

impl Default for PageHinkley {
    fn default() -> Self {
        Self {
            min_values: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 1.0 - 0.0001,
            mean: Mean::default(),
            increase: 0.0,
            decrease: 0.0,
            lowest: None,
            highest: -1.0,
            is_new: true,
        }
    }
}

impl PageHinkley {
    fn reset(&mut self) {
        let Self { min_values, delta, threshold, alpha, .. } = *self;
        *self = Self { min_values, delta, threshold, alpha, ..Self::default() };
    }
}

impl OnlineDetector for PageHinkley {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if !self.is_new {
            self.reset();
        }
        self.mean.update(value);
        let deviation = value - self.mean.mean;
        self.increase = self.alpha * self.increase + deviation - self.delta;
        self.decrease = self.alpha * self.decrease + deviation + self.delta;
        let lowest = self.lowest.map_or(self.increase, |it| it.min(self.increase));
        self.lowest = Some(lowest);
        self.highest = self.highest.max(self.decrease);
        let gone = self.increase - lowest > self.threshold || self.highest - self.decrease > self.threshold;
        if self.mean.n >= f64::from(self.min_values) && gone {
            self.is_new = false;
            return State::Drift;
        }
        State::Steady
    }
}
