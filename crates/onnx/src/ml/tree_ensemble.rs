//! What do forests and boosted trees answer? Operators `TreeEnsembleClassifier` and `TreeEnsembleRegressor`.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::{bail, ensure};

use super::attributes::{Classes, word};
use super::kernel::{Form, Kernel, operator};
use super::post_transform::{PostTransform, logistic, winner};
use super::rows::{Rows, n_rows, only, table, table_of};
use super::trees::{Trees, numbers};

/// How the trees of a regressor are put together.
#[derive(Clone, Copy, Debug)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

#[derive(Debug)]
struct Regressor {
    trees: Trees,
    n_targets: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
    post: PostTransform,
}

/// Of a node.
pub fn regressor(node: &NodeProto) -> super::Built {
    let n_targets = node.get_attr_opt::<usize>("n_targets")?.unwrap_or(1);
    let aggregate = match word(node, "aggregate_function", "SUM")?.as_str() {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => bail!("aggregate_function {other} is unknown"),
    };
    let trees = Trees::new(node, "target", n_targets)?;
    let base = numbers(node, "base_values")?;
    operator("TreeEnsembleRegressor", Regressor { trees, n_targets, base, aggregate, post: PostTransform::new(node)? })
}

impl Regressor {
    fn scores(&self, row: &[f64]) -> Vec<f64> {
        let mut scores: Vec<Option<f64>> = vec![None; self.n_targets];
        for (target, weight) in self.trees.leaves_of(row).flatten() {
            let Some(score) = scores.get_mut(*target) else { continue };
            *score = Some(match (*score, self.aggregate) {
                (None, _) => *weight,
                (Some(so_far), Aggregate::Sum | Aggregate::Average) => so_far + weight,
                (Some(so_far), Aggregate::Min) => so_far.min(*weight),
                (Some(so_far), Aggregate::Max) => so_far.max(*weight),
            });
        }
        let share = if matches!(self.aggregate, Aggregate::Average) { self.trees.n_trees() as f64 } else { 1.0 };
        let base = |target: usize| self.base.get(target).copied().unwrap_or_default();
        let mut scores: Vec<f64> =
            scores.iter().enumerate().map(|(target, it)| it.unwrap_or_default() / share + base(target)).collect();
        self.post.apply(&mut scores);
        scores
    }
}

impl Kernel for Regressor {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        Ok(vec![(DatumType::F32, table(n_rows(only(inputs)?), self.n_targets))])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let rows = wide_enough(only(inputs)?, &self.trees)?;
        Ok(vec![table_of(self.n_targets, rows.iter().flat_map(|row| self.scores(row)))?])
    }
}

#[derive(Debug)]
struct Classifier {
    trees: Trees,
    classes: Classes,
    base: Vec<f64>,
    post: PostTransform,
    /// With two classes, all leaves may be of the same one: the other has the rest.
    is_one_sided: bool,
    /// No leaf takes away: scores are shares already, not distances from a border.
    is_of_shares: bool,
}

/// Of a node.
pub fn classifier(node: &NodeProto) -> super::Built {
    let classes = Classes::new(node, "classlabels_int64s")?;
    let trees = Trees::new(node, "class", classes.len())?;
    let leaves = trees.all_leaves();
    let is_one_sided = classes.len() == 2 && leaves.windows(2).all(|it| matches!(it, [a, b] if a.0 == b.0));
    let is_of_shares = leaves.iter().all(|it| it.1 >= 0.0);
    let base = numbers(node, "base_values")?;
    let post = PostTransform::new(node)?;
    operator("TreeEnsembleClassifier", Classifier { trees, classes, base, post, is_one_sided, is_of_shares })
}

impl Classifier {
    /// Scores of the classes of a row, and which wins.
    fn scores(&self, row: &[f64]) -> (Vec<f64>, usize) {
        let mut scores = vec![0.0; self.classes.len()];
        for (class, weight) in self.trees.leaves_of(row).flatten() {
            if let Some(score) = scores.get_mut(*class) {
                *score += weight;
            }
        }
        if self.is_one_sided {
            return self.two_sided(scores.iter().sum::<f64>() + self.base.last().copied().unwrap_or_default());
        }
        for (score, base) in scores.iter_mut().zip(&self.base) {
            *score += base;
        }
        let wins = winner(&scores);
        self.post.apply(&mut scores);
        (scores, wins)
    }

    fn two_sided(&self, score: f64) -> (Vec<f64>, usize) {
        match self.post {
            PostTransform::Logistic => {
                let share = logistic(score);
                (vec![1.0 - share, share], usize::from(score > 0.0))
            }
            post => {
                let is_share = self.is_of_shares && post == PostTransform::None;
                let mut scores = vec![if is_share { 1.0 - score } else { -score }, score];
                post.apply(&mut scores);
                (scores, usize::from(score > if is_share { 0.5 } else { 0.0 }))
            }
        }
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
        let rows = wide_enough(only(inputs)?, &self.trees)?;
        let mut winners = Vec::with_capacity(rows.n());
        let mut all = Vec::with_capacity(rows.n() * self.classes.len());
        for row in rows.iter() {
            let (scores, wins) = self.scores(row);
            winners.push(wins);
            all.extend(scores);
        }
        Ok(vec![self.classes.labels(&winners)?, table_of(self.classes.len(), all.into_iter())?])
    }
}

fn wide_enough(tensor: &Tensor, trees: &Trees) -> TractResult<Rows> {
    let rows = Rows::new(tensor)?;
    ensure!(rows.width >= trees.n_features, "rows have {} values, the trees ask for {}", rows.width, trees.n_features);
    Ok(rows)
}
