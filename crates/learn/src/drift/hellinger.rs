//! How little do the shares overlap? The Hellinger distance, 0 to 1: sqrt(1 - sum of sqrt(p q)).

use super::pair::{Cell, totals};

/// 0 if the shares are equal, 1 if no value was seen on both sides.
pub(super) fn distance(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    let overlap: f64 = cells.iter().map(|it| (it.reference as f64 / n * (it.current as f64 / m)).sqrt()).sum();
    (1.0 - overlap.clamp(0.0, 1.0)).sqrt()
}
