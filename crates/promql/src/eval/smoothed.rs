//! Which value has a series between two samples? `selector smoothed` interpolates.

use std::sync::Arc;

use super::Evaluator;
use super::column::{Cell, Column};
use super::grid::Grid;
use super::window::{Window, WindowSeries, Windows, living};
use crate::answer::QueryError;
use crate::ast::{Boundary, Selector};
use crate::histogram::{Incompatible, ResetHint};

impl Evaluator<'_> {
    /// The interpolated values of a selector at each step.
    pub(super) fn smoothed_vector(&self, selector: &Selector, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let shift = self.shift(selector)?;
        let (first, last) = shift.ends(grid);
        let from = first.saturating_sub(self.lookback).saturating_add(1);
        let series = self.fetch(&selector.matchers, from, last.saturating_add(self.lookback))?;
        let series: Vec<WindowSeries> = series.into_iter().map(|it| living(it, false)).collect();
        // A window without length, around which the samples within the look-back are seen.
        let windows = Windows {
            series,
            shift,
            range: 0,
            boundary: Boundary::Smoothed,
            lookback: self.lookback,
            place: selector.place,
        };
        self.over_windows(windows, grid, |window| self.at_end(window))
    }

    fn at_end(&self, window: &Window<'_>) -> Cell {
        if !window.floats.is_empty() && !window.histograms.is_empty() {
            self.warn_mixed_types(window);
            return Cell::Empty;
        }
        if window.histograms.is_empty() {
            return float_at(window);
        }
        let time = window.end;
        let after = window.histograms.partition_point(|it| it.time < time);
        let before = after.checked_sub(1).and_then(|it| window.histograms.get(it));
        match (before, window.histograms.get(after)) {
            (_, Some(it)) if it.time == time => Cell::Histogram(Arc::clone(&it.value)),
            (Some(before), Some(after)) if before.value.is_custom() != after.value.is_custom() => {
                self.warn_mixed_buckets(window.name(), window.place);
                Cell::Empty
            }
            (Some(before), Some(after)) => {
                let is_counter = before.value.hint != ResetHint::Gauge && after.value.hint != ResetHint::Gauge;
                match self.interpolated(before, after, time, is_counter, window.place) {
                    Ok(it) => Cell::Histogram(Arc::new(it.compacted())),
                    Err(Incompatible) => {
                        self.warn_mixed_buckets(window.name(), window.place);
                        Cell::Empty
                    }
                }
            }
            (Some(before), None) => Cell::Histogram(Arc::clone(&before.value)),
            (None, _) => Cell::Empty,
        }
    }
}

fn float_at(window: &Window<'_>) -> Cell {
    let time = window.end;
    let after = window.floats.partition_point(|it| it.time < time);
    let before = after.checked_sub(1).and_then(|it| window.floats.get(it));
    match (before, window.floats.get(after)) {
        (_, Some(it)) if it.time == time => Cell::Float(it.value),
        (Some(before), Some(after)) => {
            let share = (time - before.time) as f64 / (after.time - before.time) as f64;
            Cell::Float(before.value + (after.value - before.value) * share)
        }
        (Some(before), None) => Cell::Float(before.value),
        (None, _) => Cell::Empty,
    }
}
