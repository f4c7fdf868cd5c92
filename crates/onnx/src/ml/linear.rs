//! What do linear models answer? Operators `LinearClassifier` and `LinearRegressor`.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::ensure;

use super::attributes::{Classes, floats};
use super::kernel::{Form, Kernel, operator};
use super::post_transform::{PostTransform, winner};
use super::rows::{Rows, n_rows, only, table, table_of};

/// Weights of each target, and what is added.
#[derive(Debug)]
struct Linear {
    weights: Vec<f32>,
    intercepts: Vec<f32>,
    n_targets: usize,
}

impl Linear {
    fn new(node: &NodeProto, n_targets: usize) -> TractResult<Self> {
        let (weights, intercepts) = (floats(node, "coefficients")?, floats(node, "intercepts")?);
        ensure!(
            n_targets > 0 && !weights.is_empty() && weights.len().is_multiple_of(n_targets),
            "{} coefficients do not make {n_targets} targets",
            weights.len()
        );
        ensure!(intercepts.is_empty() || intercepts.len() == n_targets, "not one intercept per target");
        Ok(Self { weights, intercepts, n_targets })
    }

    fn rows(&self, inputs: &[&Tensor]) -> TractResult<Rows> {
        let rows = Rows::new(only(inputs)?)?;
        let wanted = self.weights.len() / self.n_targets;
        ensure!(rows.width == wanted, "rows have {} values, the model wants {wanted}", rows.width);
        Ok(rows)
    }

    fn scores(&self, row: &[f64]) -> Vec<f64> {
        let of_target = |(target, weights): (usize, &[f32])| {
            let sum: f64 = weights.iter().zip(row).map(|(weight, x)| f64::from(*weight) * x).sum();
            sum + f64::from(self.intercepts.get(target).copied().unwrap_or_default())
        };
        self.weights.chunks_exact(row.len().max(1)).enumerate().map(of_target).collect()
    }
}

#[derive(Debug)]
struct Regressor {
    linear: Linear,
    post: PostTransform,
}

/// Of a node.
pub fn regressor(node: &NodeProto) -> super::Built {
    let n_targets = node.get_attr_opt::<usize>("targets")?.unwrap_or(1);
    operator("LinearRegressor", Regressor { linear: Linear::new(node, n_targets)?, post: PostTransform::new(node)? })
}

impl Kernel for Regressor {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        Ok(vec![(DatumType::F32, table(n_rows(only(inputs)?), self.linear.n_targets))])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let rows = self.linear.rows(inputs)?;
        let scores = rows.iter().flat_map(|row| {
            let mut scores = self.linear.scores(row);
            self.post.apply(&mut scores);
            scores
        });
        Ok(vec![table_of(self.linear.n_targets, scores)?])
    }
}

#[derive(Debug)]
struct Classifier {
    linear: Linear,
    classes: Classes,
    post: PostTransform,
}

/// Of a node. With two classes there may be the weights of the second one only.
pub fn classifier(node: &NodeProto) -> super::Built {
    let classes = Classes::new(node, "classlabels_ints")?;
    let n_intercepts = floats(node, "intercepts")?.len();
    let n_targets = if classes.len() == 2 && n_intercepts == 1 { 1 } else { classes.len() };
    let linear = Linear::new(node, n_targets)?;
    operator("LinearClassifier", Classifier { linear, classes, post: PostTransform::new(node)? })
}

impl Classifier {
    fn scores(&self, row: &[f64]) -> (Vec<f64>, usize) {
        let mut scores = self.linear.scores(row);
        if let [score] = scores.as_slice() {
            scores = vec![-score, *score];
        }
        let wins = winner(&scores);
        self.post.apply(&mut scores);
        (scores, wins)
    }
}

impl Kernel for Classifier {
    fn n_outputs(&self) -> usize {
        2
    }

    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        let n = n_rows(only(inputs)?);
        let labels = (self.classes.datum(), [n.clone()].into_iter().collect());
        Ok(vec![labels, (DatumType::F32, table(n, self.classes.len()))])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let rows = self.linear.rows(inputs)?;
        let (all, winners): (Vec<Vec<f64>>, Vec<usize>) = rows.iter().map(|row| self.scores(row)).unzip();
        let scores = table_of(self.classes.len(), all.into_iter().flatten())?;
        Ok(vec![self.classes.labels(&winners)?, scores])
    }
}
