//! What does an operator make of two sides, of which one at least is a vector?

use super::Evaluator;
use super::column::{Cell, Column, joined, nameless, without_name};
use super::elements::Pair;
use super::grid::Grid;
use super::matching::{Group, matched_labels, result_labels};
use crate::answer::QueryError;
use crate::ast::{Binary, Cardinality, Expr};
use crate::print;

impl Evaluator<'_> {
    /// A binary operation with at least one vector.
    pub(crate) fn binary(&self, expr: &Expr, binary: &Binary, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        match (Self::is_scalar(&binary.left), Self::is_scalar(&binary.right)) {
            (true, _) => {
                let numbers = self.scalar(&binary.left, grid)?;
                let columns = self.vector(&binary.right, grid)?;
                self.with_numbers(expr, binary, columns, &numbers, true)
            }
            (_, true) => {
                let columns = self.vector(&binary.left, grid)?;
                let numbers = self.scalar(&binary.right, grid)?;
                self.with_numbers(expr, binary, columns, &numbers, false)
            }
            _ if binary.operator.is_set() => self.set_operation(binary, grid),
            _ => self.vectors(expr, binary, grid),
        }
    }

    fn with_numbers(
        &self,
        expr: &Expr,
        binary: &Binary,
        mut columns: Vec<Column>,
        numbers: &[f64],
        is_left: bool,
    ) -> Result<Vec<Column>, QueryError> {
        let pair = Pair { operator: binary.operator, returns_bool: binary.returns_bool, place: expr.place };
        for column in &mut columns {
            if column.is_plain() && pair.apply_to_floats(&mut column.floats, numbers, is_left) {
                continue;
            }
            for (step, number) in numbers.iter().enumerate() {
                let cell = column.cell(step);
                if matches!(cell, Cell::Empty) {
                    continue;
                }
                let number = Cell::Float(*number);
                let kept = if is_left { Some(cell.clone()) } else { None };
                let (left, right) = if is_left { (number, cell) } else { (cell, number) };
                let passes = pair.apply(self, &left, &right);
                column.set(step, passes.map_or(Cell::Empty, |it| it.value(&pair, kept)));
            }
        }
        columns.retain(|it| !it.is_empty());
        let keeps_name = pair.keeps_name() && !binary.returns_bool;
        if keeps_name { Ok(columns) } else { Ok(nameless(columns)) }
    }

    fn vectors(&self, expr: &Expr, binary: &Binary, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        // Arithmetic gives series without names, so it needs none.
        let (left, right) = match binary.operator.is_comparison() || !binary.matching.include.is_empty() {
            true => (self.vector(&binary.left, grid)?, self.vector(&binary.right, grid)?),
            false => (self.vector_without_names(&binary.left, grid)?, self.vector_without_names(&binary.right, grid)?),
        };
        let matching = &binary.matching;
        let is_swapped = matching.cardinality == Cardinality::OneToMany;
        let sides = if is_swapped { (&right, &left) } else { (&left, &right) };
        let (fill_many, fill_one) = match is_swapped {
            // Fill values belong to the sides as they are written.
            true => (matching.fill_right, matching.fill_left),
            false => (matching.fill_left, matching.fill_right),
        };
        let pair = Pair { operator: binary.operator, returns_bool: binary.returns_bool, place: expr.place };
        let join = Join { binary, pair, grid, many: sides.0, one: sides.1, is_swapped, fill_many, fill_one };
        let mut out = Vec::new();
        let groups = self.matched_groups(sides.0, sides.1, matching);
        for group in &groups {
            self.check_one_side(&join, group)?;
        }
        for group in &groups {
            self.check_stop()?;
            self.count_cells(group.left.len().max(group.right.len()), grid)?;
            self.join_group(&join, group, &mut out)?;
        }
        if matching.cardinality != Cardinality::OneToOne {
            out = joined(out, "multiple matches for labels: grouping labels must ensure unique matches")?;
        }
        out.retain(|it| !it.is_empty());
        if binary.returns_bool {
            return Ok(nameless(out));
        }
        joined(out, "vector cannot contain metrics with the same labelset")
    }

    /// Fails if two series of the "one" side have a sample at the same step.
    fn check_one_side(&self, join: &Join<'_>, group: &Group) -> Result<(), QueryError> {
        if group.right.len() < 2 {
            return Ok(());
        }
        for step in 0..join.grid.count {
            let mut present = group.right.iter().filter_map(|it| join.one.get(*it)).filter(|it| it.has(step));
            let (Some(first), Some(second)) = (present.next(), present.next()) else { continue };
            let side = if join.is_swapped { "left" } else { "right" };
            return Err(QueryError::Execution(format!(
                "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];\
                 many-to-many matching not allowed: matching labels must be unique on one side",
                print::labels(&matched_labels(&first.labels, &join.binary.matching)),
                print::labels(&self.shown(first)),
                print::labels(&self.shown(second)),
            )));
        }
        Ok(())
    }

    /// The labels that a series has for who asked.
    fn shown(&self, column: &Column) -> signal::Labels {
        if self.sees(column, "__name__") { column.labels.clone() } else { without_name(&column.labels) }
    }

    fn join_group(&self, join: &Join<'_>, group: &Group, out: &mut Vec<Column>) -> Result<(), QueryError> {
        let first = out.len();
        let mut matched = vec![false; if join.is_one_to_one() && group.left.len() > 1 { join.grid.count } else { 0 }];
        for many in group.left.iter().filter_map(|it| join.many.get(*it)) {
            for one in group.right.iter().filter_map(|it| join.one.get(*it)) {
                let column = self.join_two(join, many, one, |step| many.has(step) && one.has(step));
                if !matched.is_empty() {
                    mark_matches(&mut matched, many, one)?;
                }
                out.push(column);
            }
            if let Some(fill) = join.fill_one {
                let labels = matched_labels(&many.labels, &join.binary.matching);
                let filled = Column::of_floats(labels, vec![fill; join.grid.count]);
                let lacks = |step: usize| many.has(step) && !join.has(&group.right, join.one, step);
                out.push(self.join_two(join, many, &filled, lacks));
            }
        }
        if let Some(fill) = join.fill_many {
            for one in group.right.iter().filter_map(|it| join.one.get(*it)) {
                let labels = matched_labels(&one.labels, &join.binary.matching);
                let filled = Column::of_floats(labels, vec![fill; join.grid.count]);
                let lacks = |step: usize| one.has(step) && !join.has(&group.left, join.many, step);
                out.push(self.join_two(join, &filled, one, lacks));
            }
        }
        if !join.is_one_to_one() {
            self.check_unique(join, group, out.get(first..).unwrap_or(&[]))?;
        }
        Ok(())
    }

    /// Fails if several of the "many" side have the same labels in the result at a step, even if a comparison lets
    /// none of them pass.
    fn check_unique(&self, join: &Join<'_>, group: &Group, out: &[Column]) -> Result<(), QueryError> {
        for (idx, many) in group.left.iter().enumerate() {
            let Some(many) = join.many.get(*many) else { continue };
            for other in group.left.iter().skip(idx + 1).filter_map(|it| join.many.get(*it)) {
                let result = |it: &Column, one: &Column| {
                    result_labels(&it.labels, &one.labels, join.binary.operator, &join.binary.matching)
                };
                // Few groups have series that differ in included labels only.
                let Some(one) = group.right.first().and_then(|it| join.one.get(*it)) else { continue };
                if out.len() > 1 && result(many, one) == result(other, one) {
                    let overlap = |step| many.has(step) && other.has(step) && one.has(step);
                    if (0..join.grid.count).any(overlap) {
                        let text = "multiple matches for labels: grouping labels must ensure unique matches";
                        return Err(QueryError::Execution(text.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    fn join_two(&self, join: &Join<'_>, many: &Column, one: &Column, is_wanted: impl Fn(usize) -> bool) -> Column {
        let labels = result_labels(&many.labels, &one.labels, join.binary.operator, &join.binary.matching);
        let mut out = Column::empty(labels, join.grid.count);
        out.drops_name = many.drops_name && join.pair.keeps_name();
        let (left, right) = if join.is_swapped { (one, many) } else { (many, one) };
        if left.is_plain() && right.is_plain() && join.pair.join_floats(&left.floats, &right.floats, &mut out.floats) {
            // Both have values where the loop below would have looked; where one has none there is none now.
            for step in 0..join.grid.count {
                if !is_wanted(step) {
                    out.set(step, Cell::Empty);
                }
            }
            return out;
        }
        for step in (0..join.grid.count).filter(|it| is_wanted(*it)) {
            if let Some(passes) = join.pair.apply(self, &left.cell(step), &right.cell(step)) {
                out.set(step, passes.value(&join.pair, None));
            }
        }
        out
    }
}

/// Both sides of a binary operation, the "many" side first.
struct Join<'j> {
    binary: &'j Binary,
    pair: Pair,
    grid: &'j Grid,
    many: &'j [Column],
    one: &'j [Column],
    is_swapped: bool,
    fill_many: Option<f64>,
    fill_one: Option<f64>,
}

impl Join<'_> {
    fn is_one_to_one(&self) -> bool {
        self.binary.matching.cardinality == Cardinality::OneToOne
    }

    fn has(&self, members: &[usize], columns: &[Column], step: usize) -> bool {
        members.iter().filter_map(|it| columns.get(*it)).any(|it| it.has(step))
    }
}

fn mark_matches(matched: &mut [bool], many: &Column, one: &Column) -> Result<(), QueryError> {
    for (step, is_matched) in matched.iter_mut().enumerate() {
        if many.has(step) && one.has(step) {
            if *is_matched {
                let text =
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(QueryError::Execution(text.to_owned()));
            }
            *is_matched = true;
        }
    }
    Ok(())
}
