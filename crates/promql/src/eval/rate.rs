//! How fast does it grow? `rate`, `increase` and `delta`, extrapolated to the ends of the window.

use std::sync::Arc;

use super::Evaluator;
use super::column::Cell;
use super::window::Window;
use crate::ast::Boundary;
use crate::histogram::{Histogram, ResetHint};
use crate::series::{FloatPoint, HistogramPoint};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Resets are growth too, and there is nothing below zero.
    pub is_counter: bool,
    /// Per second.
    pub is_rate: bool,
}

/// First and last time of the samples, and how many there are.
#[derive(Clone, Copy)]
struct Span {
    first: i64,
    last: i64,
    count: usize,
}

impl Growth {
    /// The growth that a function computes.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let (is_counter, is_rate) = match name {
            "rate" => (true, true),
            "increase" => (true, false),
            "delta" => (false, false),
            _ => return None,
        };
        Some(Self { is_counter, is_rate })
    }

    /// By how much the growth between samples is stretched to stand for the whole window. `to_zero` is the share of
    /// the growth that the first sample has, if the counter can be followed back to zero.
    fn factor(self, window: &Window<'_>, span: Span, to_zero: Option<f64>) -> f64 {
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
            let to_zero = sampled * share;
            to_start = if to_zero < to_start { to_zero } else { to_start };
        }
        if to_end >= threshold {
            to_end = between / 2.0;
        }
        let factor = (sampled + to_start + to_end) / sampled;
        if self.is_rate { factor / window.seconds() } else { factor }
    }
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

impl Evaluator<'_> {
    /// The growth within a window.
    pub(super) fn growth(&self, growth: Growth, window: &Window<'_>) -> Cell {
        let (has_floats, has_histograms) = (!window.floats.is_empty(), !window.histograms.is_empty());
        if has_floats && has_histograms {
            self.warn_mixed_types(window);
            return Cell::Empty;
        }
        match (window.boundary, has_histograms) {
            (Boundary::Plain, false) => float_growth(growth, window),
            (Boundary::Plain, true) => self.histogram_growth(growth, window),
            (_, false) => super::extended::float_growth(growth, window),
            (_, true) => self.extended_histogram_growth(growth, window),
        }
    }

    fn histogram_growth(&self, growth: Growth, window: &Window<'_>) -> Cell {
        let [first, .., last] = window.histograms else { return Cell::Empty };
        let Some(grown) = self.histogram_difference(growth, window) else { return Cell::Empty };
        let start = first.value.count;
        let to_zero = (grown.count > 0.0 && start >= 0.0).then_some(start / grown.count);
        let span = Span { first: first.time, last: last.time, count: window.histograms.len() };
        let factor = growth.factor(window, span, to_zero);
        let mut out = grown.scaled(factor);
        out.hint = ResetHint::Gauge;
        Cell::Histogram(Arc::new(out))
    }

    /// The last histogram less the first, with what was lost in resets; none if they do not fit together.
    fn histogram_difference(&self, growth: Growth, window: &Window<'_>) -> Option<Histogram> {
        let [first, inner @ .., last] = window.histograms else { return None };
        let gauges = |it: &HistogramPoint| it.value.hint == ResetHint::Gauge;
        if growth.is_counter && window.histograms.iter().any(gauges) {
            self.warn_not_counter(window);
        }
        let are_gauges = gauges(first) && gauges(last);
        if !growth.is_counter && !are_gauges {
            self.warn_not_gauge(window);
        }
        let second = inner.first().unwrap_or(last);
        // A reset right after the first histogram makes what it looks like irrelevant.
        let start = if growth.is_counter && second.value.is_reset_since(&first.value) {
            Arc::new(Histogram {
                schema: second.value.schema,
                custom_bounds: Arc::clone(&second.value.custom_bounds),
                ..Histogram::default()
            })
        } else {
            Arc::clone(&first.value)
        };
        let is_custom = start.is_custom();
        let mixes = last.value.is_custom() != is_custom
            || (growth.is_counter && inner.iter().any(|it| it.value.is_custom() != is_custom));
        if mixes {
            self.warn_mixed_buckets(window.name(), window.place);
            return None;
        }
        let mut out = (*last.value).clone();
        if growth.is_counter
            && let Some(schema) = inner.iter().map(|it| it.value.schema).min()
        {
            out.reduce(schema);
        }
        let notes = out.subtract(&start).ok()?;
        if notes.is_reconciled {
            self.info_reconciled("subtraction", window.place);
        }
        if growth.is_counter {
            self.add_resets(&mut out, start, window)?;
        }
        Some(out.compacted())
    }

    fn add_resets(&self, out: &mut Histogram, start: Arc<Histogram>, window: &Window<'_>) -> Option<()> {
        let mut before = start;
        for point in window.histograms.iter().skip(1) {
            if point.value.is_reset_since(&before) {
                let notes = out.add(&before).ok()?;
                if notes.is_reconciled {
                    self.info_reconciled("addition", window.place);
                }
            }
            before = Arc::clone(&point.value);
        }
        Some(())
    }
}

fn float_growth(growth: Growth, window: &Window<'_>) -> Cell {
    let [first, .., last] = window.floats else { return Cell::Empty };
    let mut grown = last.value - first.value;
    if growth.is_counter {
        grown += resets(window.floats);
    }
    let to_zero = (grown > 0.0 && first.value >= 0.0).then_some(first.value / grown);
    let span = Span { first: first.time, last: last.time, count: window.floats.len() };
    Cell::Float(grown * growth.factor(window, span, to_zero))
}
