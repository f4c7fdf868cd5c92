//! KSWIN: are the newest values of a window distributed as a sample of the older ones? By the test of Kolmogorov and
//! Smirnov.
//!
//! Source: Raab, Heusinger, Schleif: Reactive soft prototype computing for concept drift streams, Neurocomputing 416
//! (2020); parameters as in River, the sample is drawn by our generator.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::drift::kolmogorov_smirnov;
use crate::drift::pair::Pair;
use crate::drift::sample::Sample;
use crate::random::Random;

use super::{OnlineDetector, State};

/// Distances up to this are never drift.
const MIN_DISTANCE: f64 = 0.1;

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kswin {
    /// p-values up to this are drift.
    pub alpha: f64,
    /// Values in the window.
    pub window: usize,
    /// Values of each of both samples.
    pub sample: usize,
    /// Seed of the draws.
    pub seed: u64,
    draws: u64,
    values: VecDeque<f64>,
}

impl Default for Kswin {
    fn default() -> Self {
        Self { alpha: 0.005, window: 100, sample: 30, seed: 42, draws: 0, values: VecDeque::new() }
    }
}

impl OnlineDetector for Kswin {
    fn update(&mut self, value: f64) -> State {
        if !value.is_finite() {
            return State::Steady;
        }
        self.values.push_back(value);
        if self.values.len() > self.window {
            self.values.pop_front();
        }
        let older = self.window.saturating_sub(self.sample);
        if self.values.len() < self.window || older < self.sample {
            return State::Steady;
        }
        self.draws += 1;
        let drawn = Random::for_part(self.seed, self.draws).sample(older, self.sample);
        let mut old: Vec<f64> = drawn.into_iter().filter_map(|it| self.values.get(it).copied()).collect();
        let mut new: Vec<f64> = self.values.iter().skip(older).copied().collect();
        old.sort_by(f64::total_cmp);
        new.sort_by(f64::total_cmp);
        let Some(pair) = Pair::new(&Sample::Numbers(&old), &Sample::Numbers(&new)) else { return State::Steady };
        let (distance, p_value) = kolmogorov_smirnov::test(pair.cells(), pair.n, pair.m);
        if p_value <= self.alpha && distance > MIN_DISTANCE {
            self.values.drain(..older);
            return State::Drift;
        }
        State::Steady
    }
}
