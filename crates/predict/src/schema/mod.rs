//! Which fields does a model take? Names, types, defaults and limits, as they stand in the file `schema.json`.
//!
//! `fields` checks what came against them, field by field; `spelling` tells which names mean the same.

mod fields;
mod spelling;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use signal::FeatureValue;

pub use self::fields::{FieldProblem, Fields, Row};

/// The newest version of the file.
pub const VERSION: u32 = 1;

/// The file `schema.json` of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Version of this file: 1.
    pub version: u32,
    /// The fields, in the order in which the model takes them.
    pub columns: Vec<Column>,
    /// What is told.
    #[serde(default)]
    pub target: Target,
    /// What is done with fields that the model does not know: `refuse` or `ignore`. Default: refuse.
    #[serde(default)]
    pub unknown_fields: UnknownFields,
}

/// What is done with fields that the model does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// The request is answered with 422.
    #[default]
    Refuse,
    /// They are passed over.
    Ignore,
}

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name. `hours-per-week`, `hours_per_week` and `Hours per week` are the same.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// Other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Taken if nothing is given. Without it the model is told that the value is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<FeatureValue>,
    /// True if a request without it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Lowest and highest value in training; what lies outside is answered and named under `warnings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<[f64; 2]>,
    /// What is below is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// What is above is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Categories in training, in the order in which the model numbers them; others are answered and named under
    /// `warnings`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Arc<str>>,
    /// True if other categories are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// A number.
    #[default]
    Number,
    /// A whole number.
    Integer,
    /// One of some categories, or text.
    Text,
    /// True or false.
    Flag,
}

/// What a model tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the column that it was trained on.
    #[serde(default)]
    pub name: String,
    /// Names of the classes by number; none for numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Arc<str>>,
}

impl Column {
    fn limit(&self, number: f64) -> Result<(), String> {
        match (self.min, self.max) {
            (Some(min), _) if number < min => Err(format!("is {number}, which is below the least value {min}")),
            (_, Some(max)) if number > max => Err(format!("is {number}, which is above the highest value {max}")),
            _ => Ok(()),
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.name.is_empty() {
            problems.push("name: must not be empty".to_owned());
        }
        let is_number = matches!(self.kind, ColumnKind::Number | ColumnKind::Integer);
        if !is_number && (self.min.is_some() || self.max.is_some()) {
            problems.push("min, max: are for numbers only".to_owned());
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max) {
            problems.push("min: must not be above max".to_owned());
        }
        if self.closed && self.categories.is_empty() {
            problems.push("closed: needs categories".to_owned());
        }
        let fits = match (&self.default, self.kind) {
            (None | Some(FeatureValue::Missing), _) => true,
            (Some(FeatureValue::Number(it)), ColumnKind::Number | ColumnKind::Integer) => self.limit(*it).is_ok(),
            (Some(FeatureValue::Text(_)), ColumnKind::Text) | (Some(FeatureValue::Flag(_)), ColumnKind::Flag) => true,
            _ => false,
        };
        if !fits {
            problems.push(format!("default: must be {} within the limits", self.kind.words()));
        }
        problems
    }
}

impl ColumnKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Text => "text",
            Self::Flag => "true or false",
        }
    }
}
