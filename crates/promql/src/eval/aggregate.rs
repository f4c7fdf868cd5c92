//! What do many series amount to? Aggregations, with the group of each series found once.

use std::collections::HashMap;

use signal::Labels;

use super::Evaluator;
use super::column::{Cell, Column};
use super::fold::Fold;
use super::grid::Grid;
use super::matching::{Key, key_of};
use crate::answer::QueryError;
use crate::ast::{Aggregate, Aggregator, Expr};
use crate::print::go_float;

/// Series that are aggregated together.
pub(super) struct Group {
    /// Labels of the result.
    pub labels: Labels,
    /// Positions of its series.
    pub members: Vec<usize>,
}

impl Evaluator<'_> {
    /// An aggregation.
    pub(crate) fn aggregate(&self, expr: &Expr, aggregate: &Aggregate, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        if aggregate.operator == Aggregator::CountValues {
            return self.count_values(aggregate, grid);
        }
        let parameter = match &aggregate.parameter {
            Some(it) => self.scalar(it, grid)?,
            None => Vec::new(),
        };
        let shows_series = matches!(
            aggregate.operator,
            Aggregator::Topk | Aggregator::Bottomk | Aggregator::Limitk | Aggregator::LimitRatio
        );
        let columns = match shows_series {
            true => self.vector(&aggregate.expr, grid)?,
            false => self.vector_without_names(&aggregate.expr, grid)?,
        };
        let groups = self.groups(&columns, aggregate);
        match aggregate.operator {
            Aggregator::Topk | Aggregator::Bottomk | Aggregator::Limitk => {
                self.best(expr, aggregate, columns, &groups, &parameter)
            }
            Aggregator::LimitRatio => self.sampled(aggregate, columns, &parameter),
            _ => self.folded(aggregate, &columns, &groups, &parameter, grid),
        }
    }

    fn folded(
        &self,
        aggregate: &Aggregate,
        columns: &[Column],
        groups: &[Group],
        parameter: &[f64],
        grid: &Grid,
    ) -> Result<Vec<Column>, QueryError> {
        self.count_cells(groups.len(), grid)?;
        if let (Aggregator::Quantile, Some(expr)) = (aggregate.operator, &aggregate.parameter) {
            parameter.iter().for_each(|it| self.warn_quantile(*it, expr.place));
        }
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            self.check_stop()?;
            let members: Vec<&Column> = group.members.iter().filter_map(|it| columns.get(*it)).collect();
            let mut column = Column::empty(group.labels.clone(), grid.count);
            column.drops_name = self.limits.delays_name_removal && members.iter().any(|it| it.drops_name);
            if !super::fold::plain(aggregate.operator, &members, &mut column.floats) {
                for step in 0..grid.count {
                    let mut fold = Fold::new(self, aggregate);
                    for member in &members {
                        fold.add(&member.cell(step), member.labels.name());
                    }
                    column.set(step, fold.finish(parameter.get(step).copied().unwrap_or(f64::NAN)));
                }
            }
            if !column.is_empty() {
                out.push(column);
            }
        }
        Ok(out)
    }

    fn count_values(&self, aggregate: &Aggregate, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let label = aggregate.parameter.as_ref().map_or("", super::answer::text);
        if !crate::parse::escape::is_label_name(label) {
            return Err(QueryError::Execution(format!("invalid label name {}", crate::print::quoted(label))));
        }
        let columns = self.vector(&aggregate.expr, grid)?;
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut out: Vec<Column> = Vec::new();
        for column in &columns {
            for step in 0..grid.count {
                let value = match column.cell(step) {
                    Cell::Empty => continue,
                    Cell::Float(it) => go_fixed(it),
                    Cell::Histogram(it) => it.to_string(),
                };
                let with_value = column.labels.with(label, &value);
                let labels = Labels::new(with_value.iter().filter(|it| is_grouped(it.0, aggregate, Some(label))));
                let place = *places.entry(labels.clone()).or_insert(out.len());
                if place == out.len() {
                    self.count_cells(1, grid)?;
                    out.push(Column::empty(labels, grid.count));
                }
                let Some(column) = out.get_mut(place) else { continue };
                let before = if let Cell::Float(it) = column.cell(step) { it } else { 0.0 };
                column.set(step, Cell::Float(before + 1.0));
            }
        }
        Ok(out)
    }
}

/// A float without exponent, as in the label of `count_values`.
fn go_fixed(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { go_float(value) }
}

/// True if a label is in the labels of the group.
fn is_grouped(name: &str, aggregate: &Aggregate, extra: Option<&str>) -> bool {
    let is_listed = aggregate.grouping.iter().any(|it| it == name);
    if aggregate.is_without { name != "__name__" && !is_listed } else { is_listed || extra == Some(name) }
}

impl Evaluator<'_> {
    /// The groups of series, in order of appearance.
    fn groups(&self, columns: &[Column], aggregate: &Aggregate) -> Vec<Group> {
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (idx, column) in columns.iter().enumerate() {
            let fits = |name: &str| is_grouped(name, aggregate, None) && self.sees(column, name);
            let key = key_of(&column.labels, fits);
            let place = match places.get(&key) {
                Some(place) => *place,
                None => {
                    places.insert(key, groups.len());
                    let labels = Labels::new(column.labels.iter().filter(|it| fits(it.0)));
                    groups.push(Group { labels, members: Vec::new() });
                    groups.len() - 1
                }
            };
            if let Some(group) = groups.get_mut(place) {
                group.members.push(idx);
            }
        }
        groups
    }
}
