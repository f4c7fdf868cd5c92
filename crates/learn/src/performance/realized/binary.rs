//! How often is a yes or no right? Counts of a two-by-two table, and what probabilities are worth.

use serde::{Deserialize, Serialize};

pub use crate::evaluate::ranking::{average_precision, roc_auc};

/// How often what was said and what came true met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Said yes, came true.
    pub true_positives: u64,
    /// Said yes, did not come true.
    pub false_positives: u64,
    /// Said no, did not come true.
    pub true_negatives: u64,
    /// Said no, came true.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts pairs of (predicted, actual).
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        pairs.into_iter().for_each(|(predicted, actual)| counts.add(predicted, actual));
        counts
    }

    /// Counts one more row.
    pub fn add(&mut self, predicted: bool, actual: bool) {
        let count = match (predicted, actual) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        };
        *count += 1;
    }

    /// All rows.
    pub const fn n(&self) -> u64 {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }

    /// Share of rows that were right, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        share(self.true_positives + self.true_negatives, self.n())
    }

    /// Share of the yes that came true.
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of what came true that was a yes.
    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Share of what did not come true that was a no.
    pub fn specificity(&self) -> f64 {
        share(self.true_negatives, self.true_negatives + self.false_positives)
    }

    /// Harmonic mean of precision and recall; NaN if nothing was or should have been a yes.
    pub fn f1(&self) -> f64 {
        share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }
}

/// Mean of the negative natural logarithm of the probability that was given to what came true, 0 (best) upward.
/// Probabilities of 0 and 1 are moved by the smallest step of a number, as scikit-learn does. NaN without rows.
pub fn log_loss(probabilities: &[f64], actual: &[bool]) -> f64 {
    mean(probabilities, actual, |probability, is_true| {
        let probability = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -(if is_true { probability } else { 1.0 - probability }).ln()
    })
}

/// Mean squared distance between the probability and what came true, 0 (best) to 1. NaN without rows.
///
/// Source: Brier: Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950).
pub fn brier(probabilities: &[f64], actual: &[bool]) -> f64 {
    mean(probabilities, actual, |probability, is_true| (probability - f64::from(u8::from(is_true))).powi(2))
}

fn mean(probabilities: &[f64], actual: &[bool], loss: impl Fn(f64, bool) -> f64) -> f64 {
    if probabilities.len() != actual.len() || probabilities.is_empty() {
        return f64::NAN;
    }
    let sum: f64 = probabilities.iter().zip(actual).map(|it| loss(*it.0, *it.1)).sum();
    sum / actual.len() as f64
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_not_zero() {
        let nothing = Confusion::default();
        assert!(nothing.accuracy().is_nan() && nothing.precision().is_nan() && nothing.f1().is_nan());
        let only_no = Confusion::of([(false, false), (false, false)]);
        assert!(only_no.precision().is_nan() && only_no.recall().is_nan());
        assert_eq!((only_no.accuracy(), only_no.specificity()), (1.0, 1.0));
        assert!(log_loss(&[], &[]).is_nan() && brier(&[0.5], &[]).is_nan());
    }

    #[test]
    fn a_wrong_certainty_costs_much_and_not_everything() {
        let loss = log_loss(&[0.0], &[true]);
        assert!(loss > 30.0 && loss.is_finite(), "{loss}");
        assert_eq!(brier(&[0.0], &[true]), 1.0);
    }
}
