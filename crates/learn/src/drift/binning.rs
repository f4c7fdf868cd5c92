//! Into which bins do numbers go before their shares are compared?

use super::error::DriftError;
use super::evidently::Numbers;
use super::pair::{Cell, Pair, Runs, category_cells};
use super::sample::Sample;

/// Up to so many different values of the reference are compared one by one.
const MAX_SINGLE_VALUES: usize = 20;
/// No rule makes more bins than this.
const MAX_BINS: f64 = 100_000.0;

/// A rule for the edges of bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binning {
    /// Ten bins that the reference fills equally, open at both ends (the usual one for the population stability index).
    Deciles,
    /// log2(N) + 1 bins of equal width over both samples (Evidently's): one far value makes them coarse.
    Sturges,
    /// Doane's number of bins of equal width over the reference, and one for all else (NannyML's).
    Doane,
}

/// Counts by bin, or by value where the reference has at most twenty, or by category.
pub(super) fn cells(reference: &Sample<'_>, current: &Sample<'_>, rule: Binning) -> Result<Vec<Cell>, DriftError> {
    cells_of(reference, current, rule, Numbers::Reals)
}

/// The same where it is known how a table holds the numbers.
pub(super) fn cells_of(
    reference: &Sample<'_>,
    current: &Sample<'_>,
    rule: Binning,
    numbers: Numbers,
) -> Result<Vec<Cell>, DriftError> {
    if let (Sample::Categories(reference), Sample::Categories(current)) = (reference, current) {
        return Ok(category_cells(reference, current));
    }
    let pair = Pair::new(reference, current).ok_or(DriftError::OtherKind)?;
    if !pair.reference.has_more_than(MAX_SINGLE_VALUES) {
        return Ok(pair.cells().filter(|it| it.total() > 0).collect());
    }
    Ok(match rule {
        Binning::Deciles => by_upper_edges(&pair, &deciles(&pair)),
        Binning::Sturges => by_edges(&pair, &sturges(&pair, pair.n + pair.m, numbers)),
        Binning::Doane => with_overflow(&pair, &doane(&pair.reference, pair.n)),
    })
}

fn deciles(pair: &Pair<'_>) -> Vec<f64> {
    let mut edges: Vec<f64> = (1_u32..10).map(|it| pair.reference.quantile(f64::from(it) / 10.0, pair.n)).collect();
    edges.dedup();
    edges
}

/// Bins up to each edge (inclusive), and one above the last.
fn by_upper_edges(pair: &Pair<'_>, edges: &[f64]) -> Vec<Cell> {
    let mut edges = edges.iter().copied().chain([f64::INFINITY]).peekable();
    let mut cells = Vec::new();
    let mut bin = Cell::default();
    for cell in pair.cells() {
        while edges.peek().is_some_and(|it| cell.value > *it) {
            edges.next();
            cells.push(std::mem::take(&mut bin));
        }
        bin =
            Cell { value: cell.value, reference: bin.reference + cell.reference, current: bin.current + cell.current };
    }
    cells.push(bin);
    cells.retain(|it| it.total() > 0);
    cells
}

/// Edges of bins of equal width over the values of both sides, for `size` values.
pub(super) fn sturges(pair: &Pair<'_>, size: f64, numbers: Numbers) -> Vec<f64> {
    let (low, high) = range(&[pair.reference, pair.current]);
    equal_width(low, high, numbers.width((high - low) / (size.log2() + 1.0)))
}

/// Doane's rule as numpy has it: more bins the more skewed the values are.
pub(super) fn doane(runs: &Runs<'_>, n: f64) -> Vec<f64> {
    let (low, high) = range(&[*runs]);
    let (mean, deviation) = runs.moments();
    let skewness = runs.map(|(value, count)| ((value - mean) / deviation).powi(3) * count as f64).sum::<f64>() / n;
    let of_skewness = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    if n <= 2.0 || deviation <= 0.0 {
        return equal_width(low, high, 0.0);
    }
    equal_width(low, high, (high - low) / (1.0 + n.log2() + (1.0 + skewness.abs() / of_skewness).log2()))
}

