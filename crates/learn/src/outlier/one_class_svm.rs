//! Does a row lie where most rows lie? The one-class support vector machine with a Gaussian kernel.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::gaussian_kernel::GaussianKernel;
use super::matrix::Matrix;

/// Width of the kernel: exp(-gamma * squared distance).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Gamma {
    /// 1 / number of features.
    Auto,
    /// 1 / (number of features * variance of all values).
    Scale,
    /// This number.
    Fixed(f64),
}

/// How the machine is trained; the defaults are scikit-learn's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneClassSvmConfig {
    /// At most this share of the training rows lies outside; at least this share becomes support vectors. In (0, 1].
    pub nu: f64,
    /// Width of the kernel.
    pub gamma: Gamma,
    /// Training ends when the gradients of the most violating pair differ by less.
    pub tolerance: f64,
}

impl Default for OneClassSvmConfig {
    fn default() -> Self {
        Self { nu: 0.5, gamma: Gamma::Scale, tolerance: 1e-3 }
    }
}

/// A boundary around the training rows, held by some of them.
///
/// Decision values are those of scikit-learn's `OneClassSVM`: positive inside, negative outside.
/// It needs features of like scale, and time that grows with the square of the number of rows.
///
/// Source: Schoelkopf, Platt, Shawe-Taylor, Smola, Williamson: Estimating the support of a high-dimensional
/// distribution, Neural Computation 13 (2001); the solver is the second-order working set selection of Fan, Chen,
/// Lin: JMLR 6 (2005), as libsvm has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneClassSvm {
    support: GaussianKernel,
    weights: Vec<f32>,
    rho: f64,
}

impl OneClassSvm {
    /// Finds the boundary; values must be finite. Without rows every decision value is 0.
    pub fn fit(train: &Matrix, config: OneClassSvmConfig) -> Self {
        let gamma = gamma_of(train, config.gamma);
        let solution = Solver::new(train, gamma, config).solve();
        let (held, weights): (Vec<usize>, Vec<f32>) =
            solution.alpha.iter().enumerate().filter(|it| *it.1 > 0.0).map(|(row, it)| (row, *it as f32)).unzip();
        Self { support: GaussianKernel::new(&train.select(&held), gamma), weights, rho: solution.rho }
    }

    /// Signed distance to the boundary in the kernel's space: negative outside. NaN if the row's length is wrong.
    pub fn decision_one(&self, row: &[f64]) -> f64 {
        self.decision_with(row, &mut vec![])
    }

    /// The decision values of all rows.
    pub fn decision(&self, rows: &Matrix) -> Vec<f64> {
        let mut values = vec![];
        rows.rows().map(|row| self.decision_with(row, &mut values)).collect()
    }

    fn decision_with(&self, row: &[f64], values: &mut Vec<f32>) -> f64 {
        if row.len() != self.support.n_features() {
            return f64::NAN;
        }
        self.support.values(row, values);
        dot(values, &self.weights) - self.rho
    }

    /// How unusual a row is: 2 to the power of -decision / offset, so that 1 is the boundary, 2 far away.
    pub fn score_one(&self, row: &[f64]) -> f64 {
        (-self.decision_one(row) / self.rho.max(f64::MIN_POSITIVE)).exp2()
    }

    /// The scores of all rows.
    pub fn score(&self, rows: &Matrix) -> Vec<f64> {
        let offset = self.rho.max(f64::MIN_POSITIVE);
        self.decision(rows).into_iter().map(|it| (-it / offset).exp2()).collect()
    }

    /// Number of rows that hold the boundary.
    pub fn n_support(&self) -> usize {
        self.weights.len()
    }

    /// The offset (libsvm's rho).
    pub fn offset(&self) -> f64 {
        self.rho
    }

    /// Memory that the machine takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.weights.len() * size_of::<f32>() * (1 + self.support.n_features())
    }
}

fn gamma_of(train: &Matrix, gamma: Gamma) -> f64 {
    let n_features = train.n_features().max(1) as f64;
    match gamma {
        Gamma::Auto => 1.0 / n_features,
        Gamma::Fixed(value) => value,
        Gamma::Scale => {
            let n = (train.n_rows() * train.n_features()).max(1) as f64;
            let mean = train.rows().flatten().sum::<f64>() / n;
            let variance = train.rows().flatten().map(|it| (it - mean).powi(2)).sum::<f64>() / n;
            if variance > 0.0 { 1.0 / (n_features * variance) } else { 1.0 }
        }
    }
}

