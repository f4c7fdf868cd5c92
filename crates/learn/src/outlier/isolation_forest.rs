//! How few random cuts set a row apart from the others? The isolation forest.

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use crate::random::Random;

/// How a forest is grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationForestConfig {
    /// Number of trees.
    pub n_trees: usize,
    /// Rows that each tree is grown from, drawn without replacement; all rows if there are fewer.
    pub max_samples: usize,
    /// The same seed and rows give the same forest.
    pub seed: u64,
}

impl Default for IsolationForestConfig {
    fn default() -> Self {
        Self { n_trees: 100, max_samples: 256, seed: 42 }
    }
}

/// A forest of trees with random cuts; a row that is alone after few cuts is unusual.
///
/// Scores are those of scikit-learn's `IsolationForest` with the opposite sign (`-score_samples`): in 0 to 1, about
/// 0.5 for a row like all others. It takes 16 bytes per node and at most 2 * `max_samples` - 1 nodes per tree:
/// 0.8 MB with the defaults.
/// It fails on anomalies that are ordinary in every feature alone, and where anomalies are many and lie together.
///
/// Source: Liu, Ting, Zhou: Isolation forest, ICDM 2008.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IsolationForest {
    /// The trees one after the other; a node's children lie side by side.
    nodes: Vec<Node>,
    roots: Vec<u32>,
    n_features: usize,
    /// Path length of an ordinary row.
    usual_path: f64,
}

/// A cut, or a leaf if `left` is 0: then `value` is the path length of a row that ends here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    value: f64,
    feature: u32,
    /// Index of the child for values up to `value`; the other child follows it.
    left: u32,
}

impl IsolationForest {
    /// Grows a forest from the rows of `train`; values must be finite.
    pub fn fit(train: &Matrix, config: IsolationForestConfig) -> Self {
        let n_rows = train.n_rows();
        let n_samples = config.max_samples.clamp(1, n_rows.max(1));
        let mut growth = Growth {
            train,
            max_depth: (n_samples.max(2) as f64).log2().ceil() as u32,
            nodes: Vec::with_capacity(config.n_trees * 2 * n_samples),
            random: Random::new(config.seed),
        };
        let mut order: Vec<u32> = (0..n_rows as u32).collect();
        let mut roots = Vec::with_capacity(config.n_trees);
        for _ in 0..config.n_trees {
            // A partial shuffle of any order is a fair sample.
            for start in 0..n_samples.min(n_rows) {
                let other = start + growth.random.below(n_rows - start);
                order.swap(start, other);
            }
            roots.push(growth.nodes.len() as u32);
            growth.nodes.push(LEAF);
            let root = growth.nodes.len() - 1;
            growth.grow(root, order.get_mut(..n_samples).unwrap_or_default());
        }
        let usual_path = average_path(n_samples);
        Self { nodes: growth.nodes, roots, n_features: train.n_features(), usual_path }
    }

    /// How unusual a row is, in 0 to 1; NaN if its length is wrong.
    pub fn score_one(&self, row: &[f64]) -> f64 {
        if row.len() != self.n_features {
            return f64::NAN;
        }
        let total: f64 = self.roots.iter().map(|root| self.path(*root, row)).sum();
        self.score_of(total)
    }

    /// The scores of all rows: each tree walks over all of them while it is in the processor's cache.
    pub fn score(&self, rows: &Matrix) -> Vec<f64> {
        if rows.n_features() != self.n_features {
            return vec![f64::NAN; rows.n_rows()];
        }
        let mut totals = vec![0.0; rows.n_rows()];
        for root in &self.roots {
            for (total, row) in totals.iter_mut().zip(rows.rows()) {
                *total += self.path(*root, row);
            }
        }
        totals.into_iter().map(|it| self.score_of(it)).collect()
    }

    /// Memory that the forest takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.nodes.len() * size_of::<Node>() + self.roots.len() * size_of::<u32>()
    }

    fn score_of(&self, total_path: f64) -> f64 {
        if self.roots.is_empty() || self.usual_path <= 0.0 {
            return 0.5;
        }
        (-total_path / (self.roots.len() as f64 * self.usual_path)).exp2()
    }

    #[inline]
    #[allow(
        clippy::indexing_slicing,
        reason = "children are made with their parent; features are below the row's length"
    )]
    fn path(&self, root: u32, row: &[f64]) -> f64 {
        let mut node = self.nodes[root as usize];
        while node.left != 0 {
            let is_right = row[node.feature as usize] > node.value;
            node = self.nodes[node.left as usize + usize::from(is_right)];
        }
        node.value
    }
}

const LEAF: Node = Node { value: 0.0, feature: 0, left: 0 };

struct Growth<'a> {
    train: &'a Matrix,
    max_depth: u32,
    nodes: Vec<Node>,
    random: Random,
}

