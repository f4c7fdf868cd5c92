//! How do two samples lie beside each other? Walks over the values of both in ascending order, without copying them.

use super::error::{DriftError, Side};
use super::sample::Sample;

/// How often one value (or category, or bin) was seen on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub value: f64,
    pub reference: u64,
    pub current: u64,
}

impl Cell {
    pub(super) fn total(&self) -> u64 {
        self.reference + self.current
    }
}

/// Sums of both sides.
pub(super) fn totals(cells: &[Cell]) -> (f64, f64) {
    let sum = |side: fn(&Cell) -> u64| cells.iter().map(|it| side(it) as f64).sum();
    (sum(|it| it.reference), sum(|it| it.current))
}

/// Numbers of both sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub reference: Runs<'a>,
    pub current: Runs<'a>,
    /// Values of the reference.
    pub n: f64,
    /// Values of the current side.
    pub m: f64,
}

impl<'a> Pair<'a> {
    /// `None` if the samples are of categories.
    pub(super) fn new(reference: &Sample<'a>, current: &Sample<'a>) -> Option<Self> {
        let (n, m) = (reference.len() as f64, current.len() as f64);
        Some(Self { reference: Runs::new(reference)?, current: Runs::new(current)?, n, m })
    }

    /// Each different value once, in ascending order.
    pub(super) fn cells(&self) -> Cells<'a> {
        let (mut left, mut right) = (self.reference, self.current);
        Cells { next: (left.next(), right.next()), left, right }
    }
}

/// The different values of one sample in ascending order with their counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs<'a> {
    values: &'a [f64],
    /// `None`: each value stands for itself.
    counts: Option<&'a [u64]>,
}

impl<'a> Runs<'a> {
    fn new(sample: &Sample<'a>) -> Option<Self> {
        match *sample {
            Sample::Numbers(values) => Some(Self { values, counts: None }),
            Sample::Counted { values, counts } => Some(Self { values, counts: Some(counts) }),
            Sample::Categories(_) => None,
        }
    }

    /// Does the sample have more different values than this?
    pub(super) fn has_more_than(&self, limit: usize) -> bool {
        self.take(limit + 1).count() > limit
    }

    /// Mean and population standard deviation.
    pub(super) fn moments(&self) -> (f64, f64) {
        let (sum, n) = self.fold((0.0, 0.0), |(sum, n), (value, count)| (sum + value * count as f64, n + count as f64));
        let mean = sum / n;
        let square: f64 = self.map(|(value, count)| (value - mean).powi(2) * count as f64).sum();
        (mean, (square / n).sqrt())
    }

    /// The value at a rank (0: the smallest).
    pub(super) fn at_rank(&self, rank: u64) -> f64 {
        if self.counts.is_none() {
            let idx = usize::try_from(rank).unwrap_or(usize::MAX);
            return self.values.get(idx).or(self.values.last()).copied().unwrap_or(f64::NAN);
        }
        let mut below = 0;
        let mut last = f64::NAN;
        for (value, count) in *self {
            below += count;
            last = value;
            if below > rank {
                break;
            }
        }
        last
    }

    /// The quantile by linear interpolation between ranks, as numpy's default.
    pub(super) fn quantile(&self, share: f64, n: f64) -> f64 {
        let position = share * (n - 1.0);
        let (below, part) = (position.floor(), position - position.floor());
        let low = self.at_rank(below as u64);
        if part > 0.0 { low + part * (self.at_rank(below as u64 + 1) - low) } else { low }
    }
}

impl Iterator for Runs<'_> {
    type Item = (f64, u64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.values.split_first()?;
        if let Some(counts) = self.counts {
            let (count, counts) = counts.split_first()?;
            (self.values, self.counts) = (rest, Some(counts));
            return Some((*first, *count));
        }
        let equal = rest.iter().take_while(|it| *it == first).count();
        self.values = rest.get(equal..)?;
        Some((*first, equal as u64 + 1))
    }
}

/// The next value of a side with its count.
type Run = Option<(f64, u64)>;

