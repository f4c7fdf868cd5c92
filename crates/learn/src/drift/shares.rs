//! What are the shares of cells, where a logarithm must not meet a zero?
//!
//! Evidently's filling: a share of zero becomes 0.0001, or a millionth of the least share if that is not above 0.0001.
//! The filled shares do not sum to 1; Kullback-Leibler norms them again, the stability index does not.

use super::pair::{Cell, totals};

const FILL: f64 = 0.0001;

/// Shares of the reference and of the current side, none of which is zero.
pub(super) fn filled(cells: &[Cell]) -> (Vec<f64>, Vec<f64>) {
    let (n, m) = totals(cells);
    let reference = cells.iter().map(|it| it.reference as f64 / n).collect();
    let current = cells.iter().map(|it| it.current as f64 / m).collect();
    (fill(reference), fill(current))
}

fn fill(mut shares: Vec<f64>) -> Vec<f64> {
    let least = shares.iter().copied().filter(|it| *it > 0.0).fold(f64::INFINITY, f64::min);
    let filling = if least <= FILL { least / 1e6 } else { FILL };
    shares.iter_mut().filter(|it| **it == 0.0).for_each(|it| *it = filling);
    shares
}
