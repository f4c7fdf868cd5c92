//! How good has a classifier of many classes been, before any label came? By how sure it was of each class.
//!
//! Each class is one against all others: its probabilities are calibrated if that helps, those of a row are made to add up
//! to 1, and the measures of a class follow as for two classes; the mean over classes counts each class the same.
//! Source: NannyML's CBPE of many classes.

use serde::{Deserialize, Serialize};

use super::confidence::{Confidence, Estimate};

/// A row: the probability of each class, in the same order in all rows.
pub type Probabilities<'a> = &'a [f64];

/// What was learned from rows with labels: for each class how its probability is to be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassesConfidence {
    classes: Vec<Confidence>,
}

/// Estimated measures of a classifier of many classes on some rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassesEstimate {
    /// Share of right predictions.
    pub accuracy: f64,
    /// The mean over classes; its accuracy is that of one class against all others, its confusion the sums.
    pub mean: Estimate,
    /// Each class against all others.
    pub classes: Vec<Estimate>,
    /// Expected rows by actual class, then by predicted class.
    pub confusion: Vec<Vec<f64>>,
}

impl ClassesEstimate {
    /// All measures by their names; all but the accuracy are means over classes.
    pub fn measures(&self) -> [(&'static str, f64); 7] {
        self.mean.measures().map(|(name, value)| (name, if name == "accuracy" { self.accuracy } else { value }))
    }
}

impl ClassesConfidence {
    /// Learns from probabilities and the number of the class that came true; rows with a NaN are left out.
    pub fn fit(n_classes: usize, rows: &[(Probabilities<'_>, usize)]) -> Self {
        let of_class = |class: usize| -> Vec<(f64, bool)> {
            rows.iter().filter_map(|(all, actual)| Some((*all.get(class)?, *actual == class))).collect()
        };
        Self { classes: (0..n_classes).map(|it| Confidence::fit(&of_class(it))).collect() }
    }

    /// Calibrated probabilities that add up to 1; none if one of them is NaN or the row has another number of classes.
    pub fn probabilities(&self, row: Probabilities<'_>) -> Option<Vec<f64>> {
        if row.len() != self.classes.len() || row.iter().any(|it| it.is_nan()) {
            return None;
        }
        let calibrated: Vec<f64> = self.classes.iter().zip(row).map(|(class, it)| class.probability(*it)).collect();
        let total: f64 = calibrated.iter().sum();
        let n = calibrated.len() as f64;
        Some(calibrated.into_iter().map(|it| if total > 0.0 { it / total } else { 1.0 / n }).collect())
    }

    /// The measures on rows of probabilities and the number of the predicted class; `None` if there are none.
    pub fn estimate(&self, rows: &[(Probabilities<'_>, usize)]) -> Option<ClassesEstimate> {
        let n = self.classes.len();
        let known: Vec<(Vec<f64>, Probabilities<'_>, usize)> =
            rows.iter().filter_map(|(row, said)| Some((self.probabilities(row)?, *row, *said))).collect();
        let right: f64 = known.iter().filter_map(|(row, _, said)| row.get(*said)).sum();
        let mut confusion = vec![vec![0.0; n]; n];
        for (row, _, said) in &known {
            for (of_class, probability) in confusion.iter_mut().zip(row) {
                of_class.get_mut(*said).into_iter().for_each(|it| *it += probability);
            }
        }
        let of_class = |class: usize| {
            let row = |(row, given, said): &(Vec<f64>, Probabilities<'_>, usize)| {
                Some((*given.get(class)?, *row.get(class)?, *said == class))
            };
            Estimate::of(known.iter().filter_map(row).collect())
        };
        let classes: Vec<Estimate> = (0..n).map(of_class).collect::<Option<_>>()?;
        let accuracy = right / known.len() as f64;
        Some(ClassesEstimate { accuracy, mean: Estimate::mean(&classes)?, classes, confusion })
    }
}
