//! What is one series while a query is evaluated? Its labels, and a cell for each step.

use std::collections::HashMap;
use std::sync::Arc;

use signal::Labels;

use crate::answer::QueryError;
use crate::histogram::Histogram;
use crate::series::{STALE_NAN_BITS, is_stale};

/// The float of a cell that is empty or has a histogram. A stale marker says "no sample here", and no computation
/// yields these bits, for arithmetic makes a NaN quiet.
pub(crate) const EMPTY: f64 = f64::from_bits(STALE_NAN_BITS);

/// What a series has at a step.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// Nothing.
    Empty,
    /// A number.
    Float(f64),
    /// A histogram.
    Histogram(Arc<Histogram>),
}

/// One series with a cell for each step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    /// The labels, with the name even if it is to be dropped.
    pub labels: Labels,
    /// True if the name goes away at the end.
    pub drops_name: bool,
    /// A float for each step, [`EMPTY`] if there is none.
    pub floats: Vec<f64>,
    /// A histogram for each step; no element at all if there is none at any step.
    pub histograms: Vec<Option<Arc<Histogram>>>,
}

impl Column {
    /// Without any sample.
    pub(crate) fn empty(labels: Labels, count: usize) -> Self {
        Self { labels, drops_name: false, floats: vec![EMPTY; count], histograms: Vec::new() }
    }

    /// With floats only.
    pub(crate) fn of_floats(labels: Labels, floats: Vec<f64>) -> Self {
        Self { labels, drops_name: false, floats, histograms: Vec::new() }
    }

    /// The cell of a step.
    pub(crate) fn cell(&self, step: usize) -> Cell {
        if let Some(Some(histogram)) = self.histograms.get(step) {
            return Cell::Histogram(Arc::clone(histogram));
        }
        match self.floats.get(step) {
            Some(it) if !is_stale(*it) => Cell::Float(*it),
            _ => Cell::Empty,
        }
    }

    /// True if there is a sample at the step.
    pub(crate) fn has(&self, step: usize) -> bool {
        self.floats.get(step).is_some_and(|it| !is_stale(*it)) || matches!(self.histograms.get(step), Some(Some(_)))
    }

    /// Replaces the cell of a step.
    pub(crate) fn set(&mut self, step: usize, cell: Cell) {
        let float = if let Cell::Float(value) = &cell { *value } else { EMPTY };
        if let Some(place) = self.floats.get_mut(step) {
            *place = float;
        }
        match cell {
            Cell::Histogram(histogram) => {
                if self.histograms.is_empty() {
                    self.histograms = vec![None; self.floats.len()];
                }
                if let Some(place) = self.histograms.get_mut(step) {
                    *place = Some(histogram);
                }
            }
            _ => {
                if let Some(place) = self.histograms.get_mut(step) {
                    *place = None;
                }
            }
        }
    }

    /// True if there is no sample at any step.
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.iter().all(|it| is_stale(*it)) && self.histograms.iter().all(Option::is_none)
    }

    /// True if there is no histogram.
    pub(crate) fn is_plain(&self) -> bool {
        self.histograms.is_empty()
    }

    /// The same value at `count` steps.
    pub(crate) fn repeated(self, count: usize) -> Self {
        let mut wide = Self::empty(self.labels.clone(), count);
        wide.drops_name = self.drops_name;
        match self.cell(0) {
            Cell::Float(value) => wide.floats = vec![value; count],
            Cell::Histogram(it) => wide.histograms = vec![Some(it); count],
            Cell::Empty => {}
        }
        wide
    }

    /// Takes the samples of another column; false if both have one at the same step.
    fn absorb(&mut self, other: &Self) -> bool {
        for step in 0..self.floats.len() {
            match other.cell(step) {
                Cell::Empty => {}
                _ if self.has(step) => return false,
                cell => self.set(step, cell),
            }
        }
        true
    }
}

/// Labels that say what the metric is: they go when an operation changes its meaning.
pub(crate) const METADATA: [&str; 3] = ["__name__", "__type__", "__unit__"];

/// The labels without the metric's name, type and unit.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if METADATA.iter().all(|it| labels.get(it).is_none()) {
        return labels.clone();
    }
    Labels::new(labels.iter().filter(|(name, _)| !METADATA.contains(name)))
}

/// Joins columns that have the same labels; `problem` says what it means if they have samples at the same step.
pub(crate) fn joined(columns: Vec<Column>, problem: &str) -> Result<Vec<Column>, QueryError> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(columns.len());
    let mut joined: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        match places.get(&column.labels).and_then(|it| joined.get_mut(*it)) {
            None => {
                places.insert(column.labels.clone(), joined.len());
                joined.push(column);
            }
            Some(first) => {
                if !first.absorb(&column) {
                    return Err(QueryError::Execution(problem.to_owned()));
                }
            }
        }
    }
    Ok(joined)
}

/// Says that the names go.
pub(crate) fn nameless(mut columns: Vec<Column>) -> Vec<Column> {
    columns.iter_mut().for_each(|it| it.drops_name = true);
    columns
}

/// True if all series are of one metric and their names go, or none does, so that no two become the same.
pub(crate) fn have_same_metadata(columns: &[Column]) -> bool {
    let Some(first) = columns.first() else { return true };
    let of = |it: &Column| METADATA.map(|label| it.labels.get(label).map(str::to_owned));
    let wanted = of(first);
    columns.iter().all(|it| {
        let is_same = |(label, wanted): (&str, &Option<String>)| it.labels.get(label) == wanted.as_deref();
        it.drops_name == first.drops_name && METADATA.into_iter().zip(&wanted).all(is_same)
    })
}

/// Removes the names that are to be dropped, and joins what is the same series then.
pub(crate) fn named_at_last(mut columns: Vec<Column>) -> Result<Vec<Column>, QueryError> {
    let mut has_dropped = false;
    let are_alike = have_same_metadata(&columns);
    for column in &mut columns {
        if column.drops_name {
            has_dropped = true;
            column.labels = without_name(&column.labels);
            column.drops_name = false;
        }
    }
    match has_dropped && !are_alike {
        true => joined(columns, "vector cannot contain metrics with the same labelset"),
        false => Ok(columns),
    }
}
