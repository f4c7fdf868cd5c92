//! Are current values larger or smaller? The rank test of Mann, Whitney and Wilcoxon, with ties.
//!
//! Statistic: the number of pairs in which the reference is larger, ties counting half.
//! p-values as in SciPy: exact if a side has at most eight values and none are tied, otherwise normal with correction
//! for continuity and ties.

use crate::probability::{ln_choose, normal_upper};

use super::pair::Cell;

const MAX_EXACT: f64 = 8.0;

/// Which differences count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The reference is smaller.
    Less,
    /// Either.
    Both,
}

/// Statistic and p-value; no p-value if all values are one.
pub(super) fn test(cells: impl Iterator<Item = Cell>, n: f64, m: f64, tail: Tail) -> (f64, Option<f64>) {
    let (mut below, mut statistic, mut ties) = (0.0, 0.0, 0.0);
    for cell in cells {
        let (reference, current) = (cell.reference as f64, cell.current as f64);
        statistic += reference * (below + current / 2.0);
        below += current;
        let total = reference + current;
        ties += total * total * total - total;
    }
    // Of `n m` pairs `statistic` have the larger value on the reference's side.
    let p_value = if ties == 0.0 && n.min(m) <= MAX_EXACT {
        Some(exact(statistic, n, m, tail))
    } else {
        normal(statistic, n, m, ties, tail)
    };
    (statistic, p_value)
}

fn normal(statistic: f64, n: f64, m: f64, ties: f64, tail: Tail) -> Option<f64> {
    let all = n + m;
    let deviation = (n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)))).sqrt();
    let upper = |statistic: f64| normal_upper((statistic - n * m / 2.0 - 0.5) / deviation);
    if deviation.is_nan() || deviation <= 0.0 {
        return None;
    }
    Some(match tail {
        Tail::Less => upper(n * m - statistic),
        Tail::Both => (2.0 * upper(statistic.max(n * m - statistic))).min(1.0),
    })
}

fn exact(statistic: f64, n: f64, m: f64, tail: Tail) -> f64 {
    let upper = |statistic: f64| exact_upper(statistic as u64, n as usize, m as usize);
    match tail {
        Tail::Less => upper(n * m - statistic),
        Tail::Both => (2.0 * upper(statistic.max(n * m - statistic))).min(1.0),
    }
}

/// The chance of at least `statistic` larger pairs: ways to divide, by the generating product of (1 - q^(m+i)) / (1 - q^i).
fn exact_upper(statistic: u64, n: usize, m: usize) -> f64 {
    let (n, m) = (n.min(m), n.max(m));
    let size = n * m + 1;
    let mut ways = vec![0.0; size];
    if let Some(first) = ways.first_mut() {
        *first = 1.0;
    }
    for i in 1..=n {
        // Multiply by 1 - q^(m+i), from the end, then divide by 1 - q^i, from the begin.
        for at in (m + i..size).rev() {
            let before = ways.get(at - m - i).copied().unwrap_or(0.0);
            if let Some(it) = ways.get_mut(at) {
                *it -= before;
            }
        }
        for at in i..size {
            let before = ways.get(at - i).copied().unwrap_or(0.0);
            if let Some(it) = ways.get_mut(at) {
                *it += before;
            }
        }
    }
    // Symmetric: the upper tail is the lower one, which has the smaller sums.
    let many: f64 = ways.iter().take(size.saturating_sub(statistic as usize)).sum();
    many / ln_choose((n + m) as f64, n as f64).exp()
}
