//! Has the signal recovered? A judgment over the newest points of the series that was anomalous.

use std::time::Duration;

use signal::{
    Direction, History, Labels, Point, PortError, SeriesQuery, TimeRange, Timestamp, Verification, is_counter, rates,
};

/// The least number of points on which recovery is believed.
const MIN_POINTS: usize = 2;

/// What the signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was back on the right side for the whole hold time.
    Recovered,
    /// Not yet.
    Waiting,
    /// Not in time.
    TimedOut,
}

/// The points that `judge` needs: those after the last step, inside the hold time (for a counter one earlier).
pub fn range(verification: &Verification, done_at: Timestamp, now: Timestamp) -> TimeRange {
    let hold = Duration::from_secs(verification.hold_secs);
    let span = if is_counter(&verification.labels) { hold * 2 } else { hold };
    TimeRange::new(now.minus(span).max(done_at), now)
}

/// Points of the series; without a name, of all series of that service or host, in order of time.
pub fn points(history: &dyn History, labels: &Labels, range: TimeRange) -> Result<Vec<Point>, PortError> {
    if !labels.name().is_empty() {
        return history.points(labels.id(), range);
    }
    let mut points = vec![];
    for series in history.series(&SeriesQuery::default())?.iter().filter(|it| it.owner() == labels.owner()) {
        points.extend(history.points(series.id(), range)?);
    }
    points.sort_by_key(|it| it.time);
    Ok(points)
}

/// Judges points that lie in [`range`], in order of time. Points that are not a number say nothing.
pub fn judge(verification: &Verification, points: &[Point], done_at: Timestamp, now: Timestamp) -> Verdict {
    let hold_begin = now.minus(Duration::from_secs(verification.hold_secs));
    let values = if is_counter(&verification.labels) { rates(points) } else { points.to_vec() };
    let is_right = |it: &Point| match verification.direction {
        Direction::Above => it.value <= verification.threshold,
        Direction::Below => it.value >= verification.threshold,
    };
    let held: Vec<&Point> = values
        .iter()
        .filter(|it| it.value.is_finite() && it.time > done_at && it.time >= hold_begin && it.time <= now)
        .collect();
    if hold_begin >= done_at && held.len() >= MIN_POINTS && held.iter().all(|it| is_right(it)) {
        return Verdict::Recovered;
    }
    let is_late = now.since(done_at) >= Duration::from_secs(verification.timeout_secs);
    if is_late { Verdict::TimedOut } else { Verdict::Waiting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::Labels;

    fn check(name: &str, direction: Direction, values: &[(i64, f64)], now: i64) -> Verdict {
        let verification = Verification {
            labels: Labels::metric(name, &[]),
            direction,
            threshold: 10.0,
            hold_secs: 5,
            timeout_secs: 60,
        };
        let done_at = Timestamp::from_secs(100);
        let now = Timestamp::from_secs(100 + now);
        let range = range(&verification, done_at, now);
        let points: Vec<Point> = values
            .iter()
            .map(|(secs, value)| Point { time: Timestamp::from_secs(100 + secs), value: *value })
            .filter(|it| range.contains(it.time))
            .collect();
        judge(&verification, &points, done_at, now)
    }

    #[test]
    fn recovery_needs_the_whole_hold_time() {
        let (above, below) = (Direction::Above, Direction::Below);
        let good = [(1, 50.0), (2, 9.0), (3, 9.0), (4, 9.0), (5, 9.0), (6, 9.0), (7, 9.0)];
        assert_eq!(check("cpu", above, &good[..5], 5), Verdict::Waiting, "the bad point is still inside");
        assert_eq!(check("cpu", above, &good, 7), Verdict::Recovered);
        assert_eq!(check("cpu", above, &[(1, 1.0), (2, 1.0)], 3), Verdict::Waiting, "too early");
        assert_eq!(
            check("cpu", above, &[(-3, 1.0), (-2, 1.0), (-1, 1.0)], 5),
            Verdict::Waiting,
            "points before the act"
        );
        assert_eq!(check("cpu", above, &[(9, 1.0)], 10), Verdict::Waiting, "one point is not enough");
        assert_eq!(check("cpu", above, &[(8, f64::NAN), (9, 1.0)], 10), Verdict::Waiting, "NaN says nothing");
        assert_eq!(check("cpu", below, &good, 7), Verdict::Waiting, "wrong side");
        assert_eq!(check("cpu", below, &[(6, 11.0), (7, 12.0)], 8), Verdict::Recovered);
    }

    #[test]
    fn it_gives_up_in_time() {
        assert_eq!(check("cpu", Direction::Above, &[], 59), Verdict::Waiting);
        assert_eq!(check("cpu", Direction::Above, &[], 60), Verdict::TimedOut);
        assert_eq!(check("cpu", Direction::Above, &[(58, 9.0), (59, 9.0)], 60), Verdict::Recovered, "just in time");
    }

    #[test]
    fn counters_are_judged_by_their_rate() {
        let slow: Vec<(i64, f64)> = (1..=10).map(|it| (it, 1e6 + 3.0 * it as f64)).collect();
        assert_eq!(check("errors_total", Direction::Above, &slow, 10), Verdict::Recovered);
        let fast: Vec<(i64, f64)> = (1..=10).map(|it| (it, 1e6 + 30.0 * it as f64)).collect();
        assert_eq!(check("errors_total", Direction::Above, &fast, 10), Verdict::Waiting);
        let reset = [(5, 1e6), (6, 1e6), (7, 1e6 + 1.0), (8, 2.0), (9, 3.0), (10, 4.0)];
        assert_eq!(check("errors_total", Direction::Above, &reset, 10), Verdict::Recovered);
    }
}
