//! What does a shard hand over for comparison?

use signal::{Labels, Timestamp};

/// The newest point of a series that belongs to a group. One per series and interval of `groups.sample_secs`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSample {
    /// The series.
    pub labels: Labels,
    /// When it was measured.
    pub time: Timestamp,
    /// The value (for a counter: its rate per second).
    pub y: f64,
    /// Usual seconds between the points of the series.
    pub interval_secs: f32,
}
