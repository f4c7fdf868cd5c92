//! How far is a row from the nearest of a few others? The mean distance over many small samples.

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use crate::random::Random;

/// Rows in a sample. With more of them anomalies that lie together become neighbors of each other.
const SAMPLE_SIZE: usize = 8;

/// How many samples are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestNeighborsConfig {
    /// Number of samples.
    pub n_samples: usize,
    /// The same seed and rows give the same samples.
    pub seed: u64,
}

impl Default for NearestNeighborsConfig {
    fn default() -> Self {
        Self { n_samples: 50, seed: 42 }
    }
}

/// Small samples of the training rows; a row that is far from the nearest row of each is unusual.
///
/// Scores are mean distances: 0 or more, in the unit of the features, which must be of like scale.
/// Unlike the cuts of a forest, a distance sees all features at once, and grows beyond the rows of the training. It
/// fails where most features say nothing. Fifty samples take 3.2 KB per feature, however many rows there are.
///
/// Source: Pang, Ting, Albrecht: LeSiNN: Detecting anomalies by identifying least similar nearest neighbours, ICDM
/// workshops 2015.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestNeighbors {
    /// Sample after sample, in each feature after feature, so that one instruction works on several rows.
    samples: Vec<[f64; SAMPLE_SIZE]>,
    n_samples: usize,
    n_features: usize,
}

impl NearestNeighbors {
    /// Draws the samples; values must be finite. Without rows every score is 0.
    pub fn fit(train: &Matrix, config: NearestNeighborsConfig) -> Self {
        let (n_rows, n_features) = (train.n_rows(), train.n_features());
        let n_samples = if n_rows == 0 { 0 } else { config.n_samples };
        let mut random = Random::new(config.seed);
        let mut order: Vec<usize> = (0..n_rows).collect();
        let mut samples = Vec::with_capacity(n_samples * n_features);
        for _ in 0..n_samples {
            // A partial shuffle of any order is a fair sample; where rows are few, some stand in it twice.
            for start in 0..SAMPLE_SIZE.min(n_rows) {
                order.swap(start, start + random.below(n_rows - start));
            }
            let drawn: Vec<&[f64]> =
                order.iter().take(SAMPLE_SIZE).cycle().take(SAMPLE_SIZE).map(|it| train.row(*it)).collect();
            for feature in 0..n_features {
                let mut lanes = [0.0; SAMPLE_SIZE];
                for (lane, value) in lanes.iter_mut().zip(drawn.iter().filter_map(|it| it.get(feature))) {
                    *lane = *value;
                }
                samples.push(lanes);
            }
        }
        Self { samples, n_samples, n_features }
    }

    /// The mean distance of a row to the nearest of each sample; NaN if its length is wrong.
    pub fn score_one(&self, row: &[f64]) -> f64 {
        if row.len() != self.n_features {
            return f64::NAN;
        }
        self.each_sample().map(|it| nearest(it, row)).sum::<f64>() / self.n_samples.max(1) as f64
    }

    /// The scores of all rows.
    pub fn score(&self, rows: &Matrix) -> Vec<f64> {
        rows.rows().map(|it| self.score_one(it)).collect()
    }

    /// Memory that the samples take, in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.samples.as_slice())
    }

    fn each_sample(&self) -> impl Iterator<Item = &[[f64; SAMPLE_SIZE]]> {
        self.samples.chunks_exact(self.n_features.max(1))
    }
}

/// The distance to the nearest row of a sample.
fn nearest(sample: &[[f64; SAMPLE_SIZE]], row: &[f64]) -> f64 {
    let mut sums = [0.0; SAMPLE_SIZE];
    for (lanes, value) in sample.iter().zip(row) {
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            *sum += (lane - value) * (lane - value);
        }
    }
    sums.into_iter().fold(f64::INFINITY, f64::min).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(n: usize, seed: u64) -> Matrix {
        let mut random = Random::new(seed);
        let rows: Vec<[f64; 3]> = (0..n).map(|_| std::array::from_fn(|_| random.normal())).collect();
        Matrix::from_rows(&rows).unwrap()
    }

    #[test]
    fn scores_grow_with_the_distance_also_beyond_all_rows() {
        let neighbors = NearestNeighbors::fit(&cloud(500, 1), NearestNeighborsConfig::default());
        let scores = [0.0, 3.0, 10.0, 100.0].map(|it| neighbors.score_one(&[it; 3]));
        assert!(scores.is_sorted() && scores[0] < 1.5 && scores[3] > 150.0, "{scores:?}");
        assert!(neighbors.score_one(&[0.0]).is_nan());
    }

    /// Guarantees: a score is the mean of the distances to the nearest of all rows where a sample has all rows.
    #[test]
    fn a_sample_of_all_rows_gives_the_distance_to_the_nearest() {
        let train = Matrix::from_rows(&[[0.0, 0.0], [3.0, 4.0], [10.0, 0.0]]).unwrap();
        let neighbors = NearestNeighbors::fit(&train, NearestNeighborsConfig::default());
        assert_eq!(neighbors.score(&train), [0.0; 3]);
        assert!((neighbors.score_one(&[3.0, 6.0]) - 2.0).abs() < 1e-12);
        assert!((neighbors.score_one(&[0.0, -7.0]) - 7.0).abs() < 1e-12);
    }

    /// Guarantees: rows that no single feature tells apart are found by all features together.
    #[test]
    fn a_hole_in_the_middle_is_seen() {
        let mut random = Random::new(3);
        let ring = |_| {
            let angle = random.between(0.0, std::f64::consts::TAU);
            [angle.cos(), angle.sin()]
        };
        let train = Matrix::from_rows(&(0..400).map(ring).collect::<Vec<_>>()).unwrap();
        let neighbors = NearestNeighbors::fit(&train, NearestNeighborsConfig::default());
        let on_ring = neighbors.score(&train).into_iter().fold(0.0, f64::max);
        assert!(neighbors.score_one(&[0.0, 0.0]) > 1.5 * on_ring, "{on_ring}");
    }

    #[test]
    fn the_seed_decides_and_degenerate_input_is_survived() {
        let train = cloud(50, 2);
        let of_seed = |seed| NearestNeighbors::fit(&train, NearestNeighborsConfig { seed, ..Default::default() });
        assert_eq!(of_seed(3), of_seed(3));
        assert_ne!(of_seed(3), of_seed(4));
        for train in [Matrix::new(2), Matrix::from_rows(&[[1.0, 2.0]]).unwrap()] {
            let neighbors = NearestNeighbors::fit(&train, NearestNeighborsConfig::default());
            assert_eq!(neighbors.score_one(&[1.0, 2.0]), 0.0);
        }
    }
}
