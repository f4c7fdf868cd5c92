//! What was measured? Points of one series.

use serde::{Deserialize, Serialize};

use crate::{Labels, Timestamp};

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When the source measured it.
    pub time: Timestamp,
    /// The value; NaN stands for "stale" or "not a number".
    pub value: f64,
}

/// Points of one series, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoints {
    /// The series.
    pub labels: Labels,
    /// Its points.
    pub points: Vec<Point>,
}

impl SeriesPoints {
    /// A series with one point.
    pub fn one(labels: Labels, time: Timestamp, value: f64) -> Self {
        Self { labels, points: vec![Point { time, value }] }
    }
}
