//! Which probability does a score stand for? The best non-decreasing step function through the labels.
//!
//! Pool adjacent violators (Barlow et al.: Statistical inference under order restrictions, 1972); between two scores of
//! the training the value is interpolated, beyond them it stays (scikit-learn's `IsotonicRegression`).

use serde::{Deserialize, Serialize};

/// A calibration of scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    scores: Vec<f64>,
    probabilities: Vec<f64>,
}

/// Scores that stand for one value.
struct Block {
    first: f64,
    last: f64,
    sum: f64,
    weight: f64,
}

impl Isotonic {
    /// Learns from pairs of a score and a label; pairs whose score is NaN are left out.
    pub fn fit(pairs: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut pairs: Vec<(f64, bool)> = pairs.into_iter().filter(|it| !it.0.is_nan()).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
            let Some((score, _)) = same.first() else { continue };
            let sum = same.iter().filter(|it| it.1).count() as f64;
            let mut block = Block { first: *score, last: *score, sum, weight: same.len() as f64 };
            // Not `<`: blocks of one value become one.
            while blocks.last().is_some_and(|it| it.sum * block.weight >= block.sum * it.weight) {
                let Some(before) = blocks.pop() else { break };
                block = Block {
                    first: before.first,
                    last: block.last,
                    sum: before.sum + block.sum,
                    weight: before.weight + block.weight,
                };
            }
            blocks.push(block);
        }
        let (mut scores, mut probabilities) = (Vec::new(), Vec::new());
        for block in blocks {
            let value = block.sum / block.weight;
            scores.push(block.first);
            probabilities.push(value);
            if block.last > block.first {
                scores.push(block.last);
                probabilities.push(value);
            }
        }
        Self { scores, probabilities }
    }

    /// The probability of a score; the score itself if nothing was learned.
    pub fn probability(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|it| *it < score);
        let at = |idx: usize| self.scores.get(idx).zip(self.probabilities.get(idx));
        match (above.checked_sub(1).and_then(at), at(above)) {
            (None, None) => score,
            (Some((_, value)), None) | (None, Some((_, value))) => *value,
            (Some((low, from)), Some((high, to))) => from + (to - from) * (score - low) / (high - low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: the values of sklearn.isotonic.IsotonicRegression(out_of_bounds="clip").
    #[test]
    fn values_are_those_of_scikit_learn() {
        let labels = [(0.1, false), (0.2, true), (0.3, false), (0.3, true), (0.6, true), (0.9, true), (0.8, false)];
        let isotonic = Isotonic::fit(labels);
        let expected = [(0.00, 0.0), (0.10, 0.0), (0.15, 0.2999999999999999), (0.25, 0.6), (0.70, 0.6), (2.00, 1.0)];
        for (score, probability) in expected {
            assert!(
                (isotonic.probability(score) - probability).abs() < 1e-12,
                "{score} {}",
                isotonic.probability(score)
            );
        }
        assert_eq!(Isotonic::fit([]).probability(0.3), 0.3);
    }
}
