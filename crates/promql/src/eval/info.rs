//! Which labels does an info metric add? `info(vector, {label selectors})`.

use std::collections::BTreeMap;

use signal::Labels;

use super::Evaluator;
use super::column::{Cell, Column, joined};
use super::grid::Grid;
use super::select::Shift;
use crate::answer::QueryError;
use crate::ast::{Expr, Kind, Selector};
use crate::matcher::Matcher;
use crate::print;

/// Labels that tell which target a series is of.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// The info metric that is meant if no other is named.
const TARGET_INFO: &str = "target_info";

/// An info series: for each step the time of its sample.
struct InfoSeries {
    labels: Labels,
    times: Vec<Option<i64>>,
}

/// What is asked of info metrics.
struct Asked {
    /// Series of these names are info series themselves.
    own_names: Vec<Matcher>,
    /// Conditions on the name of the info metric.
    names: Vec<Matcher>,
    /// Conditions on its labels.
    data: Vec<Matcher>,
}

impl Asked {
    fn of(args: &[Expr]) -> Self {
        let matchers = match args.get(1).map(|it| &it.inner().kind) {
            Some(Kind::Vector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        let (mut names, data): (Vec<_>, Vec<_>) = matchers.into_iter().partition(|it| it.name == "__name__");
        let mut own_names = names.clone();
        if names.is_empty() {
            names.push(Matcher::equal("__name__", TARGET_INFO));
        }
        if args.len() < 2 {
            own_names.clone_from(&names);
        }
        Self { own_names, names, data }
    }

    fn wants(&self, label: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|it| it.name == label)
    }
}

impl Evaluator<'_> {
    /// Adds the labels of info series.
    pub(super) fn with_info(&self, args: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let Some(arg) = args.first() else { return Ok(Vec::new()) };
        let base = self.vector(arg, grid)?;
        let asked = Asked::of(args);
        let is_info = |it: &Column| {
            !asked.own_names.is_empty() && asked.own_names.iter().all(|matcher| matcher.matches(it.labels.name()))
        };
        let wants_none = |it: &Column| is_info(it) || IDENTIFYING.iter().all(|label| it.labels.get(label).is_none());
        let infos = if base.iter().all(wants_none) { Vec::new() } else { self.info_series(arg, &asked, grid)? };
        let mut out = Vec::new();
        for column in base {
            if is_info(&column) {
                out.push(column);
                continue;
            }
            self.enrich(&column, &infos, &asked, grid, &mut out)?;
        }
        joined(out, "vector cannot contain metrics with the same labelset")
    }

    fn info_series(&self, arg: &Expr, asked: &Asked, grid: &Grid) -> Result<Vec<InfoSeries>, QueryError> {
        let shift = match first_selector(arg) {
            Some(selector) => self.shift(selector)?,
            None => Shift { at: None, offset: 0 },
        };
        let selector = Selector {
            name: None,
            matchers: asked.names.iter().chain(&asked.data).cloned().collect(),
            offset: crate::ast::Length::Millis(shift.offset),
            at: shift.at.map(crate::ast::At::Millis),
            boundary: crate::ast::Boundary::Plain,
            place: arg.place,
        };
        let columns = self.latest(&selector, grid, |when, _| Some(Cell::Float(when.time as f64)))?;
        let times = |it: &Column| {
            let time = |step| if let Cell::Float(time) = it.cell(step) { Some(time as i64) } else { None };
            (0..grid.count).map(time).collect()
        };
        Ok(columns.iter().map(|it| InfoSeries { labels: it.labels.clone(), times: times(it) }).collect())
    }

    fn enrich(
        &self,
        column: &Column,
        infos: &[InfoSeries],
        asked: &Asked,
        grid: &Grid,
        out: &mut Vec<Column>,
    ) -> Result<(), QueryError> {
        let same = |it: &&InfoSeries| IDENTIFYING.iter().all(|label| it.labels.get(label) == column.labels.get(label));
        let is_known = IDENTIFYING.iter().any(|label| column.labels.get(label).is_some());
        let partners: Vec<&InfoSeries> = infos.iter().filter(|it| is_known && same(it)).collect();
        let may_be_missing = asked.data.iter().all(|it| it.matches(""));
        let first = out.len();
        for step in (0..grid.count).filter(|it| column.has(*it)) {
            let newest = newest(&partners, step)?;
            if newest.is_empty() && !may_be_missing {
                continue;
            }
            let labels = enriched(&column.labels, &newest, asked)?;
            let place = out.iter().skip(first).position(|it| it.labels == labels).map_or(out.len(), |it| first + it);
            if place == out.len() {
                let mut fresh = Column::empty(labels, grid.count);
                fresh.drops_name = column.drops_name;
                out.push(fresh);
            }
            if let Some(target) = out.get_mut(place) {
                target.set(step, column.cell(step));
            }
        }
        Ok(())
    }
}

/// The newest series of each info metric at a step.
fn newest<'i>(partners: &[&'i InfoSeries], step: usize) -> Result<Vec<&'i Labels>, QueryError> {
    let mut best: BTreeMap<&str, (i64, &Labels)> = BTreeMap::new();
    for info in partners {
        let Some(Some(time)) = info.times.get(step) else { continue };
        match best.get(info.labels.name()) {
            Some((other, labels)) if other == time => {
                return Err(QueryError::Execution(format!(
                    "found duplicate series for info metric: existing {} @ {other}, new {} @ {time}",
                    print::labels(labels),
                    print::labels(&info.labels)
                )));
            }
            Some((other, _)) if other > time => {}
            _ => {
                best.insert(info.labels.name(), (*time, &info.labels));
            }
        }
    }
    Ok(best.into_values().map(|it| it.1).collect())
}

fn enriched(base: &Labels, infos: &[&Labels], asked: &Asked) -> Result<Labels, QueryError> {
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in infos.iter().flat_map(|it| it.iter()) {
        if name == "__name__" || !asked.wants(name) {
            continue;
        }
        if added.get(name).is_some_and(|it| *it != value) {
            return Err(QueryError::Execution(format!("conflicting label: {name}")));
        }
        if base.get(name).is_none() {
            added.insert(name, value);
        }
    }
    Ok(Labels::new(base.iter().chain(added)))
}

/// The first selector within an expression.
fn first_selector(expr: &Expr) -> Option<&Selector> {
    match &expr.kind {
        Kind::Vector(selector) | Kind::Matrix { selector, .. } => Some(selector),
        Kind::Number(_) | Kind::Text(_) => None,
        Kind::Subquery(it) => first_selector(&it.expr),
        Kind::Paren(inner) | Kind::Negate(inner) | Kind::Plus(inner) => first_selector(inner),
        Kind::Binary(it) => first_selector(&it.left).or_else(|| first_selector(&it.right)),
        Kind::Aggregate(it) => first_selector(&it.expr),
        Kind::Call { args, .. } => args.iter().find_map(first_selector),
    }
}
