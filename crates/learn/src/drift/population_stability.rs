//! How far did the population move between bins? The population stability index.
//!
//! The sum of (p - q) ln(p / q); zeros are filled as `shares` tells. By custom 0.1 is a small and 0.25 a large change.

use super::pair::Cell;
use super::shares;

/// 0 if the shares are equal, without an upper bound.
pub(super) fn index(cells: &[Cell]) -> f64 {
    let (reference, current) = shares::filled(cells);
    reference.iter().zip(&current).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}
