//! Do categories have the same shares on both sides? Pearson's test of homogeneity.
//!
//! Statistic: the sum over sides and categories of (observed - expected)^2 / expected, where expected comes from the
//! pooled shares; one degree of freedom less than categories.
//! Where a cell expects fewer than five values the chi-square distribution does not hold, and a permutation gives the
//! p-value.

use crate::probability::chi_square_upper;

use super::finding::Options;
use super::pair::{Cell, totals};
use super::permutation;

const MIN_EXPECTED: f64 = 5.0;

/// Statistic and p-value; no p-value if there is one category only.
pub(super) fn test(cells: &[Cell], options: &Options) -> (f64, Option<f64>) {
    let statistic = homogeneity(cells);
    if cells.len() < 2 {
        return (0.0, None);
    }
    let (n, m) = totals(cells);
    let least = cells.iter().map(Cell::total).min().unwrap_or(0) as f64 * n.min(m) / (n + m);
    let p_value = if least >= MIN_EXPECTED {
        chi_square_upper(statistic, cells.len() as f64 - 1.0)
    } else {
        permutation::p_value(cells, statistic, options, homogeneity)
    };
    (statistic, Some(p_value))
}

/// The statistic of the two-sample test.
pub(super) fn homogeneity(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    let of_cell = |it: &Cell| {
        // Both sides of one cell together: (c - t m/N)^2 (1/(t m/N) + 1/(t n/N)).
        let (total, current) = (it.total() as f64, it.current as f64);
        let expected = total * m / (n + m);
        if total > 0.0 { (current - expected).powi(2) / expected * (n + m) / n } else { 0.0 }
    };
    cells.iter().map(of_cell).sum()
}