/// Sum of products, in eight sums that are independent of each other, each of them short.
fn dot(left: &[f32], right: &[f32]) -> f64 {
    const BLOCK: usize = 512;
    let block = |(left, right): (&[f32], &[f32])| {
        let (left, left_rest) = left.as_chunks::<8>();
        let (right, right_rest) = right.as_chunks::<8>();
        let mut sums = [0.0f32; 8];
        for (left, right) in left.iter().zip(right) {
            sums.iter_mut().zip(left.iter().zip(right)).for_each(|(sum, (a, b))| *sum += a * b);
        }
        let rest: f32 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
        f64::from(sums.iter().sum::<f32>()) + f64::from(rest)
    };
    left.chunks(BLOCK).zip(right.chunks(BLOCK)).map(block).sum()
}

struct Solution {
    alpha: Vec<f64>,
    rho: f64,
}

/// Sequential minimal optimization of: minimize 1/2 a'Qa, 0 <= a_i <= 1, sum of a = nu * n.
struct Solver {
    kernel: GaussianKernel,
    tolerance: f64,
    alpha: Vec<f64>,
    gradient: Vec<f64>,
    columns: Columns,
}

/// Columns of the kernel matrix that were asked for; all are thrown away when they would take too much memory.
struct Columns {
    by_index: HashMap<usize, Vec<f32>>,
    max_columns: usize,
}

/// Bytes of kernel columns that are kept, as libsvm's default of 200 MB is for far larger data.
const CACHE_BYTES: usize = 100 << 20;

impl Solver {
    fn new(train: &Matrix, gamma: f64, config: OneClassSvmConfig) -> Self {
        let n = train.n_rows();
        let max_columns = (CACHE_BYTES / size_of::<f32>() / n.max(1)).max(2);
        let columns = Columns { by_index: HashMap::new(), max_columns };
        let kernel = GaussianKernel::new(train, gamma);
        let tolerance = config.tolerance;
        let mut solver = Self { kernel, tolerance, alpha: vec![0.0; n], gradient: vec![0.0; n], columns };
        solver.start(config.nu.clamp(0.0, 1.0) * n as f64);
        solver
    }

    /// The first rows take all the weight, as in libsvm, so that the way to the solution is the same.
    fn start(&mut self, total: f64) {
        let n_full = total as usize;
        for (index, alpha) in self.alpha.iter_mut().enumerate() {
            *alpha = if index < n_full {
                1.0
            } else if index == n_full {
                total - n_full as f64
            } else {
                0.0
            };
        }
        for index in 0..self.alpha.len() {
            let alpha = self.alpha.get(index).copied().unwrap_or(0.0);
            if alpha > 0.0 {
                let column = self.kernel.values_of(index);
                self.gradient.iter_mut().zip(&column).for_each(|(it, k)| *it += alpha * f64::from(*k));
            }
        }
    }

    fn solve(mut self) -> Solution {
        let max_steps = self.alpha.len().saturating_mul(100).max(100_000);
        for _ in 0..max_steps {
            let Some((up, down)) = self.working_pair() else { break };
            self.step(up, down);
        }
        Solution { rho: self.offset(), alpha: self.alpha }
    }

    /// The row to take weight (largest violation) and the row to lose it (largest second-order gain).
    fn working_pair(&mut self) -> Option<(usize, usize)> {
        let rows = || self.alpha.iter().zip(&self.gradient).enumerate();
        let (up, highest) = rows()
            .filter(|(_, (alpha, _))| **alpha < 1.0)
            .map(|(index, (_, gradient))| (index, -gradient))
            .fold(None, |best: Option<(usize, f64)>, it| best.filter(|best| best.1 > it.1).or(Some(it)))?;
        let column = self.columns.get(&self.kernel, up);
        let (mut best, mut worst_gain, mut lowest) = (None, 0.0, f64::INFINITY);
        for ((index, (alpha, gradient)), k) in self.alpha.iter().zip(&self.gradient).enumerate().zip(column) {
            if *alpha > 0.0 {
                lowest = f64::min(lowest, -gradient);
                let violation = highest + gradient;
                if violation > 0.0 {
                    let curvature = (2.0 - 2.0 * f64::from(*k)).max(1e-12);
                    let gain = -violation * violation / curvature;
                    if gain <= worst_gain {
                        (best, worst_gain) = (Some(index), gain);
                    }
                }
            }
        }
        (highest - lowest >= self.tolerance).then_some((up, best?))
    }

