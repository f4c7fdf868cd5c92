//! How large are the errors of a regression, before the truth came? A second model tells them from the rows.
//!
//! Boosted trees learn the absolute and the squared error of the watched model from its features and its prediction, on
//! rows with truth; of later rows they say which errors to expect. It holds while rows change and what they mean does not.
//! Source: NannyML's direct loss estimation.

use serde::{Deserialize, Serialize};

use crate::boosting::{Boosting, Config, Loss};
use crate::outlier::matrix::Matrix;

/// What was learned from rows with truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectLoss {
    absolute: Boosting,
    squared: Boosting,
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
}

impl DirectLoss {
    /// Learns from rows (features, and the prediction as a column of its own), predictions and truth; NaN is a missing
    /// feature. Only as many rows count as there are predictions and truths.
    pub fn fit(rows: &Matrix, predictions: &[f64], truth: &[f64]) -> Self {
        let errors: Vec<f64> = predictions.iter().zip(truth).map(|(a, b)| a - b).collect();
        let absolute: Vec<f64> = errors.iter().map(|it| it.abs()).collect();
        let squared: Vec<f64> = errors.iter().map(|it| it * it).collect();
        let config = Config::default();
        Self {
            absolute: Boosting::fit(rows, &absolute, Loss::Squares, &config),
            squared: Boosting::fit(rows, &squared, Loss::Squares, &config),
        }
    }

    /// Expected errors on rows without truth; `None` if there are none.
    pub fn estimate(&self, rows: &Matrix) -> Option<ExpectedErrors> {
        let n = rows.n_rows() as f64;
        if rows.n_rows() == 0 {
            return None;
        }
        let mean = |of: &Boosting| rows.rows().map(|it| of.predict(it).max(0.0)).sum::<f64>() / n;
        let mse = mean(&self.squared);
        Some(ExpectedErrors { mae: mean(&self.absolute), mse, rmse: mse.sqrt() })
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
        assert_eq!(model.estimate(&Matrix::new(3)), None);
    }
}
