//! How are histograms added? Resolutions, zero buckets and custom bounds are brought together first.

use std::sync::Arc;

use super::bounds::exponential;
use super::{Bucket, Histogram, ResetHint};

/// One histogram has exponential buckets and the other custom ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// What an addition has to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// One was known to be reset, the other was known not to be.
    pub collides: bool,
    /// Custom bounds were different and only the common ones are left.
    pub is_reconciled: bool,
}

impl Histogram {
    /// All counts and the sum multiplied.
    pub fn scaled(&self, factor: f64) -> Self {
        self.mapped(|it| it * factor, factor)
    }

    /// All counts and the sum divided; by zero, buckets go away.
    pub(crate) fn divided(&self, divisor: f64) -> Self {
        let mut out = self.mapped(|it| it / divisor, divisor);
        if divisor == 0.0 {
            out.positive.clear();
            out.negative.clear();
        }
        out
    }

    fn mapped(&self, map: impl Fn(f64) -> f64, factor: f64) -> Self {
        let all = |buckets: &[Bucket]| buckets.iter().map(|it| Bucket { count: map(it.count), ..*it }).collect();
        Self {
            zero_count: map(self.zero_count),
            count: map(self.count),
            sum: map(self.sum),
            positive: all(&self.positive),
            negative: all(&self.negative),
            hint: if factor < 0.0 { ResetHint::Gauge } else { self.hint },
            ..self.clone()
        }
    }

    /// Adds another histogram.
    pub(crate) fn add(&mut self, other: &Self) -> Result<Notes, Incompatible> {
        let (other, notes) = self.aligned(other)?;
        self.zero_count += other.zero_count;
        self.count += other.count;
        self.sum += other.sum;
        self.positive = merged(&self.positive, &other.positive, |a, b| a + b);
        self.negative = merged(&self.negative, &other.negative, |a, b| a + b);
        Ok(notes)
    }

    /// Subtracts another histogram.
    pub(crate) fn subtract(&mut self, other: &Self) -> Result<Notes, Incompatible> {
        let (other, notes) = self.aligned(other)?;
        self.zero_count -= other.zero_count;
        self.count -= other.count;
        self.sum -= other.sum;
        self.positive = merged(&self.positive, &other.positive, |a, b| a - b);
        self.negative = merged(&self.negative, &other.negative, |a, b| a - b);
        Ok(notes)
    }

    /// Brings both to the same buckets: this one in place, the other as a copy.
    pub(super) fn aligned(&mut self, other: &Self) -> Result<(Self, Notes), Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let mut notes = Notes { collides: self.join_hints(other.hint), is_reconciled: false };
        let mut other = other.clone();
        if self.is_custom() {
            if self.custom_bounds != other.custom_bounds {
                notes.is_reconciled = true;
                let common = common_bounds(&self.custom_bounds, &other.custom_bounds);
                self.rebound(&common);
                other.rebound(&common);
            }
            return Ok((other, notes));
        }
        let schema = self.schema.min(other.schema);
        self.reduce(schema);
        other.reduce(schema);
        while self.zero_threshold != other.zero_threshold {
            let threshold = self.zero_threshold.max(other.zero_threshold);
            self.widen_zero(threshold);
            other.widen_zero(threshold);
        }
        Ok((other, notes))
    }

    /// What is known about resets of the sum; true if the two contradict.
    fn join_hints(&mut self, other: ResetHint) -> bool {
        let (joined, collides) = match (self.hint, other) {
            (a, b) if a == b => (a, false),
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
            (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
            _ => (ResetHint::Unknown, true),
        };
        self.hint = joined;
        collides
    }

    /// Lowers the resolution of exponential buckets.
    pub(crate) fn reduce(&mut self, schema: i32) {
        if schema >= self.schema || self.is_custom() {
            return;
        }
        let shift = u32::try_from(self.schema - schema).unwrap_or(0).min(30);
        let moved = |buckets: &[Bucket]| {
            let target = |it: &Bucket| Bucket { index: (it.index.saturating_sub(1) >> shift) + 1, count: it.count };
            joined(buckets.iter().map(target))
        };
        self.positive = moved(&self.positive);
        self.negative = moved(&self.negative);
        self.schema = schema;
    }

    /// Replaces the custom bounds by some of them.
    pub(super) fn rebound(&mut self, bounds: &Arc<[f64]>) {
        let old = Arc::clone(&self.custom_bounds);
        let target = |it: &Bucket| {
            let upper = usize::try_from(it.index).ok().and_then(|idx| old.get(idx)).copied().unwrap_or(f64::INFINITY);
            let index = bounds.partition_point(|bound| *bound < upper);
            Bucket { index: i32::try_from(index).unwrap_or(i32::MAX), count: it.count }
        };
        self.positive = joined(self.positive.iter().map(target));
        self.custom_bounds = Arc::clone(bounds);
    }

    /// Makes the zero bucket at least this wide, and wider where that would cut a bucket.
    pub(super) fn widen_zero(&mut self, threshold: f64) {
        let mut threshold = threshold;
        if threshold <= self.zero_threshold {
            return;
        }
        loop {
            let cut = self.positive.iter().chain(&self.negative).filter(|it| it.count != 0.0).find_map(|it| {
                let (lower, upper) =
                    (exponential(it.index.saturating_sub(1), self.schema), exponential(it.index, self.schema));
                (lower < threshold && upper > threshold).then_some(upper)
            });
            match cut {
                Some(upper) => threshold = upper,
                None => break,
            }
        }
        let schema = self.schema;
        let mut swallowed = 0.0;
        for buckets in [&mut self.positive, &mut self.negative] {
            buckets.retain(|it| {
                let is_inside = exponential(it.index, schema) <= threshold;
                swallowed += if is_inside { it.count } else { 0.0 };
                !is_inside
            });
        }
        self.zero_count += swallowed;
        self.zero_threshold = threshold;
    }

    /// True if a count or the sum is beyond what a number can be.
    pub(super) fn overflows(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative).map(|it| it.count);
        buckets.chain([self.zero_count, self.count, self.sum]).any(f64::is_infinite)
    }
}

