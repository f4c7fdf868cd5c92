//! Where do samples come from? The port to whatever keeps series, and what it hands over.

use std::sync::Arc;

use signal::{Labels, Timestamp};

use crate::histogram::Histogram;
use crate::matcher::Matcher;

/// The float that says "the series ended here": a NaN with these bits.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// True for the stale marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// A float at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatPoint {
    /// Milliseconds since 1970.
    pub time: i64,
    /// The value; [`STALE_NAN_BITS`] ends a series.
    pub value: f64,
}

/// A histogram at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPoint {
    /// Milliseconds since 1970.
    pub time: i64,
    /// The value; a sum of [`STALE_NAN_BITS`] ends a series.
    pub value: Arc<Histogram>,
}

/// One series with its samples, each kind ascending in time; no time occurs twice.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// All labels, `__name__` included.
    pub labels: Labels,
    /// Float samples.
    pub floats: Vec<FloatPoint>,
    /// Histogram samples.
    pub histograms: Vec<HistogramPoint>,
    /// For each float when its counter began, in milliseconds, 0 where that is not known; empty if it is for none.
    pub float_starts: Vec<i64>,
    /// The same for each histogram.
    pub histogram_starts: Vec<i64>,
}

/// Why the storage could not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(pub String);

/// Whatever keeps series.
pub trait Storage: Send + Sync {
    /// All series that fit all matchers, with their samples from `start` to `end`, both included. Stale markers are
    /// samples. Series without samples in the range may be left out.
    fn select(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<Series>, StorageError>;
}
