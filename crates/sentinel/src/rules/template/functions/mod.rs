//! Which functions are there, and how many values does each have? Those of Go and those of Prometheus.

mod builtins;
mod numbers;
mod samples;
mod texts;

use super::Failure;
use super::eval::Run;
use super::value::Value;

type Answer = Result<Value, String>;

/// A function that is known.
#[derive(Clone, Copy, Debug)]
pub struct Function(&'static (&'static str, Body));

#[derive(Clone, Copy, Debug)]
enum Body {
    One(fn(&Value) -> Answer),
    Two(fn(&Value, &Value) -> Answer),
    Three(fn(&Value, &Value, &Value) -> Answer),
    /// With so many values at least.
    Any(usize, fn(&[Value]) -> Answer),
    /// Those that need more than their values; with so many values.
    Run(usize, fn(&mut Run<'_>, &[Value]) -> Result<Value, Failure>),
    /// `and` stops at the first value that is false, `or` at the first that is true.
    StopsAt(bool),
}

use Body::{Any, One, Three, Two};

static FUNCTIONS: [(&str, Body); 45] = [
    // # Of Go
    ("and", Body::StopsAt(false)),
    ("or", Body::StopsAt(true)),
    ("not", One(|it| Ok(Value::Bool(!it.is_true())))),
    ("eq", Any(2, builtins::eq)),
    ("ne", Two(builtins::ne)),
    ("lt", Two(builtins::lt)),
    ("le", Two(builtins::le)),
    ("gt", Two(builtins::gt)),
    ("ge", Two(builtins::ge)),
    ("index", Any(1, builtins::index)),
    ("slice", Any(1, builtins::slice)),
    ("len", One(builtins::len)),
    ("print", Any(0, builtins::print)),
    ("println", Any(0, builtins::println)),
    ("printf", Any(1, super::printf::printf)),
    ("html", Any(1, texts::html)),
    ("urlquery", Any(1, texts::urlquery)),
    // # Of Prometheus
    ("query", Body::Run(1, samples::query)),
    ("first", One(samples::first)),
    ("label", Two(samples::label)),
    ("value", One(samples::value)),
    ("strvalue", One(samples::strvalue)),
    ("sortByLabel", Two(samples::sort_by_label)),
    ("humanize", One(numbers::humanize)),
    ("humanize1024", One(numbers::humanize_1024)),
    ("humanizeDuration", One(numbers::humanize_duration)),
    ("humanizePercentage", One(numbers::percentage)),
    ("humanizeTimestamp", One(numbers::timestamp)),
    ("toTime", One(numbers::to_time)),
    ("parseDuration", One(numbers::parse_duration)),
    ("title", One(texts::title)),
    ("toUpper", One(|it| Ok(Value::text(it.as_text()?.to_uppercase())))),
    ("toLower", One(|it| Ok(Value::text(it.as_text()?.to_lowercase())))),
    ("match", Two(texts::fits)),
    ("reReplaceAll", Three(texts::replace)),
    ("graphLink", One(|it| texts::link(it, 0))),
    ("tableLink", One(|it| texts::link(it, 1))),
    ("stripPort", One(texts::strip_port)),
    ("stripDomain", One(texts::strip_domain)),
    ("urlQueryEscape", One(|it| Ok(Value::text(texts::query_escaped(it.as_text()?))))),
    ("safeHtml", One(|it| Ok(Value::text(it.as_text()?)))),
    ("externalURL", Body::Run(0, |run, _| Ok(Value::text(run.subject.external_url)))),
    ("pathPrefix", Body::Run(0, |run, _| Ok(Value::text(texts::path_of(run.subject.external_url))))),
    ("args", Any(0, builtins::args)),
    ("tmpl", Body::Run(2, samples::tmpl)),
];

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Function {
    /// The error says which are known.
    pub fn named(name: &str) -> Result<Self, String> {
        FUNCTIONS.iter().find(|it| it.0 == name).map(Self).ok_or_else(|| {
            let known: Vec<&str> = FUNCTIONS.iter().map(|it| it.0).collect();
            format!("function {name:?} is not known; {} are", known.join(", "))
        })
    }

    pub fn name(self) -> &'static str {
        self.0.0
    }

    /// For `and` and `or`: the truth at which they stop.
    pub fn stops_at(self) -> Option<bool> {
        if let Body::StopsAt(it) = self.0.1 { Some(it) } else { None }
    }

    /// Whether it can have so many values.
    pub fn check(self, n: usize) -> Result<(), String> {
        let (least, most) = match self.0.1 {
            Body::One(_) => (1, 1),
            Body::Two(_) => (2, 2),
            Body::Three(_) => (3, 3),
            Body::Any(least, _) => (least, usize::MAX),
            Body::Run(n, _) => (n, n),
            Body::StopsAt(_) => (1, usize::MAX),
        };
        if (least..=most).contains(&n) {
            return Ok(());
        }
        let or_more = if most == usize::MAX { " or more" } else { "" };
        Err(format!("{}: {least}{or_more} values expected, found {n}", self.name()))
    }

    pub fn call(self, run: &mut Run<'_>, values: &[Value]) -> Result<Value, Failure> {
        let answer = match (self.0.1, values) {
            (Body::One(body), [a]) => body(a),
            (Body::Two(body), [a, b]) => body(a, b),
            (Body::Three(body), [a, b, c]) => body(a, b, c),
            (Body::Any(least, body), values) if values.len() >= least => body(values),
            (Body::Run(n, body), values) if values.len() == n => return body(run, values),
            _ => self.check(values.len()).map(|()| Value::Nil),
        };
        Ok(answer?)
    }
}
