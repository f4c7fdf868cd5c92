//! What is a native histogram? Counts of observations in sparse buckets, with count and sum, at a time.
//!
//! Source: <https://prometheus.io/docs/specs/native_histograms/>.

use crate::{Labels, Timestamp};

/// Bits of the number that stands among the points of a series where it has a histogram: no other number has them.
pub const HISTOGRAM_MARK: u64 = 0x7ff8_0000_0000_4e48;

/// Whether a histogram is kept beside this point.
pub fn is_histogram_mark(value: f64) -> bool {
    value.to_bits() == HISTOGRAM_MARK
}

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

/// A native histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeHistogram {
    /// Resolution, -4 to 8, or -53 for bounds that are given one by one.
    pub schema: i32,
    /// What is known about resets.
    pub hint: ResetHint,
    /// Observations up to this, by magnitude, are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Index and count of buckets of positive observations, in order of index.
    pub positive: Vec<(i32, f64)>,
    /// The same of negative ones.
    pub negative: Vec<(i32, f64)>,
    /// Upper bounds of the schema -53, ascending.
    pub bounds: Vec<f64>,
}

/// A native histogram of a series at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// The series.
    pub labels: Labels,
    /// When it was measured.
    pub time: Timestamp,
    /// The histogram.
    pub value: NativeHistogram,
}
