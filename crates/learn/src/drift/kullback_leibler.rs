//! How badly do the current shares describe the reference? Kullback-Leibler divergence, natural logarithm.
//!
//! The sum of p ln(p / q), p of the reference; zeros are filled as `shares` tells, then both sum to 1 again.

use super::pair::Cell;
use super::shares;

/// 0 if the shares are equal, without an upper bound.
pub(super) fn divergence(cells: &[Cell]) -> f64 {
    let (reference, current) = shares::filled(cells);
    let (n, m) = (reference.iter().sum::<f64>(), current.iter().sum::<f64>());
    reference.iter().zip(&current).map(|(p, q)| p / n * ((p / n) / (q / m)).ln()).sum()
}
