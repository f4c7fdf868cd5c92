//! Which features make a row unusual? Those whose correction, to what the others let expect, makes it usual again.

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use super::standardize::Standardizer;

/// How far from the usual a value counts when correlations are learned.
const CLIP: f64 = 3.0;
/// Share of the identity in the correlation matrix: few rows or equal features do not make it singular.
const SHRINKAGE: f64 = 0.01;

/// Robust scales and correlations of the features of ordinary rows.
///
/// For each feature it knows what the other features let expect. Correcting the guilty feature alone to its expected
/// value takes away the most of a row's squared (Mahalanobis) distance: this is certain for a large fault of one
/// feature, also if every value is ordinary by itself and only the relation is broken.
/// It takes 8 bytes per pair of features. It fails where features depend on each other, but not linearly.
///
/// Source: Alcala, Qin: Reconstruction-based contribution for process monitoring, Automatica 45 (2009).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blame {
    scales: Standardizer,
    /// Inverse of the correlation matrix, symmetric.
    precision: Matrix,
}

impl Blame {
    /// Learns scales and correlations of the rows of `train`; NaN is left out.
    pub fn fit(train: &Matrix) -> Self {
        let scales = Standardizer::by_quantiles(train);
        let precision = invert(&correlations(&scales.apply(train)));
        Self { scales, precision }
    }

    /// The share of each feature in what is unusual about a row: not negative, sum 1, all 0 for the most usual row.
    pub fn shares(&self, row: &[f64]) -> Vec<f64> {
        let scaled = self.scales.apply_one(row);
        shares_of(self.corrections(&scaled).map(|(correction, weight)| correction * correction * weight).collect())
    }

    /// What the other features let expect for each feature; NaN in the row counts as the usual value.
    pub fn expected(&self, row: &[f64]) -> Vec<f64> {
        let scaled = self.scales.apply_one(row);
        let corrected = self.corrections(&scaled).zip(&scaled).map(|((correction, _), it)| it - correction);
        corrected.enumerate().map(|(feature, it)| self.scales.restore(feature, it)).collect()
    }

    /// Memory that it takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        let n_features = self.scales.n_features();
        size_of::<Self>() + size_of::<f64>() * n_features * (3 + n_features)
    }

    /// Squared distance of a row from the usual, in units of the usual.
    pub fn squared_distance(&self, row: &[f64]) -> f64 {
        let scaled = self.scales.apply_one(row);
        self.products(&scaled).zip(&scaled).map(|(product, it)| product * it).sum()
    }

    /// How far each scaled value lies from what the others let expect, and how narrow that expectation is.
    fn corrections<'a>(&'a self, scaled: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.products(scaled).enumerate().map(|(feature, product)| {
            let weight = self.precision.row(feature).get(feature).copied().unwrap_or(1.0);
            (product / weight, weight)
        })
    }

    fn products<'a>(&'a self, scaled: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.precision.rows().map(move |row| row.iter().zip(scaled).map(|(a, b)| a * b).sum())
    }
}

/// Amounts as shares of their sum; all 0 if there is none.
pub fn shares_of(mut amounts: Vec<f64>) -> Vec<f64> {
    let largest = amounts.iter().copied().fold(0.0, f64::max);
    let total: f64 = amounts.iter().map(|it| it / largest).sum();
    let scale = if largest > 0.0 { 1.0 / largest / total } else { 0.0 };
    amounts.iter_mut().for_each(|it| *it = it.max(0.0) * scale);
    amounts
}

/// The index of the largest share; `None` if there is none above 0.
pub fn top(shares: &[f64]) -> Option<usize> {
    let best = shares.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1).then(right.0.cmp(&left.0)))?;
    (*best.1 > 0.0).then_some(best.0)
}

