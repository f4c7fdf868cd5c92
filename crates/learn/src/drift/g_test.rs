//! Do categories have the same shares? The likelihood ratio test of homogeneity.
//!
//! Statistic: twice the sum of observed ln(observed / expected) over both sides, with one degree of freedom less than
//! categories; a permutation gives the p-value where a cell expects fewer than five values.

use crate::probability::chi_square_upper;

use super::finding::Options;
use super::pair::{Cell, totals};
use super::permutation;

const MIN_EXPECTED: f64 = 5.0;

/// Statistic and p-value; no p-value if there is one category only.
pub(super) fn test(cells: &[Cell], options: &Options) -> (f64, Option<f64>) {
    if cells.len() < 2 {
        return (0.0, None);
    }
    let statistic = statistic(cells);
    let (n, m) = totals(cells);
    let least = cells.iter().map(Cell::total).min().unwrap_or(0) as f64 * n.min(m) / (n + m);
    let p_value = if least >= MIN_EXPECTED {
        chi_square_upper(statistic, cells.len() as f64 - 1.0)
    } else {
        permutation::p_value(cells, statistic, options, self::statistic)
    };
    (statistic, Some(p_value))
}

fn statistic(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    let part = |observed: f64, expected: f64| if observed > 0.0 { observed * (observed / expected).ln() } else { 0.0 };
    let of_cell = |it: &Cell| {
        let total = it.total() as f64;
        part(it.reference as f64, total * n / (n + m)) + part(it.current as f64, total * m / (n + m))
    };
    2.0 * cells.iter().map(of_cell).sum::<f64>()
}