/// Buckets with equal indices joined; indices ascend.
fn joined(buckets: impl Iterator<Item = Bucket>) -> Vec<Bucket> {
    let mut out: Vec<Bucket> = Vec::new();
    for bucket in buckets {
        match out.last_mut() {
            Some(last) if last.index == bucket.index => last.count += bucket.count,
            _ => out.push(bucket),
        }
    }
    out
}

/// The union of two lists of buckets in order of index, where a missing bucket counts 0.
pub(super) fn merged(left: &[Bucket], right: &[Bucket], combine: impl Fn(f64, f64) -> f64) -> Vec<Bucket> {
    let mut out = Vec::with_capacity(left.len().max(right.len()));
    let (mut lefts, mut rights) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let bucket = match (lefts.peek(), rights.peek()) {
            (None, None) => return out,
            (Some(a), Some(b)) if a.index == b.index => {
                let bucket = Bucket { index: a.index, count: combine(a.count, b.count) };
                lefts.next();
                rights.next();
                bucket
            }
            (Some(a), other) if other.is_none_or(|b| a.index < b.index) => {
                let bucket = Bucket { index: a.index, count: combine(a.count, 0.0) };
                lefts.next();
                bucket
            }
            (_, Some(b)) => {
                let bucket = Bucket { index: b.index, count: combine(0.0, b.count) };
                rights.next();
                bucket
            }
            (Some(_), None) => return out,
        };
        out.push(bucket);
    }
}

/// The bounds that both have.
pub(super) fn common_bounds(left: &[f64], right: &[f64]) -> Arc<[f64]> {
    left.iter().filter(|it| right.contains(it)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::CUSTOM_SCHEMA;
    use super::*;

    fn buckets(counts: &[(i32, f64)]) -> Vec<Bucket> {
        counts.iter().map(|&(index, count)| Bucket { index, count }).collect()
    }

    #[test]
    fn the_coarser_resolution_wins() {
        let mut coarse =
            Histogram { schema: -1, count: 1.0, sum: 4.0, positive: buckets(&[(1, 1.0)]), ..Histogram::default() };
        let fine = Histogram { count: 4.0, sum: 4.0, positive: buckets(&[(1, 2.0), (2, 2.0)]), ..Histogram::default() };
        coarse.add(&fine).unwrap();
        assert_eq!((coarse.schema, coarse.count), (-1, 5.0));
        assert_eq!(coarse.positive, buckets(&[(1, 5.0)]));
    }

    #[test]
    fn only_common_custom_bounds_are_left() {
        let custom = |bounds: &[f64], counts: &[(i32, f64)]| Histogram {
            schema: CUSTOM_SCHEMA,
            custom_bounds: bounds.into(),
            positive: buckets(counts),
            ..Histogram::default()
        };
        let mut left = custom(&[2.0, 10.0], &[(0, 1.0), (1, 2.0), (2, 4.0)]);
        let notes = left.add(&custom(&[5.0, 10.0], &[(0, 8.0), (2, 16.0)])).unwrap();
        assert!(notes.is_reconciled);
        assert_eq!(*left.custom_bounds, [10.0]);
        assert_eq!(left.positive, buckets(&[(0, 11.0), (1, 20.0)]));
        assert_eq!(left.add(&Histogram::default()), Err(Incompatible));
    }

    #[test]
    fn a_wider_zero_bucket_swallows_buckets() {
        let mut left = Histogram { zero_count: 1.0, zero_threshold: 0.5, ..Histogram::default() };
        let right = Histogram { positive: buckets(&[(-1, 2.0), (0, 3.0)]), ..Histogram::default() };
        left.add(&right).unwrap();
        assert_eq!((left.zero_count, left.zero_threshold), (3.0, 0.5));
        assert_eq!(left.positive, buckets(&[(0, 3.0)]));
    }
}
