//! What is a native histogram? Counts of observations in sparse buckets, with sum and count.
//!
//! Schemas -4 to 8 have exponential buckets: a bucket with index `i` holds observations in
//! `(2^((i-1) * 2^-schema), 2^(i * 2^-schema)]`. Schema -53 has buckets with the given upper bounds.
//! Source: <https://prometheus.io/docs/specs/native_histograms/>.

use std::sync::Arc;

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
    /// Buckets of positive observations in order of index, none of them empty.
    pub positive: Vec<Bucket>,
    /// Buckets of negative observations in order of index, none of them empty.
    pub negative: Vec<Bucket>,
    /// Upper bounds of [`CUSTOM_SCHEMA`], ascending; above the last one is a bucket up to infinity.
    pub custom_bounds: Arc<[f64]>,
}

impl Histogram {
    /// All counts and the sum multiplied.
    pub fn scaled(&self, factor: f64) -> Self {
        let scale = |buckets: &[Bucket]| buckets.iter().map(|it| Bucket { count: it.count * factor, ..*it }).collect();
        Self {
            zero_count: self.zero_count * factor,
            count: self.count * factor,
            sum: self.sum * factor,
            positive: scale(&self.positive),
            negative: scale(&self.negative),
            ..self.clone()
        }
    }
}
