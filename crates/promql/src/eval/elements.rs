//! What does an operator make of two samples? Floats and histograms, arithmetic and comparisons.

use std::sync::Arc;

use super::Evaluator;
use super::column::{Cell, EMPTY};
use super::scalar::of_numbers;
use crate::ast::{Operator, Place};
use crate::histogram::{Histogram, Incompatible, ResetHint, above, below};
use crate::series::is_stale;

/// An operator between two samples.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// Which one.
    pub operator: Operator,
    /// Comparisons give 1 or 0.
    pub returns_bool: bool,
    /// Where the operation stands.
    pub place: Place,
}

/// The result for two samples.
pub(super) struct Passes {
    /// The value: the left one for comparisons.
    cell: Cell,
    /// What a comparison says.
    is_true: bool,
}

impl Passes {
    /// The value of the result; `kept` is what a comparison lets pass if not the left side.
    pub(super) fn value(self, pair: &Pair, kept: Option<Cell>) -> Cell {
        if !pair.operator.is_comparison() {
            return self.cell;
        }
        match (pair.returns_bool, self.is_true) {
            (true, is_true) => Cell::Float(f64::from(u8::from(is_true))),
            (false, true) => kept.unwrap_or(self.cell),
            (false, false) => Cell::Empty,
        }
    }
}

impl Pair {
    /// True if the result is still the same metric.
    pub(super) fn keeps_name(&self) -> bool {
        self.operator.is_comparison() || self.trims()
    }

    fn trims(&self) -> bool {
        matches!(self.operator, Operator::TrimLower | Operator::TrimUpper)
    }

    /// Fast path for floats with a number at each step; false if the operator is not one on floats.
    pub(super) fn apply_to_floats(&self, floats: &mut [f64], numbers: &[f64], is_left: bool) -> bool {
        if self.trims() {
            return false;
        }
        let filters = self.operator.is_comparison() && !self.returns_bool;
        for (value, number) in floats.iter_mut().zip(numbers).filter(|(value, _)| !is_stale(**value)) {
            let (left, right) = if is_left { (*number, *value) } else { (*value, *number) };
            let result = of_numbers(self.operator, left, right);
            *value = match filters {
                true if result == 1.0 => *value,
                true => EMPTY,
                false => result,
            };
        }
        true
    }

    /// Fast path for floats on both sides; false if the operator is not one on floats.
    pub(super) fn join_floats(&self, left: &[f64], right: &[f64], out: &mut [f64]) -> bool {
        if self.trims() {
            return false;
        }
        let filters = self.operator.is_comparison() && !self.returns_bool;
        for ((left, right), out) in left.iter().zip(right).zip(out) {
            if is_stale(*left) || is_stale(*right) {
                continue;
            }
            let result = of_numbers(self.operator, *left, *right);
            *out = match filters {
                true if result == 1.0 => *left,
                true => EMPTY,
                false => result,
            };
        }
        true
    }

    /// The result for two samples; none if the operator means nothing for them, which is told.
    pub(super) fn apply(&self, evaluator: &Evaluator<'_>, left: &Cell, right: &Cell) -> Option<Passes> {
        let found = match (left, right) {
            (Cell::Empty, _) | (_, Cell::Empty) => return None,
            (Cell::Float(left), Cell::Float(right)) => self.floats(*left, *right),
            (Cell::Float(left), Cell::Histogram(right)) => self.float_and_histogram(*left, right),
            (Cell::Histogram(left), Cell::Float(right)) => self.histogram_and_float(left, *right),
            (Cell::Histogram(left), Cell::Histogram(right)) => self.histograms(evaluator, left, right),
        };
        match found {
            Ok(Some(it)) => return Some(it),
            Ok(None) => {
                let kind = |it: &Cell| if matches!(it, Cell::Float(_)) { "float" } else { "histogram" };
                let operator = self.operator.as_str();
                let text = format!(
                    "incompatible sample types encountered for binary operator \"{operator}\": {} {operator} {}",
                    kind(left),
                    kind(right)
                );
                evaluator.info(self.place, &text);
            }
            Err(Incompatible) => {
                let text =
                    format!("incompatible bucket layout encountered for binary operator {}", self.operator.as_str());
                evaluator.warn(self.place, &text);
            }
        }
        None
    }

    fn floats(&self, left: f64, right: f64) -> Result<Option<Passes>, Incompatible> {
        if self.trims() {
            return Ok(None);
        }
        let value = of_numbers(self.operator, left, right);
        let is_comparison = self.operator.is_comparison();
        let cell = Cell::Float(if is_comparison { left } else { value });
        Ok(Some(Passes { cell, is_true: value == 1.0 }))
    }

    fn float_and_histogram(&self, left: f64, right: &Histogram) -> Result<Option<Passes>, Incompatible> {
        Ok(match self.operator {
            Operator::Mul => Some(of(right.scaled(left))),
            _ => None,
        })
    }

    fn histogram_and_float(&self, left: &Histogram, right: f64) -> Result<Option<Passes>, Incompatible> {
        Ok(match self.operator {
            Operator::Mul => Some(of(left.scaled(right))),
            Operator::Div => Some(of(left.divided(right))),
            Operator::TrimUpper => Some(of(below(left, right))),
            Operator::TrimLower => Some(of(above(left, right))),
            _ => None,
        })
    }

    fn histograms(
        &self,
        evaluator: &Evaluator<'_>,
        left: &Arc<Histogram>,
        right: &Arc<Histogram>,
    ) -> Result<Option<Passes>, Incompatible> {
        let compared = |is_true: bool| Ok(Some(Passes { cell: Cell::Histogram(Arc::clone(left)), is_true }));
        let mut out = (**left).clone();
        let (notes, operation) = match self.operator {
            Operator::Add => (out.add(right)?, "addition"),
            Operator::Sub => {
                let notes = out.subtract(right)?;
                out.hint = ResetHint::Gauge;
                (notes, "subtraction")
            }
            Operator::Equal => return compared(left.has_same_values(right)),
            Operator::NotEqual => return compared(!left.has_same_values(right)),
            _ => return Ok(None),
        };
        if notes.collides {
            evaluator.warn_collision(operation, self.place);
        }
        if notes.is_reconciled {
            evaluator.info_reconciled(operation, self.place);
        }
        Ok(Some(of(out)))
    }
}

fn of(histogram: Histogram) -> Passes {
    Passes { cell: Cell::Histogram(Arc::new(histogram.compacted())), is_true: true }
}
