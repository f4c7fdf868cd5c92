//! How much would it tell about the side to see one value? The root of the Jensen-Shannon divergence.
//!
//! sqrt((KL(p | m) + KL(q | m)) / 2) with m = (p + q) / 2. Cells that are empty on one side stay empty.

use super::pair::{Cell, totals};

/// With the natural logarithm (Evidently, SciPy): at most sqrt(ln 2) = 0.8326.
pub(super) fn distance(cells: &[Cell]) -> f64 {
    divergence(cells).max(0.0).sqrt()
}

/// In bits (NannyML): at most 1.
pub(super) fn distance_in_bits(cells: &[Cell]) -> f64 {
    (divergence(cells).max(0.0) / std::f64::consts::LN_2).sqrt()
}

fn divergence(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    let part = |share: f64, middle: f64| if share > 0.0 { share * (share / middle).ln() } else { 0.0 };
    let of_cell = |it: &Cell| {
        let (p, q) = (it.reference as f64 / n, it.current as f64 / m);
        let middle = (p + q) / 2.0;
        part(p, middle) + part(q, middle)
    };
    cells.iter().map(of_cell).sum::<f64>() / 2.0
}
