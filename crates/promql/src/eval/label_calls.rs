//! How are labels changed, and what is absent? Functions that look at labels, not at values.

use signal::Labels;

use super::Evaluator;
use super::answer::text;
use super::column::{Cell, Column, joined};
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::{Expr, Kind};
use crate::matcher::MatchOp;
use crate::parse::escape::is_label_name;

/// What it means if series have the same labels after their labels were changed.
const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

fn fail<T>(text: String) -> Result<T, QueryError> {
    Err(QueryError::Execution(text))
}

impl Evaluator<'_> {
    /// `label_replace(vector, dst, replacement, src, regex)`
    pub(super) fn label_replace(&self, args: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let [arg, destination, replacement, source, pattern] = args else { return Ok(Vec::new()) };
        let (destination, replacement) = (text(destination), text(replacement));
        let (source, pattern) = (text(source), text(pattern));
        let Ok(regex) = crate::pattern::regex(pattern) else {
            return fail(format!("invalid regular expression in label_replace(): {pattern}"));
        };
        if !is_label_name(destination) {
            return fail(format!("invalid destination label name in label_replace(): {destination}"));
        }
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            let value = column.labels.get(source).unwrap_or("");
            let Some(captures) = regex.captures(value) else { continue };
            let mut new = String::new();
            captures.expand(replacement, &mut new);
            relabel(column, destination, &new);
        }
        joined(columns, SAME_LABELS)
    }

    /// `label_join(vector, dst, separator, src..)`
    pub(super) fn label_join(&self, args: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let [arg, destination, separator, sources @ ..] = args else { return Ok(Vec::new()) };
        let (destination, separator) = (text(destination), text(separator));
        if let Some(source) = sources.iter().map(text).find(|it| !is_label_name(it)) {
            return fail(format!("invalid source label name in label_join(): {source}"));
        }
        if !is_label_name(destination) {
            return fail(format!("invalid destination label name in label_join(): {destination}"));
        }
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            let values: Vec<&str> = sources.iter().map(|it| column.labels.get(text(it)).unwrap_or("")).collect();
            let new = values.join(separator);
            relabel(column, destination, &new);
        }
        joined(columns, SAME_LABELS)
    }

    /// 1 at the steps at which no series has a sample.
    pub(super) fn absent(&self, arg: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let columns = self.vector(arg, grid)?;
        Ok(self.absent_from(arg.inner(), &columns, grid))
    }

    /// 1 at the steps at which no column has a sample, with the labels that the selector asks for.
    pub(super) fn absent_from(&self, arg: &Expr, columns: &[Column], grid: &Grid) -> Vec<Column> {
        let mut out = Column::empty(asked_labels(arg), grid.count);
        for step in 0..grid.count {
            if !columns.iter().any(|it| it.has(step)) {
                out.set(step, Cell::Float(1.0));
            }
        }
        if out.is_empty() { Vec::new() } else { vec![out] }
    }
}

fn relabel(column: &mut Column, name: &str, value: &str) {
    column.labels = column.labels.with(name, value);
    if name == "__name__" {
        column.drops_name = false;
    }
}

/// The labels that must have one value; a label that is asked for twice is left out.
fn asked_labels(arg: &Expr) -> Labels {
    let (Kind::Vector(selector) | Kind::Matrix { selector, .. }) = &arg.kind else { return Labels::default() };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in selector.matchers.iter().filter(|it| it.name != "__name__") {
        if matcher.op == MatchOp::Equal && !seen.contains(&matcher.name.as_str()) {
            seen.push(&matcher.name);
            pairs.push((&matcher.name, &matcher.value));
        } else {
            pairs.retain(|it| it.0 != matcher.name);
        }
    }
    Labels::new(pairs)
}
