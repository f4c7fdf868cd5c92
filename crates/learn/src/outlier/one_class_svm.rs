//! Does a row lie where most rows lie? The one-class support vector machine with a Gaussian kernel.

use serde::{Deserialize, Serialize};

use super::gaussian_kernel::{GaussianKernel, Panel, in_panels};
use super::matrix::Matrix;
use super::minimal_optimization::solve;

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
/// Lin: JMLR 6 (2005), as libsvm has it; for many rows it starts nearer to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneClassSvm {
    support: GaussianKernel,
    /// Of the support vectors, as they lie in the kernel.
    weights: Vec<Panel>,
    rho: f64,
}

impl OneClassSvm {
    /// Finds the boundary; values must be finite. Without rows every decision value is 0.
    pub fn fit(train: &Matrix, config: OneClassSvmConfig) -> Self {
        let gamma = gamma_of(train, config.gamma);
        let kernel = GaussianKernel::new(train, gamma);
        let solution = solve(&kernel, config.nu.clamp(0.0, 1.0), config.tolerance);
        let (held, weights): (Vec<usize>, Vec<f32>) =
            solution.alpha.iter().enumerate().filter(|it| *it.1 > 0.0).map(|(row, it)| (row, *it as f32)).unzip();
        Self { support: kernel.select(&held), weights: in_panels(&weights), rho: solution.rho }
    }

    /// Signed distance to the boundary in the kernel's space: negative outside. NaN if the row's length is wrong.
    pub fn decision_one(&self, row: &[f64]) -> f64 {
        if row.len() != self.support.n_features() {
            return f64::NAN;
        }
        self.support.weighted_sum(row, &self.weights) - self.rho
    }

    /// The decision values of all rows.
    pub fn decision(&self, rows: &Matrix) -> Vec<f64> {
        if rows.n_features() != self.support.n_features() {
            return vec![f64::NAN; rows.n_rows()];
        }
        self.support.weighted_sums(rows, &self.weights).into_iter().map(|it| it - self.rho).collect()
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
        self.support.n_rows()
    }

    /// The offset (libsvm's rho).
    pub fn offset(&self) -> f64 {
        self.rho
    }

    /// Memory that the machine takes, in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.weights.as_slice()) + self.support.state_bytes()
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
