//! Does the next row follow from the rows before it? A small temporal convolutional network.

use serde::{Deserialize, Serialize};

use super::autoencoder::{HELD_BACK, UsualErrors, clipped, differences, root_mean_square, train_on};
use super::blame::shares_of;
use super::matrix::Matrix;
use super::network::Network;
use super::standardize::Standardizer;
use crate::random::Random;

/// Rows of the past that a prediction uses.
pub const WINDOW: usize = 16;
const CHANNELS: usize = 16;

/// How the network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcnConfig {
    /// Windows that training looks at, counted again each time.
    pub n_looks: usize,
    /// The same seed and rows give the same network.
    pub seed: u64,
}

impl Default for TcnConfig {
    fn default() -> Self {
        Self { n_looks: 30_000, seed: 42 }
    }
}

/// Causal convolutions of two taps with dilations 1, 2, 4 and 8 over the last 16 rows predict the change to the next.
///
/// The error of each feature is in units of its usual error on the last fifth of the training rows, which training
/// did not see. Rows must be in the order of time and equally far apart.
/// It fails where series jump by chance, and a level shift is an anomaly for the 16 rows only that see the shift.
///
/// Source: Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent networks for sequence
/// modeling, arXiv 1803.01271 (2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tcn {
    scales: Standardizer,
    network: Network,
    errors: UsualErrors,
}

impl Tcn {
    /// Trains on rows in the order of time; NaN counts as the usual value.
    pub fn fit(train: &Matrix, config: TcnConfig) -> Self {
        let n = train.n_features();
        let scales = Standardizer::by_quantiles(train);
        let flat: Vec<f64> = scales.apply(train).rows().flat_map(clipped).collect();
        let mut random = Random::new(config.seed);
        let widths = [
            (2 * n, CHANNELS),
            (2 * CHANNELS, CHANNELS),
            (2 * CHANNELS, CHANNELS),
            (2 * CHANNELS, CHANNELS),
            (CHANNELS, n),
        ];
        let mut network = Network::new(&widths, &mut random);
        let changes: Vec<f64> = flat.iter().zip(flat.iter().skip(n)).map(|(before, after)| after - before).collect();
        let window = |start: usize| flat.get(start * n..(start + WINDOW) * n);
        let change = |start: usize| changes.get((start + WINDOW - 1) * n..(start + WINDOW) * n);
        let n_windows = train.n_rows().saturating_sub(WINDOW);
        let n_seen = n_windows - n_windows / HELD_BACK;
        train_on(&mut network, config.n_looks, n_seen, &mut random, |it| Some((window(it)?, change(it)?)));
        let errors = (n_seen..n_windows).filter_map(|it| Some(differences(change(it)?, &network.apply(window(it)?))));
        let errors = UsualErrors::new(n, errors);
        Self { scales, network, errors }
    }

    /// How unusual each row is, given the rows before it: about 1 for ordinary rows. The first 16 rows of `rows` score
    /// 0: nothing is known of what was before them.
    pub fn score(&self, rows: &Matrix) -> Vec<f64> {
        self.unusual_errors(rows).iter().map(|it| if it.is_empty() { 0.0 } else { root_mean_square(it) }).collect()
    }

    /// The share of each feature in the squared error of each row.
    pub fn contributions(&self, rows: &Matrix) -> Vec<Vec<f64>> {
        let shares = |it: &Vec<f64>| {
            if it.is_empty() { vec![0.0; rows.n_features()] } else { shares_of(it.iter().map(|it| it * it).collect()) }
        };
        self.unusual_errors(rows).iter().map(shares).collect()
    }

    /// Memory that the network takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + size_of::<f64>() * (self.network.n_weights() + 4 * self.scales.n_features())
    }

    /// Errors of the features of each row; empty for the first ones and if rows have the wrong length.
    fn unusual_errors(&self, rows: &Matrix) -> Vec<Vec<f64>> {
        let n = self.scales.n_features();
        let scaled: Vec<f64> = self.scales.apply(rows).rows().flatten().copied().collect();
        let past = clipped(&scaled);
        let one = |row: usize| {
            let window = past.get(row.checked_sub(WINDOW)? * n..row * n)?;
            let (before, now) = (past.get((row - 1) * n..row * n)?, scaled.get(row * n..(row + 1) * n)?);
            let wanted = differences(now, before);
            (n > 0 && rows.n_features() == n)
                .then(|| self.errors.in_units(&differences(&wanted, &self.network.apply(window))))
        };
        (0..rows.n_rows()).map(|it| one(it).unwrap_or_default()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::blame::top;

    fn waves(n: usize, random: &mut Random) -> Matrix {
        let row = |it: usize| {
            let phase = it as f64 / 5.0;
            [phase.sin(), (2.0 * phase).cos(), phase.cos()].map(|it| 10.0 * it + 0.3 * random.normal())
        };
        Matrix::from_rows(&(0..n).map(row).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_value_that_does_not_follow_is_found_and_its_feature_named() {
        let mut random = Random::new(4);
        let model = Tcn::fit(&waves(1500, &mut random), TcnConfig::default());
        let mut test = waves(200, &mut random);
        let ordinary = model.score(&test);
        let highest = ordinary.iter().copied().fold(0.0, f64::max);
        // Ordinary for the feature, but not now.
        if let Some(row) = test.rows_mut().nth(100) {
            row[1] = if row[1] > 0.0 { -9.0 } else { 9.0 };
        }
        let score = model.score(&test)[100];
        assert!(score > 2.0 * highest && highest < 3.0, "{score} above {highest}");
        assert_eq!(top(&model.contributions(&test)[100]), Some(1));
        assert!(ordinary.iter().take(WINDOW).all(|it| *it == 0.0));
        assert!(model.state_bytes() < 20_000, "{}", model.state_bytes());
    }

    #[test]
    fn degenerate_input_is_survived() {
        for train in [Matrix::new(2), Matrix::from_rows(&[[1.0, f64::NAN]; 20]).unwrap()] {
            let model = Tcn::fit(&train, TcnConfig { n_looks: 64, seed: 1 });
            let rows = Matrix::from_rows(&[[f64::NAN, 1e300]; 20]).unwrap();
            assert!(model.score(&rows).iter().all(|it| it.is_finite()));
            assert_eq!(model.score(&Matrix::from_rows(&[[1.0]; 3]).unwrap()), [0.0; 3]);
        }
    }
}
