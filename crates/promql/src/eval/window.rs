//! Which samples lie in a window? Range selectors and subqueries, with windows that move over the samples.

use std::sync::Arc;

use signal::Labels;

use super::Evaluator;
use super::column::{Cell, Column};
use super::grid::Grid;
use super::select::Shift;
use crate::answer::QueryError;
use crate::ast::{Boundary, Expr, Kind, Place, Selector, Subquery};
use crate::histogram::{Histogram, ResetHint};
use crate::series::{FloatPoint, HistogramPoint, Series, is_stale};

/// Series of which windows are looked at.
pub(crate) struct Windows {
    /// The series, without stale markers.
    pub series: Vec<WindowSeries>,
    /// How the end of a window follows from the time.
    pub shift: Shift,
    /// Length of a window, in milliseconds.
    pub range: i64,
    /// How the ends are read.
    pub boundary: Boundary,
    /// How far outside of the window samples are looked at, in milliseconds.
    pub lookback: i64,
    /// Where the range vector stands in the query.
    pub place: Place,
}

/// One series of which windows are looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowSeries {
    /// Its labels.
    pub labels: Labels,
    /// True if its name goes away at the end.
    pub drops_name: bool,
    /// Floats, ascending.
    pub floats: Vec<FloatPoint>,
    /// Histograms, ascending.
    pub histograms: Vec<HistogramPoint>,
    /// When the counter of each float began; empty if it is not known.
    pub float_starts: Vec<i64>,
    /// The same for each histogram.
    pub histogram_starts: Vec<i64>,
}

/// The samples of one window.
#[derive(Clone, Copy)]
pub(crate) struct Window<'w> {
    /// The series.
    pub labels: &'w Labels,
    /// Floats in the window.
    pub floats: &'w [FloatPoint],
    /// Histograms in the window.
    pub histograms: &'w [HistogramPoint],
    /// When the counter of each float began; empty if it is not known.
    pub float_starts: &'w [i64],
    /// The same for each histogram.
    pub histogram_starts: &'w [i64],
    /// Start, which is not in the window.
    pub start: i64,
    /// End, which is in the window.
    pub end: i64,
    /// The step's number.
    pub step: usize,
    /// The time of evaluation.
    pub time: i64,
    /// How the ends are read.
    pub boundary: Boundary,
    /// Where the range vector stands.
    pub place: Place,
}

impl Window<'_> {
    /// The metric's name.
    pub(crate) fn name(&self) -> &str {
        self.labels.name()
    }

    /// Its length in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }
}

impl Windows {
    /// The window of a time: behind the first, up to the second.
    pub(crate) fn bounds(&self, time: i64) -> (i64, i64) {
        let end = self.shift.time(time);
        (end.saturating_sub(self.range), end)
    }
}

