//! What is to be said about a result? Warnings and infos in Prometheus' words, each once.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::ast::Place;
use crate::parse::position;

/// Collects annotations of one query.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    query: String,
    warnings: RefCell<BTreeSet<String>>,
    infos: RefCell<BTreeSet<String>>,
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

    /// All warnings and all infos.
    pub(crate) fn into_texts(self) -> (Vec<String>, Vec<String>) {
        (self.warnings.into_inner().into_iter().collect(), self.infos.into_inner().into_iter().collect())
    }
}
