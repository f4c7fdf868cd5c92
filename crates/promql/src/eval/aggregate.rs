//! What do many series amount to? Aggregations, with the group of each series found once.

use std::collections::HashMap;

use signal::Labels;

use super::Evaluator;
use super::column::{Cell, Column};
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::{Aggregate, Aggregator, Expr};

impl Evaluator<'_> {
    /// An aggregation.
    pub(crate) fn aggregate(
        &self,
        _expr: &Expr,
        aggregate: &Aggregate,
        grid: &Grid,
    ) -> Result<Vec<Column>, QueryError> {
        let columns = self.vector(&aggregate.expr, grid)?;
        let mut groups: HashMap<Labels, usize> = HashMap::new();
        let mut out: Vec<Column> = Vec::new();
        for column in &columns {
            let labels = group_labels(&column.labels, aggregate);
            let next = out.len();
            let idx = *groups.entry(labels.clone()).or_insert(next);
            if idx == next {
                out.push(Column::empty(labels, grid.count));
            }
            let Some(group) = out.get_mut(idx) else { continue };
            for step in 0..grid.count {
                let Cell::Float(value) = column.cell(step) else { continue };
                let joined = match (group.cell(step), aggregate.operator) {
                    (_, Aggregator::Group) => 1.0,
                    (Cell::Float(before), Aggregator::Sum) => before + value,
                    (Cell::Float(before), Aggregator::Count) => before + 1.0,
                    (Cell::Float(before), Aggregator::Min) => before.min(value),
                    (Cell::Float(before), Aggregator::Max) => before.max(value),
                    (_, Aggregator::Count) => 1.0,
                    (_, Aggregator::Sum | Aggregator::Min | Aggregator::Max) => value,
                    (_, other) => {
                        return Err(QueryError::Execution(format!("{} is not known yet", other.as_str())));
                    }
                };
                group.set(step, Cell::Float(joined));
            }
        }
        Ok(out)
    }
}

/// The labels of the group that a series belongs to.
pub(crate) fn group_labels(labels: &Labels, aggregate: &Aggregate) -> Labels {
    let is_listed = |name: &str| aggregate.grouping.iter().any(|it| it == name);
    if aggregate.is_without {
        return Labels::new(labels.iter().filter(|(name, _)| *name != "__name__" && !is_listed(name)));
    }
    if aggregate.grouping.is_empty() {
        return Labels::default();
    }
    Labels::new(labels.iter().filter(|(name, _)| is_listed(name)))
}
