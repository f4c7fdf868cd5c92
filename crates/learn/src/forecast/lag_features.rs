//! What is known of a value before it comes? Lags, their mean and spread, and the time of day and week.
#![allow(clippy::indexing_slicing, reason = "windows have a length that is fixed at the fit")]

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::forecaster::Clean;

const DAY_SECS: i64 = 86_400;
const WEEK_SECS: i64 = 7 * DAY_SECS;
/// What the mean and the spread are computed over, for each lag.
const WINDOW_PER_LAG: usize = 2;
const FEWEST_ROWS: usize = 4;
/// The fewest values from which something can be learned.
pub(super) const FEWEST_VALUES: usize = WINDOW_PER_LAG + FEWEST_ROWS;

/// The features of a series, and the newest values, of which the next ones are made.
///
/// All but the time are relative to the last value, so that the level may be anywhere; so is the target. They come from
/// what was before the target only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LagFeatures {
    n_lags: usize,
    has_day: bool,
    has_week: bool,
    recent: Vec<f64>,
    /// Time of the next value and distance, in seconds.
    next: i64,
    step: i64,
}

impl LagFeatures {
    /// For a history, with at most so many lags. Its values are not taken in yet.
    pub fn new(history: &Clean<'_>, most_lags: usize) -> Self {
        let n = history.values.len();
        let span = history.step.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX));
        // A wave of which less than two turns were seen cannot be told from a trend.
        let is_seen = |period: i64| span >= 2 * period && 2 * history.step <= period;
        Self {
            n_lags: most_lags.min(n / 6).max(1),
            has_day: is_seen(DAY_SECS),
            has_week: is_seen(WEEK_SECS),
            recent: vec![],
            next: history.start,
            step: history.step,
        }
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        2 + self.n_lags + 2 * usize::from(self.has_day) + 2 * usize::from(self.has_week)
    }

    fn window(&self) -> usize {
        self.n_lags * WINDOW_PER_LAG
    }

    /// Takes in newer values, and hands each that has enough before it to `learn`: features, and change since the last.
    pub fn take(&mut self, newer: &[f64], mut learn: impl FnMut(&[f64], f64)) {
        let window = self.window();
        let n_before = self.recent.len();
        let mut values = std::mem::take(&mut self.recent);
        values.extend(newer);
        let mut features = vec![];
        for (index, row) in values.windows(window + 1).enumerate() {
            // The target of the first row stands `window` after the first value kept.
            let distance = (index + window) as i64 - n_before as i64;
            let time = self.next.saturating_add(self.step.saturating_mul(distance));
            self.write(&row[..window], time, &mut features);
            learn(&features, row[window] - row[window - 1]);
        }
        self.next = self.next.saturating_add(self.step.saturating_mul(newer.len() as i64));
        self.recent = values.split_off(values.len().saturating_sub(window));
    }

    /// Writes the features of the value that follows `window` at `time`.
    fn write(&self, window: &[f64], time: i64, features: &mut Vec<f64>) {
        features.clear();
        features.push(1.0);
        let n = window.len();
        let last = window[n - 1];
        features.extend(window[n - self.n_lags..n - 1].iter().map(|it| it - last));
        let mean = window.iter().map(|it| it - last).sum::<f64>() / n as f64;
        let variance = window.iter().map(|it| (it - last - mean).powi(2)).sum::<f64>() / n as f64;
        features.extend([mean, variance.sqrt()]);
        for (is_used, period) in [(self.has_day, DAY_SECS), (self.has_week, WEEK_SECS)] {
            if is_used {
                let (sin, cos) = (TAU * time.rem_euclid(period) as f64 / period as f64).sin_cos();
                features.extend([sin, cos]);
            }
        }
    }

    /// The next values: what `tell` makes of the features is the change, and the sum takes the place of the real value.
    pub fn predict(&self, steps: usize, tell: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let window = self.recent.len();
        let mut values = self.recent.clone();
        let mut features = vec![];
        let lowest = values.iter().copied().fold(f64::MAX, f64::min);
        let highest = values.iter().copied().fold(f64::MIN, f64::max);
        // Feeding forecasts back can swing up without end; no change is larger than all that was seen lately.
        let limit = (highest - lowest).max(0.0);
        for step in 0..steps {
            let time = self.next.saturating_add(self.step.saturating_mul(step as i64));
            self.write(&values[values.len() - window..], time, &mut features);
            let change = tell(&features).clamp(-limit, limit);
            values.push(values[values.len() - 1] + change);
        }
        values.split_off(window)
    }
}
