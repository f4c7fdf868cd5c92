//! Does a request fit a schema? What came, checked field by field: every fault is told, and what is unusual.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use signal::FeatureValue;

use super::spelling::{distance, spelling};
use super::{Column, ColumnKind, Schema, UnknownFields, VERSION};

/// Bytes of a text value at most.
const MAX_TEXT_BYTES: usize = 8192;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Number of the row in the request, from 0; only in batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The field.
    pub field: String,
    /// What is wrong, and what is right.
    pub problem: String,
}

/// A row that can be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As it came, in the order of the schema; what did not come is missing.
    pub given: Vec<FeatureValue>,
    /// The same with defaults.
    pub filled: Vec<FeatureValue>,
    /// Positions of the fields that have their default.
    pub defaulted: Vec<usize>,
    /// What is unusual about it.
    pub warnings: Vec<FieldProblem>,
}

/// A schema made ready for requests.
#[derive(Debug)]
pub struct Fields {
    /// The file.
    pub schema: Schema,
    /// Names in the order of the schema, shared by all rows of the log.
    pub names: Arc<[Arc<str>]>,
    positions: HashMap<String, usize>,
    categories: Vec<HashMap<Arc<str>, u32>>,
}

impl Fields {
    /// Makes a schema ready.
    ///
    /// # Errors
    /// Every mistake of the schema.
    pub fn new(schema: Schema) -> Result<Self, Vec<String>> {
        let mut problems = vec![];
        if schema.version != VERSION {
            problems.push(format!("version: {} is not known; this program reads {VERSION}", schema.version));
        }
        if schema.columns.is_empty() {
            problems.push("columns: must not be empty".to_owned());
        }
        let mut positions = HashMap::new();
        for (idx, column) in schema.columns.iter().enumerate() {
            problems.extend(column.problems().into_iter().map(|it| format!("columns[{idx}]: {it}")));
            let mut name = |it: &str| {
                if let Some(other) = positions.insert(it.to_owned(), idx).filter(|it| *it != idx) {
                    problems.push(format!("columns[{idx}]: the name {it:?} is that of columns[{other}], too"));
                }
            };
            name(&column.name);
            column.aliases.iter().for_each(|it| name(it));
        }
        // Spellings are for convenience: where two fields could be meant, only exact names are taken.
        let mut spellings: HashMap<String, Option<usize>> = HashMap::new();
        for (name, idx) in &positions {
            let entry = spellings.entry(spelling(name)).or_insert(Some(*idx));
            *entry = entry.filter(|it| it == idx);
        }
        for (spelled, idx) in spellings.into_iter().filter_map(|(spelled, idx)| Some((spelled, idx?))) {
            positions.entry(spelled).or_insert(idx);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let number = |column: &Column| column.categories.iter().cloned().zip(0..).collect();
        let names = schema.columns.iter().map(|it| Arc::from(it.name.as_str())).collect();
        Ok(Self { categories: schema.columns.iter().map(number).collect(), names, positions, schema })
    }

    /// The position of a field by any of its names.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).or_else(|| self.positions.get(&spelling(name))).copied()
    }

    /// The number of a category; none if it was not in training.
    pub fn category(&self, column: usize, text: &str) -> Option<u32> {
        self.categories.get(column)?.get(text).copied()
    }

    /// Checks named values.
    ///
    /// # Errors
    /// Every field at fault.
    pub fn row(&self, object: &Map<String, Value>) -> Result<Row, Vec<FieldProblem>> {
        let mut values: Vec<Option<&Value>> = vec![None; self.schema.columns.len()];
        let mut problems = vec![];
        for (name, value) in object {
            match self.position(name).and_then(|it| values.get_mut(it)) {
                Some(Some(_)) => problems.push(at(name, "is given twice, under two names".to_owned())),
                Some(place) => *place = Some(value),
                None if self.schema.unknown_fields == UnknownFields::Refuse => {
                    problems.push(at(name, self.unknown(name)));
                }
                None => {}
            }
        }
        self.check(&values, problems)
    }

    /// Checks values in the order of the schema.
    ///
    /// # Errors
    /// Every field at fault.
    pub fn ordered(&self, values: &[Value]) -> Result<Row, Vec<FieldProblem>> {
        let (n, n_given) = (self.schema.columns.len(), values.len());
        if n_given != n {
            return Err(vec![at("", format!("the row has {n_given} values where the model takes {n}"))]);
        }
        self.check(&values.iter().map(Some).collect::<Vec<_>>(), vec![])
    }

