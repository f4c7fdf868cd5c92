//! What is a model to those who serve it? Something that answers checked rows; how it does so is its own concern.

use std::sync::Arc;

use learn::trees::ensemble::{Ensemble, Said, Task};
use signal::FeatureValue;

use crate::error::PredictError;
use crate::schema::{ColumnKind, Fields};

/// Checked rows with defaults filled in.
pub struct Rows<'a> {
    /// What the columns are.
    pub fields: &'a Fields,
    /// One list per row, in the order of the schema.
    pub values: Vec<&'a [FeatureValue]>,
}

/// The answer for one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// A number; of classes the number of the class, or its name if the model knows names only.
    pub prediction: FeatureValue,
    /// Name of the class, if classes have names.
    pub label: Option<Arc<str>>,
    /// Probability of class 1 of two, or of the predicted class of more.
    pub probability: Option<f64>,
    /// Probability of each class, of more than two.
    pub probabilities: Vec<f64>,
}

/// Answers for the rows, in their order.
pub type Predictions = Vec<Answer>;

/// A model that can be served.
pub trait Model: Send + Sync {
    /// Answers; as many as rows.
    ///
    /// # Errors
    /// If the model cannot answer these rows.
    fn predict(&self, rows: &Rows<'_>) -> Result<Predictions, PredictError>;

    /// What it is, in the words of the Open Inference Protocol (`platform`).
    fn platform(&self) -> &str;
}

/// An ensemble of trees behind a schema.
pub struct TreeModel {
    ensemble: Ensemble,
    platform: &'static str,
}

impl TreeModel {
    /// Joins an ensemble with the schema of its rows.
    ///
    /// # Errors
    /// If the schema has other columns than the ensemble, or text without categories.
    pub fn new(ensemble: Ensemble, platform: &'static str, fields: &Fields) -> Result<Self, String> {
        let (n_model, n_schema) = (ensemble.n_features as usize, fields.schema.columns.len());
        if n_model != n_schema {
            return Err(format!("the model takes {n_model} features, but its schema has {n_schema} columns"));
        }
        let is_unclear = |it: &&crate::schema::Column| it.kind == ColumnKind::Text && it.categories.is_empty();
        if let Some(column) = fields.schema.columns.iter().find(is_unclear) {
            return Err(format!("column {:?} is text and needs `categories`, in the model's order", column.name));
        }
        let (n_classes, n_named) = (ensemble.base.len(), fields.schema.target.classes.len());
        let n_wanted = if ensemble.task == Task::Binary { 2 } else { n_classes };
        if n_named != 0 && (ensemble.task == Task::Regression || n_named != n_wanted) {
            return Err(format!("target.classes: {n_named} names do not fit the model's task {:?}", ensemble.task));
        }
        Ok(Self { ensemble, platform })
    }

    fn encode(fields: &Fields, values: &[FeatureValue], row: &mut Vec<f64>) {
        row.clear();
        for (idx, value) in values.iter().enumerate() {
            row.push(match value {
                FeatureValue::Text(text) => {
                    // What training has not seen is a category of its own, beyond all others.
                    let n = fields.schema.columns.get(idx).map_or(0, |it| it.categories.len());
                    fields.category(idx, text).map_or(n as f64, f64::from)
                }
                other => other.as_number().unwrap_or(f64::NAN),
            });
        }
    }
}

impl Model for TreeModel {
    fn predict(&self, rows: &Rows<'_>) -> Result<Predictions, PredictError> {
        let mut row = Vec::with_capacity(self.ensemble.n_features as usize);
        let mut answer = |values: &&[FeatureValue]| {
            Self::encode(rows.fields, values, &mut row);
            answer(self.ensemble.predict(&row), &rows.fields.schema.target.classes)
        };
        Ok(rows.values.iter().map(&mut answer).collect())
    }

    fn platform(&self) -> &str {
        self.platform
    }
}

/// An answer in the words of the API.
fn answer(said: Said, classes: &[Arc<str>]) -> Answer {
    let number = said.answer();
    let label = classes.get(number as usize).cloned();
    match said {
        Said::Number(_) => Answer { prediction: number.into(), ..Answer::default() },
        Said::OfTwo(it) => Answer { prediction: number.into(), label, probability: Some(it), probabilities: vec![] },
        Said::OfMany(all) => Answer {
            prediction: number.into(),
            label,
            probability: all.get(number as usize).copied(),
            probabilities: all,
        },
    }
}