fn range(sides: &[Runs<'_>]) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for side in sides {
        for (value, _) in side.filter(|it| it.1 > 0) {
            (low, high) = (low.min(value), high.max(value));
        }
    }
    (low, high)
}

/// numpy.linspace over numpy.histogram_bin_edges' range.
fn equal_width(low: f64, high: f64, width: f64) -> Vec<f64> {
    let n_bins = if width > 0.0 { ((high - low) / width).ceil().clamp(1.0, MAX_BINS) } else { 1.0 };
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let step = (high - low) / n_bins;
    let mut edges: Vec<f64> = (0..n_bins as u32).map(|it| f64::from(it) * step + low).collect();
    edges.push(high);
    edges
}

/// Counts of bins that hold their lower edge, the last also its upper one, as numpy.histogram has it.
pub(super) fn by_edges(pair: &Pair<'_>, edges: &[f64]) -> Vec<Cell> {
    let Some(((first, uppers), last)) = edges.split_first().zip(edges.last()) else { return Vec::new() };
    let mut cells: Vec<Cell> = edges
        .iter()
        .zip(uppers)
        .map(|(low, high)| Cell { value: (low + high) / 2.0, reference: 0, current: 0 })
        .collect();
    let mut bin = 0;
    for cell in pair.cells().filter(|it| it.value >= *first && it.value <= *last) {
        while bin + 1 < cells.len() && uppers.get(bin).is_some_and(|it| cell.value >= *it) {
            bin += 1;
        }
        if let Some(found) = cells.get_mut(bin) {
            found.reference += cell.reference;
            found.current += cell.current;
        }
    }
    cells
}

/// The same, and a bin for all values beyond the edges.
pub(super) fn with_overflow(pair: &Pair<'_>, edges: &[f64]) -> Vec<Cell> {
    let mut cells = by_edges(pair, edges);
    let (inside_reference, inside_current) = cells.iter().fold((0, 0), |(n, m), it| (n + it.reference, m + it.current));
    let beyond = Cell {
        value: f64::NAN,
        reference: (pair.n as u64).saturating_sub(inside_reference),
        current: (pair.m as u64).saturating_sub(inside_current),
    };
    cells.push(beyond);
    cells
}

/// At most `max` cells that hold about equally many values each, in the middle of them.
pub(super) fn grouped(pair: &Pair<'_>, max: usize) -> Vec<Cell> {
    let per_group = ((pair.n + pair.m) / max as f64).max(1.0);
    let mut groups: Vec<Cell> = Vec::with_capacity(max + 1);
    let (mut group, mut weighted) = (Cell::default(), 0.0);
    for cell in pair.cells() {
        weighted += cell.value * cell.total() as f64;
        group.reference += cell.reference;
        group.current += cell.current;
        if group.total() as f64 >= per_group {
            groups.push(Cell { value: weighted / group.total() as f64, ..std::mem::take(&mut group) });
            weighted = 0.0;
        }
    }
    if group.total() > 0 {
        groups.push(Cell { value: weighted / group.total() as f64, ..group });
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bin() {
        let reference: Vec<f64> = (0..1000).map(|it| f64::from(it) / 7.0).collect();
        let current: Vec<f64> = (0..500).map(|it| f64::from(it) / 3.0 - 20.0).collect();
        let (reference, current) = (Sample::Numbers(&reference), Sample::Numbers(&current));
        for rule in [Binning::Deciles, Binning::Sturges, Binning::Doane] {
            let cells = cells(&reference, &current, rule).unwrap();
            assert_eq!(super::super::pair::totals(&cells), (1000.0, 500.0), "{rule:?}");
            assert!(cells.len() >= 10, "{rule:?}");
        }
        let pair = Pair::new(&reference, &current).unwrap();
        let groups = grouped(&pair, 64);
        assert!((32..=65).contains(&groups.len()));
        assert_eq!(super::super::pair::totals(&groups), (1000.0, 500.0));
    }
}
