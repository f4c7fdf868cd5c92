//! Do columns still depend on each other as in the reference? The error of rows rebuilt from few principal components.
//!
//! NannyML's protocol: missing numbers are the mean, columns are standardized by the reference, components are kept until
//! they hold 65 % of the variance; the measure is the mean Euclidean distance of a row and what is rebuilt of it.
//! It grows when dependences break, also if each column alone looks the same.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::drift::symmetric::eigen;
use crate::outlier::matrix::Matrix;

const KEPT_VARIANCE: f64 = 0.65;

/// Why nothing can be learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReconstructionError {
    /// There are no rows or no columns.
    Empty,
    /// Rows have another number of columns than those of the reference.
    OtherWidth {
        /// Of the reference.
        expected: usize,
        /// Of the rows.
        found: usize,
    },
}

impl fmt::Display for ReconstructionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there are no rows or no columns"),
            Self::OtherWidth { expected, found } => {
                write!(f, "rows have {found} columns, those of the reference have {expected}")
            }
        }
    }
}

impl std::error::Error for ReconstructionError {}

/// How columns of the reference depend on each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reconstruction {
    means: Vec<f64>,
    deviations: Vec<f64>,
    components: Vec<Vec<f64>>,
}

impl Reconstruction {
    /// Learns from rows of the reference; NaN is a missing value.
    ///
    /// # Errors
    /// `Empty` if there is nothing to learn from.
    pub fn fit(rows: &Matrix) -> Result<Self, ReconstructionError> {
        let n_features = rows.n_features();
        if rows.n_rows() == 0 || n_features == 0 {
            return Err(ReconstructionError::Empty);
        }
        let mut fitted = Self { means: Vec::new(), deviations: Vec::new(), components: Vec::new() };
        let n = rows.n_rows() as f64;
        for feature in 0..n_features {
            let present: Vec<f64> = rows.column(feature).filter(|it| it.is_finite()).collect();
            let mean = present.iter().sum::<f64>() / (present.len().max(1)) as f64;
            // A missing value is the mean and adds nothing, but counts.
            let variance = present.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n;
            fitted.means.push(mean);
            fitted.deviations.push(if variance > 0.0 { variance.sqrt() } else { 1.0 });
        }
        let mut covariance = vec![vec![0.0; n_features]; n_features];
        for row in rows.rows() {
            let row = fitted.standardize(row);
            for (sums, left) in covariance.iter_mut().zip(&row) {
                sums.iter_mut().zip(&row).for_each(|(sum, right)| *sum += left * right / n);
            }
        }
        let (values, vectors) = eigen(covariance);
        let total: f64 = values.iter().sum();
        let mut order: Vec<(f64, Vec<f64>)> = values.into_iter().zip(vectors).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut kept = 0.0;
        for (value, vector) in order {
            fitted.components.push(vector);
            kept += value;
            if kept > KEPT_VARIANCE * total {
                break;
            }
        }
        Ok(fitted)
    }

    /// The mean error of rows; NaN if there are none.
    ///
    /// # Errors
    /// `OtherWidth` if rows have other columns.
    pub fn error(&self, rows: &Matrix) -> Result<f64, ReconstructionError> {
        let (expected, found) = (self.means.len(), rows.n_features());
        if expected != found {
            return Err(ReconstructionError::OtherWidth { expected, found });
        }
        Ok(rows.rows().map(|it| self.error_of_row(it)).sum::<f64>() / rows.n_rows() as f64)
    }

    fn error_of_row(&self, row: &[f64]) -> f64 {
        let row = self.standardize(row);
        let mut rest = row.clone();
        for component in &self.components {
            let along: f64 = component.iter().zip(&row).map(|(a, b)| a * b).sum();
            rest.iter_mut().zip(component).for_each(|(it, part)| *it -= along * part);
        }
        rest.iter().map(|it| it * it).sum::<f64>().sqrt()
    }

    fn standardize(&self, row: &[f64]) -> Vec<f64> {
        let scales = self.means.iter().zip(&self.deviations);
        row.iter()
            .zip(scales)
            .map(|(value, (mean, deviation))| if value.is_finite() { (value - mean) / deviation } else { 0.0 })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn rows(n: usize, dependence: f64, seed: u64) -> Matrix {
        let mut random = Random::new(seed);
        let mut rows = Matrix::new(4);
        for _ in 0..n {
            let common = random.normal();
            let rest = (1.0 - dependence * dependence).sqrt();
            let row: Vec<f64> = (0..4).map(|_| dependence * common + rest * random.normal()).collect();
            rows.push(&row);
        }
        rows
    }

    /// MUST 473.
    #[test]
    fn a_lost_dependence_is_seen_where_no_column_changed() {
        let reconstruction = Reconstruction::fit(&rows(4000, 0.9, 1)).unwrap();
        let usual = reconstruction.error(&rows(4000, 0.9, 2)).unwrap();
        let lost = reconstruction.error(&rows(4000, 0.0, 3)).unwrap();
        assert!(lost > 1.5 * usual, "{usual} {lost}");
    }

    /// Guarantees: the value of scikit-learn's StandardScaler and PCA(n_components=0.65).
    #[test]
    fn the_error_is_that_of_scikit_learn() {
        let data = [[1.0, 2.0, 3.0], [2.0, 1.0, 0.0], [4.0, 5.0, 1.0], [3.0, 3.0, 8.0], [0.0, 1.0, 2.0]];
        let rows = Matrix::from_rows(&data).unwrap();
        let error = Reconstruction::fit(&rows).unwrap().error(&rows).unwrap();
        assert!((error - EXPECTED).abs() < 1e-9, "{error}");
        let mut other = Matrix::new(2);
        other.push(&[1.0, 2.0]);
        let wrong = Reconstruction::fit(&rows).unwrap().error(&other);
        assert_eq!(wrong, Err(ReconstructionError::OtherWidth { expected: 3, found: 2 }));
        assert_eq!(Reconstruction::fit(&Matrix::new(3)), Err(ReconstructionError::Empty));
    }

    const EXPECTED: f64 = 0.3543147489294146;
}
