//! How far are predicted numbers from what came true? Errors are predicted minus actual.

use serde::{Deserialize, Serialize};

/// Measures of a window of predicted and actual numbers. Everything is NaN without rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Rows in which both numbers are finite.
    pub n: u64,
    /// Mean absolute error, in the unit of what is predicted.
    pub mae: f64,
    /// Root of the mean squared error, in the unit of what is predicted.
    pub rmse: f64,
    /// Mean squared difference of the logarithms of one more; NaN if a number is -1 or below.
    #[serde(skip, default = "nan")]
    pub msle: f64,
    /// Mean of the error as a share of the actual number; 0.1 is 10 %. An actual 0 counts as the smallest step of a
    /// number, as in scikit-learn, so that one of them makes it useless: look at `smape` then.
    pub mape: f64,
    /// Mean of the error as a share of the mean of both numbers' sizes, 0 to 2; two zeros are no error.
    pub smape: f64,
    /// Share of the variance that is explained, 1 (best) downward; NaN if what came true is constant.
    pub r2: f64,
    /// Mean error: above 0 the model says too much.
    pub bias: f64,
}

impl Errors {
    /// Measures pairs of (predicted, actual). Pairs with a number that is not finite are left out.
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let known: Vec<(f64, f64)> = pairs.iter().copied().filter(|it| it.0.is_finite() && it.1.is_finite()).collect();
        let n = known.len() as f64;
        let mean = |of: fn(f64, f64) -> f64| known.iter().map(|it| of(it.0, it.1)).sum::<f64>() / n;
        let level = mean(|_, actual| actual);
        let variance = known.iter().map(|it| (it.1 - level).powi(2)).sum::<f64>() / n;
        let squared = mean(|predicted, actual| (predicted - actual).powi(2));
        Self {
            n: known.len() as u64,
            mae: mean(|predicted, actual| (predicted - actual).abs()),
            rmse: squared.sqrt(),
            msle: mean(|predicted, actual| (predicted.ln_1p() - actual.ln_1p()).powi(2)),
            mape: mean(|predicted, actual| (predicted - actual).abs() / actual.abs().max(f64::EPSILON)),
            smape: mean(relative_to_both),
            r2: if variance > 0.0 { 1.0 - squared / variance } else { f64::NAN },
            bias: mean(|predicted, actual| predicted - actual),
        }
    }
}

/// It is not kept with windows: JSON has no NaN.
const fn nan() -> f64 {
    f64::NAN
}

fn relative_to_both(predicted: f64, actual: f64) -> f64 {
    let size = (predicted.abs() + actual.abs()) / 2.0;
    if size == 0.0 { 0.0 } else { (predicted - actual).abs() / size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_left_out_and_a_constant_explains_nothing() {
        let errors = Errors::of(&[(1.0, 2.0), (f64::NAN, 2.0), (3.0, 2.0), (1.0, f64::INFINITY)]);
        assert_eq!((errors.n, errors.mae, errors.rmse, errors.bias), (2, 1.0, 1.0, 0.0));
        assert!(errors.r2.is_nan() && Errors::of(&[]).mae.is_nan());
        assert_eq!(Errors::of(&[(0.0, 0.0)]).smape, 0.0);
    }
}
