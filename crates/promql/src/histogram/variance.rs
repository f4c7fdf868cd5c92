//! How far do observations lie from their mean? Each bucket stands at its middle.

use super::Histogram;
use super::kahan::kahan_add;

/// The variance of the observations.
pub(crate) fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let (mut sum, mut lost) = (0.0, 0.0);
    for bucket in histogram.buckets() {
        let value = match () {
            () if histogram.is_custom() => f64::midpoint(bucket.upper, bucket.lower),
            () if bucket.lower <= 0.0 && bucket.upper >= 0.0 => 0.0,
            () if bucket.upper < 0.0 => -(bucket.upper * bucket.lower).sqrt(),
            () => (bucket.upper * bucket.lower).sqrt(),
        };
        let delta = value - mean;
        (sum, lost) = kahan_add(bucket.count * delta * delta, sum, lost);
    }
    (sum + lost) / histogram.count
}