/// Cells of a pair in ascending order of their values.
#[derive(Clone, Debug)]
pub(super) struct Cells<'a> {
    left: Runs<'a>,
    right: Runs<'a>,
    next: (Run, Run),
}

impl Iterator for Cells<'_> {
    type Item = Cell;

    #[inline]
    fn next(&mut self) -> Option<Cell> {
        let cell = match self.next {
            (None, None) => return None,
            (Some((value, reference)), None) => Cell { value, reference, current: 0 },
            (None, Some((value, current))) => Cell { value, reference: 0, current },
            (Some((left, reference)), Some((right, current))) => match left.total_cmp(&right) {
                _ if left == right => Cell { value: left, reference, current },
                std::cmp::Ordering::Less => Cell { value: left, reference, current: 0 },
                _ => Cell { value: right, reference: 0, current },
            },
        };
        // A count of 0 in a `Counted` sample takes its turn too, hence by value and not by count.
        if self.next.0.is_some_and(|it| it.0 == cell.value) {
            self.next.0 = self.left.next();
        }
        if self.next.1.is_some_and(|it| it.0 == cell.value) {
            self.next.1 = self.right.next();
        }
        Some(cell)
    }
}

/// The cells of categories, in ascending order of their names (`value` is their place).
pub(super) fn category_cells(reference: &[(&str, u64)], current: &[(&str, u64)]) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(reference.len().max(current.len()));
    let (mut left, mut right) = (reference.iter().peekable(), current.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return cells,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.0.cmp(b.0),
        };
        let value = cells.len() as f64;
        let reference = if order.is_le() { left.next().map_or(0, |it| it.1) } else { 0 };
        let current = if order.is_ge() { right.next().map_or(0, |it| it.1) } else { 0 };
        if reference + current > 0 {
            cells.push(Cell { value, reference, current });
        }
    }
}

/// Cells of single values or of categories.
pub(super) fn value_cells(reference: &Sample<'_>, current: &Sample<'_>) -> Result<Vec<Cell>, DriftError> {
    match (reference, current) {
        (Sample::Categories(reference), Sample::Categories(current)) => Ok(category_cells(reference, current)),
        _ => {
            let pair = Pair::new(reference, current).ok_or(DriftError::OtherKind)?;
            Ok(pair.cells().filter(|it| it.total() > 0).collect())
        }
    }
}

/// Are both samples what they have to be, and of one kind?
pub(super) fn check(reference: &Sample<'_>, current: &Sample<'_>) -> Result<(), DriftError> {
    reference.check(Side::Reference)?;
    current.check(Side::Current)?;
    if reference.is_of_numbers() == current.is_of_numbers() { Ok(()) } else { Err(DriftError::OtherKind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_once_and_in_order() {
        let cell = |value, reference, current| Cell { value, reference, current };
        let reference = Sample::Numbers(&[-0.0, 1.0, 1.0, 4.0]);
        let current = Sample::Counted { values: &[0.0, 2.0, 3.0, 4.0], counts: &[5, 0, 1, 2] };
        let cells = value_cells(&reference, &current).unwrap();
        assert_eq!(cells, [cell(0.0, 1, 5), cell(1.0, 2, 0), cell(3.0, 0, 1), cell(4.0, 1, 2)]);
        let cells = category_cells(&[("a", 1), ("c", 2)], &[("b", 3), ("c", 4), ("d", 5)]);
        assert_eq!(cells, [cell(0.0, 1, 0), cell(1.0, 0, 3), cell(2.0, 2, 4), cell(3.0, 0, 5)]);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [1.0, 2.0, 2.0, 10.0];
        let counted = Sample::Counted { values: &[1.0, 2.0, 10.0], counts: &[1, 2, 1] };
        for sample in [Sample::Numbers(&values), counted] {
            let runs = Runs::new(&sample).unwrap();
            assert_eq!([0.0, 0.1, 0.5, 0.75, 1.0].map(|it| runs.quantile(it, 4.0)), [1.0, 1.3, 2.0, 4.0, 10.0]);
            assert_eq!(runs.moments().0, 3.75);
        }
    }
}
