//! How far do values have to move to lie as on the other side? The area between the distribution functions.
//!
//! Normed by the standard deviation of the reference (at least 0.001), as Evidently norms it.

use super::pair::{Cell, Pair};

const MIN_DEVIATION: f64 = 0.001;

/// In standard deviations of the reference.
pub(super) fn normed(pair: &Pair<'_>) -> f64 {
    distance(pair.cells(), pair.n, pair.m) / pair.reference.moments().1.max(MIN_DEVIATION)
}

/// In the unit of the values: the integral of the distance of the distribution functions.
pub(super) fn distance(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> f64 {
    let (mut reference, mut current, mut before, mut area) = (0.0, 0.0, f64::NAN, 0.0);
    for cell in cells {
        let gap: f64 = reference / n - current / m;
        if gap != 0.0 {
            area += gap.abs() * (cell.value - before);
        }
        reference += cell.reference as f64;
        current += cell.current as f64;
        before = cell.value;
    }
    area
}
