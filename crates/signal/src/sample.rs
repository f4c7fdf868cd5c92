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

/// One measured value with what was going on when it was measured, such as the trace of the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// The series.
    pub series: Labels,
    /// What was going on, for example `trace_id` and `span_id`.
    pub labels: Labels,
    /// The value and when it was measured.
    pub point: Point,
}

/// Rates per second of a counter's points, each at the time of the later point; after a reset the counter is taken to
/// have begun at 0. Points that are not finite or not newer than the one before are passed over.
///
/// ```
/// use signal::{Point, Timestamp, rates};
///
/// let point = |secs, value| Point { time: Timestamp::from_secs(secs), value };
/// let found = rates(&[point(0, 10.0), point(2, 14.0), point(3, f64::NAN), point(4, 3.0)]);
/// assert_eq!(found, [point(2, 2.0), point(4, 1.5)]);
/// ```
pub fn rates(points: &[Point]) -> Vec<Point> {
    let (mut before, mut rates) = (None::<Point>, Vec::with_capacity(points.len()));
    for point in points.iter().filter(|it| it.value.is_finite()) {
        let secs = before.map_or(f64::INFINITY, |it| point.time.secs_since(it.time));
        let begin = |last: Point| if point.value < last.value { 0.0 } else { last.value };
        let last = (secs > 0.0).then(|| before.replace(*point)).flatten();
        rates.extend(last.map(|it| Point { time: point.time, value: (point.value - begin(it)) / secs }));
    }
    rates
}
