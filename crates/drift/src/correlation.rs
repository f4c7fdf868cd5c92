//! Do columns of numbers still go together as they did? Correlations of ranks on some thousand rows of each side.
//!
//! Ranks, because few far values would decide a correlation of the numbers themselves. Two correlations are compared by
//! Fisher's transformation, with the variance of Fieller, Hartley, Pearson: "Tests for rank correlation coefficients",
//! Biometrika 44 (1957). P-values are adjusted for the number of pairs.

use learn::drift::benjamini_hochberg;
use learn::probability::normal_cdf;

use crate::report::{ColumnReport, CorrelationChange};

/// Columns whose pairs are looked at.
const MAX_COLUMNS: usize = 60;
/// Pairs that are told.
const MAX_PAIRS: usize = 20;
/// Fewer rows with both values say nothing.
const FEWEST: usize = 30;
/// Smaller changes are not told, however sure.
const LEAST_CHANGE: f64 = 0.1;
/// Variance of a transformed rank correlation, times rows less three.
const VARIANCE: f64 = 1.06;

/// Pairs whose correlation changed, the most changed first.
pub fn changes(columns: &[ColumnReport], alpha: f64) -> Vec<CorrelationChange> {
    let has_rows = |it: &&ColumnReport| it.samples.0.len() >= FEWEST && it.samples.1.len() >= FEWEST;
    let columns: Vec<&ColumnReport> = columns.iter().filter(has_rows).take(MAX_COLUMNS).collect();
    let mut all = Vec::new();
    for (idx, one) in columns.iter().enumerate() {
        for other in columns.iter().skip(idx + 1) {
            let before = correlation(&one.samples.0, &other.samples.0);
            let now = correlation(&one.samples.1, &other.samples.1);
            if let (Some(before), Some(now)) = (before, now) {
                let change = CorrelationChange {
                    one: one.name.clone(),
                    other: other.name.clone(),
                    reference: before.0,
                    current: now.0,
                    adjusted_p: p_value(before, now),
                };
                all.push(change);
            }
        }
    }
    let p_values: Vec<f64> = all.iter().map(|it| it.adjusted_p).collect();
    all.iter_mut().zip(benjamini_hochberg(&p_values)).for_each(|(it, adjusted)| it.adjusted_p = adjusted);
    let size = |it: &CorrelationChange| (it.current - it.reference).abs();
    all.retain(|it| it.adjusted_p <= alpha && size(it) >= LEAST_CHANGE);
    all.sort_by(|a, b| size(b).total_cmp(&size(a)));
    all.truncate(MAX_PAIRS);
    all
}

fn p_value((before, n_before): (f64, usize), (now, n_now): (f64, usize)) -> f64 {
    // Perfect correlations have no finite transform.
    let transformed = |it: f64| it.clamp(-0.999_999, 0.999_999).atanh();
    let variance = |rows: usize| VARIANCE / (rows as f64 - 3.0).max(1.0);
    let away = (transformed(now) - transformed(before)).abs() / (variance(n_before) + variance(n_now)).sqrt();
    2.0 * normal_cdf(-away)
}

/// Spearman's correlation over the rows that have both values, and their number; none without spread.
fn correlation(one: &[f32], other: &[f32]) -> Option<(f64, usize)> {
    let both: Vec<(f32, f32)> =
        one.iter().zip(other).filter(|it| !it.0.is_nan() && !it.1.is_nan()).map(|it| (*it.0, *it.1)).collect();
    if both.len() < FEWEST {
        return None;
    }
    let a = ranks(both.iter().map(|it| it.0));
    let b = ranks(both.iter().map(|it| it.1));
    let middle = (both.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|it| (it.0 - middle) * (it.1 - middle)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| (product(&a, &b) / spread, both.len()))
}

/// The rank of each value; equal ones share the middle of theirs.
fn ranks(values: impl Iterator<Item = f32>) -> Vec<f64> {
    let mut order: Vec<(usize, f32)> = values.enumerate().collect();
    order.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.0; order.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| a.1 == b.1) {
        let middle = before as f64 + (equal.len() as f64 - 1.0) / 2.0;
        before += equal.len();
        for (idx, _) in equal {
            if let Some(rank) = ranks.get_mut(*idx) {
                *rank = middle;
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use learn::random::Random;

    use super::*;

    fn pair(seed: u64, weight: f32) -> (Vec<f32>, Vec<f32>) {
        let mut random = Random::new(seed);
        let mut draw = || random.normal() as f32;
        let one: Vec<f32> = (0..2_000).map(|_| draw().powi(3)).collect();
        let other = one.iter().map(|it| weight * it.cbrt() + draw()).collect();
        (one, other)
    }

    #[test]
    fn a_correlation_of_ranks_is_found_in_heavy_tails() {
        let (one, other) = pair(1, 1.0);
        // Of two normal numbers with correlation 0.7071.
        let expected = 6.0 / std::f64::consts::PI * (0.5 * 0.5_f64.sqrt()).asin();
        assert!((correlation(&one, &other).unwrap().0 - expected).abs() < 0.03);
        assert_eq!(correlation(&[1.0; 100], &one), None);
        assert_eq!(ranks([2.0, 1.0, 2.0, f32::MAX].into_iter()), [1.5, 0.0, 1.5, 3.0]);
    }

    #[test]
    fn chance_alone_brings_as_few_small_p_values_as_stated() {
        let p = |seed| {
            let ((a, b), (c, d)) = (pair(seed, 0.5), pair(seed + 10_000, 0.5));
            p_value(correlation(&a, &b).unwrap(), correlation(&c, &d).unwrap())
        };
        let small = (0..200).filter(|it| p(*it) <= 0.05).count();
        assert!((2..=20).contains(&small), "{small} of 200");
    }
}
