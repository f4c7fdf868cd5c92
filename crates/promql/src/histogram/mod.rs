//! What is a native histogram? Counts of observations in sparse buckets, with sum and count.
//!
//! Schemas -4 to 8 have exponential buckets: a bucket with index `i` holds observations in
//! `(2^((i-1) * 2^-schema), 2^(i * 2^-schema)]`. Schema -53 has buckets with the given upper bounds.
//! Source: <https://prometheus.io/docs/specs/native_histograms/>.

mod arithmetic;
mod bounds;
mod classic;
mod kahan;
mod quantile;
mod reset;
mod text;
mod trim;
mod variance;

use std::sync::Arc;

pub(crate) use arithmetic::Incompatible;
pub use bounds::Bounds;
pub(crate) use classic::{ClassicBucket, Raised, bucket_fraction, bucket_quantile};
pub(crate) use kahan::{Collected, Collector, kahan_add};
pub(crate) use quantile::{NanNote, fraction, quantile};
pub(crate) use trim::{above, below};
pub(crate) use variance::variance;

/// The schema whose bounds are given one by one.
pub const CUSTOM_SCHEMA: i32 = -53;

/// What is known about a reset of the counters since the histogram before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetHint {
    /// Must be found out by comparing.
    #[default]
    Unknown,
    /// There was a reset.
    Reset,
    /// There was none.
    NotReset,
    /// It is a gauge: resets mean nothing.
    Gauge,
}

/// How many observations a bucket holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Which one.
    pub index: i32,
    /// How many; fractions occur after arithmetic.
    pub count: f64,
}

/// A native histogram with float counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Resolution, -4 to 8, or [`CUSTOM_SCHEMA`].
    pub schema: i32,
    /// What is known about resets.
    pub hint: ResetHint,
    /// Observations up to this, by magnitude, are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations, those that are NaN included.
    pub count: f64,
    /// Sum of observations.
    pub sum: f64,
    /// Buckets of positive observations in order of index.
    pub positive: Vec<Bucket>,
    /// Buckets of negative observations in order of index.
    pub negative: Vec<Bucket>,
    /// Upper bounds of [`CUSTOM_SCHEMA`], ascending; above the last one is a bucket up to infinity.
    pub custom_bounds: Arc<[f64]>,
}

impl Histogram {
    /// True if the bounds of the buckets are given one by one.
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// Without buckets that hold nothing.
    pub fn compacted(mut self) -> Self {
        self.positive.retain(|it| it.count != 0.0);
        self.negative.retain(|it| it.count != 0.0);
        self
    }

    /// True if both say the same of the observations; what is known about resets does not matter.
    pub fn has_same_values(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| a == b || a.to_bits() == b.to_bits();
        let same_buckets = |a: &[Bucket], b: &[Bucket]| {
            let filled = |it: &&Bucket| it.count != 0.0;
            let is_same = |(a, b): (&Bucket, &Bucket)| a.index == b.index && same(a.count, b.count);
            a.iter().filter(filled).count() == b.iter().filter(filled).count()
                && a.iter().filter(filled).zip(b.iter().filter(filled)).all(is_same)
        };
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && (!self.is_custom() || self.custom_bounds == other.custom_bounds)
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && same_buckets(&self.positive, &other.positive)
            && same_buckets(&self.negative, &other.negative)
    }

    /// As many samples as Prometheus counts it for: its size in 16 byte units.
    pub(crate) fn weight(&self) -> usize {
        9 + (self.positive.len() + self.negative.len() + self.custom_bounds.len()) / 2
    }
}
