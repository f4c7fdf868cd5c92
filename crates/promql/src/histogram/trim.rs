//! What is left of a histogram below or above a value?
//!
//! What is left of a bucket that is cut is interpolated as for quantiles. The sum is estimated anew from the middles
//! of what is left, unless nothing was cut away.

use super::quantile::share_below;
use super::{Bounds, Bucket, Histogram};

/// Observations up to the value.
pub(crate) fn below(histogram: &Histogram, value: f64) -> Histogram {
    trimmed(histogram, |bucket, kind| keep_below(bucket, value, kind))
}

/// Observations above the value.
pub(crate) fn above(histogram: &Histogram, value: f64) -> Histogram {
    trimmed(histogram, |bucket, kind| keep_above(bucket, value, kind))
}

/// How observations are spread within a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    Linear,
    Exponential,
}

/// What is left of a bucket.
#[derive(Clone, Copy)]
enum Kept {
    All,
    Nothing,
    /// So many observations, taken to be this large.
    Part {
        count: f64,
        middle: f64,
    },
}

fn middle(lower: f64, upper: f64, spread: Spread) -> f64 {
    match spread {
        Spread::Linear => f64::midpoint(lower, upper),
        Spread::Exponential if upper <= 0.0 => -(lower * upper).sqrt(),
        Spread::Exponential => (lower * upper).sqrt(),
    }
}

fn keep_below(bucket: Bounds, value: f64, spread: Spread) -> Kept {
    let Bounds { lower, upper, count } = bucket;
    match () {
        () if value >= upper => Kept::All,
        () if value <= lower || upper == f64::INFINITY => Kept::Nothing,
        () if lower == f64::NEG_INFINITY && upper > 0.0 => match value > 0.0 {
            true => Kept::Part { count: count * value / upper, middle: value / 2.0 },
            false => Kept::Nothing,
        },
        // It is not known how far down the bucket reaches.
        () if lower == f64::NEG_INFINITY => Kept::Part { count, middle: value },
        () => {
            let share = share_below(value, bucket, spread == Spread::Linear);
            Kept::Part { count: count * share, middle: middle(lower, value, spread) }
        }
    }
}

fn keep_above(bucket: Bounds, value: f64, spread: Spread) -> Kept {
    let Bounds { lower, upper, count } = bucket;
    match () {
        () if value <= lower => Kept::All,
        () if value >= upper => Kept::Nothing,
        () if lower == f64::NEG_INFINITY && upper > 0.0 && upper < f64::INFINITY => match value {
            0.0 => Kept::All,
            it if it > 0.0 => Kept::Part { count: count * (1.0 - value / upper), middle: f64::midpoint(value, upper) },
            _ => Kept::Nothing,
        },
        () if lower == f64::NEG_INFINITY => Kept::Nothing,
        // It is not known how far up the bucket reaches.
        () if upper == f64::INFINITY => Kept::Part { count, middle: value },
        () => {
            let share = 1.0 - share_below(value, bucket, spread == Spread::Linear);
            Kept::Part { count: count * share, middle: middle(value, upper, spread) }
        }
    }
}

/// The middle of a whole bucket; one without end stands at the end that it has.
fn whole_middle(bucket: Bounds, spread: Spread) -> f64 {
    let Bounds { lower, upper, .. } = bucket;
    match () {
        () if lower == f64::NEG_INFINITY && upper == f64::INFINITY => 0.0,
        () if lower == f64::NEG_INFINITY && upper > 0.0 => upper / 2.0,
        () if lower == f64::NEG_INFINITY => upper,
        () if upper == f64::INFINITY => lower,
        () => middle(lower, upper, spread),
    }
}

/// Count and sum of what is left, and whether anything was cut.
#[derive(Default)]
struct Left {
    count: f64,
    sum: f64,
    is_cut: bool,
}

impl Left {
    fn take(&mut self, bucket: Bounds, spread: Spread, kept: Kept) -> f64 {
        let (count, middle) = match kept {
            Kept::All => (bucket.count, whole_middle(bucket, spread)),
            Kept::Nothing => (0.0, 0.0),
            Kept::Part { count, middle } => (count, middle),
        };
        self.is_cut |= bucket.count != 0.0 && !matches!(kept, Kept::All);
        self.count += count;
        self.sum += if count == 0.0 { 0.0 } else { count * middle };
        count
    }
}

fn trimmed(histogram: &Histogram, keep: impl Fn(Bounds, Spread) -> Kept) -> Histogram {
    let spread = if histogram.is_custom() { Spread::Linear } else { Spread::Exponential };
    let mut left = Left::default();
    let mut out = histogram.clone();
    for (bucket, bounds) in positive(histogram) {
        let count = left.take(bounds, spread, keep(bounds, spread));
        set(&mut out.positive, bucket.index, count);
    }
    for bucket in &histogram.negative {
        let bounds = histogram.negative_bounds(bucket);
        let count = left.take(bounds, spread, keep(bounds, spread));
        set(&mut out.negative, bucket.index, count);
    }
    if histogram.zero_count != 0.0 {
        let bounds = histogram.one_sided(histogram.zero_bounds());
        out.zero_count = left.take(bounds, Spread::Linear, keep(bounds, Spread::Linear));
    }
    if left.is_cut {
        out.count = left.count;
        out.sum = if left.count == 0.0 { 0.0 } else { left.sum };
    }
    out.compacted()
}

fn positive(histogram: &Histogram) -> impl Iterator<Item = (Bucket, Bounds)> + '_ {
    histogram.positive.iter().map(|it| (*it, histogram.positive_bounds(it)))
}

fn set(buckets: &mut [Bucket], index: i32, count: f64) {
    if let Some(bucket) = buckets.iter_mut().find(|it| it.index == index) {
        bucket.count = count;
    }
}
