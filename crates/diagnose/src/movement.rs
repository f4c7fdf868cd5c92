//! Did a series move? A window against what came before it: robust deviation, side, onset and steadiness of a climb.
//!
//! The scale is the largest of MAD, interquartile range, a share of the level and a small floor by unit, because a
//! scale of zero on a constant series makes every rounding error the most conspicuous thing of all.

use std::time::Duration;

use signal::{Labels, Point, Role, TimeRange, Timestamp, is_counter, rates};

/// The window begins so long before the incident, because a cause comes before its first symptom.
pub(crate) const LEAD: Duration = Duration::from_secs(90);
/// A point is outside beyond so many scales.
const OUTSIDE: f64 = 3.0;
/// A movement is sustained if so many of four neighbors are outside.
const SUSTAINED: usize = 3;
/// Fewer points before the window are no base.
const MIN_BASE: usize = 5;
/// So many points are enough for a base.
const MAX_BASE: usize = 128;
/// Deviations are cut off here: JSON knows no infinity.
const MAX_DEVIATION: f64 = 1e6;

/// What a series did in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Course {
    /// It left its usual range and was still outside when the incident began.
    Moved(Movement),
    /// It stayed; the level of the window.
    Steady(f64),
    /// It had points before, but not at the end of the window.
    Stopped(Stop),
    /// Too few points before the window to say anything.
    Unknown,
}

/// A series that left its usual range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Movement {
    pub(crate) labels: Labels,
    pub(crate) role: Role,
    /// Median before (of a counter: of its rate per second).
    pub(crate) before: f64,
    /// Most extreme value inside, smoothed over three points.
    pub(crate) during: f64,
    /// Robust deviations; its sign is the side.
    pub(crate) deviation: f64,
    pub(crate) onset: Timestamp,
    /// How much it is a steady ramp, 0 (a step, noise) to 1 (a straight line).
    pub(crate) climb: f64,
    /// It was outside from the first point of the window on, so it is older than the incident.
    pub(crate) is_old: bool,
}

impl Movement {
    pub(crate) fn is_up(&self) -> bool {
        self.deviation > 0.0
    }

    /// How convincing it is, 0 to 1.
    pub(crate) fn strength(&self) -> f64 {
        let strength = ((self.deviation.abs() - OUTSIDE) / 9.0).clamp(0.0, 1.0);
        if self.is_old { strength * 0.3 } else { strength }
    }

    /// Times the level before; a level of zero counts as a hundredth of what came.
    pub(crate) fn ratio(&self) -> f64 {
        self.during / self.before.abs().max(self.during.abs() / 100.0).max(f64::MIN_POSITIVE)
    }
}

/// A series that stopped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stop {
    pub(crate) labels: Labels,
    pub(crate) level: f64,
    pub(crate) last: Timestamp,
}

/// The points that [`compare`] needs: the window and its base. Memory and disks may creep for long.
pub(crate) fn needed(role: Role, range: TimeRange) -> TimeRange {
    let base_secs = if matches!(role, Role::Memory | Role::Disk) { 1800 } else { 300 };
    TimeRange::new(range.from.minus(Duration::from_secs(base_secs)), range.to)
}

/// Compares a window with what came before it. Everything follows from the points and the range, so that the answer
/// can be had again.
pub(crate) fn compare(labels: &Labels, points: &[Point], range: TimeRange) -> Course {
    let role = Role::of(labels);
    let values = if is_counter(labels) { rates(points) } else { finite(points) };
    let split = values.partition_point(|it| it.time < range.from);
    let (base, window) = values.split_at_checked(split).unwrap_or_default();
    // A counter of errors often begins with the first error.
    let begins = base.is_empty() && role == Role::Errors && is_counter(labels);
    if base.len() < MIN_BASE && !begins {
        return Course::Unknown;
    }
    let last = values.last().map_or(range.from, |it| it.time);
    let patience = Duration::from_millis((interval_millis(base) * 10).clamp(15_000, 600_000));
    if range.to.since(last) > patience {
        let level = median(&mut base.iter().map(|it| it.value).collect::<Vec<_>>());
        return Course::Stopped(Stop { labels: labels.clone(), level, last });
    }
    let (level, scale) = base_of(base, share_of(role), floor_of(labels, role));
    let smooth = smooth(window);
    match leave(&smooth, level, scale, range.from.plus(LEAD)) {
        Some((onset_idx, is_up)) => {
            Course::Moved(movement(labels, role, &smooth, onset_idx, is_up, (level, scale), range))
        }
        None if matches!(role, Role::Memory | Role::Disk) => creep(labels, role, &values, scale),
        None => Course::Steady(window.last().map_or(level, |it| it.value)),
    }
}

