//! How near is a row to each of many rows? Gaussian kernel values, many at a time.

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;

/// Rows laid out feature after feature, in single precision, so that one instruction works on several rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GaussianKernel {
    columns: Vec<Vec<f32>>,
    n_rows: usize,
    gamma: f32,
}

impl GaussianKernel {
    pub(super) fn new(rows: &Matrix, gamma: f64) -> Self {
        let columns = (0..rows.n_features()).map(|it| rows.column(it).map(|it| it as f32).collect()).collect();
        Self { columns, n_rows: rows.n_rows(), gamma: gamma as f32 }
    }

    pub(super) fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// exp(-gamma * squared distance) of `row` to every row; what `values` had is replaced.
    pub(super) fn values(&self, row: &[f64], values: &mut Vec<f32>) {
        values.clear();
        values.resize(self.n_rows, 0.0);
        for (column, value) in self.columns.iter().zip(row) {
            let value = *value as f32;
            values.iter_mut().zip(column).for_each(|(sum, it)| *sum += (it - value) * (it - value));
        }
        values.iter_mut().for_each(|it| *it = exp(-self.gamma * *it));
    }

    /// The kernel values of row `index` to every row.
    pub(super) fn values_of(&self, index: usize) -> Vec<f32> {
        let row: Vec<f64> = self.columns.iter().filter_map(|it| Some(f64::from(*it.get(index)?))).collect();
        let mut values = vec![];
        self.values(&row, &mut values);
        values
    }
}

/// e to the power of a number that is not positive, without a branch; relative error below 1e-6.
///
/// The power of two is taken off by adding a number so large that only whole numbers fit (Cody and Waite); what is
/// left, at most ln(2) / 2, goes into a polynomial.
#[inline]
#[allow(clippy::excessive_precision, reason = "the digits are those of the constants")]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (x - whole * 0.693_359_375) + whole * 2.121_944_4e-4;
    let tail = 0.041_666_67 + rest * (0.008_333_334 + rest * 0.001_388_889);
    let power = 1.0 + rest * (1.0 + rest * (0.5 + rest * (0.166_666_67 + rest * tail)));
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for step in 0..86_000 {
            let x = -(step as f32) / 1000.0;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / exact - 1.0).abs() < 1e-6, "{x}: {ours} {exact}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn a_row_is_nearest_to_itself() {
        let kernel = GaussianKernel::new(&Matrix::from_rows(&[[0.0, 0.0], [1.0, 1.0]]).unwrap(), 0.5);
        let values = kernel.values_of(1);
        assert!((f64::from(values[0]) - (-1.0f64).exp()).abs() < 1e-6 && values[1] == 1.0, "{values:?}");
    }
}
