//! Which numbers may a rule name? A closed list, so that a typing error is told when the configuration is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Every measure with what it is.
pub const MEASURES: [(&str, &str); 25] = [
    ("data_drift_score", "share of the compared features that drifted, 0 to 1"),
    ("drifted_columns", "features that drifted"),
    ("dataset_drift", "1 if the share of drifted features reaches compare.drift_share (Evidently's rule)"),
    ("prediction_drift", "1 if the answers drifted"),
    ("concept_drift", "1 if answers are wrong more often than they were"),
    ("schema_drift", "columns that are missing, empty or of another type"),
    ("missing_share", "share of all values that are missing, 0 to 1"),
    ("predictions", "predictions that were compared"),
    ("labels", "labels that have come for them"),
    ("accuracy", "share of answers that were right"),
    ("precision", "share of the yes that came true"),
    ("recall", "share of what came true that was a yes"),
    ("specificity", "share of what did not come true that was a no"),
    ("f1", "harmonic mean of precision and recall"),
    ("roc_auc", "chance that what came true had the higher probability"),
    ("average_precision", "precision over all recalls"),
    ("log_loss", "mean negative logarithm of the probability of what came true"),
    ("brier", "mean squared distance of probabilities"),
    ("calibration_error", "by how much probabilities miss on average"),
    ("mae", "mean absolute error"),
    ("rmse", "root of the mean squared error"),
    ("mape", "mean error as a share of the truth"),
    ("smape", "mean error as a share of both sizes"),
    ("r2", "share of variance explained"),
    ("bias", "mean error"),
];
/// Where the measures of answers begin.
const FIRST_OF_PERFORMANCE: &str = "accuracy";

/// The numbers of one comparison by name; what has no value is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measures(BTreeMap<String, f64>);

impl Measures {
    /// Sets one; a value that is not finite is left out.
    pub fn set(&mut self, name: &str, value: f64) {
        debug_assert!(MEASURES.iter().any(|it| it.0 == name), "{name} is in the list");
        if value.is_finite() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// True for a measure of how right answers are.
pub fn is_of_performance(name: &str) -> bool {
    MEASURES.iter().skip_while(|it| it.0 != FIRST_OF_PERFORMANCE).any(|it| it.0 == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_left_out() {
        let mut measures = Measures::default();
        measures.set("accuracy", 0.5);
        measures.set("f1", f64::NAN);
        assert_eq!((measures.get("accuracy"), measures.get("f1")), (Some(0.5), None));
        assert!(is_of_performance("accuracy") && is_of_performance("bias") && !is_of_performance("labels"));
    }
}
