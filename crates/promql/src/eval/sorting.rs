//! In which order do series come? By value or by labels; it shows in instant queries only.

use std::cmp::Ordering;

use super::Evaluator;
use super::answer::text;
use super::column::{Cell, Column};
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::Expr;

impl Evaluator<'_> {
    /// `sort` and `sort_desc`: NaN comes last, histograms go away.
    pub(super) fn sorted(&self, arg: &Expr, is_down: bool, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            column.histograms = Vec::new();
        }
        columns.retain(|it| !it.is_empty());
        if grid.count == 1 {
            let value = |it: &Column| if let Cell::Float(value) = it.cell(0) { value } else { f64::NAN };
            columns.sort_by(|a, b| {
                let (a, b) = (value(a), value(b));
                let by_value = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
                a.is_nan().cmp(&b.is_nan()).then(if is_down { by_value.reverse() } else { by_value })
            });
        }
        Ok(columns)
    }

    /// `sort_by_label` and `sort_by_label_desc`: numbers within labels by their size.
    pub(super) fn sorted_by_labels(
        &self,
        arg: &Expr,
        labels: &[Expr],
        is_down: bool,
        grid: &Grid,
    ) -> Result<Vec<Column>, QueryError> {
        let mut columns = self.vector(arg, grid)?;
        columns.sort_by(|a, b| {
            let by_labels = labels.iter().map(|label| {
                let of = |it: &Column| it.labels.get(text(label)).unwrap_or("").to_owned();
                natural(&of(a), &of(b))
            });
            let order = by_labels.fold(Ordering::Equal, Ordering::then);
            let order = order.then_with(|| a.labels.iter().cmp(b.labels.iter()));
            if is_down { order.reverse() } else { order }
        });
        Ok(columns)
    }
}

/// Compares texts piece by piece, where runs of digits are numbers.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    while !left.is_empty() && !right.is_empty() {
        let (a, rest_a) = piece(left);
        let (b, rest_b) = piece(right);
        let order = match (a.parse::<u128>(), b.parse::<u128>()) {
            (Ok(x), Ok(y)) => x.cmp(&y).then(a.len().cmp(&b.len())),
            _ => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest_a, rest_b);
    }
    left.len().cmp(&right.len())
}

/// The digits or the other characters at the begin, and the rest.
fn piece(text: &str) -> (&str, &str) {
    let is_digit = text.starts_with(|it: char| it.is_ascii_digit());
    let end = text.find(|it: char| it.is_ascii_digit() != is_digit).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_compared_by_size() {
        assert_eq!(natural("cpu2", "cpu10"), Ordering::Less);
        assert_eq!(natural("4m600", "4m1000"), Ordering::Less);
        assert_eq!(natural("a", "b"), Ordering::Less);
        assert_eq!(natural("", "1"), Ordering::Less);
    }
}
