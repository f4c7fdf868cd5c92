//! What is usual in a stream, and how unusual is a value? The reference as a map from values to normal scores.

use serde::{Deserialize, Serialize};

use crate::drift::pair::Pair;
use crate::probability::normal_quantile;

/// Places at which the reference is remembered.
const MAX_KNOTS: usize = 512;
/// Beyond the reference's extremes a score grows by at most this.
const MAX_BEYOND: f64 = 0.5;

/// What is usual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Usual {
    /// Values in ascending order with their normal scores, and the scale beyond them.
    Numbers { values: Vec<f64>, scores: Vec<f64>, scale: f64 },
    /// How often 1 is seen.
    Share(f64),
}

impl Usual {
    /// Knots of values and normal scores: each value if there are few, otherwise quantiles that are dense in the tails.
    pub(super) fn of(pair: &Pair<'_>, scale: f64) -> Option<Self> {
        let n = pair.n;
        let (mut values, mut scores) = (Vec::new(), Vec::new());
        let (mut below, mut last) = (0.0, f64::NEG_INFINITY);
        // A knot for each value if they are few, otherwise wherever the score has moved by a step.
        let step = if pair.reference.has_more_than(MAX_KNOTS) { 8.0 / MAX_KNOTS as f64 } else { 0.0 };
        let mut pending = None;
        for (value, count) in pair.reference.filter(|it| it.1 > 0) {
            let score = normal_quantile((below + count as f64 / 2.0) / n);
            below += count as f64;
            if score >= last + step {
                values.push(value);
                scores.push(score);
                last = score;
                pending = None;
            } else {
                pending = Some((value, score));
            }
        }
        if let Some((value, score)) = pending {
            values.push(value);
            scores.push(score);
        }
        (values.len() > 1 && scale > 0.0).then_some(Self::Numbers { values, scores, scale })
    }

    /// The normal score of a value; of shares the value itself.
    pub(super) fn score(&self, value: f64) -> f64 {
        let Self::Numbers { values, scores, scale } = self else { return value };
        let above = values.partition_point(|it| *it < value);
        let at = |idx: usize| values.get(idx).zip(scores.get(idx));
        match (above.checked_sub(1).and_then(at), at(above)) {
            (Some((low, from)), Some((high, to))) => from + (to - from) * (value - low) / (high - low),
            (Some((last, score)), None) => score + ((value - last) / scale).min(MAX_BEYOND),
            (None, Some((first, score))) => score - ((first - value) / scale).min(MAX_BEYOND),
            (None, None) => 0.0,
        }
    }
}
