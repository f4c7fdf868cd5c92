//! How good has a classifier been, before any label came? By how sure it was: confidence-based estimation.
//!
//! A calibrated probability p means that of such rows a share p is of class 1. So a row predicted as 1 is a true
//! positive with probability p and a false one with 1 - p, and every measure follows from these sums.
//! It holds as long as only the rows change and not what they mean (covariate shift without concept drift).
//! Source: NannyML's CBPE; scores are calibrated only if that lowers the expected calibration error on held-out rows.

use serde::{Deserialize, Serialize};

use super::isotonic::Isotonic;
use crate::random::Random;

const N_SPLITS: u64 = 10;
const N_BINS: usize = 10;
/// Of the rows of a split, one in so many is held out.
const HELD_OUT: usize = 10;
/// A score that separates this well is left as it is.
const MAX_AREA: f64 = 0.999;
const SEED: u64 = 42;

/// Scores of class 1 with their labels.
type Rows = Vec<(f64, bool)>;

/// What was learned from rows with labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    calibration: Option<Isotonic>,
}

/// Estimated measures of a binary classifier on some rows; NaN where a measure is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Area under the curve of true over false positives.
    pub roc_auc: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Share of class 1 among rows predicted as 1.
    pub precision: f64,
    /// Share of rows of class 1 that are predicted as 1.
    pub recall: f64,
    /// Share of rows of class 0 that are predicted as 0.
    pub specificity: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Area under the curve of precision over recall, by steps.
    pub average_precision: f64,
    /// Expected counts: true positives, false positives, false negatives, true negatives.
    pub confusion: [f64; 4],
}

impl Estimate {
    /// All measures by their names.
    pub fn measures(&self) -> [(&'static str, f64); 7] {
        [
            ("roc_auc", self.roc_auc),
            ("f1", self.f1),
            ("precision", self.precision),
            ("recall", self.recall),
            ("specificity", self.specificity),
            ("accuracy", self.accuracy),
            ("average_precision", self.average_precision),
        ]
    }
}

impl Confidence {
    /// Learns from scores of class 1 and labels; rows whose score is NaN are left out.
    ///
    /// The same rows give the same result: the splits have a fixed seed.
    pub fn fit(rows: &[(f64, bool)]) -> Self {
        let rows: Vec<(f64, bool)> = rows.iter().copied().filter(|it| !it.0.is_nan()).collect();
        let calibration = needs_calibration(&rows).then(|| Isotonic::fit(rows.iter().copied()));
        Self { calibration }
    }

    /// Are scores calibrated, or good as they are?
    pub fn is_calibrated(&self) -> bool {
        self.calibration.is_some()
    }

    /// The probability of class 1 that a score stands for.
    pub fn probability(&self, score: f64) -> f64 {
        self.calibration.as_ref().map_or(score, |it| it.probability(score))
    }

    /// The measures on rows of a score of class 1 and whether class 1 was predicted; `None` if there are none.
    pub fn estimate(&self, rows: &[(f64, bool)]) -> Option<Estimate> {
        let known = rows.iter().filter(|it| !it.0.is_nan());
        Estimate::of(known.map(|(score, is_predicted)| (*score, self.probability(*score), *is_predicted)).collect())
    }
}

impl Estimate {
    /// The measures of rows of score, calibrated probability, and whether the class was predicted.
    pub(super) fn of(mut rows: Vec<(f64, f64, bool)>) -> Option<Self> {
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        if rows.is_empty() {
            return None;
        }
        let sum = |of: fn(&(f64, f64, bool)) -> f64| rows.iter().map(of).sum::<f64>();
        let true_positives = sum(|it| if it.2 { it.1 } else { 0.0 });
        let false_positives = sum(|it| if it.2 { 1.0 - it.1 } else { 0.0 });
        let false_negatives = sum(|it| if it.2 { 0.0 } else { it.1 });
        let true_negatives = sum(|it| if it.2 { 0.0 } else { 1.0 - it.1 });
        let share = |part: f64, of: f64| if of == 0.0 { 0.0 } else { part / of };
        let probabilities: Vec<f64> = rows.iter().map(|it| it.1).collect();
        Some(Self {
            roc_auc: area(&probabilities),
            f1: share(true_positives, true_positives + 0.5 * (false_positives + false_negatives)),
            precision: share(true_positives, true_positives + false_positives),
            recall: share(true_positives, true_positives + false_negatives),
            specificity: share(true_negatives, true_negatives + false_positives),
            accuracy: (true_positives + true_negatives) / rows.len() as f64,
            average_precision: average_precision(&probabilities),
            confusion: [true_positives, false_positives, false_negatives, true_negatives],
        })
    }

