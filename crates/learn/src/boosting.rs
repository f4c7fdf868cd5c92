//! What number, or what probability, do rows of numbers stand for? Boosted shallow trees over histograms.
//!
//! Each tree corrects what the sum of those before left, along the gradient of the loss; a split is chosen by sums in at
//! most 64 bins of each column, and a missing value (NaN) has a bin of its own.
//! Sources: Friedman: Greedy function approximation: a gradient boosting machine, Annals of Statistics 29 (2001); Ke et
//! al.: LightGBM, NIPS 2017.

use serde::{Deserialize, Serialize};

use crate::outlier::matrix::Matrix;

const MAX_BINS: usize = 64;
/// Added to the number of rows of a leaf: small leaves say less.
const SHRINKAGE: f64 = 1.0;

/// What is minimized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// Squared errors; answers are numbers.
    Squares,
    /// Logistic loss of targets 0 and 1; answers are probabilities.
    Logistic,
}

/// Size of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Trees.
    pub n_trees: usize,
    /// Splits from root to leaf.
    pub depth: usize,
    /// Share of a tree's answer that counts.
    pub rate: f64,
    /// Fewest rows of a leaf.
    pub min_leaf: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { n_trees: 60, depth: 4, rate: 0.1, min_leaf: 20 }
    }
}

/// A trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boosting {
    loss: Loss,
    base: f64,
    trees: Vec<Node>,
    importances: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Node {
    Leaf(f64),
    Split { feature: usize, above: f64, low: Box<Node>, high: Box<Node> },
}

/// A split that was found.
struct Best {
    gain: f64,
    feature: usize,
    bin: u8,
}

/// Columns in bins, with the edges of each.
struct Binned {
    edges: Vec<Vec<f64>>,
    bins: Vec<Vec<u8>>,
}

impl Boosting {
    /// Learns the targets of rows, as many as there are rows; of no rows it learns to say 0.
    pub fn fit(rows: &Matrix, targets: &[f64], loss: Loss, config: &Config) -> Self {
        let n = rows.n_rows().min(targets.len());
        let mean = targets.iter().take(n).sum::<f64>() / n.max(1) as f64;
        let base = match loss {
            Loss::Squares => mean,
            Loss::Logistic => (mean.clamp(1e-6, 1.0 - 1e-6) / (1.0 - mean.clamp(1e-6, 1.0 - 1e-6))).ln(),
        };
        let mut model = Self { loss, base, trees: Vec::new(), importances: vec![0.0; rows.n_features()] };
        let binned = Binned::new(rows);
        let mut sums = vec![base; n];
        for _ in 0..config.n_trees {
            let gradients: Vec<(f64, f64)> =
                sums.iter().zip(targets).map(|(sum, it)| model.gradient(*sum, *it)).collect();
            let all: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
            let tree = model.grow(&binned, &gradients, all, config.depth, config);
            sums.iter_mut().zip(rows.rows()).for_each(|(sum, row)| *sum += tree.answer(row));
            model.trees.push(tree);
        }
        model
    }

    /// The number or the probability of a row.
    pub fn predict(&self, row: &[f64]) -> f64 {
        let sum = self.base + self.trees.iter().map(|it| it.answer(row)).sum::<f64>();
        match self.loss {
            Loss::Squares => sum,
            Loss::Logistic => 1.0 / (1.0 + (-sum).exp()),
        }
    }

    /// How much each column's splits lowered the loss, as shares of all.
    pub fn importances(&self) -> Vec<f64> {
        let total: f64 = self.importances.iter().sum();
        self.importances.iter().map(|it| if total > 0.0 { it / total } else { 0.0 }).collect()
    }

    /// Negative gradient and curvature of the loss.
    fn gradient(&self, sum: f64, target: f64) -> (f64, f64) {
        match self.loss {
            Loss::Squares => (target - sum, 1.0),
            Loss::Logistic => {
                let probability = 1.0 / (1.0 + (-sum).exp());
                (target - probability, (probability * (1.0 - probability)).max(1e-9))
            }
        }
    }

