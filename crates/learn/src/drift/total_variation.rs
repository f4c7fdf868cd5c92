//! Which share of the values would have to change its category? Half of the sum of the differences of shares.

use super::pair::{Cell, totals};

/// 0 to 1.
pub(super) fn distance(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    0.5 * cells.iter().map(|it| (it.reference as f64 / n - it.current as f64 / m).abs()).sum::<f64>()
}
