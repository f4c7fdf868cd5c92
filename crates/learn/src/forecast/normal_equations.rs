//! Which weights of some features come nearest to the values? Penalized least squares, to which rows can be added later.
#![allow(
    clippy::indexing_slicing,
    reason = "all indices are below the number of features, which is fixed at the start"
)]

use serde::{Deserialize, Serialize};

/// Sums of products of features and values: all that least squares needs to know of the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct NormalEquations {
    n_features: usize,
    /// The lower triangle, row by row.
    products: Vec<f64>,
    moments: Vec<f64>,
    /// Sum of the weights of the rows.
    pub weight: f64,
}

/// Where row `i` of a packed lower triangle begins.
fn row(i: usize) -> usize {
    i * (i + 1) / 2
}

impl NormalEquations {
    pub fn new(n_features: usize) -> Self {
        Self { n_features, products: vec![0.0; row(n_features)], moments: vec![0.0; n_features], weight: 0.0 }
    }

    /// Takes in a row; `features` has as many numbers as `new` was told, else nothing happens.
    pub fn add(&mut self, features: &[f64], value: f64, weight: f64) {
        if features.len() != self.n_features {
            return;
        }
        for (i, feature) in features.iter().enumerate() {
            let weighted = feature * weight;
            let products = &mut self.products[row(i)..=row(i) + i];
            products.iter_mut().zip(features).for_each(|(sum, other)| *sum += weighted * other);
            self.moments[i] += weighted * value;
        }
        self.weight += weight;
    }

    /// Lets old rows count less.
    pub fn fade(&mut self, share_kept: f64) {
        self.products.iter_mut().chain(&mut self.moments).for_each(|it| *it *= share_kept);
        self.weight *= share_kept;
    }

    /// The weights. `penalties` are per feature and relative to the feature's own sum of squares.
    /// A feature that is always 0 has the weight 0. All zeros if even a strong penalty does not make it solvable.
    pub fn solve(&self, penalties: &[f64]) -> Vec<f64> {
        let squares = self.squares();
        let absolute: Vec<f64> = penalties.iter().zip(&squares).map(|(penalty, square)| penalty * square).collect();
        self.solve_with(&absolute)
    }

    fn squares(&self) -> Vec<f64> {
        (0..self.n_features).map(|i| self.products[row(i) + i]).collect()
    }

    /// As `solve`, with penalties in the units of the sums of squares.
    pub fn solve_with(&self, penalties: &[f64]) -> Vec<f64> {
        let p = self.n_features;
        let scales: Vec<f64> = self.squares().into_iter().map(f64::sqrt).collect();
        let inverse: Vec<f64> = scales.iter().map(|it| if *it > 1e-150 { 1.0 / it } else { 0.0 }).collect();
        let mut factor = self.products.clone();
        let mut ridge = 1e-10;
        while ridge < 10.0 {
            for i in 0..p {
                for j in 0..i {
                    factor[row(i) + j] = self.products[row(i) + j] * inverse[i] * inverse[j];
                }
                let penalty = penalties.get(i).copied().unwrap_or(0.0);
                factor[row(i) + i] = 1.0 + penalty * inverse[i] * inverse[i] + ridge;
            }
            if cholesky(&mut factor, p) {
                let mut weights: Vec<f64> = self.moments.iter().zip(&inverse).map(|(a, b)| a * b).collect();
                substitute(&factor, &mut weights);
                weights.iter_mut().zip(&inverse).for_each(|(a, b)| *a *= b);
                if weights.iter().all(|it| it.is_finite()) {
                    return weights;
                }
            }
            ridge *= 100.0;
        }
        vec![0.0; p]
    }
}

/// Replaces a packed lower triangle by its Cholesky factor; false if it is not positive definite.
pub(super) fn cholesky(matrix: &mut [f64], p: usize) -> bool {
    for i in 0..p {
        let (done, rest) = matrix.split_at_mut(row(i));
        let own = &mut rest[..=i];
        for j in 0..i {
            let other = &done[row(j)..=row(j) + j];
            let dot: f64 = own[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            own[j] = (own[j] - dot) / other[j];
        }
        let square = own[i] - own[..i].iter().map(|it| it * it).sum::<f64>();
        if square.is_nan() || square <= 1e-13 {
            return false;
        }
        own[i] = square.sqrt();
    }
    true
}

/// Solves with a Cholesky factor in place.
pub(super) fn substitute(factor: &[f64], vector: &mut [f64]) {
    let p = vector.len();
    for i in 0..p {
        let own = &factor[row(i)..=row(i) + i];
        let dot: f64 = own[..i].iter().zip(&vector[..i]).map(|(a, b)| a * b).sum();
        vector[i] = (vector[i] - dot) / own[i];
    }
    for i in (0..p).rev() {
        let own = &factor[row(i)..=row(i) + i];
        vector[i] /= own[i];
        let solved = vector[i];
        vector[..i].iter_mut().zip(own).for_each(|(it, weight)| *it -= weight * solved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_weights_are_found_and_more_rows_change_them() {
        let mut equations = NormalEquations::new(3);
        for it in 0..20 {
            let x = [1.0, f64::from(it), f64::from(it * it % 7)];
            equations.add(&x, 2.0 - 3.0 * x[1] + 0.5 * x[2], 1.0);
        }
        let weights = equations.solve(&[]);
        for (weight, expected) in weights.iter().zip([2.0, -3.0, 0.5]) {
            assert!((weight - expected).abs() < 1e-6, "{weights:?}");
        }
        equations.fade(0.0);
        (0..9).for_each(|it| equations.add(&[1.0, f64::from(it), f64::from(it * it % 7)], 9.0, 1.0));
        assert!((equations.solve(&[])[0] - 9.0).abs() < 1e-6);
    }

    #[test]
    fn the_same_feature_twice_and_one_that_is_never_there_are_survived() {
        let mut equations = NormalEquations::new(3);
        (1..9).for_each(|it| equations.add(&[f64::from(it), f64::from(it), 0.0], f64::from(4 * it), 1.0));
        let weights = equations.solve(&[]);
        assert!((weights[0] + weights[1] - 4.0).abs() < 1e-4 && weights[2] == 0.0, "{weights:?}");
        assert_eq!(NormalEquations::new(2).solve(&[]), [0.0, 0.0]);
    }

    #[test]
    fn penalties_pull_towards_zero() {
        let mut equations = NormalEquations::new(1);
        (1..9).for_each(|it| equations.add(&[f64::from(it)], f64::from(it), 1.0));
        assert!((equations.solve(&[1.0])[0] - 0.5).abs() < 1e-9);
    }
}