    fn grow(
        &mut self,
        binned: &Binned,
        gradients: &[(f64, f64)],
        rows: Vec<u32>,
        depth: usize,
        config: &Config,
    ) -> Node {
        let of = |row: &u32| gradients.get(*row as usize).copied().unwrap_or_default();
        let (gradient, curvature) = rows.iter().map(of).fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let leaf = || Node::Leaf(config.rate * gradient / (curvature + SHRINKAGE));
        if depth == 0 || rows.len() < 2 * config.min_leaf {
            return leaf();
        }
        let Some(best) = binned.best(gradients, &rows, (gradient, curvature), config.min_leaf) else { return leaf() };
        let Some(above) = binned.edges.get(best.feature).and_then(|it| it.get(usize::from(best.bin))) else {
            return leaf();
        };
        if let Some(importance) = self.importances.get_mut(best.feature) {
            *importance += best.gain;
        }
        let bins = binned.bins.get(best.feature).map(Vec::as_slice).unwrap_or_default();
        let is_low = |row: &u32| bins.get(*row as usize).is_some_and(|it| *it <= best.bin);
        let (low, high): (Vec<u32>, Vec<u32>) = rows.into_iter().partition(is_low);
        let low = Box::new(self.grow(binned, gradients, low, depth - 1, config));
        let high = Box::new(self.grow(binned, gradients, high, depth - 1, config));
        Node::Split { feature: best.feature, above: *above, low, high }
    }
}

impl Node {
    fn answer(&self, row: &[f64]) -> f64 {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(value) => return *value,
                // A missing value is low.
                Self::Split { feature, above, low, high } => {
                    let value = row.get(*feature).copied().unwrap_or(f64::NAN);
                    node = if value > *above { high } else { low };
                }
            }
        }
    }
}

impl Binned {
    fn new(rows: &Matrix) -> Self {
        let mut binned = Self { edges: Vec::new(), bins: Vec::new() };
        for feature in 0..rows.n_features() {
            let mut sorted: Vec<f64> = rows.column(feature).filter(|it| !it.is_nan()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            // The first bin is of missing values and of nothing else.
            let mut edges = vec![f64::NEG_INFINITY];
            let step = (sorted.len() / (MAX_BINS - 2)).max(1);
            edges.extend(sorted.iter().skip(step - 1).step_by(step));
            edges.dedup();
            let bin = |value: f64| {
                let below = if value.is_nan() { 0 } else { edges.partition_point(|it| *it < value).max(1) };
                u8::try_from(below).unwrap_or(u8::MAX)
            };
            binned.bins.push(rows.column(feature).map(bin).collect());
            binned.edges.push(edges);
        }
        binned
    }

    fn best(&self, gradients: &[(f64, f64)], rows: &[u32], total: (f64, f64), min_leaf: usize) -> Option<Best> {
        let score = |gradient: f64, curvature: f64| gradient * gradient / (curvature + SHRINKAGE);
        let whole = score(total.0, total.1);
        let mut best: Option<Best> = None;
        for (feature, bins) in self.bins.iter().enumerate() {
            let mut sums = [(0.0, 0.0, 0_usize); 256];
            for row in rows {
                let (Some(bin), Some(it)) = (bins.get(*row as usize), gradients.get(*row as usize)) else { continue };
                if let Some(sum) = sums.get_mut(usize::from(*bin)) {
                    *sum = (sum.0 + it.0, sum.1 + it.1, sum.2 + 1);
                }
            }
            let (mut gradient, mut curvature, mut n) = (0.0, 0.0, 0);
            for (bin, sum) in (0_u8..=u8::MAX).zip(sums) {
                (gradient, curvature, n) = (gradient + sum.0, curvature + sum.1, n + sum.2);
                if n < min_leaf || sum.2 == 0 {
                    continue;
                }
                if rows.len() - n < min_leaf {
                    break;
                }
                let gain = score(gradient, curvature) + score(total.0 - gradient, total.1 - curvature) - whole;
                if gain > best.as_ref().map_or(1e-12, |it| it.gain) {
                    best = Some(Best { gain, feature, bin });
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_learns_what_depends_on_rows_and_says_which_column_it_was() {
        let mut random = Random::new(2);
        let (mut rows, mut numbers, mut classes) = (Matrix::new(3), Vec::new(), Vec::new());
        for _ in 0..4000 {
            let row: [f64; 3] = std::array::from_fn(|_| random.uniform());
            numbers.push((row[1] * 6.0).sin());
            classes.push(f64::from(random.uniform() < row[2]));
            rows.push(&row);
        }
        let config = Config::default();
        let model = Boosting::fit(&rows, &numbers, Loss::Squares, &config);
        let errors = rows.rows().zip(&numbers).map(|(row, it)| (model.predict(row) - it).abs());
        assert!(errors.sum::<f64>() / 4000.0 < 0.05);
        assert!(model.importances()[1] > 0.99, "{:?}", model.importances());
        let model = Boosting::fit(&rows, &classes, Loss::Logistic, &config);
        assert!((model.predict(&[0.5, 0.5, 0.9]) - 0.9).abs() < 0.1);
        assert!((model.predict(&[0.5, 0.5, 0.1]) - 0.1).abs() < 0.1);
        let empty = Boosting::fit(&Matrix::new(2), &[], Loss::Squares, &config);
        assert_eq!(empty.predict(&[1.0, f64::NAN]), 0.0);
    }
}