    /// Moves weight from `down` to `up` as far as the minimum or the bounds allow.
    #[allow(clippy::indexing_slicing, reason = "both indices come from the arrays they index")]
    fn step(&mut self, up: usize, down: usize) {
        let between = f64::from(self.columns.get(&self.kernel, up)[down]);
        let curvature = (2.0 - 2.0 * between).max(1e-12);
        let wanted = (self.gradient[down] - self.gradient[up]) / curvature;
        let room = (1.0 - self.alpha[up]).min(self.alpha[down]);
        let moved = wanted.min(room);
        // Bounds are hit exactly, so that a row without weight is recognized as such.
        self.alpha[up] = if moved >= 1.0 - self.alpha[up] { 1.0 } else { self.alpha[up] + moved };
        self.alpha[down] = if moved >= self.alpha[down] { 0.0 } else { self.alpha[down] - moved };
        for (index, sign) in [(up, 1.0), (down, -1.0)] {
            let column = self.columns.get(&self.kernel, index);
            self.gradient.iter_mut().zip(column).for_each(|(it, k)| *it += sign * moved * f64::from(*k));
        }
    }

    /// The mean gradient of the rows on the boundary, or the middle of what the others allow.
    fn offset(&self) -> f64 {
        let (mut sum, mut n_free, mut upper, mut lower) = (0.0, 0, f64::INFINITY, f64::NEG_INFINITY);
        for (alpha, gradient) in self.alpha.iter().zip(&self.gradient) {
            if *alpha >= 1.0 {
                lower = f64::max(lower, *gradient);
            } else if *alpha <= 0.0 {
                upper = f64::min(upper, *gradient);
            } else {
                (sum, n_free) = (sum + gradient, n_free + 1);
            }
        }
        match n_free {
            0 if upper.is_finite() && lower.is_finite() => (upper + lower) / 2.0,
            0 => {
                if lower.is_finite() {
                    lower
                } else {
                    0.0
                }
            }
            _ => sum / f64::from(n_free),
        }
    }
}

impl Columns {
    fn get(&mut self, kernel: &GaussianKernel, index: usize) -> &[f32] {
        if self.by_index.len() >= self.max_columns && !self.by_index.contains_key(&index) {
            self.by_index.clear();
        }
        self.by_index.entry(index).or_insert_with(|| kernel.values_of(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn cloud(n: usize, seed: u64) -> Matrix {
        let mut random = Random::new(seed);
        let rows: Vec<[f64; 2]> = (0..n).map(|_| [random.normal(), random.normal()]).collect();
        Matrix::from_rows(&rows).unwrap()
    }

    /// Guarantees: the theorem that names nu: at most nu outside, at least nu support vectors.
    #[test]
    fn nu_bounds_the_share_outside_and_the_support() {
        for (nu, seed) in [(0.05, 1), (0.2, 2), (0.5, 3)] {
            let train = cloud(400, seed);
            let svm = OneClassSvm::fit(&train, OneClassSvmConfig { nu, ..Default::default() });
            let n_outside = train.rows().filter(|it| svm.decision_one(it) < -1e-3).count();
            assert!(n_outside as f64 <= nu * 400.0, "{n_outside} outside with nu {nu}");
            assert!(svm.n_support() as f64 >= nu * 400.0, "{} support vectors with nu {nu}", svm.n_support());
        }
    }

    #[test]
    fn far_rows_are_outside_and_the_middle_is_inside() {
        let svm = OneClassSvm::fit(&cloud(200, 4), OneClassSvmConfig { nu: 0.1, ..Default::default() });
        assert!(svm.decision_one(&[0.0, 0.0]) > 0.0);
        assert!(svm.decision_one(&[8.0, 8.0]) < 0.0);
        assert!(svm.score_one(&[0.0, 0.0]) < 1.0 && svm.score_one(&[8.0, 8.0]) > 1.9);
        assert!(svm.decision_one(&[0.0]).is_nan());
    }

    #[test]
    fn degenerate_input_is_survived() {
        for train in
            [Matrix::new(2), Matrix::from_rows(&[[1.0, 1.0]]).unwrap(), Matrix::from_rows(&[[1.0, 1.0]; 9]).unwrap()]
        {
            let svm = OneClassSvm::fit(&train, OneClassSvmConfig::default());
            assert!(svm.decision_one(&[1.0, 2.0]).is_finite());
            assert!(svm.state_bytes() > 0);
        }
    }
}
