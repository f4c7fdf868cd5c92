//! How does an exponential histogram become a classic one? Its buckets are merged until their bounds are powers of two.
//!
//! Bounds must not change from one export to the next, or no bucket could be compared with its past; an exponential
//! histogram chooses its scale anew whenever its range grows. Powers of two are bounds of every scale from 0 up, so
//! that merging is exact: only the resolution is lost, and a quantile that is read from the buckets is at most a factor
//! of two off. Data model:
//! <https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>.

use super::sums::Buckets;
use crate::Error;
use crate::protobuf::{Message, Value};

/// Most bounds of one histogram; a wider range is told with powers of 4, 16, and so on.
const MOST_BOUNDS: usize = 64;
/// Bounds of a 64-bit number: 2 to the power of these.
const LEAST_EXPONENT: i64 = -1074;
const GREATEST_EXPONENT: i64 = 1024;
/// Buckets are keyed by exponent plus this, so that bounds sort: negative ones, zero, positive ones.
const OFFSET: i32 = 2000;

/// One side of a histogram.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Positive,
    Negative,
}

/// Adds the buckets of `Buckets { offset = 1, bucket_counts = 2 }` of a scale; bucket `i` holds values from
/// `base^i` to `base^(i+1)` where `base` is `2^(2^-scale)`.
pub(super) fn merge(bytes: &[u8], scale: i64, side: Side, into: &mut Buckets) -> Result<(), Error> {
    let mut offset = 0;
    let mut fields = Message::new(bytes, "Buckets");
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            offset = value.sint64("Buckets.offset")?;
        }
    }
    let mut index = offset;
    let mut fields = Message::new(bytes, "Buckets");
    while let Some((field, value)) = fields.next()? {
        if field == 2 {
            counts(value, &mut index, scale, side, into)?;
        }
    }
    Ok(())
}

fn counts(value: Value<'_>, index: &mut i64, scale: i64, side: Side, into: &mut Buckets) -> Result<(), Error> {
    value.numbers("Buckets.bucket_counts", |count| {
        if count > 0 {
            *into.entry(bound(*index, scale, side)).or_default() += count as f64;
        }
        *index = index.saturating_add(1);
    })
}

/// The key of the power of two that is the upper bound of a bucket.
fn bound(index: i64, scale: i64, side: Side) -> i32 {
    // A positive bucket is bounded by its far end, a negative one (mirrored) by its near end.
    let exponent = match side {
        Side::Positive if scale >= 0 => (index >> scale.min(63)).saturating_add(1),
        Side::Positive => widened(index.saturating_add(1), scale),
        Side::Negative if scale >= 0 => index >> scale.min(63),
        Side::Negative => widened(index, scale),
    };
    let exponent = i32::try_from(exponent.clamp(LEAST_EXPONENT, GREATEST_EXPONENT)).unwrap_or(0);
    match side {
        Side::Positive => OFFSET + exponent,
        Side::Negative => -(OFFSET + exponent),
    }
}

/// `index * 2^-scale` for negative scales.
fn widened(index: i64, scale: i64) -> i64 {
    index.saturating_mul(1 << scale.saturating_neg().min(20))
}

/// Adds the count of values that are taken for zero.
pub(super) fn merge_zero(count: u64, threshold: f64, into: &mut Buckets) {
    if count > 0 {
        let is_wide = threshold.is_finite() && threshold > 0.0;
        #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double is small")]
        let key = if is_wide { OFFSET + threshold.log2().ceil() as i32 } else { 0 };
        *into.entry(key).or_default() += count as f64;
    }
}

/// Merges neighbors until there are few enough. Coarser bounds are some of the finer ones, so that series go on.
pub(super) fn tidy(buckets: &mut Buckets) {
    let mut step = 1;
    while buckets.len() > MOST_BOUNDS {
        step *= 2;
        let fine = std::mem::take(buckets);
        for (key, count) in fine {
            *buckets.entry(coarser(key, step)).or_default() += count;
        }
    }
}

/// The next bound at or above a bound whose exponent is a multiple of `step`.
const fn coarser(key: i32, step: i32) -> i32 {
    match key {
        0 => 0,
        1.. => OFFSET + (key - OFFSET + step - 1).div_euclid(step) * step,
        _ => -(OFFSET + (-key - OFFSET).div_euclid(step) * step),
    }
}

/// The bound that a key stands for.
pub(super) fn bound_of(key: i32) -> f64 {
    match key {
        0 => 0.0,
        1.. => f64::from(key - OFFSET).exp2(),
        _ => -f64::from(-key - OFFSET).exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Buckets` with one count, at an index.
    fn one(index: i64, scale: i64, side: Side) -> f64 {
        let zigzag = ((index << 1) ^ (index >> 63)) as u64;
        let mut bytes = vec![0x08];
        let mut rest = zigzag;
        while rest >= 0x80 {
            bytes.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        bytes.extend([rest as u8, 0x12, 1, 7]);
        let mut buckets = Buckets::new();
        merge(&bytes, scale, side, &mut buckets).unwrap();
        assert_eq!(buckets.values().copied().collect::<Vec<_>>(), [7.0]);
        bound_of(*buckets.keys().next().unwrap())
    }

    /// Guarantees: MUST 217: every value of a bucket is at most its new bound, and above half of it.
    #[test]
    fn bounds_hold_the_values_of_their_bucket() {
        for scale in -3..=20_i64 {
            let width = (-scale as f64).exp2();
            for index in [-70_i64, -5, -1, 0, 1, 2, 3, 17, 70] {
                let (low, high) = ((index as f64 * width).exp2(), ((index + 1) as f64 * width).exp2());
                if low == 0.0 || high.is_infinite() {
                    continue;
                }
                let positive = one(index, scale, Side::Positive);
                assert!(high <= positive * 1.000_001, "{scale} {index}: {high} {positive}");
                assert!(scale < 0 || low >= positive / 2.0 * 0.999_999, "{scale} {index}: {low} {positive}");
                let negative = one(index, scale, Side::Negative);
                assert!(-low <= negative * 0.999_999, "{scale} {index}: {low} {negative}");
            }
        }
        assert_eq!(one(2, 0, Side::Positive), 8.0, "(4, 8]");
        assert_eq!(one(i64::MAX >> 1, -10, Side::Positive), f64::INFINITY);
    }

    /// Guarantees: MUST 217.
    #[test]
    fn the_number_of_bounds_is_bounded() {
        let mut buckets: Buckets = (-1000..1000).map(|it| (OFFSET + it, 1.0)).collect();
        buckets.extend((-1000..1000).map(|it| (-(OFFSET + it), 1.0)));
        buckets.insert(0, 1.0);
        tidy(&mut buckets);
        assert!(buckets.len() <= MOST_BOUNDS, "{}", buckets.len());
        assert_eq!(buckets.values().sum::<f64>(), 4001.0);
        assert!(buckets.keys().is_sorted_by(|a, b| bound_of(**a) < bound_of(**b)));
    }

    #[test]
    fn zero_has_a_bucket() {
        let mut buckets = Buckets::new();
        merge_zero(3, 0.0, &mut buckets);
        merge_zero(4, 0.3, &mut buckets);
        assert_eq!(
            buckets.iter().map(|(key, count)| (bound_of(*key), *count)).collect::<Vec<_>>(),
            [(0.0, 3.0), (0.5, 4.0)]
        );
    }
}
