//! What are the values at the very ends of a window? `anchored` takes the last sample before, `smoothed` interpolates.

use std::sync::Arc;

use super::Evaluator;
use super::column::Cell;
use super::rate::Growth;
use super::window::Window;
use crate::ast::{Boundary, Place};
use crate::histogram::{Histogram, Incompatible, ResetHint};
use crate::series::{FloatPoint, HistogramPoint};

/// The samples that stand for the two ends of a window.
#[derive(Clone, Copy)]
struct Ends {
    first: usize,
    last: usize,
}

/// The last sample at or before the start, or the first one behind; the last one up to the end, or, if the ends are
/// interpolated, the first one at or behind the end. None if there is nothing in the window.
fn ends<T>(points: &[T], window: &Window<'_>, time: impl Fn(&T) -> i64) -> Option<Ends> {
    let last = points.len().checked_sub(1)?;
    let inner = points.get(..last)?;
    let first = inner.partition_point(|it| time(it) <= window.start).saturating_sub(1);
    let is_smoothed = window.boundary == Boundary::Smoothed;
    let last = if is_smoothed { inner.partition_point(|it| time(it) < window.end) } else { last };
    let is_before = time(points.get(last)?) <= window.start;
    let is_behind = is_smoothed && time(points.get(first)?) > window.end;
    (!is_before && !is_behind).then_some(Ends { first, last })
}

/// The growth of floats between the ends.
pub(super) fn float_growth(growth: Growth, window: &Window<'_>) -> Cell {
    grown_floats(growth, window).map_or(Cell::Empty, Cell::Float)
}

fn grown_floats(growth: Growth, window: &Window<'_>) -> Option<f64> {
    let points = window.floats;
    let ends = ends(points, window, |it| it.time)?;
    let is_smoothed = window.boundary == Boundary::Smoothed;
    let (first, last) = (points.get(ends.first)?, points.get(ends.last)?);
    let left = match points.get(ends.first + 1) {
        Some(next) if is_smoothed && first.time < window.start => between(first, next, window.start, growth),
        _ => first.value,
    };
    let right = match ends.last.checked_sub(1).and_then(|it| points.get(it)) {
        Some(before) if is_smoothed && last.time > window.end => between(before, last, window.end, growth),
        _ => last.value,
    };
    let mut grown = right - left;
    if growth.is_counter {
        // What lies at the ends is in the values of the ends already.
        let from = ends.first + usize::from(first.time <= window.start);
        let to = (ends.last + 1).saturating_sub(usize::from(last.time >= window.end));
        grown += lost(left, right, points.get(from..to).unwrap_or(&[]));
    }
    Some(if growth.is_rate { grown / window.seconds() } else { grown })
}

/// The value on the line between two samples; a counter that was reset began at zero.
fn between(before: &FloatPoint, after: &FloatPoint, time: i64, growth: Growth) -> f64 {
    let start = if growth.is_counter && after.value < before.value { 0.0 } else { before.value };
    start + (after.value - start) * (time - before.time) as f64 / (after.time - before.time) as f64
}

fn lost(left: f64, right: f64, points: &[FloatPoint]) -> f64 {
    let mut lost = 0.0;
    let mut before = left;
    for value in points.iter().map(|it| it.value).chain([right]) {
        if value < before {
            lost += before;
        }
        before = value;
    }
    lost
}

