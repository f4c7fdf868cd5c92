//! What is handed out? Columns become vectors and matrices.

use std::sync::Arc;

use super::Evaluator;
use super::column::{Cell, Column, named_at_last};
use super::grid::Grid;
use crate::answer::{MatrixSeries, QueryError, Sample, Value, VectorSample};
use crate::ast::{Expr, Kind, Type};
use crate::series::{FloatPoint, HistogramPoint, is_stale};

impl Evaluator<'_> {
    /// The value of the whole query, and how many samples it took.
    pub(crate) fn answer(&self, expr: &Expr) -> Result<(Value, usize), QueryError> {
        let value = if self.step == 0 { self.instant(expr)? } else { self.range(expr)? };
        Ok((value, self.samples.get()))
    }

    fn instant(&self, expr: &Expr) -> Result<Value, QueryError> {
        let grid = Grid::once(self.start);
        match expr.value_type() {
            Type::Text => Ok(Value::Text(self.start, text(expr).to_owned())),
            Type::Scalar => {
                Ok(Value::Scalar(self.start, self.scalar(expr, &grid)?.first().copied().unwrap_or(f64::NAN)))
            }
            Type::Vector => {
                let columns = named_at_last(self.vector(expr, &grid)?)?;
                Ok(Value::Vector(columns.into_iter().filter_map(|it| vector_sample(it, self.start)).collect()))
            }
            Type::Matrix => self.matrix(expr),
        }
    }

    fn range(&self, expr: &Expr) -> Result<Value, QueryError> {
        let grid = Grid::between(self.start, self.end, self.step);
        if grid.count > self.limits.max_steps {
            return Err(QueryError::BadData(format!(
                "exceeded maximum resolution of {} points per timeseries. Try decreasing the query resolution (?step=XX)",
                self.limits.max_steps
            )));
        }
        let mut columns = match expr.value_type() {
            Type::Scalar => vec![Column::of_floats(signal::Labels::default(), self.scalar(expr, &grid)?)],
            Type::Vector => named_at_last(self.vector(expr, &grid)?)?,
            other => {
                return Err(QueryError::BadData(format!(
                    "invalid expression type {:?} for range query, must be Scalar or instant Vector",
                    other.as_str()
                )));
            }
        };
        if !columns.is_sorted_by(|a, b| a.labels.iter().le(b.labels.iter())) {
            columns.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
        }
        Ok(Value::Matrix(columns.iter().filter(|it| !it.is_empty()).map(|it| matrix_series(it, &grid)).collect()))
    }

    /// A range vector as it is.
    fn matrix(&self, expr: &Expr) -> Result<Value, QueryError> {
        let windows = self.windows(expr, &Grid::once(self.start))?;
        let (from, to) = windows.bounds(self.start);
        let is_within = |time: i64| time > from && time <= to;
        let series = windows.series.into_iter().map(|it| MatrixSeries {
            labels: if it.drops_name { super::column::without_name(&it.labels) } else { it.labels },
            floats: it.floats.into_iter().filter(|it| is_within(it.time)).collect(),
            histograms: it.histograms.into_iter().filter(|it| is_within(it.time)).collect(),
        });
        Ok(Value::Matrix(series.filter(|it| !it.floats.is_empty() || !it.histograms.is_empty()).collect()))
    }
}

/// The text of a string literal.
pub(crate) fn text(expr: &Expr) -> &str {
    match &expr.inner().kind {
        Kind::Text(text) => text,
        _ => "",
    }
}

fn vector_sample(column: Column, time: i64) -> Option<VectorSample> {
    let value = match column.cell(0) {
        Cell::Empty => return None,
        Cell::Float(value) => Sample::Float(value),
        Cell::Histogram(it) => Sample::Histogram(it),
    };
    Some(VectorSample { labels: column.labels, time, value })
}

fn matrix_series(column: &Column, grid: &Grid) -> MatrixSeries {
    let mut series = MatrixSeries { labels: column.labels.clone(), ..MatrixSeries::default() };
    if column.is_plain() {
        let points = grid.times().zip(&column.floats).filter(|(_, value)| !is_stale(**value));
        series.floats.reserve_exact(column.floats.len());
        series.floats.extend(points.map(|(time, value)| FloatPoint { time, value: *value }));
        return series;
    }
    for (step, time) in grid.times().enumerate() {
        match column.cell(step) {
            Cell::Empty => {}
            Cell::Float(value) => series.floats.push(FloatPoint { time, value }),
            Cell::Histogram(it) => series.histograms.push(HistogramPoint { time, value: Arc::clone(&it) }),
        }
    }
    series
}
