//! How is an expression evaluated? Each node for all steps at once, from the leaves to the root.

mod aggregate;
mod answer;
mod best;
mod binary;
mod call;
mod column;
mod elements;
mod extended;
mod fold;
mod grid;
mod histogram_calls;
mod info;
mod invariant;
mod label_calls;
mod matching;
mod math;
mod notes;
mod over_time;
mod rate;
mod scalar;
mod scope;
mod select;
mod sets;
mod smoothed;
mod sorting;
mod steps;
mod time;
mod window;

use std::cell::Cell as StdCell;

use column::{Column, nameless};
use grid::Grid;

use crate::annotation::Annotations;
use crate::answer::QueryError;
use crate::ast::{Boundary, Expr, Kind, Type};
use crate::engine::{Limits, Query, Stop};
use crate::length::Known;
use crate::series::Storage;

/// Evaluates one query.
pub(crate) struct Evaluator<'a> {
    storage: &'a dyn Storage,
    limits: &'a Limits,
    annotations: &'a Annotations,
    stop: &'a (dyn Fn() -> Option<Stop> + 'a),
    /// First and last time of the query.
    start: i64,
    end: i64,
    /// 0 in an instant query.
    step: i64,
    lookback: i64,
    known: Known,
    samples: StdCell<usize>,
    depth: StdCell<scope::Depth>,
}

impl<'a> Evaluator<'a> {
    /// For one query.
    pub(crate) fn new(
        storage: &'a dyn Storage,
        limits: &'a Limits,
        query: &Query<'a>,
        annotations: &'a Annotations,
    ) -> Self {
        let (start, end) = (query.start.millis(), query.end.millis());
        Self {
            storage,
            limits,
            annotations,
            stop: query.stop,
            start,
            end,
            step: query.step_millis,
            lookback: query.lookback_millis.unwrap_or(limits.lookback_millis),
            known: Known { range: end.saturating_sub(start), step: query.step_millis },
            samples: StdCell::new(0),
            depth: StdCell::default(),
        }
    }

    /// An instant vector at each step. Unless removal of names is delayed, names that go are gone.
    pub(crate) fn vector(&self, expr: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let columns = self.vector_with_names(expr, grid)?;
        if self.limits.delays_name_removal { Ok(columns) } else { column::named_at_last(columns) }
    }

    /// An instant vector whose names may still be there although they are to go: for who looks at no names, because
    /// taking them away costs more than many a function.
    pub(crate) fn vector_with_names(&self, expr: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        self.check_stop()?;
        if grid.count > 1 && invariant::is_invariant(expr) {
            let once = self.vector_with_names(expr, &Grid::once(grid.start))?;
            self.count_cells(once.len(), grid)?;
            return Ok(once.into_iter().map(|it| it.repeated(grid.count)).collect());
        }
        match &expr.kind {
            Kind::Vector(selector) => match selector.boundary {
                Boundary::Smoothed => self.smoothed_vector(selector, grid),
                Boundary::Plain | Boundary::Anchored => self.instant_vector(selector, grid),
            },
            Kind::Paren(inner) | Kind::Plus(inner) => self.vector_with_names(inner, grid),
            Kind::Negate(inner) => self.negated(inner, grid),
            Kind::Binary(binary) => self.binary(expr, binary, grid),
            Kind::Aggregate(aggregate) => self.aggregate(expr, aggregate, grid),
            Kind::Call { function, args } => self.call(function, args, grid),
            Kind::Number(_) | Kind::Text(_) | Kind::Matrix { .. } | Kind::Subquery(_) => {
                Err(QueryError::Execution(format!("expected an instant vector, got {}", expr.value_type().as_str())))
            }
        }
    }

    /// Series for who looks at no names, where those that go can make no two series the same.
    pub(crate) fn vector_without_names(&self, expr: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let columns = self.vector_with_names(expr, grid)?;
        match self.limits.delays_name_removal || column::have_same_metadata(&columns) {
            true => Ok(columns),
            false => column::named_at_last(columns),
        }
    }

    /// True if a label of a series is there for who groups or matches series.
    pub(crate) fn sees(&self, column: &Column, name: &str) -> bool {
        self.limits.delays_name_removal || !column.drops_name || !column::METADATA.contains(&name)
    }

    fn negated(&self, inner: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let mut columns = self.vector(inner, grid)?;
        for column in &mut columns {
            column.floats.iter_mut().filter(|it| !crate::series::is_stale(**it)).for_each(|it| *it = -*it);
            for it in column.histograms.iter_mut().flatten() {
                *it = std::sync::Arc::new(it.scaled(-1.0));
            }
        }
        Ok(nameless(columns))
    }

    /// True if the value of the expression is a number.
    fn is_scalar(expr: &Expr) -> bool {
        expr.value_type() == Type::Scalar
    }

    /// Ends the query if it shall not go on.
    fn check_stop(&self) -> Result<(), QueryError> {
        match (self.stop)() {
            None => Ok(()),
            Some(Stop::Timeout) => Err(QueryError::Timeout),
            Some(Stop::Canceled) => Err(QueryError::Canceled),
        }
    }

    /// The same, at the first step of a series and now and then among many.
    fn check_stop_at(&self, step: usize) -> Result<(), QueryError> {
        const OFTEN: usize = 4096;
        if step.is_multiple_of(OFTEN) { self.check_stop() } else { Ok(()) }
    }

    /// Counts what is held for columns.
    fn count_cells(&self, columns: usize, grid: &Grid) -> Result<(), QueryError> {
        self.count_samples(columns.saturating_mul(grid.count))
    }

    /// Counts samples against the limits.
    fn count_samples(&self, more: usize) -> Result<(), QueryError> {
        let samples = self.samples.get().saturating_add(more);
        self.samples.set(samples);
        // A sample is 16 bytes at least.
        let is_too_much = samples > self.limits.max_samples || samples.saturating_mul(16) > self.limits.max_bytes;
        match is_too_much {
            true => Err(QueryError::Execution(
                "query processing would load too many samples into memory in query execution".to_owned(),
            )),
            false => Ok(()),
        }
    }
}