    fn check(&self, values: &[Option<&Value>], mut problems: Vec<FieldProblem>) -> Result<Row, Vec<FieldProblem>> {
        let n = values.len();
        let mut row =
            Row { given: Vec::with_capacity(n), filled: Vec::with_capacity(n), defaulted: vec![], warnings: vec![] };
        for (idx, (column, value)) in self.schema.columns.iter().zip(values).enumerate() {
            let read = match value.unwrap_or(&Value::Null) {
                Value::Null if column.required => Err("is missing and has no default".to_owned()),
                Value::Null => Ok(FeatureValue::Missing),
                value => self.value(idx, column, value),
            };
            let given = read.unwrap_or_else(|problem| {
                problems.push(at(&column.name, problem));
                FeatureValue::Missing
            });
            row.warnings.extend(self.warning(idx, column, &given).map(|it| at(&column.name, it)));
            match (&given, &column.default) {
                (FeatureValue::Missing, Some(default)) => {
                    row.defaulted.push(idx);
                    row.filled.push(default.clone());
                }
                _ => row.filled.push(given.clone()),
            }
            row.given.push(given);
        }
        if problems.is_empty() { Ok(row) } else { Err(problems) }
    }

    fn value(&self, idx: usize, column: &Column, value: &Value) -> Result<FeatureValue, String> {
        match (column.kind, value) {
            (ColumnKind::Number | ColumnKind::Integer, Value::Number(number)) => {
                let number = number.as_f64().filter(|it| it.is_finite()).ok_or("is not a finite number")?;
                if column.kind == ColumnKind::Integer && number.fract() != 0.0 {
                    return Err(format!("must be a whole number, not {number}"));
                }
                column.limit(number)?;
                Ok(FeatureValue::Number(number))
            }
            (ColumnKind::Number | ColumnKind::Integer, Value::Bool(it)) => Ok(f64::from(u8::from(*it)).into()),
            (ColumnKind::Text, Value::String(text)) => self.text(idx, column, text),
            // Codes such as post codes are text to the model, though senders may write them as numbers, 40.0 for 40 too.
            (ColumnKind::Text, Value::Number(it)) => {
                let plain = it.as_f64().map_or_else(String::new, |it| it.to_string());
                self.spelled(idx, column, &[&it.to_string(), &plain])
            }
            // Training may have seen what pandas or a spreadsheet writes.
            (ColumnKind::Text, Value::Bool(true)) => self.spelled(idx, column, &["true", "True", "TRUE"]),
            (ColumnKind::Text, Value::Bool(false)) => self.spelled(idx, column, &["false", "False", "FALSE"]),
            (ColumnKind::Flag, Value::Bool(it)) => Ok(FeatureValue::Flag(*it)),
            (ColumnKind::Flag, Value::Number(it)) if it.as_f64() == Some(0.0) => Ok(FeatureValue::Flag(false)),
            (ColumnKind::Flag, Value::Number(it)) if it.as_f64() == Some(1.0) => Ok(FeatureValue::Flag(true)),
            (kind, value) => Err(format!("must be {}, not {}", kind.words(), words(value))),
        }
    }

    /// What may be written in several ways: as training has seen it, else in the first way.
    fn spelled(&self, idx: usize, column: &Column, ways: &[&str]) -> Result<FeatureValue, String> {
        let seen = ways.iter().find(|it| self.category(idx, it).is_some());
        self.text(idx, column, seen.or(ways.first()).copied().unwrap_or_default())
    }

    fn text(&self, idx: usize, column: &Column, text: &str) -> Result<FeatureValue, String> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(format!("has {} bytes of at most {MAX_TEXT_BYTES}", text.len()));
        }
        // A known category shares its memory with all rows that have it.
        let known = self.categories.get(idx).and_then(|it| it.get_key_value(text)).map(|it| Arc::clone(it.0));
        if known.is_none() && column.closed {
            return Err(format!("is {text:?}, which is none of {}", listed(&column.categories)));
        }
        Ok(FeatureValue::Text(known.unwrap_or_else(|| text.into())))
    }

    fn warning(&self, idx: usize, column: &Column, given: &FeatureValue) -> Option<String> {
        match (given, column.seen) {
            (FeatureValue::Number(it), Some([low, high])) if *it < low || *it > high => {
                Some(format!("{it} lies outside of {low} to {high}, which training has seen"))
            }
            (FeatureValue::Text(it), _) if !column.categories.is_empty() && self.category(idx, it).is_none() => {
                Some(format!("training has not seen {it:?}"))
            }
            _ => None,
        }
    }

    fn unknown(&self, name: &str) -> String {
        let near = self.names.iter().map(|it| (distance(&spelling(name), &spelling(it)), it)).min();
        match near {
            Some((distance, it)) if distance * 3 <= name.chars().count() => {
                format!("is not a field of the model; did you mean {it:?}?")
            }
            _ => "is not a field of the model".to_owned(),
        }
    }
}

fn at(field: &str, problem: String) -> FieldProblem {
    FieldProblem { row: None, field: field.chars().take(100).collect(), problem }
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => it.to_string(),
        Value::String(it) => format!("the text {:?}", it.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn listed(categories: &[Arc<str>]) -> String {
    let shown: Vec<&str> = categories.iter().take(20).map(AsRef::as_ref).collect();
    let rest = categories.len().saturating_sub(20);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}
