//! What is to be said about a result? Warnings and infos in Prometheus' words, each once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::ast::Place;
use crate::histogram::Raised;
use crate::parse::position;

/// Collects annotations of one query.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    query: String,
    warnings: RefCell<BTreeSet<String>>,
    infos: RefCell<BTreeSet<String>>,
    raised: RefCell<BTreeMap<String, Raised>>,
}

impl Annotations {
    /// For a query with this text.
    pub(crate) fn new(query: &str) -> Self {
        Self { query: query.to_owned(), ..Self::default() }
    }

    /// The result is likely wrong.
    pub(crate) fn warn(&self, place: Place, text: &str) {
        let text = format!("PromQL warning: {text} ({})", position(&self.query, place.start));
        self.warnings.borrow_mut().insert(text);
    }

    /// The query may be wrong.
    pub(crate) fn info(&self, place: Place, text: &str) {
        let text = format!("PromQL info: {text} ({})", position(&self.query, place.start));
        self.infos.borrow_mut().insert(text);
    }

    /// Counts of classic buckets had to be raised; it is told once per metric and place.
    pub(crate) fn info_raised(&self, place: Place, name: &str, raised: &Raised) {
        let of = crate::print::quoted(name);
        let of = if name.is_empty() { String::new() } else { format!(" for metric name {of}") };
        let text = format!(
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
             https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){of} ({})",
            position(&self.query, place.start)
        );
        self.raised.borrow_mut().entry(text).or_insert(*raised);
    }

    /// All warnings and all infos.
    pub(crate) fn into_texts(self) -> (Vec<String>, Vec<String>) {
        let infos = self.infos.into_inner().into_iter().chain(self.raised.into_inner().into_keys());
        (self.warnings.into_inner().into_iter().collect(), infos.collect())
    }
}
