//! What becomes of the scores of classes?

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::TractResult;
use tract_onnx::tract_hir::internal::bail;

use super::attributes::word;

/// The attribute `post_transform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostTransform {
    /// They stay.
    None,
    /// Each becomes a probability.
    Logistic,
    /// They become probabilities together.
    Softmax,
    /// As before, and what is 0 stays 0.
    SoftmaxZero,
}

impl PostTransform {
    /// Of a node.
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        match word(node, "post_transform", "NONE")?.as_str() {
            "NONE" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            other => bail!("post_transform {other} is not supported"),
        }
    }

    /// Changes the scores of one row.
    pub fn apply(self, scores: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|it| *it = logistic(*it)),
            Self::Softmax => softmax(scores, |_| true),
            Self::SoftmaxZero => softmax(scores, |it| it != 0.0),
        }
    }
}

/// The logistic function, without overflow.
pub fn logistic(x: f64) -> f64 {
    let smaller = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - smaller } else { smaller }
}

fn softmax(scores: &mut [f64], counts: impl Fn(f64) -> bool) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if counts(*score) {
            *score = (*score - most).exp();
            sum += *score;
        }
    }
    if sum > 0.0 {
        scores.iter_mut().for_each(|it| *it /= sum);
    }
}

/// The first of the largest scores.
pub fn winner(scores: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, score) in scores.iter().enumerate() {
        if *score > best.1 {
            best = (index, *score);
        }
    }
    best.0
}