impl Evaluator<'_> {
    /// The series behind a range vector.
    pub(crate) fn windows(&self, expr: &Expr, grid: &Grid) -> Result<Windows, QueryError> {
        match &expr.kind {
            Kind::Paren(inner) => self.windows(inner, grid),
            Kind::Matrix { selector, range } => {
                let range = self.known.positive(range).map_err(QueryError::Execution)?;
                self.selected_windows(expr, selector, range, grid)
            }
            Kind::Subquery(subquery) => self.subquery_windows(expr, subquery, grid),
            _ => Err(QueryError::Execution(format!("expected a range vector, got {}", expr.value_type().as_str()))),
        }
    }

    fn selected_windows(
        &self,
        expr: &Expr,
        selector: &Selector,
        range: i64,
        grid: &Grid,
    ) -> Result<Windows, QueryError> {
        let shift = self.shift(selector)?;
        let (first, last) = shift.ends(grid);
        let from = first.saturating_sub(range).saturating_add(1);
        let (from, to) = match selector.boundary {
            Boundary::Plain => (from, last),
            Boundary::Anchored => (from.saturating_sub(self.lookback), last),
            Boundary::Smoothed => (from.saturating_sub(self.lookback), last.saturating_add(self.lookback)),
        };
        let series = self
            .fetch(&selector.matchers, from, to)?
            .into_iter()
            .map(|it| living(it, self.limits.reads_start_times))
            .collect();
        let (boundary, lookback) = (selector.boundary, self.lookback);
        Ok(Windows { series, shift, range, boundary, lookback, place: expr.place })
    }

    fn subquery_windows(&self, expr: &Expr, subquery: &Subquery, grid: &Grid) -> Result<Windows, QueryError> {
        let range = self.known.positive(&subquery.range).map_err(QueryError::Execution)?;
        let offset = self.known.any(&subquery.offset).map_err(QueryError::Execution)?;
        let step = match &subquery.step {
            None => self.limits.subquery_step_millis,
            Some(it) => self.known.positive(it).map_err(QueryError::Execution)?,
        };
        let shift = Shift { at: self.at(subquery.at), offset };
        let (first, last) = shift.ends(grid);
        let _scope = self.enter("[:]");
        let inner = subquery_grid(first.saturating_sub(range), last, step);
        self.count_cells(1, &inner)?;
        let columns = if Self::is_scalar(&subquery.expr) {
            vec![Column::of_floats(Labels::default(), self.scalar(&subquery.expr, &inner)?)]
        } else {
            self.vector(&subquery.expr, &inner)?
        };
        let series = columns.into_iter().map(|it| points(it, &inner)).collect();
        Ok(Windows { series, shift, range, boundary: Boundary::Plain, lookback: 0, place: expr.place })
    }

    /// Applies a function to every window of every series.
    pub(crate) fn over_windows(
        &self,
        windows: Windows,
        grid: &Grid,
        function: impl Fn(&Window<'_>) -> Cell,
    ) -> Result<Vec<Column>, QueryError> {
        let mut columns = Vec::with_capacity(windows.series.len());
        self.count_cells(windows.series.len(), grid)?;
        for series in &windows.series {
            let mut column = Column::empty(series.labels.clone(), grid.count);
            column.drops_name = series.drops_name;
            let mut cursor = Cursor::default();
            let mut has_any = false;
            for (step, time) in grid.times().enumerate() {
                self.check_stop_at(step)?;
                let (start, end) = windows.bounds(time);
                if !cursor.advance(series, &windows, start, end) {
                    continue;
                }
                let (labels, boundary, place) = (&series.labels, windows.boundary, windows.place);
                let window = Window {
                    labels,
                    floats: cursor.floats(&series.floats),
                    histograms: cursor.histograms(&series.histograms),
                    float_starts: cursor.floats(&series.float_starts),
                    histogram_starts: cursor.histograms(&series.histogram_starts),
                    start,
                    end,
                    step,
                    time,
                    boundary,
                    place,
                };
                match function(&window) {
                    Cell::Empty => continue,
                    Cell::Float(value) => {
                        if let Some(place) = column.floats.get_mut(step) {
                            *place = value;
                        }
                    }
                    cell => column.set(step, cell),
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

/// Where windows begin and end, as they move on.
#[derive(Default)]
struct Cursor {
    floats: (usize, usize),
    histograms: (usize, usize),
}

impl Cursor {
    /// Moves on to the window from `start` to `end`; false if there is no sample.
    fn advance(&mut self, series: &WindowSeries, windows: &Windows, start: i64, end: i64) -> bool {
        let (from, to) = match windows.boundary {
            Boundary::Plain => (start, end),
            Boundary::Anchored => (start.saturating_sub(windows.lookback), end),
            Boundary::Smoothed => (start.saturating_sub(windows.lookback), end.saturating_add(windows.lookback)),
        };
        move_on(&series.floats, &mut self.floats, from, to, |it| it.time);
        move_on(&series.histograms, &mut self.histograms, from, to, |it| it.time);
        self.floats.0 < self.floats.1 || self.histograms.0 < self.histograms.1
    }

    fn floats<'s, T>(&self, of_floats: &'s [T]) -> &'s [T] {
        of_floats.get(self.floats.0..self.floats.1).unwrap_or(&[])
    }

    fn histograms<'s, T>(&self, of_histograms: &'s [T]) -> &'s [T] {
        of_histograms.get(self.histograms.0..self.histograms.1).unwrap_or(&[])
    }
}

/// Moves to the items behind `from` and up to `to`, where both only grow from call to call.
fn move_on<T>(items: &[T], place: &mut (usize, usize), from: i64, to: i64, time: impl Fn(&T) -> i64) {
    while items.get(place.1).is_some_and(|it| time(it) <= to) {
        place.1 += 1;
    }
    while place.0 < place.1 && items.get(place.0).is_some_and(|it| time(it) <= from) {
        place.0 += 1;
    }
}

/// A series without stale markers.
pub(super) fn living(series: Series, reads_starts: bool) -> WindowSeries {
    let Series { labels, mut floats, mut histograms, mut float_starts, mut histogram_starts } = series;
    if !reads_starts {
        (float_starts, histogram_starts) = (Vec::new(), Vec::new());
    }
    if floats.iter().any(|it| is_stale(it.value)) {
        let mut lives = floats.iter().map(|it| !is_stale(it.value));
        float_starts.retain(|_| lives.next().unwrap_or(false));
        floats.retain(|it| !is_stale(it.value));
    }
    if histograms.iter().any(|it| is_stale(it.value.sum)) {
        let mut lives = histograms.iter().map(|it| !is_stale(it.value.sum));
        histogram_starts.retain(|_| lives.next().unwrap_or(false));
        histograms.retain(|it| !is_stale(it.value.sum));
    }
    WindowSeries { labels, drops_name: false, floats, histograms, float_starts, histogram_starts }
}

/// The samples of a column.
fn points(column: Column, grid: &Grid) -> WindowSeries {
    let (labels, drops_name) = (column.labels.clone(), column.drops_name);
    let mut series = WindowSeries { labels, drops_name, ..WindowSeries::default() };
    for (step, time) in grid.times().enumerate() {
        match column.cell(step) {
            Cell::Empty => {}
            Cell::Float(value) => series.floats.push(FloatPoint { time, value }),
            // What is known of resets between samples says nothing of those that the subquery picks.
            Cell::Histogram(it) => series.histograms.push(HistogramPoint { time, value: forgotten(it) }),
        }
    }
    series
}

fn forgotten(histogram: Arc<Histogram>) -> Arc<Histogram> {
    match histogram.hint {
        ResetHint::Reset | ResetHint::NotReset => {
            Arc::new(Histogram { hint: ResetHint::Unknown, ..(*histogram).clone() })
        }
        ResetHint::Unknown | ResetHint::Gauge => histogram,
    }
}

/// The multiples of the step behind `start` and up to `end`.
fn subquery_grid(start: i64, end: i64, step: i64) -> Grid {
    let first = start.div_euclid(step).saturating_add(1).saturating_mul(step);
    Grid::between(first, end, step)
}
