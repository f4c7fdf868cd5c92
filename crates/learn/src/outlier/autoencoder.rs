//! Can a row be told from a few numbers, as ordinary rows can? A small autoencoder.

use serde::{Deserialize, Serialize};

use super::blame::shares_of;
use super::matrix::Matrix;
use super::network::{Adam, Network};
use super::standardize::Standardizer;
use crate::random::Random;

/// How an autoencoder is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoencoderConfig {
    /// Rows that training looks at, counted again each time: more rows are sampled, fewer are repeated.
    pub n_looks: usize,
    /// The same seed and rows give the same network.
    pub seed: u64,
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self { n_looks: 60_000, seed: 42 }
    }
}

/// A network with a narrow middle that learned to give ordinary rows back.
///
/// The error of each feature is in units of its usual error on every fifth row, which training did not see.
/// Contributions are the features' shares in the squared error. It takes at most 60 KB for 38 features.
/// It fails on few rows (below a few hundred) and on anomalies that obey the relations of ordinary rows.
///
/// Source: Hawkins, He, Williams, Baxter: Outlier detection using replicator neural networks, DaWaK 2002.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoencoder {
    scales: Standardizer,
    network: Network,
    errors: UsualErrors,
}

/// Values beyond this many units look like this many to the network; the error still counts in full.
const CLIP: f64 = 5.0;
const BATCH: usize = 32;

impl Autoencoder {
    /// Trains on the rows of `train`; NaN counts as the usual value.
    pub fn fit(train: &Matrix, config: AutoencoderConfig) -> Self {
        let scales = Standardizer::by_quantiles(train);
        let rows: Vec<Vec<f64>> = scales.apply(train).rows().map(clipped).collect();
        let mut random = Random::new(config.seed);
        let (n, middle) = (train.n_features(), train.n_features().div_ceil(3));
        let mut network = Network::new(&[(n, n + 2), (n + 2, middle), (middle, n + 2), (n + 2, n)], &mut random);
        let seen: Vec<&[f64]> = split(&rows, |it| it % HELD_BACK != 0);
        train_on(&mut network, config.n_looks, seen.len(), &mut random, |it| {
            let row: &[f64] = seen.get(it)?;
            Some((row, row))
        });
        let held: Vec<&[f64]> = split(&rows, |it| it % HELD_BACK == 0);
        let errors = held.iter().map(|it| differences(it, &network.apply(it)));
        let errors = UsualErrors::new(n, errors);
        Self { scales, network, errors }
    }

    /// How unusual a row is: the root of the mean squared error, about 1 for ordinary rows. NaN if its length is wrong.
    pub fn score_one(&self, row: &[f64]) -> f64 {
        root_mean_square(&self.unusual_errors(row))
    }

    /// The share of each feature in the squared error.
    pub fn contributions(&self, row: &[f64]) -> Vec<f64> {
        shares_of(self.unusual_errors(row).iter().map(|it| it * it).collect())
    }

    /// Memory that the network takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + size_of::<f64>() * (self.network.n_weights() + 4 * self.scales.n_features())
    }

    fn unusual_errors(&self, row: &[f64]) -> Vec<f64> {
        if row.len() != self.scales.n_features() {
            return vec![];
        }
        let scaled = self.scales.apply_one(row);
        self.errors.in_units(&differences(&scaled, &self.network.apply(&clipped(&scaled))))
    }
}

/// Every fifth row is kept from training.
pub(super) const HELD_BACK: usize = 5;

fn split(rows: &[Vec<f64>], is_wanted: impl Fn(usize) -> bool) -> Vec<&[f64]> {
    rows.iter().enumerate().filter(|it| is_wanted(it.0)).map(|it| it.1.as_slice()).collect()
}

pub(super) fn clipped(row: &[f64]) -> Vec<f64> {
    row.iter().map(|it| it.clamp(-CLIP, CLIP)).collect()
}

pub(super) fn differences(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(left, right)| left - right).collect()
}

/// Root of the mean of squares; NaN if there are no values.
pub(super) fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|it| it * it).sum::<f64>() / values.len() as f64).sqrt()
}

/// Shows `n_looks` of `n_rows` examples to the network in random order, with a rate that falls to nothing.
pub(super) fn train_on<'a>(
    network: &mut Network,
    n_looks: usize,
    n_rows: usize,
    random: &mut Random,
    example: impl Fn(usize) -> Option<(&'a [f64], &'a [f64])>,
) {
    let mut adam = Adam::new(network, 0.0);
    let n_steps = if n_rows == 0 { 0 } else { n_looks / BATCH };
    for step in 0..n_steps {
        adam.set_rate(0.005 * (1.0 - step as f64 / n_steps as f64));
        let batch: Vec<_> = (0..BATCH).filter_map(|_| example(random.below(n_rows))).collect();
        network.learn(&batch, &mut adam);
    }
}

/// How large each feature's error usually is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct UsualErrors {
    root_mean_squares: Vec<f64>,
}

impl UsualErrors {
    /// From errors of rows that training did not see; anomalies among them count as three units.
    pub(super) fn new(n_features: usize, errors: impl Iterator<Item = Vec<f64>>) -> Self {
        let (mut sums, mut n_rows) = (vec![0.0; n_features], 0.0);
        for row in errors {
            sums.iter_mut().zip(&row).for_each(|(sum, it): (&mut f64, _)| *sum += (it * it).min(9.0));
            n_rows += 1.0;
        }
        // A feature that was told exactly may still move a little: 5 % of its scale.
        let usual = |it: f64| if n_rows > 0.0 { (it / n_rows).sqrt().max(0.05) } else { 1.0 };
        Self { root_mean_squares: sums.into_iter().map(usual).collect() }
    }

    /// Errors as multiples of the usual.
    pub(super) fn in_units(&self, errors: &[f64]) -> Vec<f64> {
        errors.iter().zip(&self.root_mean_squares).map(|(error, usual)| error / usual).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::blame::top;

    #[test]
    fn a_broken_relation_is_found_and_its_feature_named() {
        let mut random = Random::new(3);
        let rows: Vec<[f64; 6]> = (0..600)
            .map(|_| {
                let (a, b) = (random.normal(), random.normal());
                [a, 2.0 * a, -a, b, a + b, b - a].map(|it| 10.0 * it + random.normal())
            })
            .collect();
        let config = AutoencoderConfig::default();
        let model = Autoencoder::fit(&Matrix::from_rows(&rows).unwrap(), config);
        let (usual, broken) = ([10.0, 20.0, -10.0, 5.0, 15.0, -5.0], [10.0, -20.0, -10.0, 5.0, 15.0, -5.0]);
        let scores = (model.score_one(&usual), model.score_one(&broken));
        assert!(scores.0 < 2.0 && scores.1 > 3.0, "{scores:?}");
        assert_eq!(top(&model.contributions(&broken)), Some(1), "{:?}", model.contributions(&broken));
        assert_eq!(model, Autoencoder::fit(&Matrix::from_rows(&rows).unwrap(), config));
        assert!(model.score_one(&[0.0]).is_nan() && model.state_bytes() < 8_000);
    }

    #[test]
    fn degenerate_input_is_survived() {
        let few = AutoencoderConfig { n_looks: 64, seed: 1 };
        for train in [Matrix::new(2), Matrix::from_rows(&[[1.0, f64::NAN]; 3]).unwrap()] {
            assert!(Autoencoder::fit(&train, few).score_one(&[f64::NAN, 1e300]).is_finite());
        }
    }
}
