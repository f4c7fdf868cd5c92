//! Did a share change, exactly? Fisher's test of a table of two by two.
//!
//! The p-value is the sum of the hypergeometric probabilities that are not above the one that was seen, as in SciPy.

use crate::probability::ln_choose;

use super::pair::{Cell, totals};

/// With more possible tables than this the normal distribution is as exact.
const MAX_TABLES: f64 = 1_000_000.0;
/// Tables that differ in their probability by less than this share are equally probable (SciPy's tolerance).
const SAME: f64 = 1e-14;

/// The odds ratio and the p-value.
pub(super) fn test(cells: &[Cell]) -> (f64, f64) {
    let (n, m) = totals(cells);
    let zero = Cell::default();
    let (first, second) = (cells.first().unwrap_or(&zero), cells.get(1).unwrap_or(&zero));
    let odds = (first.reference as f64 * second.current as f64) / (first.current as f64 * second.reference as f64);
    let (total, seen) = (first.total() as f64, first.reference as f64);
    let ln_all = ln_choose(n + m, total);
    let probability = |it: f64| (ln_choose(n, it) + ln_choose(m, total - it) - ln_all).exp();
    let bound = probability(seen) * (1.0 + SAME.sqrt().max(1e-7) * 1e-5);
    let (low, high) = ((total - m).max(0.0), total.min(n));
    if high - low > MAX_TABLES {
        return (odds, super::z_test::test(cells).1);
    }
    let mut sum = 0.0;
    let mut it = low;
    while it <= high {
        let share = probability(it);
        if share <= bound {
            sum += share;
        }
        it += 1.0;
    }
    (odds, sum.min(1.0))
}
