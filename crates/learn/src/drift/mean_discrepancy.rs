//! Do the samples differ in the mean of any smooth function? Maximum mean discrepancy with a Gaussian kernel.
//!
//! The width of the kernel is the median distance of pooled values. Values are put into at most 128 groups of equal
//! size first, so that time and memory do not grow with the rows; the statistic is the biased square of the
//! discrepancy, and a permutation of the counts gives the p-value.
//! Source: Gretton et al.: A kernel two-sample test, J. Machine Learning Research 13 (2012).

use super::binning::grouped;
use super::finding::Options;
use super::pair::{Cell, Pair};
use super::permutation;

const MAX_GROUPS: usize = 128;

/// The squared discrepancy and its p-value; no p-value if all values are one.
pub(super) fn test(pair: &Pair<'_>, options: &Options) -> (f64, Option<f64>) {
    let groups = grouped(pair, MAX_GROUPS);
    if groups.len() < 2 {
        return (0.0, None);
    }
    let kernel = kernel(&groups);
    let statistic = |cells: &[Cell]| discrepancy(cells, &kernel, pair.n, pair.m);
    let observed = statistic(&groups);
    (observed, Some(permutation::p_value(&groups, observed, options, statistic)))
}

/// Row by row, the similarity of each two groups.
fn kernel(groups: &[Cell]) -> Vec<f64> {
    let mut distances: Vec<f64> = Vec::with_capacity(groups.len() * groups.len() / 2);
    for (idx, left) in groups.iter().enumerate() {
        distances.extend(groups.iter().skip(idx + 1).map(|right| right.value - left.value));
    }
    distances.sort_unstable_by(f64::total_cmp);
    let median = distances.get(distances.len() / 2).copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
    let similarity = |left: &Cell, right: &Cell| (-0.5 * ((left.value - right.value) / median).powi(2)).exp();
    groups.iter().flat_map(|left| groups.iter().map(move |right| similarity(left, right))).collect()
}

/// The sum of the kernel over all pairs, weighted by the differences of shares.
fn discrepancy(cells: &[Cell], kernel: &[f64], n: f64, m: f64) -> f64 {
    let gaps: Vec<f64> = cells.iter().map(|it| it.reference as f64 / n - it.current as f64 / m).collect();
    let rows = kernel.chunks_exact(gaps.len());
    let sum: f64 =
        rows.zip(&gaps).map(|(row, gap)| gap * row.iter().zip(&gaps).map(|(k, other)| k * other).sum::<f64>()).sum();
    sum.max(0.0)
}