impl Evaluator<'_> {
    /// The growth of histograms between the ends.
    pub(super) fn extended_histogram_growth(&self, growth: Growth, window: &Window<'_>) -> Cell {
        match self.grown_histogram(growth, window) {
            Ok(Some(mut it)) => {
                it.hint = ResetHint::Gauge;
                Cell::Histogram(Arc::new(it.compacted()))
            }
            Ok(None) => Cell::Empty,
            Err(Incompatible) => {
                self.warn_mixed_buckets(window.name(), window.place);
                Cell::Empty
            }
        }
    }

    fn grown_histogram(&self, growth: Growth, window: &Window<'_>) -> Result<Option<Histogram>, Incompatible> {
        let points = window.histograms;
        let Some(ends) = ends(points, window, |it| it.time) else { return Ok(None) };
        let used = points.get(ends.first..=ends.last).unwrap_or(&[]);
        let (Some(first), Some(last)) = (used.first(), used.last()) else { return Ok(None) };
        if used.iter().any(|it| it.value.is_custom() != first.value.is_custom()) {
            return Err(Incompatible);
        }
        if growth.is_counter && used.iter().any(|it| it.value.hint == ResetHint::Gauge) {
            self.warn_not_counter(window);
        }
        let is_smoothed = window.boundary == Boundary::Smoothed;
        let cuts_left = is_smoothed && first.time < window.start;
        let left = match points.get(ends.first + 1) {
            Some(next) if cuts_left => self.interpolated(first, next, window.start, growth.is_counter, window.place)?,
            _ => (*first.value).clone(),
        };
        let right = match ends.last.checked_sub(1).and_then(|it| points.get(it)) {
            Some(before) if is_smoothed && last.time > window.end => {
                self.interpolated(before, last, window.end, growth.is_counter, window.place)?
            }
            _ => (*last.value).clone(),
        };
        if !growth.is_counter && (left.hint != ResetHint::Gauge || right.hint != ResetHint::Gauge) {
            self.warn_not_gauge(window);
        }
        let mut out = right.clone();
        self.note_reconciled(out.subtract(&left)?.is_reconciled, "subtraction", window.place);
        if growth.is_counter
            && let Some(lost) = self.lost_histogram(used, &left, &right, cuts_left, window.place)?
        {
            self.note_reconciled(out.add(&lost)?.is_reconciled, "addition", window.place);
        }
        Ok(Some(if growth.is_rate { out.divided(window.seconds()) } else { out }))
    }

    /// The histogram on the line between two; a counter that was reset began at zero.
    pub(super) fn interpolated(
        &self,
        before: &HistogramPoint,
        after: &HistogramPoint,
        time: i64,
        is_counter: bool,
        place: Place,
    ) -> Result<Histogram, Incompatible> {
        if time == before.time {
            return Ok((*before.value).clone());
        }
        if time == after.time {
            return Ok((*after.value).clone());
        }
        let share = (time - before.time) as f64 / (after.time - before.time) as f64;
        if is_counter && after.value.is_reset_since(&before.value) {
            return Ok(after.value.scaled(share));
        }
        let mut out = (*after.value).clone();
        self.note_reconciled(out.subtract(&before.value)?.is_reconciled, "subtraction", place);
        let mut out = out.scaled(share);
        self.note_reconciled(out.add(&before.value)?.is_reconciled, "addition", place);
        Ok(out)
    }

    fn note_reconciled(&self, is_reconciled: bool, operation: &str, place: Place) {
        if is_reconciled {
            self.info_reconciled(operation, place);
        }
    }

    /// What was lost in resets between the ends, which the values of the ends do not have yet.
    fn lost_histogram(
        &self,
        used: &[HistogramPoint],
        left: &Histogram,
        right: &Histogram,
        cuts_left: bool,
        place: Place,
    ) -> Result<Option<Histogram>, Incompatible> {
        let mut from = 1;
        let mut before = left;
        if cuts_left
            && let [first, next, ..] = used
            && next.value.is_reset_since(&first.value)
        {
            // The left end was interpolated within this reset.
            before = &next.value;
            from = 2;
        }
        let to = used.len().saturating_sub(1);
        if from > to {
            return Ok(None);
        }
        let mut lost: Option<Histogram> = None;
        let inner = used.get(from..to).unwrap_or(&[]).iter().map(|it| &*it.value);
        for histogram in inner.chain([right]) {
            if histogram.is_reset_since(before) {
                match &mut lost {
                    None => lost = Some(before.clone()),
                    Some(lost) => self.note_reconciled(lost.add(before)?.is_reconciled, "addition", place),
                }
            }
            before = histogram;
        }
        Ok(lost)
    }
}
