//! Which number is it at each step? Literals, time, and arithmetic on numbers.

use super::Evaluator;
use super::column::Cell;
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::{Binary, Expr, Kind, Operator};

impl Evaluator<'_> {
    /// A number at each step.
    pub(crate) fn scalar(&self, expr: &Expr, grid: &Grid) -> Result<Vec<f64>, QueryError> {
        if grid.count > 1 && super::invariant::is_invariant(expr) {
            let once = self.scalar(expr, &Grid::once(grid.start))?;
            return Ok(vec![once.first().copied().unwrap_or(f64::NAN); grid.count]);
        }
        match &expr.kind {
            Kind::Number(value) => Ok(vec![*value; grid.count]),
            Kind::Paren(inner) | Kind::Plus(inner) => self.scalar(inner, grid),
            Kind::Negate(inner) => Ok(self.scalar(inner, grid)?.into_iter().map(|it| -it).collect()),
            Kind::Binary(binary) => self.scalar_binary(binary, grid),
            Kind::Call { function, args } => self.scalar_call(function.name, args, grid),
            _ => Err(QueryError::Execution(format!("expected a scalar, got {}", expr.value_type().as_str()))),
        }
    }

    fn scalar_binary(&self, binary: &Binary, grid: &Grid) -> Result<Vec<f64>, QueryError> {
        let left = self.scalar(&binary.left, grid)?;
        let right = self.scalar(&binary.right, grid)?;
        Ok(left.iter().zip(&right).map(|(left, right)| of_numbers(binary.operator, *left, *right)).collect())
    }

    fn scalar_call(&self, name: &str, args: &[Expr], grid: &Grid) -> Result<Vec<f64>, QueryError> {
        let seconds = |millis: i64| millis as f64 / 1000.0;
        match (name, args) {
            ("time", _) => Ok(grid.times().map(seconds).collect()),
            ("pi", _) => Ok(vec![std::f64::consts::PI; grid.count]),
            ("start", _) => Ok(vec![seconds(self.start); grid.count]),
            ("end", _) => Ok(vec![seconds(self.end); grid.count]),
            ("range", _) => Ok(vec![seconds(self.known.range); grid.count]),
            ("step", _) => Ok(vec![seconds(self.step); grid.count]),
            ("max_of" | "min_of", [left, right]) => {
                let sides = self.scalar(left, grid)?.into_iter().zip(self.scalar(right, grid)?);
                Ok(sides.map(|(a, b)| go_extreme(a, b, name == "max_of")).collect())
            }
            ("scalar", [arg]) => {
                let columns = self.vector(arg, grid)?;
                Ok((0..grid.count).map(|step| only_float(&columns, step)).collect())
            }
            _ => Err(QueryError::Execution(format!("function {name} does not give a scalar"))),
        }
    }
}

/// The float of the only series that has one at the step, else NaN.
fn only_float(columns: &[super::Column], step: usize) -> f64 {
    let mut floats = columns.iter().filter_map(|it| match it.cell(step) {
        Cell::Float(value) => Some(value),
        _ => None,
    });
    match (floats.next(), floats.next()) {
        (Some(value), None) => value,
        _ => f64::NAN,
    }
}

/// The larger or the smaller number; NaN if one is NaN and the other is not the extreme infinity, as in Go.
pub(crate) fn go_extreme(left: f64, right: f64, is_max: bool) -> f64 {
    let end = if is_max { f64::INFINITY } else { f64::NEG_INFINITY };
    match () {
        () if left == end || right == end => end,
        () if left.is_nan() || right.is_nan() => f64::NAN,
        () if is_max => left.max(right),
        () => left.min(right),
    }
}

/// `left op right`, where a comparison gives 1 or 0.
pub(crate) fn of_numbers(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |it: bool| f64::from(u8::from(it));
    match operator {
        Operator::Add => left + right,
        Operator::Sub => left - right,
        Operator::Mul => left * right,
        Operator::Div => left / right,
        Operator::Mod => left % right,
        Operator::Pow => left.powf(right),
        Operator::Atan2 => left.atan2(right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterEqual => truth(left >= right),
        Operator::And | Operator::Or | Operator::Unless | Operator::TrimUpper | Operator::TrimLower => f64::NAN,
    }
}