fn movement(
    labels: &Labels,
    role: Role,
    smooth: &[Point],
    onset_idx: usize,
    is_up: bool,
    (before, scale): (f64, f64),
    range: TimeRange,
) -> Movement {
    let side = if is_up { 1.0 } else { -1.0 };
    let after = smooth.get(onset_idx..).unwrap_or_default();
    let extreme = after.iter().enumerate().max_by(|a, b| (a.1.value * side).total_cmp(&(b.1.value * side)));
    let (extreme_idx, during) = extreme.map_or((0, before), |(idx, it)| (idx, it.value));
    let onset = after.first().map_or(range.from, |it| it.time);
    Movement {
        labels: labels.clone(),
        role,
        before,
        during,
        deviation: ((during - before) / scale).clamp(-MAX_DEVIATION, MAX_DEVIATION),
        onset,
        climb: climb(after.get(..=extreme_idx).unwrap_or_default()),
        is_old: onset_idx == 0 && onset < range.from.plus(LEAD),
    }
}

/// A ramp so slow that its own past hides it: a straight line over everything that is known.
fn creep(labels: &Labels, role: Role, values: &[Point], scale: f64) -> Course {
    let tenth = (values.len() / 10).max(1);
    let middle = |points: &[Point]| median(&mut points.iter().map(|it| it.value).collect::<Vec<_>>());
    let before = middle(values.get(..tenth).unwrap_or(values));
    let during = middle(values.get(values.len() - tenth..).unwrap_or(values));
    let growth = during - before;
    let enough = if labels.name().contains("percent") { 2.0 } else { 0.1 * before.abs() };
    if values.len() < 60 || growth < enough || climb(values) < 0.9 {
        return Course::Steady(during);
    }
    let step = scale.min(0.05 * before.abs()).max(growth / 50.0).max(f64::MIN_POSITIVE);
    let onset = values.iter().find(|it| it.value > before + growth * 0.05).map_or(Timestamp::MIN, |it| it.time);
    let deviation = (growth / step).min(MAX_DEVIATION);
    Course::Moved(Movement {
        labels: labels.clone(),
        role,
        before,
        during,
        deviation,
        onset,
        climb: climb(values),
        is_old: false,
    })
}

/// The first sustained leaving that still lasts at `started`: index and side.
fn leave(smooth: &[Point], level: f64, scale: f64, started: Timestamp) -> Option<(usize, bool)> {
    let side = |it: &Point| {
        if it.value > level + OUTSIDE * scale {
            1_i8
        } else if it.value < level - OUTSIDE * scale {
            -1
        } else {
            0
        }
    };
    if smooth.iter().all(|it| side(it) == 0) {
        return None;
    }
    [1_i8, -1]
        .into_iter()
        .filter_map(|wanted| first_sustained(smooth, wanted, &side, level, scale, started))
        .min_by_key(|(idx, is_up)| (*idx, !*is_up))
}

fn first_sustained(
    smooth: &[Point],
    wanted: i8,
    side: &impl Fn(&Point) -> i8,
    level: f64,
    scale: f64,
    started: Timestamp,
) -> Option<(usize, bool)> {
    let late = smooth.iter().filter(|it| it.time >= started);
    let (outside, all) =
        late.fold((0_usize, 0_usize), |(outside, all), it| (outside + usize::from(side(it) == wanted), all + 1));
    if all > 0 && outside * 5 < all {
        return None;
    }
    let found = (0..smooth.len()).find(|idx| {
        let neighbors = smooth.get(*idx..(idx + 4).min(smooth.len())).unwrap_or_default();
        let count = neighbors.iter().filter(|it| side(it) == wanted).count();
        neighbors.first().is_some_and(|it| side(it) == wanted) && count >= SUSTAINED.min(neighbors.len())
    })?;
    // A ramp begins before it is conspicuous.
    let toward = |it: &Point| (it.value - level) * f64::from(wanted) > 1.5 * scale;
    let begin = (0..found).rev().take_while(|idx| smooth.get(*idx).is_some_and(toward)).last().unwrap_or(found);
    Some((begin, wanted > 0))
}

/// Level and scale of the base.
fn base_of(base: &[Point], share: f64, floor: f64) -> (f64, f64) {
    let stride = base.len().div_ceil(MAX_BASE).max(1);
    let mut values: Vec<f64> = base.iter().step_by(stride).map(|it| it.value).collect();
    let level = median(&mut values);
    let quartile = |share: usize| values.get(values.len() * share / 4).copied().unwrap_or(level);
    let spread = (quartile(3) - quartile(1)) / 1.349;
    let mut distances: Vec<f64> = values.iter().map(|it| (it - level).abs()).collect();
    let mad = 1.4826 * median(&mut distances);
    (level, mad.max(spread).max(share * level.abs()).max(floor))
}

/// The smallest scale as a share of the level. What fills up is smooth and slow, and is wanted early.
fn share_of(role: Role) -> f64 {
    if matches!(role, Role::Memory | Role::Disk) { 0.01 } else { 0.05 }
}

/// The smallest scale that makes sense, by unit.
fn floor_of(labels: &Labels, role: Role) -> f64 {
    let name = labels.name();
    match role {
        _ if name.contains("percent") => 1.0,
        _ if name.contains("bytes") => 4096.0,
        _ if name.contains("load") => 0.1,
        _ if is_counter(labels) => 0.1,
        Role::Latency if name.contains("seconds") => 0.001,
        Role::Pool | Role::Queue => 0.5,
        _ => 1e-9,
    }
}

