//! How far are the distribution functions apart, squared? The energy distance sqrt(2 integral (F - G)^2).

use super::pair::{Cell, Pair};

const MIN_DEVIATION: f64 = 0.001;

/// In roots of standard deviations of the reference, so that it does not depend on the unit.
pub(super) fn normed(pair: &Pair<'_>) -> f64 {
    distance(pair.cells(), pair.n, pair.m) / pair.reference.moments().1.max(MIN_DEVIATION).sqrt()
}

/// In roots of the unit of the values, as SciPy has it.
pub(super) fn distance(cells: impl Iterator<Item = Cell>, n: f64, m: f64) -> f64 {
    let (mut reference, mut current, mut before, mut area) = (0.0, 0.0, f64::NAN, 0.0);
    for cell in cells {
        let gap: f64 = reference / n - current / m;
        if gap != 0.0 {
            area += gap * gap * (cell.value - before);
        }
        reference += cell.reference as f64;
        current += cell.current as f64;
        before = cell.value;
    }
    (2.0 * area).sqrt()
}
