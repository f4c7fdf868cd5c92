//! Did a share change? The Z-test of two proportions with the pooled variance.
//!
//! z = (p - q) / sqrt(P (1 - P) (1/n + 1/m)), two-sided; the share is that of all values but the first.

use crate::probability::normal_upper;

use super::pair::{Cell, totals};

/// z and its p-value; the p-value is 1 if all values are one.
pub(super) fn test(cells: &[Cell]) -> (f64, f64) {
    let (n, m) = totals(cells);
    let Some(first) = cells.first() else { return (0.0, 1.0) };
    let (p, q) = (1.0 - first.reference as f64 / n, 1.0 - first.current as f64 / m);
    let pooled = (p * n + q * m) / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if variance <= 0.0 || cells.len() < 2 {
        return (0.0, 1.0);
    }
    let z = (p - q) / variance.sqrt();
    (z, 2.0 * normal_upper(z.abs()))
}