impl Growth<'_> {
    /// Grows the tree below `root` from these rows, whose order it changes.
    fn grow(&mut self, root: usize, rows: &mut [u32]) {
        let mut pending = vec![(root, 0, rows.len(), 0)];
        while let Some((node, start, end, depth)) = pending.pop() {
            let Some(part) = rows.get_mut(start..end) else { continue };
            let cut = if part.len() > 1 && depth < self.max_depth { self.cut(part) } else { None };
            let left = self.nodes.len();
            let grown = match cut {
                Some((feature, value, n_left)) => {
                    self.nodes.extend([LEAF, LEAF]);
                    pending.push((left, start, start + n_left, depth + 1));
                    pending.push((left + 1, start + n_left, end, depth + 1));
                    Node { value, feature: feature as u32, left: left as u32 }
                }
                None => Node { value: f64::from(depth) + average_path(end - start), ..LEAF },
            };
            if let Some(it) = self.nodes.get_mut(node) {
                *it = grown;
            }
        }
    }

    /// A random cut through a random feature that is not constant here: feature, value, number of rows on the left.
    fn cut(&mut self, rows: &mut [u32]) -> Option<(usize, f64, usize)> {
        let n_features = self.train.n_features();
        let mut candidates: Vec<u32> = vec![];
        for n_tried in 0..n_features {
            // Most first draws are good: the list of features is only made when one was constant.
            let feature = if n_tried == 0 {
                self.random.below(n_features)
            } else {
                if candidates.is_empty() {
                    candidates = (0..n_features as u32).collect();
                }
                candidates.swap_remove(self.random.below(candidates.len())) as usize
            };
            let (low, high) = self.range(rows, feature);
            if low < high {
                // A value equal to the upper end would leave nothing on the right.
                let value = Some(self.random.between(low, high)).filter(|it| *it < high).unwrap_or(low);
                return Some((feature, value, self.partition(rows, feature, value)));
            }
        }
        None
    }

    fn value(&self, row: u32, feature: usize) -> f64 {
        self.train.row(row as usize).get(feature).copied().unwrap_or(f64::NAN)
    }

    fn range(&self, rows: &[u32], feature: usize) -> (f64, f64) {
        rows.iter().map(|it| self.value(*it, feature)).fold((f64::INFINITY, f64::NEG_INFINITY), |range, it| {
            (if it < range.0 { it } else { range.0 }, if it > range.1 { it } else { range.1 })
        })
    }

    fn partition(&self, rows: &mut [u32], feature: usize, value: f64) -> usize {
        let mut n_left = 0;
        for index in 0..rows.len() {
            if rows.get(index).is_some_and(|it| self.value(*it, feature) <= value) {
                rows.swap(n_left, index);
                n_left += 1;
            }
        }
        n_left
    }
}

/// Mean path length of an unsuccessful search in a binary search tree of `n` rows: what isolating one of them costs.
fn average_path(n: usize) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * ((n as f64 - 1.0).ln() + EULER_GAMMA) - 2.0 * (n as f64 - 1.0) / n as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(n: usize, n_features: usize, seed: u64) -> Matrix {
        let mut random = Random::new(seed);
        let rows: Vec<Vec<f64>> = (0..n).map(|_| (0..n_features).map(|_| random.normal()).collect()).collect();
        Matrix::from_rows(&rows).unwrap()
    }

    #[test]
    fn what_lies_outside_is_unusual_and_the_middle_is_not() {
        let train = cloud(1000, 3, 1);
        let forest = IsolationForest::fit(&train, IsolationForestConfig::default());
        let scores = [[0.0; 3], [2.0, -2.0, 2.0], [6.0, 6.0, 6.0]].map(|it| forest.score_one(&it));
        assert!(scores[0] < 0.45 && scores[0] < scores[1] && scores[1] < scores[2] && scores[2] > 0.7, "{scores:?}");
        assert!(forest.state_bytes() < 900_000, "{}", forest.state_bytes());
        assert!(forest.score_one(&[0.0]).is_nan());
    }

    #[test]
    fn the_seed_decides_and_one_row_scores_as_in_a_batch() {
        let train = cloud(300, 4, 2);
        let config = IsolationForestConfig { seed: 3, ..Default::default() };
        let (forest, again) = (IsolationForest::fit(&train, config), IsolationForest::fit(&train, config));
        assert_eq!(forest, again);
        assert_ne!(forest, IsolationForest::fit(&train, IsolationForestConfig { seed: 4, ..config }));
        let one_by_one: Vec<f64> = train.rows().map(|it| forest.score_one(it)).collect();
        assert_eq!(forest.score(&train), one_by_one);
    }

    /// Guarantees: the mean score of ordinary rows is where theory puts it.
    #[test]
    fn ordinary_rows_score_about_a_half() {
        let train = cloud(2000, 2, 5);
        let scores = IsolationForest::fit(&train, IsolationForestConfig::default()).score(&train);
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        assert!((0.42..0.52).contains(&mean), "{mean}");
    }

    #[test]
    fn degenerate_input_is_survived() {
        for train in
            [Matrix::new(2), Matrix::from_rows(&[[1.0, 1.0]]).unwrap(), Matrix::from_rows(&[[1.0, 1.0]; 9]).unwrap()]
        {
            let forest = IsolationForest::fit(&train, IsolationForestConfig::default());
            assert!((0.0..=1.0).contains(&forest.score_one(&[1.0, 2.0])));
        }
        assert_eq!(average_path(2), 1.0);
        assert!((average_path(256) - 10.244).abs() < 0.001);
    }
}
