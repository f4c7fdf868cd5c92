//! What do texts of rules become? Texts with values put in, by the template language of Go as Prometheus uses it:
//! <https://prometheus.io/docs/prometheus/latest/configuration/template_reference/>, <https://pkg.go.dev/text/template>.

mod budget;
mod call;
mod eval;
mod expression;
mod functions;
mod lexer;
mod literal;
mod parser;
mod printf;
mod syntax;
#[cfg(test)]
mod tests;
mod time;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::budget::{Budget, MAX_DEPTH};
use self::eval::Run;
use self::syntax::{Named, Nodes};
use self::value::Value;

/// A template that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    nodes: Nodes,
    named: Named,
}

/// What a query has found: labels and values.
pub type QueryResult = Result<Vec<(BTreeMap<String, String>, f64)>, String>;

/// What a template may speak of.
pub struct Subject<'a> {
    /// `$value`.
    pub value: f64,
    /// `$labels`.
    pub labels: &'a BTreeMap<String, String>,
    /// `$externalLabels`.
    pub external_labels: &'a BTreeMap<String, String>,
    /// `$externalURL`.
    pub external_url: &'a str,
    /// Answers `query` at the time of the evaluation.
    pub query: &'a dyn Fn(&str) -> QueryResult,
}

/// Variables that every template of a rule has, and the fields that they are.
const PRELUDE: [(&str, &str); 4] = [
    ("$labels", "Labels"),
    ("$externalLabels", "ExternalLabels"),
    ("$externalURL", "ExternalURL"),
    ("$value", "Value"),
];

/// What went wrong, and how many bytes stand before it.
#[derive(Debug)]
struct Failure {
    at: usize,
    text: String,
}

/// The place is not known yet.
const NOWHERE: usize = usize::MAX;

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self { at: NOWHERE, text }
    }
}

impl Failure {
    /// At a place, unless one is known already.
    fn or_at(self, at: usize) -> Self {
        Self { at: if self.at == NOWHERE { at } else { self.at }, ..self }
    }

    /// In a function, unless it is known where.
    fn of(self, name: &str) -> Self {
        if self.at == NOWHERE { format!("{name}: {}", self.text).into() } else { self }
    }

    /// With line and column.
    fn told(&self, text: &str) -> String {
        let before = text.get(..self.at.min(text.len())).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |it| it.chars().count()) + 1;
        format!("line {line}, column {column}: {}", self.text)
    }
}

impl Template {
    /// Reads a template; the error says where it cannot be understood, and what can be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (nodes, named) = parser::parse(text).map_err(|it| it.told(text))?;
        Ok(Self { text: text.to_owned(), nodes, named })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// With everything put in; the error says what could not be, and where.
    pub fn expand(&self, subject: &Subject<'_>) -> Result<String, String> {
        let dot = Value::Record(
            [
                ("Labels", Value::Labels(Arc::new(subject.labels.clone()))),
                ("ExternalLabels", Value::Labels(Arc::new(subject.external_labels.clone()))),
                ("ExternalURL", Value::text(subject.external_url)),
                ("Value", Value::Float(subject.value)),
            ]
            .into(),
        );
        let mut variables = vec![("$", dot.clone())];
        for (name, field) in PRELUDE {
            variables.push((name, dot.field(field)?));
        }
        let (budget, out) = (Budget::default(), String::new());
        let mut run = Run { named: &self.named, subject, budget, out, variables, depth: 0 };
        run.nodes(&self.nodes, &dot).map_err(|it| it.told(&self.text))?;
        Ok(run.out)
    }
}