    /// The mean of each measure, and the sums of the counts; `None` of nothing.
    pub(super) fn mean(all: &[Self]) -> Option<Self> {
        let n = all.len() as f64;
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / n;
        let count = |idx: usize| all.iter().filter_map(|it| it.confusion.get(idx)).sum();
        (!all.is_empty()).then(|| Self {
            roc_auc: mean(|it| it.roc_auc),
            f1: mean(|it| it.f1),
            precision: mean(|it| it.precision),
            recall: mean(|it| it.recall),
            specificity: mean(|it| it.specificity),
            accuracy: mean(|it| it.accuracy),
            average_precision: mean(|it| it.average_precision),
            confusion: std::array::from_fn(count),
        })
    }
}

/// What is usual of a measure, from its values on chunks of the reference: three standard deviations to each side.
///
/// The measure alerts outside; `None` if there are no values.
pub fn bounds(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n).sqrt();
    Some((mean - 3.0 * deviation, mean + 3.0 * deviation))
}

/// Area under the expected curve of rows in descending order of their scores.
fn area(probabilities: &[f64]) -> f64 {
    let positives: f64 = probabilities.iter().sum();
    let negatives = probabilities.len() as f64 - positives;
    let (mut found, mut sum) = (0.0, 0.0);
    for probability in probabilities {
        sum += (1.0 - probability) * (found + probability / 2.0);
        found += probability;
    }
    sum / (positives * negatives)
}

fn average_precision(probabilities: &[f64]) -> f64 {
    let positives: f64 = probabilities.iter().sum();
    let (mut found, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for probability in probabilities {
        found += probability;
        seen += 1.0;
        sum += probability * found / seen;
    }
    sum / positives
}

/// Does calibration lower the expected calibration error of rows that it did not see?
fn needs_calibration(rows: &[(f64, bool)]) -> bool {
    let (positive, negative): (Rows, Rows) = rows.iter().partition(|it| it.1);
    if positive.is_empty() || negative.is_empty() || observed_area(rows) > MAX_AREA {
        return false;
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for split in 0..N_SPLITS {
        let mut random = Random::for_part(SEED, split);
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for class in [&positive, &negative] {
            let mut order: Vec<(f64, bool)> = class.clone();
            random.shuffle(&mut order);
            let held_out = order.split_off(order.len() - order.len() / HELD_OUT);
            train.extend(order);
            test.extend(held_out);
        }
        let isotonic = Isotonic::fit(train);
        after.extend(test.iter().map(|it| (isotonic.probability(it.0), it.1)));
        before.extend(test);
    }
    calibration_error(before) > calibration_error(after)
}

/// Over ten bins of equally many rows: the mean distance of score and share of class 1.
fn calibration_error(mut rows: Vec<(f64, bool)>) -> f64 {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let width = (rows.len() / N_BINS).max(1);
    let of_bin = |bin: &[(f64, bool)]| {
        let scores: f64 = bin.iter().map(|it| it.0).sum();
        let labels = bin.iter().filter(|it| it.1).count() as f64;
        (scores - labels).abs()
    };
    rows.chunks(width).map(of_bin).sum::<f64>() / rows.len().max(1) as f64
}

/// The area under the curve of scores and labels, ties counting half.
fn observed_area(rows: &[(f64, bool)]) -> f64 {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut pairs) = (0.0, 0.0);
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        let positive = same.iter().filter(|it| it.1).count() as f64;
        let negative = same.len() as f64 - positive;
        pairs += positive * (below + negative / 2.0);
        below += negative;
    }
    let positives = rows.iter().filter(|it| it.1).count() as f64;
    pairs / (positives * below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose class follows `truth` of the score.
    fn rows(n: u64, truth: impl Fn(f64) -> f64) -> Vec<(f64, bool)> {
        let mut random = Random::new(5);
        (0..n)
            .map(|_| {
                let score = random.uniform();
                (score, random.uniform() < truth(score))
            })
            .collect()
    }

    #[test]
    fn scores_are_calibrated_only_if_that_helps() {
        assert!(Confidence::fit(&rows(5000, |it| it * it)).is_calibrated());
        assert!(!Confidence::fit(&rows(500, |_| 1.0)).is_calibrated());
        assert!(!Confidence::fit(&[]).is_calibrated());
    }

    #[test]
    fn estimates_are_near_the_truth_after_a_shift_of_rows() {
        let truth = |score: f64| score * score;
        let confidence = Confidence::fit(&rows(20_000, truth));
        // Later, high scores are more frequent.
        let later: Vec<(f64, bool)> = rows(40_000, truth).into_iter().filter(|it| it.0 > 0.3).collect();
        let predicted: Vec<(f64, bool)> = later.iter().map(|it| (it.0, it.0 > 0.7)).collect();
        let estimate = confidence.estimate(&predicted).unwrap();
        let right = later.iter().filter(|it| (it.0 > 0.7) == it.1).count() as f64 / later.len() as f64;
        assert!((estimate.accuracy - right).abs() < 0.01, "{} {right}", estimate.accuracy);
        assert!((estimate.roc_auc - observed_area(&later)).abs() < 0.01, "{}", estimate.roc_auc);
        assert!((estimate.confusion.iter().sum::<f64>() - later.len() as f64).abs() < 1e-6);
        assert_eq!(confidence.estimate(&[]), None);
        assert_eq!(bounds(&[1.0, 1.0]), Some((1.0, 1.0)));
    }
}
