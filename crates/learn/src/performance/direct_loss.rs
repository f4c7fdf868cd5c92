//! How large are the errors of a regression, before the truth came? A second model tells them from the rows.
//!
//! Boosted trees learn the absolute and the squared error of the watched model from its features and its prediction, on
//! rows with truth; of later rows they say which errors to expect. It holds while rows change and what they mean does not.
//! Source: NannyML's direct loss estimation.

use serde::{Deserialize, Serialize};

use crate::boosting::{Boosting, Config, Loss};
use crate::outlier::matrix::Matrix;

/// A share of a number this near zero is one of this number, as in scikit-learn.
const LEAST_SIZE: f64 = f64::EPSILON;

/// What was learned from rows with truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectLoss {
    absolute: Boosting,
    squared: Boosting,
    /// As a share of the truth.
    relative: Boosting,
    /// Squared, of logarithms; none if a prediction or a truth was at -1 or below.
    logarithmic: Option<Boosting>,
}

/// Expected errors of a regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpectedErrors {
    /// Mean absolute error, in the unit of the target.
    pub mae: f64,
    /// Mean squared error.
    pub mse: f64,
    /// Its root.
    pub rmse: f64,
    /// Mean absolute error as a share of the truth.
    pub mape: f64,
    /// Mean squared difference of logarithms of one more; NaN if there were numbers at -1 or below.
    pub msle: f64,
    /// Its root.
    pub rmsle: f64,
}

impl ExpectedErrors {
    /// All by their names.
    pub fn measures(&self) -> [(&'static str, f64); 6] {
        [
            ("mae", self.mae),
            ("mse", self.mse),
            ("rmse", self.rmse),
            ("mape", self.mape),
            ("msle", self.msle),
            ("rmsle", self.rmsle),
        ]
    }
}

impl DirectLoss {
    /// Learns from rows (features, and the prediction as a column of its own), predictions and truth; NaN is a missing
    /// feature. Only as many rows count as there are predictions and truths.
    pub fn fit(rows: &Matrix, predictions: &[f64], truth: &[f64]) -> Self {
        let fit = |loss: fn(f64, f64) -> f64| {
            let losses: Vec<f64> = predictions.iter().zip(truth).map(|(told, true_)| loss(*told, *true_)).collect();
            Boosting::fit(rows, &losses, Loss::Squares, &Config::default())
        };
        let has_logarithms = predictions.iter().chain(truth).all(|it| *it > -1.0);
        Self {
            absolute: fit(|told, truth| (told - truth).abs()),
            squared: fit(|told, truth| (told - truth).powi(2)),
            relative: fit(|told, truth| (told - truth).abs() / truth.abs().max(LEAST_SIZE)),
            logarithmic: has_logarithms.then(|| fit(|told, truth| (told.ln_1p() - truth.ln_1p()).powi(2))),
        }
    }

    /// Expected errors on rows without truth; `None` if there are none.
    pub fn estimate(&self, rows: &Matrix) -> Option<ExpectedErrors> {
        let n = rows.n_rows() as f64;
        if rows.n_rows() == 0 {
            return None;
        }
        let mean = |of: &Boosting| rows.rows().map(|it| of.predict(it).max(0.0)).sum::<f64>() / n;
        let (mse, msle) = (mean(&self.squared), self.logarithmic.as_ref().map_or(f64::NAN, mean));
        let (mae, mape) = (mean(&self.absolute), mean(&self.relative));
        Some(ExpectedErrors { mae, mse, rmse: mse.sqrt(), mape, msle, rmsle: msle.sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Errors grow with the first feature; later rows have more of it.
    fn rows(n: usize, shift: f64, seed: u64) -> (Matrix, Vec<f64>, Vec<f64>) {
        let mut random = Random::new(seed);
        let (mut rows, mut predictions, mut truth) = (Matrix::new(3), Vec::new(), Vec::new());
        for _ in 0..n {
            let (spread, other) = ((random.uniform() + shift).min(1.0), random.normal());
            let prediction = 2.0 * other;
            rows.push(&[spread, other, prediction]);
            predictions.push(prediction);
            truth.push(prediction + spread * random.normal());
        }
        (rows, predictions, truth)
    }

    /// MUST 472.
    #[test]
    fn errors_are_told_after_a_shift_of_rows() {
        let (train, predictions, truth) = rows(8000, 0.0, 1);
        let model = DirectLoss::fit(&train, &predictions, &truth);
        let (later, predictions, truth) = rows(8000, 0.4, 2);
        let mae = predictions.iter().zip(&truth).map(|(a, b)| (a - b).abs()).sum::<f64>() / 8000.0;
        let estimate = model.estimate(&later).unwrap();
        assert!((estimate.mae / mae - 1.0).abs() < 0.05, "{estimate:?} {mae}");
        assert!((estimate.rmse * estimate.rmse - estimate.mse).abs() < 1e-12);
        assert!(estimate.msle.is_nan(), "there are numbers below -1");
        assert_eq!(model.estimate(&Matrix::new(3)), None);
    }

    /// MUST 616.
    #[test]
    fn relative_and_logarithmic_errors_are_told_after_a_shift_of_rows() {
        let positive = |(rows, predictions, truth): (Matrix, Vec<f64>, Vec<f64>)| {
            let up = |it: Vec<f64>| it.into_iter().map(|it| 20.0 + it).collect::<Vec<f64>>();
            (rows, up(predictions), up(truth))
        };
        let (train, predictions, truth) = positive(rows(8000, 0.0, 1));
        let model = DirectLoss::fit(&train, &predictions, &truth);
        let (later, predictions, truth) = positive(rows(8000, 0.4, 2));
        let mean =
            |of: fn(f64, f64) -> f64| predictions.iter().zip(&truth).map(|(a, b)| of(*a, *b)).sum::<f64>() / 8000.0;
        let estimate = model.estimate(&later).unwrap();
        let mape = mean(|told, truth| (told - truth).abs() / truth.abs());
        let msle = mean(|told, truth| (told.ln_1p() - truth.ln_1p()).powi(2));
        assert!((estimate.mape / mape - 1.0).abs() < 0.05, "{estimate:?} {mape}");
        assert!((estimate.msle / msle - 1.0).abs() < 0.12, "{estimate:?} {msle}");
        assert!((estimate.rmsle - estimate.msle.sqrt()).abs() < 1e-12);
    }
}
