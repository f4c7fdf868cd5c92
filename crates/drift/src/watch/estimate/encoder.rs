//! How do inputs become numbers for a model that learns errors from them?

use std::collections::HashMap;
use std::sync::Arc;

use learn::outlier::matrix::Matrix;
use signal::FeatureValue;

use super::EstimateRow;

/// Inputs as numbers: words are numbered in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoder {
    names: Vec<Arc<str>>,
    words: HashMap<(usize, String), f64>,
}

impl Encoder {
    /// Knows the inputs and words of these rows.
    pub fn new<'a>(rows: impl Iterator<Item = &'a EstimateRow>) -> Self {
        let mut found = Self::default();
        for row in rows {
            for (name, value) in &row.features {
                let known = found.names.iter().position(|it| it == name);
                let idx = known.unwrap_or_else(|| {
                    found.names.push(Arc::clone(name));
                    found.names.len() - 1
                });
                if let FeatureValue::Text(text) = value {
                    let next = found.words.len() as f64;
                    found.words.entry((idx, text.to_string())).or_insert(next);
                }
            }
        }
        found
    }

    /// The inputs and, as the last column, the answer; NaN is missing.
    pub fn matrix<'a>(&self, rows: impl Iterator<Item = &'a EstimateRow>) -> Matrix {
        let mut matrix = Matrix::new(self.names.len() + 1);
        for row in rows {
            let number = |(idx, name): (usize, &Arc<str>)| {
                let value = row.features.iter().find(|it| it.0 == *name).map(|it| &it.1);
                match value {
                    Some(FeatureValue::Text(text)) => self.words.get(&(idx, text.to_string())).copied(),
                    Some(value) => value.as_number(),
                    None => None,
                }
            };
            let inputs = self.names.iter().enumerate().map(|it| number(it).unwrap_or(f64::NAN));
            let answer = row.prediction.as_number().unwrap_or(f64::NAN);
            matrix.push(&inputs.chain([answer]).collect::<Vec<f64>>());
        }
        matrix
    }
}
