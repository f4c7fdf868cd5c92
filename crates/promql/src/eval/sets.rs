//! What do `and`, `or` and `unless` keep? Series whose partner is or is not there, step by step.

use super::Evaluator;
use super::column::{Cell, Column, joined};
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::{Binary, Operator};

impl Evaluator<'_> {
    /// A set operation.
    pub(super) fn set_operation(&self, binary: &Binary, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let mut left = self.vector(&binary.left, grid)?;
        let mut right = self.vector(&binary.right, grid)?;
        for group in self.matched_groups(&left, &right, &binary.matching) {
            let present = |columns: &[Column], members: &[usize]| -> Vec<bool> {
                let members: Vec<&Column> = members.iter().filter_map(|it| columns.get(*it)).collect();
                (0..grid.count).map(|step| members.iter().any(|it| it.has(step))).collect()
            };
            match binary.operator {
                Operator::Or => {
                    let present = present(&left, &group.left);
                    clear(&mut right, &group.right, |step| present.get(step) == Some(&true));
                }
                operator => {
                    let present = present(&right, &group.right);
                    let keeps = operator == Operator::And;
                    clear(&mut left, &group.left, |step| present.get(step) != Some(&keeps));
                }
            }
        }
        if binary.operator == Operator::Or {
            left.append(&mut right);
        }
        left.retain(|it| !it.is_empty());
        // Both sides of `or` may have series with the same labels at different steps.
        match binary.operator {
            Operator::Or => joined(left, "vector cannot contain metrics with the same labelset"),
            _ => Ok(left),
        }
    }
}

fn clear(columns: &mut [Column], members: &[usize], is_unwanted: impl Fn(usize) -> bool) {
    for member in members {
        let Some(column) = columns.get_mut(*member) else { continue };
        for step in 0..column.floats.len() {
            if is_unwanted(step) {
                column.set(step, Cell::Empty);
            }
        }
    }
}
