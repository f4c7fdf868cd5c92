//! What does an operator make of two sides, of which one at least is a vector?

use std::collections::HashMap;

use super::Evaluator;
use super::column::{Cell, Column};
use super::grid::Grid;
use super::matching::key;
use super::scalar::of_numbers;
use crate::answer::QueryError;
use crate::ast::{Binary, Expr};

impl Evaluator<'_> {
    /// A binary operation with at least one vector.
    pub(crate) fn binary(&self, _expr: &Expr, binary: &Binary, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let columns = match (Self::is_scalar(&binary.left), Self::is_scalar(&binary.right)) {
            (true, _) => {
                let numbers = self.scalar(&binary.left, grid)?;
                with_numbers(binary, self.vector(&binary.right, grid)?, &numbers, true)
            }
            (_, true) => {
                let numbers = self.scalar(&binary.right, grid)?;
                with_numbers(binary, self.vector(&binary.left, grid)?, &numbers, false)
            }
            _ => self.vectors(binary, grid)?,
        };
        if binary.operator.is_comparison() && !binary.returns_bool { Ok(columns) } else { self.unnamed(columns) }
    }

    fn vectors(&self, binary: &Binary, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let left = self.vector(&binary.left, grid)?;
        let right = self.vector(&binary.right, grid)?;
        let right: HashMap<_, _> = right.into_iter().map(|it| (key(&it.labels, &binary.matching), it)).collect();
        let mut out = Vec::new();
        for column in left {
            let key = key(&column.labels, &binary.matching);
            let Some(other) = right.get(&key) else { continue };
            let labels = if binary.operator.is_comparison() { column.labels.clone() } else { key };
            let mut joined = Column::empty(labels, grid.count);
            for step in 0..grid.count {
                if let (Cell::Float(left), Cell::Float(right)) = (column.cell(step), other.cell(step)) {
                    joined.set(step, cell(binary, left, right, left));
                }
            }
            out.push(joined);
        }
        Ok(out)
    }
}

/// The result of an operator on floats; `kept` is the value that a comparison lets pass.
fn cell(binary: &Binary, left: f64, right: f64, kept: f64) -> Cell {
    let value = of_numbers(binary.operator, left, right);
    match () {
        () if !binary.operator.is_comparison() || binary.returns_bool => Cell::Float(value),
        () if value == 1.0 => Cell::Float(kept),
        () => Cell::Empty,
    }
}

fn with_numbers(binary: &Binary, columns: Vec<Column>, numbers: &[f64], is_left: bool) -> Vec<Column> {
    let mut out = Vec::with_capacity(columns.len());
    for mut column in columns {
        for (step, number) in numbers.iter().enumerate() {
            let Cell::Float(value) = column.cell(step) else { continue };
            let (left, right) = if is_left { (*number, value) } else { (value, *number) };
            column.set(step, cell(binary, left, right, value));
        }
        if !column.is_empty() {
            out.push(column);
        }
    }
    out
}
