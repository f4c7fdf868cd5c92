//! What is read from a model file of another program? An ensemble, and what the file says of its features.

use std::sync::Arc;

use super::ensemble::Ensemble;

/// A model of another program.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// The trees.
    pub ensemble: Ensemble,
    /// Names of the features in their order; empty if the file has none.
    pub names: Vec<String>,
    /// Names of the categories of each column of text, in the order of the columns, as a data frame had them; the code of
    /// a category is its place.
    pub categories: Vec<Vec<Arc<str>>>,
}

/// Why a model file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// It is damaged, or no such file. The text says where.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// It uses something that is not known here. The text names it.
    #[error("it uses {0}, which is not known here; export it to ONNX")]
    Unknown(String),
}

impl Foreign {
    /// The model, if all ways through its trees lead to leaves.
    pub(super) fn checked(
        ensemble: Ensemble,
        names: Vec<String>,
        categories: Vec<Vec<Arc<str>>>,
    ) -> Result<Self, ForeignError> {
        if let Some(problem) = ensemble.problem() {
            return Err(ForeignError::Malformed(problem));
        }
        let names = if names.len() == ensemble.n_features as usize { names } else { vec![] };
        Ok(Self { ensemble, names, categories })
    }
}
