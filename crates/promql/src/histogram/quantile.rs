//! Which value do so many observations lie below, and how many lie between two values?
//!
//! Within exponential buckets observations are taken to be spread evenly on a logarithmic scale, within the zero
//! bucket and custom ones on a linear one.

use super::{Bounds, Histogram};

/// What is to be said about observations that are NaN: they count but are in no bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NanNote {
    /// They make the result NaN.
    Result,
    /// They make the result higher than it should be.
    Skew,
    /// They are in no fraction.
    Excluded,
}

/// The value below which a share `q` of the observations lies.
pub(crate) fn quantile(q: f64, histogram: &Histogram) -> (f64, Option<NanNote>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    let has_nan = histogram.sum.is_nan();
    let buckets = histogram.buckets();
    let observed: f64 = buckets.iter().map(|it| it.count).sum();
    let misses_some = has_nan && observed < histogram.count;
    // From the nearer end, for accuracy; observations that are NaN come after all others.
    let is_forward = has_nan || q < 0.5;
    let mut rank = if is_forward { q * histogram.count } else { (1.0 - q) * histogram.count };
    let found = if is_forward { reach(buckets.iter(), rank) } else { reach(buckets.iter().rev(), rank) };
    let Some((bucket, count)) = found else { return (f64::NAN, misses_some.then_some(NanNote::Result)) };
    let note = misses_some.then_some(NanNote::Skew);
    let bucket = match nearest(histogram, bucket) {
        Ok(bucket) => bucket,
        Err(end) => return (end, note),
    };
    let count = count.min(histogram.count);
    if count < rank {
        return if has_nan { (f64::NAN, Some(NanNote::Result)) } else { (bucket.upper, note) };
    }
    rank = if is_forward { rank - (count - bucket.count) } else { count - rank };
    (within(histogram, bucket, rank / bucket.count), note)
}

/// The bucket in which the rank is reached, or the last one, and how many observations lie up to its end.
fn reach<'b>(buckets: impl Iterator<Item = &'b Bounds>, rank: f64) -> Option<(Bounds, f64)> {
    let mut count = 0.0;
    let mut last = None;
    for bucket in buckets {
        count += bucket.count;
        last = Some((*bucket, count));
        if count >= rank {
            break;
        }
    }
    last
}

/// The bucket with bounds that can be interpolated between, or the only value that can be told.
fn nearest(histogram: &Histogram, mut bucket: Bounds) -> Result<Bounds, f64> {
    if !histogram.is_custom() {
        let spans_zero = bucket.lower < 0.0 && bucket.upper > 0.0;
        return Ok(if spans_zero { histogram.one_sided(bucket) } else { bucket });
    }
    if bucket.lower == f64::NEG_INFINITY {
        if bucket.upper <= 0.0 {
            return Err(bucket.upper);
        }
        bucket.lower = 0.0;
    }
    if bucket.upper == f64::INFINITY { Err(bucket.lower) } else { Ok(bucket) }
}

fn within(histogram: &Histogram, bucket: Bounds, share: f64) -> f64 {
    let Bounds { lower, upper, .. } = bucket;
    if histogram.is_custom() || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * share;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    match lower > 0.0 {
        true => (log_lower + (log_upper - log_lower) * share).exp2(),
        false => -(log_upper + (log_lower - log_upper) * (1.0 - share)).exp2(),
    }
}

/// The share of observations between two values.
pub(crate) fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> (f64, Option<NanNote>) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, None);
    }
    if lower >= upper {
        return (0.0, None);
    }
    let buckets = histogram.buckets();
    let observed: f64 = buckets.iter().map(|it| it.count).sum();
    let misses_some = histogram.sum.is_nan() && observed < histogram.count;
    let most = if misses_some { observed } else { histogram.count };
    let rank = |value: f64| rank_of(value, &buckets, histogram).unwrap_or(most).min(most);
    ((rank(upper) - rank(lower)) / histogram.count, misses_some.then_some(NanNote::Excluded))
}

/// How many observations lie below a value; none if all do.
fn rank_of(value: f64, buckets: &[Bounds], histogram: &Histogram) -> Option<f64> {
    let mut rank = 0.0;
    for bucket in buckets {
        let spans_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        let bucket = if spans_zero { histogram.one_sided(*bucket) } else { *bucket };
        if bucket.lower >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            let is_linear = histogram.is_custom() || spans_zero;
            return Some(rank + bucket.count * share_below(value, bucket, is_linear));
        }
        rank += bucket.count;
    }
    None
}

/// The share of a bucket that lies below a value in it.
pub(super) fn share_below(value: f64, bucket: Bounds, is_linear: bool) -> f64 {
    let Bounds { lower, upper, .. } = bucket;
    if is_linear {
        // Nothing can be told within a bucket without lower end: it counts as a whole.
        return if lower == f64::NEG_INFINITY { 1.0 } else { (value - lower) / (upper - lower) };
    }
    let (log_lower, log_upper, log) = (lower.abs().log2(), upper.abs().log2(), value.abs().log2());
    match value > 0.0 {
        true => (log - log_lower) / (log_upper - log_lower),
        false => 1.0 - (log - log_upper) / (log_lower - log_upper),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    fn single() -> Histogram {
        let positive = [(0, 1.0), (1, 2.0), (2, 1.0)].map(|(index, count)| Bucket { index, count }).to_vec();
        Histogram { count: 4.0, sum: 5.0, positive, ..Histogram::default() }
    }

    #[test]
    fn the_median_is_the_middle_on_a_logarithmic_scale() {
        let (median, note) = quantile(0.5, &single());
        assert!((median - 2.0_f64.sqrt()).abs() < 1e-12, "{median}");
        assert_eq!(note, None);
    }

    #[test]
    fn half_of_the_observations_lie_between_one_and_two() {
        assert_eq!(fraction(1.0, 2.0, &single()), (0.5, None));
        assert_eq!(fraction(0.0, 8.0, &single()), (1.0, None));
    }
}
