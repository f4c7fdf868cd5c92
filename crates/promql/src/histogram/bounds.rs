//! Where does a bucket begin and end? Bounds of buckets, from the smallest observations to the largest.

use super::{Bucket, Histogram};

/// A bucket with its bounds: more than the lower one, at most the upper one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
    /// Observations in it.
    pub count: f64,
}

/// The upper bound of the positive exponential bucket with this index.
pub(super) fn exponential(index: i32, schema: i32) -> f64 {
    let exponent = f64::from(index) * (-f64::from(schema)).exp2();
    let bound = exponent.exp2();
    // The last bucket ends where numbers do.
    if bound.is_infinite() && exponent <= 1024.0 { f64::MAX } else { bound }
}

impl Histogram {
    /// The bounds of a positive bucket.
    pub(super) fn positive_bounds(&self, bucket: &Bucket) -> Bounds {
        let (lower, upper) = if self.is_custom() {
            let bound = |idx: i32| usize::try_from(idx).ok().and_then(|it| self.custom_bounds.get(it)).copied();
            let lower = if bucket.index <= 0 { f64::NEG_INFINITY } else { bound(bucket.index - 1).unwrap_or(f64::NAN) };
            (lower, bound(bucket.index).unwrap_or(f64::INFINITY))
        } else {
            (exponential(bucket.index.saturating_sub(1), self.schema), exponential(bucket.index, self.schema))
        };
        Bounds { lower, upper, count: bucket.count }
    }

    /// The bounds of a negative bucket.
    pub(super) fn negative_bounds(&self, bucket: &Bucket) -> Bounds {
        let it = self.positive_bounds(bucket);
        Bounds { lower: -it.upper, upper: -it.lower, count: it.count }
    }

    /// The zero bucket.
    pub(super) fn zero_bounds(&self) -> Bounds {
        Bounds { lower: -self.zero_threshold, upper: self.zero_threshold, count: self.zero_count }
    }

    /// All buckets that hold something, from the smallest observations to the largest.
    pub fn buckets(&self) -> Vec<Bounds> {
        let mut all = Vec::with_capacity(self.positive.len() + self.negative.len() + 1);
        all.extend(self.negative.iter().rev().map(|it| self.negative_bounds(it)));
        if self.zero_count != 0.0 {
            all.push(self.zero_bounds());
        }
        all.extend(self.positive.iter().map(|it| self.positive_bounds(it)));
        all.retain(|it| it.count != 0.0);
        all
    }

    /// The zero bucket ends at zero if observations are on one side only.
    pub(super) fn one_sided(&self, mut bounds: Bounds) -> Bounds {
        if self.negative.is_empty() && !self.positive.is_empty() {
            bounds.lower = 0.0;
        }
        if self.positive.is_empty() && !self.negative.is_empty() {
            bounds.upper = 0.0;
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_schema() {
        assert_eq!(exponential(1, 0), 2.0);
        assert_eq!(exponential(0, 3), 1.0);
        assert_eq!(exponential(1, -1), 4.0);
        assert_eq!(exponential(1, 1), 2.0_f64.sqrt());
        assert_eq!(exponential(1024, 0), f64::MAX);
    }
}
