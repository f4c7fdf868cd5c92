//! What do the samples of a window amount to? The functions `.._over_time` and others on windows.

use std::sync::Arc;

use super::Evaluator;
use super::column::Cell;
use super::window::Window;
use crate::ast::Place;
use crate::histogram::{Collected, Collector, Histogram, Incompatible, kahan_add};
use crate::series::{FloatPoint, HistogramPoint};

impl Evaluator<'_> {
    /// The functions that take a window and nothing else; none if the name is that of no such function.
    pub(super) fn over_time(&self, name: &str) -> Option<fn(&Self, &Window<'_>) -> Cell> {
        Some(match name {
            "sum_over_time" => Self::sum_over_time,
            "avg_over_time" => Self::avg_over_time,
            "count_over_time" => |_, window| Cell::Float((window.floats.len() + window.histograms.len()) as f64),
            "present_over_time" | "absent_over_time" => |_, _| Cell::Float(1.0),
            "first_over_time" => |_, window| end_of(window.floats.first(), window.histograms.first(), true),
            "last_over_time" => |_, window| end_of(window.floats.last(), window.histograms.last(), false),
            "ts_of_first_over_time" => |_, window| {
                let first = window.floats.first().map(|it| it.time);
                let other = window.histograms.first().map(|it| it.time);
                seconds(first.into_iter().chain(other).min())
            },
            "ts_of_last_over_time" => |_, window| {
                let last = window.floats.last().map(|it| it.time);
                let other = window.histograms.last().map(|it| it.time);
                seconds(last.into_iter().chain(other).max())
            },
            "min_over_time" => |it, window| it.extreme(window, |now, best| now < best).map_or(Cell::Empty, value),
            "max_over_time" => |it, window| it.extreme(window, |now, best| now > best).map_or(Cell::Empty, value),
            "ts_of_min_over_time" => |it, window| {
                it.extreme(window, |now, best| now <= best).map_or(Cell::Empty, |it| seconds(Some(it.time)))
            },
            "ts_of_max_over_time" => |it, window| {
                it.extreme(window, |now, best| now >= best).map_or(Cell::Empty, |it| seconds(Some(it.time)))
            },
            "stdvar_over_time" => |it, window| it.floats_only(window, variance),
            "stddev_over_time" => |it, window| it.floats_only(window, |points| variance(points).sqrt()),
            "mad_over_time" => |it, window| it.floats_only(window, deviation),
            "changes" => |_, window| super::steps::changes(window),
            "resets" => |_, window| super::steps::resets(window),
            "irate" => |it, window| it.last_difference(window, true),
            "idelta" => |it, window| it.last_difference(window, false),
            "deriv" => Self::deriv,
            _ => return None,
        })
    }

    /// Applies a function to the floats; tells if there are histograms beside them.
    pub(super) fn floats_only(&self, window: &Window<'_>, function: impl Fn(&[FloatPoint]) -> f64) -> Cell {
        if window.floats.is_empty() {
            return Cell::Empty;
        }
        if !window.histograms.is_empty() {
            self.info_ignored_histograms(window);
        }
        Cell::Float(function(window.floats))
    }

    fn extreme<'w>(&self, window: &Window<'w>, is_better: fn(f64, f64) -> bool) -> Option<&'w FloatPoint> {
        let mut best = window.floats.first()?;
        if !window.histograms.is_empty() {
            self.info_ignored_histograms(window);
        }
        for point in window.floats {
            if is_better(point.value, best.value) || best.value.is_nan() {
                best = point;
            }
        }
        Some(best)
    }

    fn sum_over_time(&self, window: &Window<'_>) -> Cell {
        if window.floats.is_empty() || !window.histograms.is_empty() {
            return self.collected(window, Collector::sum);
        }
        Cell::Float(sum(window.floats.iter().map(|it| it.value)))
    }

    fn avg_over_time(&self, window: &Window<'_>) -> Cell {
        if window.floats.is_empty() || !window.histograms.is_empty() {
            return self.collected(window, Collector::mean);
        }
        let mut mean = Mean::default();
        window.floats.iter().for_each(|it| mean.add(it.value));
        Cell::Float(mean.value())
    }

    fn collected(&self, window: &Window<'_>, begin: fn(&Histogram) -> Collector) -> Cell {
        let [first, rest @ ..] = window.histograms else { return Cell::Empty };
        if !window.floats.is_empty() {
            self.warn_mixed_types(window);
            return Cell::Empty;
        }
        let mut collector = begin(&first.value);
        if rest.iter().try_for_each(|it| collector.add(&it.value)) == Err(Incompatible) {
            self.warn_mixed_buckets(window.name(), window.place);
            return Cell::Empty;
        }
        let Collected { histogram, collides, is_reconciled } = collector.finish();
        if collides {
            self.warn_collision("aggregation", window.place);
        }
        if is_reconciled {
            self.info_reconciled("aggregation", window.place);
        }
        Cell::Histogram(Arc::new(histogram))
    }

    /// Floats enough for a line through them; tells if there are histograms beside them.
    fn line(&self, window: &Window<'_>, time: impl Fn(&FloatPoint) -> i64) -> Option<(f64, f64)> {
        let first = window.floats.first()?;
        if !window.histograms.is_empty() {
            self.info_ignored_histograms(window);
        }
        (window.floats.len() > 1).then(|| regression(window.floats, time(first)))
    }

    fn deriv(&self, window: &Window<'_>) -> Cell {
        // The time of the first sample is near the others, which is good for accuracy.
        self.line(window, |first| first.time).map_or(Cell::Empty, |(slope, _)| Cell::Float(slope))
    }

    /// Where the line through the samples will be after so many seconds.
    pub(super) fn predict_linear(&self, window: &Window<'_>, seconds: f64) -> Cell {
        let line = self.line(window, |_| window.time);
        line.map_or(Cell::Empty, |(slope, intercept)| Cell::Float(slope * seconds + intercept))
    }

    /// The quantile of the floats of a window; annotations point to the first argument.
    pub(super) fn quantile_over_time(&self, window: &Window<'_>, q: f64, place: Place) -> Cell {
        if !window.floats.is_empty() {
            self.warn_quantile(q, place);
        }
        let at_argument = Window { place, ..*window };
        self.floats_only(&at_argument, |points| {
            let mut values: Vec<f64> = points.iter().map(|it| it.value).collect();
            quantile(q, &mut values)
        })
    }

    /// Smoothed with a trend, by Holt.
    pub(super) fn double_smoothed(&self, window: &Window<'_>, smoothing: f64, trend: f64) -> Cell {
        let [first, rest @ ..] = window.floats else { return Cell::Empty };
        if !window.histograms.is_empty() {
            self.info_ignored_histograms(window);
        }
        let Some(second) = rest.first() else { return Cell::Empty };
        let (mut before, mut level, mut slope) = (0.0, first.value, second.value - first.value);
        for (idx, point) in rest.iter().enumerate() {
            if idx > 0 {
                slope = trend * (level - before) + (1.0 - trend) * slope;
            }
            let next = smoothing * point.value + (1.0 - smoothing) * (level + slope);
            (before, level) = (level, next);
        }
        Cell::Float(level)
    }
}

