//! How are many histograms summed up without losing small counts among large ones? Kahan summation per bucket.

use super::arithmetic::merged;
use super::{Bucket, Histogram, Incompatible, ResetHint};

/// Adds a number to a sum with its compensation: Neumaier's variant of Kahan summation.
pub(crate) fn kahan_add(number: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + number;
    let compensation = match () {
        () if total.is_infinite() => 0.0,
        () if sum.abs() >= number.abs() => compensation + ((sum - total) + number),
        () => compensation + ((number - total) + sum),
    };
    (total, compensation)
}

/// Collects histograms to their sum or mean.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    sum: Histogram,
    compensation: Histogram,
    /// The mean so far, once the sum is too large for a number.
    is_incremental: bool,
    count: f64,
    wants_mean: bool,
    /// A histogram said that it was reset.
    has_reset: bool,
    /// A histogram said that it was not.
    has_no_reset: bool,
    is_reconciled: bool,
}

/// What came of collecting.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    /// The sum or the mean.
    pub histogram: Histogram,
    /// Some said that they were reset, some that they were not.
    pub collides: bool,
    /// Custom bounds were brought together.
    pub is_reconciled: bool,
}

impl Collector {
    /// Begins a sum.
    pub(crate) fn sum(first: &Histogram) -> Self {
        Self::new(first, false)
    }

    /// Begins a mean.
    pub(crate) fn mean(first: &Histogram) -> Self {
        Self::new(first, true)
    }

    fn new(first: &Histogram, wants_mean: bool) -> Self {
        let empty = Histogram {
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            custom_bounds: std::sync::Arc::clone(&first.custom_bounds),
            ..Histogram::default()
        };
        let mut it = Self {
            sum: first.clone(),
            compensation: empty,
            is_incremental: false,
            count: 1.0,
            wants_mean,
            has_reset: false,
            has_no_reset: false,
            is_reconciled: false,
        };
        it.note(first.hint);
        it
    }

    fn note(&mut self, hint: ResetHint) {
        self.has_reset |= hint == ResetHint::Reset;
        self.has_no_reset |= hint == ResetHint::NotReset;
    }

    /// Adds a histogram.
    pub(crate) fn add(&mut self, histogram: &Histogram) -> Result<(), Incompatible> {
        self.note(histogram.hint);
        self.count += 1.0;
        if self.is_incremental {
            return self.add_to_mean(histogram);
        }
        if !self.wants_mean {
            return self.add_compensated(histogram);
        }
        let before = self.clone();
        self.add_compensated(histogram)?;
        if self.sum.overflows() {
            let others = self.count - 1.0;
            self.sum = before.sum.divided(others);
            self.compensation = before.compensation.divided(others);
            self.is_incremental = true;
            return self.add_to_mean(histogram);
        }
        Ok(())
    }

    fn add_to_mean(&mut self, histogram: &Histogram) -> Result<(), Incompatible> {
        let share = (self.count - 1.0) / self.count;
        self.sum = self.sum.scaled(share);
        self.compensation = self.compensation.scaled(share);
        self.add_compensated(&histogram.divided(self.count))
    }

    fn add_compensated(&mut self, histogram: &Histogram) -> Result<(), Incompatible> {
        let (other, notes) = self.sum.aligned(histogram)?;
        self.is_reconciled |= notes.is_reconciled;
        // The compensation has the buckets of the sum.
        let bounds = std::sync::Arc::clone(&self.sum.custom_bounds);
        if self.sum.is_custom() && self.compensation.custom_bounds != bounds {
            self.compensation.rebound(&bounds);
        }
        self.compensation.reduce(self.sum.schema);
        self.compensation.widen_zero(self.sum.zero_threshold);
        let (sum, lost) = (&mut self.sum, &mut self.compensation);
        (sum.zero_count, lost.zero_count) = kahan_add(other.zero_count, sum.zero_count, lost.zero_count);
        (sum.count, lost.count) = kahan_add(other.count, sum.count, lost.count);
        (sum.sum, lost.sum) = kahan_add(other.sum, sum.sum, lost.sum);
        (sum.positive, lost.positive) = buckets(&other.positive, &sum.positive, &lost.positive);
        (sum.negative, lost.negative) = buckets(&other.negative, &sum.negative, &lost.negative);
        Ok(())
    }

    /// The sum or the mean.
    pub(crate) fn finish(self) -> Collected {
        let divisor = if self.wants_mean && !self.is_incremental { self.count } else { 1.0 };
        let mut histogram = self.sum;
        let mut lost = self.compensation;
        if divisor != 1.0 {
            histogram = histogram.divided(divisor);
            lost = lost.divided(divisor);
        }
        let plus = |a: f64, b: f64| if a.is_finite() { a + b } else { a };
        histogram.zero_count = plus(histogram.zero_count, lost.zero_count);
        histogram.count = plus(histogram.count, lost.count);
        histogram.sum = plus(histogram.sum, lost.sum);
        histogram.positive = merged(&histogram.positive, &lost.positive, plus);
        histogram.negative = merged(&histogram.negative, &lost.negative, plus);
        let collides = self.has_reset && self.has_no_reset;
        Collected { histogram: histogram.compacted(), collides, is_reconciled: self.is_reconciled }
    }
}

fn buckets(numbers: &[Bucket], sums: &[Bucket], lost: &[Bucket]) -> (Vec<Bucket>, Vec<Bucket>) {
    // All three lists are brought to the same indices, so that they can be walked in step.
    let all = merged(&merged(numbers, sums, |_, _| 0.0), lost, |_, _| 0.0);
    let of = |buckets: &[Bucket]| merged(&all, buckets, |_, it| it);
    let (numbers, sums, lost) = (of(numbers), of(sums), of(lost));
    let added = numbers.iter().zip(&sums).zip(&lost).map(|((number, sum), lost)| {
        let (total, rest) = kahan_add(number.count, sum.count, lost.count);
        (Bucket { index: sum.index, count: total }, Bucket { index: sum.index, count: rest })
    });
    added.unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: f64, sum: f64) -> Histogram {
        Histogram { count, sum, ..Histogram::default() }
    }

    #[test]
    fn small_sums_survive_large_ones() {
        let mut sum = Collector::sum(&of(1.0, 1.0));
        for histogram in [of(2.0, 1e100), of(3.0, 1.0), of(4.0, -1e100)] {
            sum.add(&histogram).unwrap();
        }
        let histogram = sum.finish().histogram;
        assert_eq!((histogram.count, histogram.sum), (10.0, 2.0));
    }

    #[test]
    fn a_mean_survives_a_sum_that_does_not_fit() {
        let mut mean = Collector::mean(&of(f64::MAX, 1.0));
        mean.add(&of(f64::MAX, 3.0)).unwrap();
        let histogram = mean.finish().histogram;
        assert_eq!((histogram.count, histogram.sum), (f64::MAX, 2.0));
    }
}