fn correlations(scaled: &Matrix) -> Matrix {
    let n_features = scaled.n_features();
    let mut sums = vec![vec![0.0; n_features]; n_features];
    for row in scaled.rows() {
        let clipped: Vec<f64> = row.iter().map(|it| it.clamp(-CLIP, CLIP)).collect();
        for (sums, left) in sums.iter_mut().zip(&clipped) {
            sums.iter_mut().zip(&clipped).for_each(|(sum, right)| *sum += left * right);
        }
    }
    let diagonal: Vec<f64> = sums.iter().enumerate().filter_map(|(it, row)| row.get(it).copied()).collect();
    let mut matrix = Matrix::new(n_features);
    for (row_index, row) in sums.iter().enumerate() {
        let own = diagonal.get(row_index).copied().unwrap_or(0.0);
        let correlation = |(index, (sum, other)): (usize, (&f64, &f64))| {
            let norm = (own * other).sqrt();
            if index == row_index {
                1.0
            } else if norm > 0.0 {
                (1.0 - SHRINKAGE) * sum / norm
            } else {
                0.0
            }
        };
        let row: Vec<f64> = row.iter().zip(&diagonal).enumerate().map(correlation).collect();
        matrix.push(&row);
    }
    matrix
}

/// Inverse of a positive definite matrix by Gauss and Jordan, without pivots: the shrinkage bounds them from below.
fn invert(matrix: &Matrix) -> Matrix {
    let n = matrix.n_features();
    let mut rows: Vec<Vec<f64>> = matrix
        .rows()
        .enumerate()
        .map(|(index, row)| row.iter().copied().chain((0..n).map(|it| f64::from(u8::from(it == index)))).collect())
        .collect();
    for pivot in 0..n {
        let Some(mut pivot_row) = rows.get(pivot).cloned() else { break };
        let scale = pivot_row.get(pivot).copied().unwrap_or(1.0);
        pivot_row.iter_mut().for_each(|it| *it /= scale);
        for (_, row) in rows.iter_mut().enumerate().filter(|it| it.0 != pivot) {
            let factor = row.get(pivot).copied().unwrap_or(0.0);
            row.iter_mut().zip(&pivot_row).for_each(|(it, pivot)| *it -= factor * pivot);
        }
        if let Some(row) = rows.get_mut(pivot) {
            *row = pivot_row;
        }
    }
    let mut inverse = Matrix::new(n);
    for row in &rows {
        inverse.push(row.get(n..).unwrap_or_default());
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn inverse_times_matrix_is_one() {
        let matrix = Matrix::from_rows(&[[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]]).unwrap();
        let inverse = invert(&matrix);
        for (i, row) in matrix.rows().enumerate() {
            for j in 0..3 {
                let product: f64 = row.iter().zip(inverse.column(j)).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12, "{i} {j} {product}");
            }
        }
    }

    /// Guarantees: a value that is ordinary by itself is blamed if its relation to the others is broken.
    #[test]
    fn the_broken_relation_is_blamed() {
        let mut random = Random::new(1);
        let rows: Vec<[f64; 4]> = (0..500)
            .map(|_| {
                let load = random.normal();
                std::array::from_fn(|_| 1000.0 * (load + 0.1 * random.normal()))
            })
            .collect();
        let blame = Blame::fit(&Matrix::from_rows(&rows).unwrap());
        let shares = blame.shares(&[1000.0, 1050.0, -900.0, 980.0]);
        assert_eq!(top(&shares), Some(2), "{shares:?}");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((blame.expected(&[1000.0, 1050.0, -900.0, 980.0])[2] - 1000.0).abs() < 200.0);
        assert!(blame.squared_distance(&[1000.0, 1050.0, -900.0, 980.0]) > 100.0);
        assert!(blame.squared_distance(&[1000.0, 1050.0, 1020.0, 980.0]) < 10.0);
    }

    #[test]
    fn degenerate_input_is_survived() {
        for train in [Matrix::new(2), Matrix::from_rows(&[[1.0, f64::NAN]; 3]).unwrap()] {
            let blame = Blame::fit(&train);
            assert!(blame.shares(&[f64::NAN, 5.0]).iter().all(|it| it.is_finite()));
            assert!(blame.shares(&[1e300, -1e300]).iter().all(|it| it.is_finite()));
        }
        assert_eq!(top(&shares_of(vec![0.0, 0.0])), None);
        assert_eq!(shares_of(vec![3.0, 1.0]), [0.75, 0.25]);
    }
}