fn value(point: &FloatPoint) -> Cell {
    Cell::Float(point.value)
}

fn seconds(millis: Option<i64>) -> Cell {
    millis.map_or(Cell::Empty, |it| Cell::Float(it as f64 / 1000.0))
}

/// The earlier or the later of two samples.
fn end_of(float: Option<&FloatPoint>, histogram: Option<&HistogramPoint>, wants_earlier: bool) -> Cell {
    match (float, histogram) {
        (Some(float), Some(histogram)) if (float.time < histogram.time) == wants_earlier => Cell::Float(float.value),
        (_, Some(histogram)) => Cell::Histogram(Arc::clone(&histogram.value)),
        (Some(float), None) => Cell::Float(float.value),
        (None, None) => Cell::Empty,
    }
}

/// The sum, compensated for rounding.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, lost) = values.fold((0.0, 0.0), |(sum, lost), it| kahan_add(it, sum, lost));
    if sum.is_infinite() { sum } else { sum + lost }
}

/// A mean that neither overflows nor loses small values among large ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: f64,
    lost: f64,
    count: f64,
    mean: f64,
    is_incremental: bool,
}

impl Mean {
    /// Adds a value.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            if self.count == 1.0 {
                self.sum = value;
                return;
            }
            let (sum, lost) = kahan_add(value, self.sum, self.lost);
            if !sum.is_infinite() {
                (self.sum, self.lost) = (sum, lost);
                return;
            }
            self.is_incremental = true;
            self.mean = self.sum / (self.count - 1.0);
            self.lost /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        (self.mean, self.lost) = kahan_add(value / self.count, share * self.mean, share * self.lost);
    }

    /// The mean of what was added.
    pub(super) fn value(&self) -> f64 {
        if self.is_incremental { self.mean + self.lost } else { self.sum / self.count + self.lost / self.count }
    }
}

fn variance(points: &[FloatPoint]) -> f64 {
    let (mut count, mut mean, mut mean_lost, mut sum, mut sum_lost) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for point in points {
        count += 1.0;
        let delta = point.value - (mean + mean_lost);
        (mean, mean_lost) = kahan_add(delta / count, mean, mean_lost);
        (sum, sum_lost) = kahan_add(delta * (point.value - (mean + mean_lost)), sum, sum_lost);
    }
    (sum + sum_lost) / count
}

/// The median of the distances from the median.
fn deviation(points: &[FloatPoint]) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|it| it.value).collect();
    if values.iter().any(|it| it.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|it| *it = (*it - median).abs());
    quantile(0.5, &mut values)
}

/// The quantile of values, interpolated between the two next to it; NaN is less than all numbers.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = rank.floor();
    let weight = rank - lower;
    // The rank lies between 0 and the last index.
    let idx = (lower as usize).min(last);
    let at = |idx: usize| values.get(idx).copied().unwrap_or(f64::NAN);
    at(idx) * (1.0 - weight) + at((idx + 1).min(last)) * weight
}

/// Slope per second, and the value at the given time, of the line through the points by least squares.
fn regression(points: &[FloatPoint], time: i64) -> (f64, f64) {
    let first = points.first().map_or(f64::NAN, |it| it.value);
    if points.iter().all(|it| it.value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let count = points.len() as f64;
    let of = |map: fn(f64, f64) -> f64| {
        let values = points.iter().map(|it| map((it.time - time) as f64 / 1e3, it.value));
        let (sum, lost) = values.fold((0.0, 0.0), |(sum, lost), it| kahan_add(it, sum, lost));
        sum + lost
    };
    let (sum_x, sum_y, sum_xy, sum_x2) = (of(|x, _| x), of(|_, y| y), of(|x, y| x * y), of(|x, _| x * x));
    let slope = (sum_xy - sum_x * sum_y / count) / (sum_x2 - sum_x * sum_x / count);
    (slope, sum_y / count - slope * sum_x / count)
}
