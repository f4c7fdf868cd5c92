//! What values do templates have, and how are they written? As Go writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::numbers::go_g;

/// A value while a template is expanded; copies are cheap.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// What is missing is an empty text.
    Labels(Arc<BTreeMap<String, String>>),
    /// What is missing is nil.
    Map(Arc<BTreeMap<String, Value>>),
    List(Arc<[Value]>),
    /// A struct of Go: what is missing is a mistake.
    Record(Arc<[(&'static str, Value)]>),
    Time(Timestamp),
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A sample that a query has found.
    pub fn sample(labels: BTreeMap<String, String>, value: f64) -> Self {
        Self::Record([("Labels", Self::Labels(Arc::new(labels))), ("Value", Self::Float(value))].into())
    }

    /// False for what is empty, 0, false or nil.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(it) => *it,
            Self::Int(it) => *it != 0,
            Self::Float(it) => *it != 0.0,
            Self::Text(it) => !it.is_empty(),
            Self::Labels(it) => !it.is_empty(),
            Self::Map(it) => !it.is_empty(),
            Self::List(it) => !it.is_empty(),
            Self::Record(_) | Self::Time(_) => true,
        }
    }

    /// The name of its type in Go.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Labels(_) => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::List(_) => "list",
            Self::Record(_) => "struct",
            Self::Time(_) => "time.Time",
        }
    }

    /// A field of a struct, or the value of a key of a map.
    pub fn field(&self, name: &str) -> Result<Self, String> {
        match self {
            Self::Labels(map) => Ok(Self::text(map.get(name).map_or("", String::as_str))),
            Self::Map(map) => Ok(map.get(name).cloned().unwrap_or(Self::Nil)),
            Self::Record(fields) => fields.iter().find(|it| it.0 == name).map(|it| it.1.clone()).ok_or_else(|| {
                let known: Vec<String> = fields.iter().map(|it| format!(".{}", it.0)).collect();
                format!(".{name} is not known here; {} are", known.join(", "))
            }),
            Self::Time(time) => super::time::method(*time, name, None),
            other => Err(format!(".{name}: a value of type {} has no fields", other.kind())),
        }
    }

    /// As a number, read from a text if need be.
    pub fn number(&self) -> Result<f64, String> {
        match self {
            Self::Float(it) => Ok(*it),
            Self::Int(it) => Ok(*it as f64),
            Self::Text(it) => it.parse().map_err(|_| format!("{it:?} is not a number")),
            other => Err(format!("a number expected, found {}", other.kind())),
        }
    }

    /// As a text; nothing else is one.
    pub fn as_text(&self) -> Result<&str, String> {
        match self {
            Self::Text(it) => Ok(it),
            other => Err(format!("a text expected, found {}", other.kind())),
        }
    }

    pub fn list(&self) -> Result<&[Self], String> {
        match self {
            Self::List(it) => Ok(it),
            other => Err(format!("what `query` finds expected, found {}", other.kind())),
        }
    }

    /// As `%v` of Go.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        self.show(&mut out);
        out
    }

    fn show(&self, out: &mut String) {
        match self {
            Self::Nil => out.push_str("<no value>"),
            Self::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
            // A `String` takes all that is written into it.
            Self::Int(it) => write!(out, "{it}").unwrap_or_default(),
            Self::Float(it) => out.push_str(&go_g(*it)),
            Self::Text(it) => out.push_str(it),
            Self::Labels(map) => {
                let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                write!(out, "map[{}]", pairs.join(" ")).unwrap_or_default();
            }
            Self::Map(map) => {
                let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{}", value.shown())).collect();
                write!(out, "map[{}]", pairs.join(" ")).unwrap_or_default();
            }
            Self::List(all) => among(out, "[", all.iter(), "]"),
            Self::Record(fields) => among(out, "{", fields.iter().map(|it| &it.1), "}"),
            Self::Time(it) => {
                let time = it.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC");
                write!(out, "{time}").unwrap_or_default();
            }
        }
    }
}

fn among<'a>(out: &mut String, open: &str, all: impl Iterator<Item = &'a Value>, close: &str) {
    out.push_str(open);
    for (idx, value) in all.enumerate() {
        if idx > 0 {
            out.push(' ');
        }
        value.show(out);
    }
    out.push_str(close);
}
