//! Which numbers may a rule name? A closed list, so that a typing error is told when the configuration is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Every measure with what it is.
pub const MEASURES: [(&str, &str); 44] = [
    ("data_drift_score", "share of the compared features that drifted, 0 to 1"),
    ("drifted_columns", "features that drifted"),
    ("drifted_segments", "groups of `segments` in which a feature drifted"),
    ("dataset_drift", "1 if the share of drifted features reaches compare.drift_share (Evidently's rule)"),
    ("prediction_drift", "1 if the answers drifted"),
    ("concept_drift", "1 if answers are wrong more often than they were"),
    ("schema_drift", "columns that are missing, empty or of another type"),
    ("missing_share", "share of all values that are missing, 0 to 1"),
    ("predictions", "predictions that were compared"),
    ("labels", "labels that have come for them"),
    ("estimated_accuracy", "accuracy that is expected before labels come"),
    ("estimated_precision", "precision that is expected before labels come"),
    ("estimated_recall", "recall that is expected before labels come"),
    ("estimated_specificity", "specificity that is expected before labels come"),
    ("estimated_f1", "f1 that is expected before labels come"),
    ("estimated_roc_auc", "roc_auc that is expected before labels come"),
    ("estimated_average_precision", "average_precision that is expected before labels come"),
    ("estimated_mae", "mae that is expected before labels come"),
    ("estimated_rmse", "rmse that is expected before labels come"),
    ("estimated_accuracy_drop", "by how much that is below the accuracy of the reference"),
    ("estimated_precision_drop", "by how much that is below the precision of the reference"),
    ("estimated_recall_drop", "by how much that is below the recall of the reference"),
    ("estimated_specificity_drop", "by how much that is below the specificity of the reference"),
    ("estimated_f1_drop", "by how much that is below the f1 of the reference"),
    ("estimated_roc_auc_drop", "by how much that is below the roc_auc of the reference"),
    ("estimated_average_precision_drop", "by how much that is below the average_precision of the reference"),
    ("estimated_mae_rise", "by which share that is above the mae of the reference"),
    ("estimated_rmse_rise", "by which share that is above the rmse of the reference"),
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

/// The measure that an estimate is of: `accuracy` of `estimated_accuracy_drop`.
pub fn is_estimate_of(name: &str) -> Option<&str> {
    let name = name.strip_prefix("estimated_")?;
    Some(name.strip_suffix("_drop").or_else(|| name.strip_suffix("_rise")).unwrap_or(name))
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
        assert!(!is_of_performance("estimated_accuracy") && is_estimate_of("accuracy").is_none());
        assert_eq!(is_estimate_of("estimated_roc_auc_drop"), Some("roc_auc"));
        assert!(is_of_performance("accuracy") && is_of_performance("bias") && !is_of_performance("labels"));
    }
}
