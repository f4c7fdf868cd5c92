//! How far did one category move at most? The largest difference of shares, 0 to 1.

use super::pair::{Cell, totals};

/// 0 to 1.
pub(super) fn distance(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    cells.iter().map(|it| (it.reference as f64 / n - it.current as f64 / m).abs()).fold(0.0, f64::max)
}
