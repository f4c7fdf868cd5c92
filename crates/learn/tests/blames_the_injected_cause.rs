//! Of 1,000 anomalies whose guilty feature is known, in how many does the largest contribution name it?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use learn::outlier::blame::top;
use learn::outlier::detector::{Detector, DetectorConfig, Method};
use learn::outlier::matrix::Matrix;
use learn::random::Random;

const N_FEATURES: usize = 9;
const N_TRAIN: usize = 1000;
const N_TEST: usize = 1000;

/// Nine features in three families of three that move together, of scales from thousandths to millions; the third
/// family is skewed (the logarithm of each is ordinary).
struct World {
    random: Random,
}

impl World {
    fn row(&mut self) -> [f64; N_FEATURES] {
        let mut latent = [0.0; N_FEATURES];
        for family in latent.chunks_exact_mut(3) {
            let common = self.random.normal();
            family.iter_mut().for_each(|it| *it = 0.95 * common + 0.31 * self.random.normal());
        }
        latent
    }

    /// A fault of one feature: pushed far away, or moved against its family to where it is ordinary by itself.
    fn anomaly(&mut self) -> ([f64; N_FEATURES], usize) {
        let mut latent = self.row();
        let guilty = self.random.below(N_FEATURES);
        let sign = if self.random.uniform() < 0.5 { -1.0 } else { 1.0 };
        let is_marginal = self.random.uniform() < 0.5;
        let others = (latent.iter().skip(guilty / 3 * 3).take(3).sum::<f64>() - latent[guilty]) / 2.0;
        latent[guilty] = if is_marginal {
            sign * self.random.between(5.0, 10.0)
        } else {
            // Against the family, and never as far out as a value that is unusual by itself.
            let toward = if others > 0.0 { -1.0 } else { 1.0 };
            (others + toward * self.random.between(2.0, 3.0)).clamp(-2.5, 2.5)
        };
        (latent, guilty)
    }

    /// Latent values in the units of their features.
    fn measured(latent: [f64; N_FEATURES]) -> [f64; N_FEATURES] {
        const SCALES: [f64; N_FEATURES] = [1e-3, 1.0, 1e6, 0.2, 50.0, 4e4, 1.0, 1e3, 1e-2];
        std::array::from_fn(|it| SCALES[it] * if it < 6 { 7.0 + latent[it] } else { (0.4 * latent[it]).exp() })
    }
}

#[test]
fn the_guilty_feature_comes_first_in_95_of_100() {
    let mut world = World { random: Random::new(2026) };
    let train: Vec<[f64; N_FEATURES]> = (0..N_TRAIN).map(|_| World::measured(world.row())).collect();
    let train = Matrix::from_rows(&train).unwrap();
    let (test, guilty): (Vec<_>, Vec<_>) =
        (0..N_TEST).map(|_| world.anomaly()).map(|it| (World::measured(it.0), it.1)).unzip();
    let test = Matrix::from_rows(&test).unwrap();
    for method in [Method::IsolationForest, Method::OneClassSvm, Method::NearestNeighbors, Method::Autoencoder] {
        let verdicts = Detector::fit(&train, DetectorConfig { method, ..Default::default() }).judge(&test);
        let n_named = verdicts.iter().zip(&guilty).filter(|it| top(&it.0.contributions) == Some(*it.1)).count();
        println!("{method:?}: {n_named} of {N_TEST}");
        assert!(n_named >= 950, "{method:?} names {n_named} of {N_TEST}");
    }
}
