//! How unusual is a row in an endless stream? An isolation forest over a sample of what came, in bounded memory.

use serde::{Deserialize, Serialize};

use super::blame::Blame;
use super::isolation_forest::{IsolationForest, IsolationForestConfig};
use super::matrix::Matrix;
use crate::random::Random;

/// How the stream is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamingForestConfig {
    /// Rows that are remembered. A new one takes the place of a random one, so that old rows fade: the mean age of
    /// what is remembered is this many rows.
    pub n_remembered: usize,
    /// The forest is grown again when this many rows were learned since; earlier while it is young.
    pub grow_every: usize,
    /// Size of the forest.
    pub forest: IsolationForestConfig,
}

impl Default for StreamingForestConfig {
    fn default() -> Self {
        let forest = IsolationForestConfig { n_trees: 50, ..Default::default() };
        Self { n_remembered: 1024, grow_every: 256, forest }
    }
}

/// Remembers a random sample in which new rows replace old ones, and grows a forest from it now and then.
///
/// It takes at most `n_remembered` rows and one forest (0.4 MB with the defaults). A change of the whole stream is
/// unusual until about `n_remembered` rows of it were learned.
/// Growing a forest from a sample is as accurate as the batch forest on the same rows, which half-space trees are not.
///
/// Source: Aggarwal: On biased reservoir sampling in the presence of stream evolution, VLDB 2006 (the sample); Liu,
/// Ting, Zhou: Isolation forest, ICDM 2008.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamingForest {
    config: StreamingForestConfig,
    sample: Matrix,
    random: Random,
    forest: Option<(IsolationForest, Blame)>,
    n_since_grown: usize,
}

impl StreamingForest {
    /// Knows nothing yet of rows of `n_features` values.
    pub fn new(n_features: usize, config: StreamingForestConfig) -> Self {
        let random = Random::new(config.forest.seed);
        Self { config, sample: Matrix::new(n_features), random, forest: None, n_since_grown: 0 }
    }

    /// Remembers a row; rows of a wrong length or with missing values are left out.
    pub fn learn_one(&mut self, row: &[f64]) {
        if row.len() != self.sample.n_features() || row.iter().any(|it| !it.is_finite()) {
            return;
        }
        self.remember(row);
        self.n_since_grown += 1;
        // A young forest is grown again when what it knows has doubled.
        let is_due = self.n_since_grown >= self.config.grow_every.min(self.sample.n_rows() / 2).max(MIN_ROWS / 2);
        if is_due && self.sample.n_rows() >= MIN_ROWS {
            let seed = self.random.next_u64();
            let forest = IsolationForest::fit(&self.sample, IsolationForestConfig { seed, ..self.config.forest });
            self.forest = Some((forest, Blame::fit(&self.sample)));
            self.n_since_grown = 0;
        }
    }

    /// How unusual a row is, in 0 to 1, about 0.5 for a row like all others; `None` until 16 rows were learned.
    pub fn score_one(&self, row: &[f64]) -> Option<f64> {
        self.forest.as_ref().map(|it| it.0.score_one(row))
    }

    /// The share of each feature in what is unusual; `None` until 16 rows were learned.
    pub fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        self.forest.as_ref().map(|it| it.1.shares(row))
    }

    /// The rows that are remembered.
    pub fn sample(&self) -> &Matrix {
        &self.sample
    }

    /// Memory that it takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        let forest = self.forest.as_ref().map_or(0, |it| it.0.state_bytes() + it.1.state_bytes());
        size_of::<Self>() + forest + size_of::<f64>() * self.sample.n_rows() * self.sample.n_features()
    }

    fn remember(&mut self, row: &[f64]) {
        if self.sample.n_rows() < self.config.n_remembered {
            self.sample.push(row);
            return;
        }
        let index = self.random.below(self.sample.n_rows());
        if let Some(old) = self.sample.rows_mut().nth(index) {
            old.copy_from_slice(row);
        }
    }
}

/// Fewer rows say nothing about what is usual.
const MIN_ROWS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::blame::top;

    fn learn(forest: &mut StreamingForest, n: usize, center: f64, random: &mut Random) {
        for _ in 0..n {
            forest.learn_one(&[center + random.normal(), random.normal()]);
        }
    }

    #[test]
    fn a_new_normal_is_unusual_at_first_and_usual_later_in_bounded_memory() {
        let mut random = Random::new(8);
        let mut forest = StreamingForest::new(2, StreamingForestConfig::default());
        assert_eq!(forest.score_one(&[0.0, 0.0]), None);
        learn(&mut forest, 2000, 0.0, &mut random);
        let bytes = forest.state_bytes();
        let (old, new) = (forest.score_one(&[0.0, 0.0]).unwrap(), forest.score_one(&[20.0, 0.0]).unwrap());
        assert!(old < 0.5 && new > 0.65, "{old} {new}");
        assert_eq!(top(&forest.contributions(&[20.0, 0.0]).unwrap()), Some(0));
        learn(&mut forest, 6000, 20.0, &mut random);
        let (old, new) = (forest.score_one(&[0.0, 0.0]).unwrap(), forest.score_one(&[20.0, 0.0]).unwrap());
        assert!(old > 0.6 && new < 0.5, "{old} {new}");
        assert!(forest.state_bytes() < 500_000 && forest.state_bytes() < 2 * bytes, "{}", forest.state_bytes());
    }

    #[test]
    fn scoring_never_learns_and_bad_rows_are_left_out() {
        let mut random = Random::new(9);
        let mut forest = StreamingForest::new(2, StreamingForestConfig::default());
        learn(&mut forest, 16, 0.0, &mut random);
        let before = forest.clone();
        forest.learn_one(&[f64::NAN, 1.0]);
        forest.learn_one(&[1.0]);
        assert!(forest.score_one(&[3.0, 3.0]).is_some());
        assert_eq!(forest, before);
    }
}
