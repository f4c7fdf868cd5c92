//! How fast does it grow? `rate`, `increase` and `delta`, extrapolated to the ends of the window.

use std::sync::Arc;

use super::Evaluator;
use super::column::Cell;
use super::window::Window;
use crate::ast::Boundary;
use crate::histogram::{Histogram, ResetHint};
use crate::print::quoted;
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

    /// By how much the growth between samples is stretched to stand for the whole window.
    fn factor(self, window: &Window<'_>, span: Span, from: From) -> f64 {
        let between = match span.count {
            0 | 1 => 0.0,
            count => (span.last - span.first) as f64 / 1000.0 / (count - 1) as f64,
        };
        let mut to_end = (window.end - span.last) as f64 / 1000.0;
        // A sample is missing where one was to be expected: the series begins or ends within the window.
        let threshold = between * 1.1;
        let (sampled, to_start) = match from {
            From::Start(time) => ((span.last - time) as f64 / 1000.0, 0.0),
            From::Samples { to_zero } => {
                let sampled = (span.last - span.first) as f64 / 1000.0;
                let mut to_start = (span.first - window.start) as f64 / 1000.0;
                if to_start >= threshold {
                    to_start = between / 2.0;
                }
                match to_zero {
                    Some(share) if self.is_counter && sampled * share < to_start => (sampled, sampled * share),
                    _ => (sampled, to_start),
                }
            }
        };
        if to_end >= threshold {
            to_end = between / 2.0;
        }
        let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
        if self.is_rate { factor / window.seconds() } else { factor }
    }
}

/// Where growth begins.
#[derive(Clone, Copy)]
enum From {
    /// At the first sample; the share of the growth that it has, if the counter can be followed back to zero.
    Samples { to_zero: Option<f64> },
    /// At zero, when the counter began.
    Start(i64),
}

impl From {
    /// For samples of which the first one has this value and this start of its counter.
    fn of(growth: Growth, window: &Window<'_>, starts: &[i64], first: i64, value: f64, grown: f64) -> Self {
        match starts.first() {
            Some(start) if growth.is_counter && *start != 0 && *start > window.start && *start < first => {
                Self::Start(*start)
            }
            _ => Self::Samples { to_zero: (grown > 0.0 && value >= 0.0).then_some(value / grown) },
        }
    }
}

/// What was lost where a counter fell or began anew.
fn resets(points: &[FloatPoint], starts: &[i64]) -> f64 {
    let mut lost = 0.0;
    for (idx, pair) in points.windows(2).enumerate() {
        if let [before, after] = pair
            && (after.value < before.value || began_anew(starts, idx, before.time, after.time))
        {
            lost += before.value;
        }
    }
    lost
}

/// True if the counter of a sample began after the sample before, which has the index.
///
/// A start that is 0, or not before its sample, is not known.
pub(super) fn began_anew(starts: &[i64], before: usize, time_before: i64, time: i64) -> bool {
    let (Some(start_before), Some(start)) = (starts.get(before), starts.get(before + 1)) else { return false };
    if *start == 0 || *start >= time || *start < time_before {
        return false;
    }
    // Where it began right at the sample before, that one tells whether it counts from sample to sample.
    *start > time_before || (*start_before != 0 && *start_before < time_before)
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
            (Boundary::Plain, false) => self.float_growth(growth, window),
            (Boundary::Plain, true) => self.histogram_growth(growth, window),
            (_, false) => super::extended::float_growth(growth, window),
            (_, true) => self.extended_histogram_growth(growth, window),
        }
    }

    fn float_growth(&self, growth: Growth, window: &Window<'_>) -> Cell {
        let points = window.floats;
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Cell::Empty };
        let mut grown = last.value - first.value;
        if growth.is_counter {
            grown += resets(points, window.float_starts);
            self.check_starts(window, window.float_starts, points.iter().map(|it| it.time));
        }
        let from = From::of(growth, window, window.float_starts, first.time, first.value, grown);
        match from {
            From::Start(_) => grown += first.value,
            From::Samples { .. } if points.len() < 2 => return Cell::Empty,
            From::Samples { .. } => {}
        }
        let span = Span { first: first.time, last: last.time, count: points.len() };
        Cell::Float(grown * growth.factor(window, span, from))
    }

    /// Tells if a counter began anew before its last sample.
    fn check_starts(&self, window: &Window<'_>, starts: &[i64], times: impl Iterator<Item = i64>) {
        let overlaps = |(pair, time): (&[i64], i64)| matches!(pair, [before, after] if *after != 0 && *after < time && after != before);
        if starts.windows(2).zip(times).any(overlaps) {
            let text =
                format!("start timestamp overlaps with an earlier sample for metric name {}", quoted(window.name()));
            self.warn(window.place, &text);
        }
    }

    fn histogram_growth(&self, growth: Growth, window: &Window<'_>) -> Cell {
        let points = window.histograms;
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Cell::Empty };
        let grown = match points.len() {
            1 => Some(Histogram::default()),
            _ => self.histogram_difference(growth, window),
        };
        let Some(mut grown) = grown else { return Cell::Empty };
        let from = From::of(growth, window, window.histogram_starts, first.time, first.value.count, grown.count);
        match from {
            From::Start(_) if points.len() == 1 => grown = (*first.value).clone(),
            From::Start(_) => {
                if grown.add(&first.value).is_err() {
                    self.warn_mixed_buckets(window.name(), window.place);
                    return Cell::Empty;
                }
            }
            From::Samples { .. } if points.len() < 2 => return Cell::Empty,
            From::Samples { .. } => {}
        }
        let span = Span { first: first.time, last: last.time, count: points.len() };
        let mut out = grown.scaled(growth.factor(window, span, from));
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
        let start = if growth.is_counter
            && (began_anew(window.histogram_starts, 0, first.time, second.time)
                || second.value.is_reset_since(&first.value))
        {
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
            self.check_starts(window, window.histogram_starts, window.histograms.iter().map(|it| it.time));
            self.add_resets(&mut out, start, window)?;
        }
        Some(out.compacted())
    }

    fn add_resets(&self, out: &mut Histogram, start: Arc<Histogram>, window: &Window<'_>) -> Option<()> {
        let mut before = start;
        for (idx, pair) in window.histograms.windows(2).enumerate() {
            let [earlier, point] = pair else { continue };
            let is_new = began_anew(window.histogram_starts, idx, earlier.time, point.time);
            if is_new || point.value.is_reset_since(&before) {
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
