//! How fast does it grow? `rate`, `increase` and `delta`, extrapolated to the ends of the window.

use super::column::Cell;
use super::window::Window;
use crate::series::FloatPoint;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Resets are growth too, and there is nothing below zero.
    pub is_counter: bool,
    /// Per second.
    pub is_rate: bool,
}

impl Growth {
    /// `rate`
    pub(crate) const RATE: Self = Self { is_counter: true, is_rate: true };
    /// `increase`
    pub(crate) const INCREASE: Self = Self { is_counter: true, is_rate: false };
    /// `delta`
    pub(crate) const DELTA: Self = Self { is_counter: false, is_rate: false };

    /// Of the floats of a window.
    pub(crate) fn of_floats(self, window: &Window<'_>) -> Cell {
        let [first, .., last] = window.floats else { return Cell::Empty };
        let mut growth = last.value - first.value;
        if self.is_counter {
            growth += resets(window.floats);
        }
        let start_value = (growth > 0.0 && first.value >= 0.0).then_some(first.value / growth);
        let span = Span { first: first.time, last: last.time, count: window.floats.len() };
        Cell::Float(growth * self.factor(window, span, start_value))
    }

    /// By how much the growth between samples is stretched to stand for the whole window.
    pub(crate) fn factor(self, window: &Window<'_>, span: Span, to_zero: Option<f64>) -> f64 {
        let sampled = (span.last - span.first) as f64 / 1000.0;
        let between = sampled / (span.count.saturating_sub(1)) as f64;
        let mut to_start = (span.first - window.start) as f64 / 1000.0;
        let mut to_end = (window.end - span.last) as f64 / 1000.0;
        // A sample is missing where one was to be expected: the series begins or ends within the window.
        let threshold = between * 1.1;
        if to_start >= threshold {
            to_start = between / 2.0;
        }
        if self.is_counter
            && let Some(share) = to_zero
        {
            to_start = to_start.min(sampled * share);
        }
        if to_end >= threshold {
            to_end = between / 2.0;
        }
        let factor = (sampled + to_start + to_end) / sampled;
        if self.is_rate { factor / window.seconds() } else { factor }
    }
}

/// First and last time of the samples, and how many there are.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Milliseconds.
    pub first: i64,
    /// Milliseconds.
    pub last: i64,
    /// At least two.
    pub count: usize,
}

/// What was lost where a counter fell.
fn resets(points: &[FloatPoint]) -> f64 {
    let mut lost = 0.0;
    for pair in points.windows(2) {
        if let [before, after] = pair
            && after.value < before.value
        {
            lost += before.value;
        }
    }
    lost
}