/// Running median of three: one wild point is no movement.
fn smooth(points: &[Point]) -> Vec<Point> {
    let of_three = |three: &[Point]| match three {
        [a, b, c] => {
            let value = a.value.max(b.value).min(a.value.min(b.value).max(c.value));
            Some(Point { time: b.time, value })
        }
        _ => None,
    };
    if points.len() < 3 {
        return points.to_vec();
    }
    let ends = (points.first().copied(), points.last().copied());
    ends.0.into_iter().chain(points.windows(3).filter_map(of_three)).chain(ends.1).collect()
}

/// Share of the variance that a rising straight line explains; 0 for short or falling stretches.
fn climb(points: &[Point]) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0.0 };
    if points.len() < 8 || last.time.secs_since(first.time) < 10.0 {
        return 0.0;
    }
    let count = points.len() as f64;
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for it in points {
        sum_x += it.time.secs_since(first.time);
        sum_y += it.value;
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for it in points {
        let (x, y) = (it.time.secs_since(first.time) - mean_x, it.value - mean_y);
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    let share = xy * xy / (xx * yy);
    if xy > 0.0 && share.is_finite() { share } else { 0.0 }
}

fn finite(points: &[Point]) -> Vec<Point> {
    points.iter().copied().filter(|it| it.value.is_finite()).collect()
}

/// Median; sorts the values as a side effect. Zero for none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn interval_millis(points: &[Point]) -> u64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if points.len() > 1 => {
            u64::try_from(last.time.since(first.time).as_millis()).unwrap_or(0) / (points.len() as u64 - 1)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000;

    fn course(name: &str, value: impl Fn(i64) -> f64) -> Course {
        let points: Vec<Point> =
            (-390..60).map(|it| Point { time: Timestamp::from_secs(START + it), value: value(it) }).collect();
        let range = TimeRange::new(Timestamp::from_secs(START - 90), Timestamp::from_secs(START + 59));
        compare(&name.parse().unwrap(), &points, range)
    }

    fn moved(name: &str, value: impl Fn(i64) -> f64) -> Movement {
        match course(name, value) {
            Course::Moved(it) => it,
            other => panic!("{name} did not move: {other:?}"),
        }
    }

    #[test]
    fn a_step_has_its_onset_and_no_climb() {
        let it = moved("m", |it| if it >= -7 { 20.0 } else { 10.0 });
        assert_eq!((it.before, it.during, it.onset), (10.0, 20.0, Timestamp::from_secs(START - 7)));
        assert!((it.deviation - 20.0).abs() < 1e-9 && it.climb < 0.2 && !it.is_old);
        assert!(!moved("m", |it| if it >= -7 { 2.0 } else { 10.0 }).is_up());
    }

    #[test]
    fn a_ramp_climbs() {
        let it = moved("service_memory_bytes", |it| 1e9 + 1e7 * (it + 40).max(0) as f64);
        assert!(it.climb > 0.95 && it.onset < Timestamp::from_secs(START), "{it:?}");
    }

    #[test]
    fn a_slow_ramp_is_seen_although_its_past_hides_it() {
        let points: Vec<Point> = (-1890..60)
            .map(|it| Point { time: Timestamp::from_secs(START + it), value: 1e9 + 2e5 * it as f64 })
            .collect();
        let range = TimeRange::new(Timestamp::from_secs(START - 90), Timestamp::from_secs(START + 59));
        let course = compare(&"service_memory_bytes".parse().unwrap(), &points, range);
        assert!(matches!(&course, Course::Moved(it) if it.climb > 0.9), "{course:?}");
    }

    #[test]
    fn rounding_noise_spikes_and_what_ended_before_are_steady() {
        assert!(matches!(course("m", |it| if it >= 0 { 50.0001 } else { 50.0 }), Course::Steady(_)));
        assert!(matches!(course("m", |it| if it == 5 { 1e9 } else { 50.0 }), Course::Steady(_)));
        assert!(matches!(course("m", |it| if (-80..-20).contains(&it) { 90.0 } else { 50.0 }), Course::Steady(_)));
        assert!(matches!(course("m", |_| f64::NAN), Course::Unknown));
    }

    #[test]
    fn counters_are_judged_by_their_rate_and_survive_a_restart() {
        let it = moved("errors_total", |it| if it < 10 { 0.0 } else { 3.0 * (it - 10) as f64 });
        assert!((it.during - 3.0).abs() < 1e-9 && it.before == 0.0);
        let steady = course("requests_total", |it| if it < 0 { 1e6 + 5.0 * it as f64 } else { 5.0 * it as f64 });
        assert!(matches!(steady, Course::Steady(_)), "{steady:?}");
    }

    #[test]
    fn a_series_that_stopped_is_told() {
        let points: Vec<Point> =
            (-390..0).map(|it| Point { time: Timestamp::from_secs(START + it), value: 5.0 }).collect();
        let range = TimeRange::new(Timestamp::from_secs(START - 90), Timestamp::from_secs(START + 59));
        let course = compare(&"m".parse().unwrap(), &points, range);
        assert!(matches!(course, Course::Stopped(Stop { level: 5.0, .. })));
    }
}
