//! FHDDM: did the share of right answers in a window fall beyond Hoeffding's bound below its best? Values are 0 and 1.
//!
//! Source: Pesaranghader, Viktor: Fast Hoeffding drift detection method for evolving data streams, ECML 2016; details as
//! in River, where 1 is a right answer.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{OnlineDetector, State};

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fhddm {
    /// Values in the window.
    pub window: usize,
    /// Chance of a false alarm at one value, by the bound.
    pub confidence: f64,
    values: VecDeque<f64>,
    sum: f64,
    best: f64,
    has_drifted: bool,
}

impl Default for Fhddm {
    fn default() -> Self {
        Self { window: 100, confidence: 0.000_001, values: VecDeque::new(), sum: 0.0, best: 0.0, has_drifted: false }
    }
}

impl OnlineDetector for Fhddm {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        if self.has_drifted {
            self.values.clear();
            (self.sum, self.best, self.has_drifted) = (0.0, 0.0, false);
        }
        self.values.push_back(value);
        self.sum += value;
        if self.values.len() < self.window {
            return State::Steady;
        }
        let size = self.values.len() as f64;
        let share = self.sum / size;
        self.best = self.best.max(share);
        self.sum -= self.values.pop_front().unwrap_or(0.0);
        if self.best - share > ((1.0 / self.confidence).ln() / (2.0 * size)).sqrt() {
            self.has_drifted = true;
            return State::Drift;
        }
        State::Steady
    }
}
