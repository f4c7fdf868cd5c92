//! Which value has a series at a time? The newest sample within the look-back, unless the series has ended.

use std::sync::Arc;

use signal::Timestamp;

use super::Evaluator;
use super::column::{Cell, Column};
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::{At, Selector};
use crate::matcher::Matcher;
use crate::series::{Series, is_stale};

/// How an evaluation time becomes the time that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    /// The fixed time, if there is one.
    pub at: Option<i64>,
    /// Milliseconds back.
    pub offset: i64,
}

impl Shift {
    /// The time that is looked at.
    pub(crate) fn time(self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }

    /// First and last time that are looked at.
    pub(crate) fn ends(self, grid: &Grid) -> (i64, i64) {
        (self.time(grid.start), self.time(grid.last()))
    }
}

impl Evaluator<'_> {
    /// The time that `@` means.
    pub(crate) fn at(&self, at: Option<At>) -> Option<i64> {
        at.map(|it| match it {
            At::Millis(millis) => millis,
            At::Start => self.start,
            At::End => self.end,
        })
    }

    /// The times that a selector looks at.
    pub(crate) fn shift(&self, selector: &Selector) -> Result<Shift, QueryError> {
        let offset = self.known.any(&selector.offset).map_err(QueryError::Execution)?;
        Ok(Shift { at: self.at(selector.at), offset })
    }

    /// The series between two times, both included, in order of labels.
    pub(crate) fn fetch(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<Series>, QueryError> {
        let (from, to) = (Timestamp::from_millis(start), Timestamp::from_millis(end));
        let mut series =
            self.storage.select(matchers, from, to).map_err(|error| QueryError::Internal(error.to_string()))?;
        self.check_stop()?;
        if !series.is_sorted_by(|a, b| a.labels.iter().le(b.labels.iter())) {
            series.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
        }
        let weight = |it: &Series| it.floats.len() + it.histograms.iter().map(|it| it.value.weight()).sum::<usize>();
        let samples = series.iter().map(weight).sum();
        self.count_samples(samples)?;
        series.iter_mut().for_each(|it| self.find_resets(&mut it.histograms));
        Ok(series)
    }

    /// The values of a selector at each step.
    pub(crate) fn instant_vector(&self, selector: &Selector, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        self.latest(selector, grid, |_, cell| Some(cell))
    }

    /// What `map` makes of the newest sample of each series at each step.
    pub(crate) fn latest(
        &self,
        selector: &Selector,
        grid: &Grid,
        map: impl Fn(When, Cell) -> Option<Cell>,
    ) -> Result<Vec<Column>, QueryError> {
        let shift = self.shift(selector)?;
        let (first, last) = shift.ends(grid);
        let from = first.saturating_sub(self.lookback).saturating_add(1);
        let mut columns = Vec::new();
        for series in self.fetch(&selector.matchers, from, last)? {
            self.count_cells(1, grid)?;
            let mut column = Column::empty(series.labels.clone(), grid.count);
            let mut cursor = Newest { series: &series, float: 0, histogram: 0 };
            let mut has_any = false;
            for (step, time) in grid.times().enumerate() {
                self.check_stop_at(step)?;
                let time = shift.time(time);
                let found = cursor.advance(time, self.lookback);
                match found.and_then(|(when, cell)| map(when, cell)) {
                    None | Some(Cell::Empty) => continue,
                    Some(Cell::Float(value)) => {
                        if let Some(place) = column.floats.get_mut(step) {
                            *place = value;
                        }
                    }
                    Some(cell) => column.set(step, cell),
                }
                has_any = true;
            }
            if has_any {
                columns.push(column);
            }
        }
        Ok(columns)
    }
}

/// When a sample is of.
#[derive(Clone, Copy)]
pub(crate) struct When {
    /// Its own time.
    pub time: i64,
    /// When its counter began, if the storage tells it.
    pub start: Option<i64>,
}

/// Walks through the samples of a series as time goes on.
struct Newest<'a> {
    series: &'a Series,
    float: usize,
    histogram: usize,
}

impl Newest<'_> {
    /// The newest sample at or before the time that is younger than the look-back, and its time.
    fn advance(&mut self, time: i64, lookback: i64) -> Option<(When, Cell)> {
        let floats = self.series.floats.get(self.float..).unwrap_or(&[]);
        self.float += floats.iter().take_while(|it| it.time <= time).count();
        let histograms = self.series.histograms.get(self.histogram..).unwrap_or(&[]);
        self.histogram += histograms.iter().take_while(|it| it.time <= time).count();
        let float = self.float.checked_sub(1).and_then(|it| self.series.floats.get(it));
        let histogram = self.histogram.checked_sub(1).and_then(|it| self.series.histograms.get(it));
        let is_young = |at: i64| at > time.saturating_sub(lookback);
        match (float, histogram) {
            (float, Some(it)) if float.is_none_or(|float| float.time < it.time) => {
                let start = self.series.histogram_starts.get(self.histogram.saturating_sub(1)).copied();
                (is_young(it.time) && !is_stale(it.value.sum))
                    .then(|| (When { time: it.time, start }, Cell::Histogram(Arc::clone(&it.value))))
            }
            (Some(it), _) => {
                let start = self.series.float_starts.get(self.float.saturating_sub(1)).copied();
                (is_young(it.time) && !is_stale(it.value))
                    .then_some((When { time: it.time, start }, Cell::Float(it.value)))
            }
            (None, _) => None,
        }
    }
}
