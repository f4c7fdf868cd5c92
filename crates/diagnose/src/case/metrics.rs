//! Which series are off around the incident, since when and how far?
//!
//! Each series is compared with its own past on a robust scale with a floor: without one, a series that never moves is
//! infinitely off as soon as it does, and the ranking is made by the rounding of idle services.

use std::borrow::Cow;
use std::collections::HashMap;

use super::counts;
use super::episode::{self, Episode};
use super::gone;
use super::input::{Case, Metric};
use super::kind::{Direction, Kind};
use super::scale::{Scale, quantile, sampled};
use super::volume::Volumes;

/// The detection time may be so much too late: what comes this long before it may belong to the fault.
const GUARD_MS: i64 = 60_000;
/// Of a past shorter than four guards only this share is left out before the incident.
const GUARD_SHARE: i64 = 4;
/// Points before the incident tell the level of the day only if they are older than this.
const LOCAL_MS: i64 = 90_000;
/// Without a time that is known to be good, the first part of what came before is taken for usual.
const QUIET_SHARE: f64 = 0.6;
const EARLY_SHARE: f64 = 0.15;
/// An incident is looked at for so long after its detection, or for so many points if these are far apart: a file may
/// hold the rest of the day, with other incidents.
pub(crate) const LASTS_MS: i64 = 900_000;
const LASTS_POINTS: usize = 5;
/// Fewer usual values than this tell nothing.
const MIN_USUAL: usize = 4;
/// A change by less than this share of the level is none.
const FLOOR_OF_LEVEL: f64 = 0.05;
/// A change by less than this share of what others have of the same is none; of the largest if most have nothing.
const FLOOR_OF_OTHERS: f64 = 0.02;
/// A change of less than this share of all requests is none, and neither is one of less than a whole request.
const FLOOR_OF_SHARE: f64 = 0.0025;
/// How much a deviation to the good side counts: fewer failures are no fault, less processor time may be one.
const GOOD_SIDE: f64 = 0.2;
const FEWER_FAILURES: f64 = 0.02;
/// Memory of a process that ended is less than this share of what it was.
const LEFT_BEHIND: f64 = 0.1;
/// How much a deviation counts that may be good or bad.
const EITHER_SIDE: f64 = 0.5;
/// So many values tell the middle of a series where it need not be exact.
const N_SAMPLED: usize = 64;
/// An episode over this share of the incident counts whole.
const WHOLE_SHARE: f64 = 0.25;

/// A series that is off.
#[derive(Clone, Debug)]
pub(crate) struct Deviation {
    /// Which of the case's metrics.
    pub(crate) metric: usize,
    pub(crate) kind: Kind,
    /// How far to the bad side, in widths of the usual; at least 0.
    pub(crate) strength: f64,
    /// How far, with its sign.
    pub(crate) level: f64,
    /// When it began, milliseconds since 1970.
    pub(crate) onset: i64,
    /// The usual value and the value during the episode, as they were measured.
    pub(crate) before: f64,
    pub(crate) during: f64,
    /// Both are shares of requests, whatever was measured.
    pub(crate) is_share: bool,
    /// Nothing was measured any more: numbers of values that were there before, and of those that are missing.
    pub(crate) is_gone: bool,
}

/// How numbers of a kind are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    /// By differences.
    Plain,
    /// By ratios; the number keeps values near 0 from being infinitely far from others.
    Ratio(f64),
    /// As shares of requests that fail; the number is the whole, 1 or 100.
    Share { whole: f64, is_good: bool },
}

struct Prepared {
    kind: Kind,
    measure: Measure,
    usual: Scale,
    /// The level just before the incident, where it is known beside the usual one.
    local: Option<f64>,
    /// The first value that may belong to the incident, and the first after its detection.
    first: usize,
    detected: usize,
    /// The first value that is too late to belong to it.
    end: usize,
    /// How much counts vary by chance; 0 for what is no count.
    chance: f64,
    /// The least and the largest value from the first on; none if all are missing.
    bounds: Option<(f64, f64)>,
}

/// The kinds of a case's metrics, in their order. Many have the same name, which is looked at once.
pub(crate) fn kinds(case: &Case) -> Vec<Kind> {
    let mut known: HashMap<&str, Kind> = HashMap::new();
    case.metrics.iter().map(|it| *known.entry(&it.indicator).or_insert_with_key(|it| Kind::of(it))).collect()
}

fn with_kinds<'a>(case: &'a Case, kinds: &[Kind]) -> impl Iterator<Item = (&'a Metric, Kind)> {
    case.metrics.iter().zip(kinds.iter().copied())
}

/// All series that are off, in the order of the case.
pub(crate) fn deviations(case: &Case, kinds: &[Kind], volumes: &Volumes<'_>) -> Vec<Deviation> {
    let mut found = judged(case, kinds, volumes, QUIET_SHARE);
    found.extend(gone::gone(case, kinds));
    found
}

/// The same, when only the very beginning is taken for usual: tells how slow faults began, and is fooled by a day.
pub(crate) fn early_deviations(case: &Case, kinds: &[Kind], volumes: &Volumes<'_>) -> Vec<Deviation> {
    judged(case, kinds, volumes, EARLY_SHARE)
}

fn judged(case: &Case, kinds: &[Kind], volumes: &Volumes<'_>, quiet_share: f64) -> Vec<Deviation> {
    let mut buffer = vec![];
    let series: Vec<Cow<'_, Metric>> =
        with_kinds(case, kinds).map(|(it, kind)| counts::of_requests(case, it, kind, volumes)).collect();
    let prepared: Vec<Option<Prepared>> =
        series.iter().zip(kinds).map(|(it, kind)| prepare(it, *kind, case.at, quiet_share, &mut buffer)).collect();
    let floors = floors_of_others(case, &prepared);
    let judged = prepared.iter().zip(&series).enumerate();
    let judged = judged.filter_map(|(idx, (it, metric))| {
        let it = it.as_ref()?;
        let of_others = floors.get(metric.indicator.as_str()).copied().unwrap_or(0.0);
        let off = judge(idx, metric, it, it.floor(of_others, volumes.per_point(&metric.service)), &mut buffer)?;
        Some(Deviation { is_share: matches!(metric, Cow::Owned(_)), ..off })
    });
    judged.collect()
}

/// What services usually have of each series of memory: the middle of their levels, by name.
pub(crate) fn usual_memory<'a>(case: &'a Case, kinds: &[Kind]) -> HashMap<&'a str, f64> {
    let mut levels: HashMap<&str, Vec<f64>> = HashMap::new();
    let mut values = vec![];
    for (it, _) in with_kinds(case, kinds).filter(|it| it.1 == Kind::Memory) {
        let usual = if it.normal.is_empty() { &it.values } else { &it.normal };
        values.clear();
        values.extend(sampled(usual, N_SAMPLED).filter(|it| it.is_finite()));
        levels.entry(&it.indicator).or_default().extend(quantile(&mut values, 0.5));
    }
    levels.into_iter().map(|(name, mut levels)| (name, quantile(&mut levels, 0.5).unwrap_or(0.0))).collect()
}

fn prepare(metric: &Metric, kind: Kind, at: i64, quiet_share: f64, buffer: &mut Vec<f64>) -> Option<Prepared> {
    let guard = guard(metric, at);
    let detected = metric.times.partition_point(|it| *it < at);
    let end = metric.times.partition_point(|it| *it < at + LASTS_MS).max(detected + LASTS_POINTS);
    let end = end.min(metric.values.len());
    let before = metric.times.partition_point(|it| *it < at - guard);
    let (usual_of, first) = if metric.normal.is_empty() {
        let quiet = ((before as f64 * quiet_share) as usize).max(before.min(2 * MIN_USUAL));
        (metric.values.get(..quiet)?, quiet)
    } else {
        (metric.normal.as_slice(), before)
    };
    let later = metric.values.get(first..end)?;
    let bounds = bounds(later);
    let measure = Measure::of(kind, &metric.indicator, usual_of, later, buffer);
    fill(buffer, usual_of, measure);
    if buffer.len() < MIN_USUAL {
        return None;
    }
    let usual = Scale::of(buffer)?;
    // What is counted varies by chance, however steady it was.
    let is_counted = measure == Measure::Plain && matches!(kind, Kind::Error | Kind::Loss | Kind::Workload);
    let quantum = if is_counted { counts::quantum(usual_of, later) } else { None };
    let chance = quantum.map_or(0.0, |it| counts::chance(usual.center, it));
    let local = if metric.normal.is_empty() { None } else { local_level(metric, at, measure, buffer) };
    Some(Prepared { kind, measure, usual, local, first, detected, end, chance, bounds })
}

/// What comes this long before the incident may belong to it. A short past has no room for all of it.
fn guard(metric: &Metric, at: i64) -> i64 {
    let past = at - metric.times.first().copied().unwrap_or(at);
    if metric.normal.is_empty() { GUARD_MS.min((past / GUARD_SHARE).max(0)) } else { GUARD_MS }
}

/// The least and the largest finite value.
fn bounds(values: &[f64]) -> Option<(f64, f64)> {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for it in values.iter().filter(|it| it.is_finite()) {
        (least, most) = (least.min(*it), most.max(*it));
    }
    (least <= most).then_some((least, most))
}

fn local_level(metric: &Metric, at: i64, measure: Measure, buffer: &mut Vec<f64>) -> Option<f64> {
    let end = metric.times.partition_point(|it| *it < at - LOCAL_MS);
    fill(buffer, metric.values.get(..end)?, measure);
    if buffer.len() < 2 {
        return None;
    }
    quantile(buffer, 0.5)
}

fn fill(buffer: &mut Vec<f64>, values: &[f64], measure: Measure) {
    buffer.clear();
    buffer.extend(values.iter().filter(|it| it.is_finite()).map(|it| measure.of_value(*it)));
}

/// The floor of each indicator: a share of the middle level of all series of that name, so that idle services do not
/// shout. The same name means the same unit; where most have nothing, the largest of all tells what is much.
fn floors_of_others<'a>(case: &'a Case, prepared: &[Option<Prepared>]) -> HashMap<&'a str, f64> {
    let mut levels: HashMap<&str, (Vec<f64>, f64)> = HashMap::new();
    for (it, metric) in prepared.iter().zip(&case.metrics) {
        let Some(it) = it.as_ref().filter(|it| it.measure == Measure::Plain) else { continue };
        let (levels, largest) = levels.entry(&metric.indicator).or_default();
        levels.push(it.usual.center.abs());
        *largest = it.bounds.map_or(*largest, |(least, most)| largest.max(least.abs()).max(most.abs()));
    }
    let floor = |(mut levels, largest): (Vec<f64>, f64)| {
        let middle = quantile(&mut levels, 0.5).unwrap_or(0.0);
        if middle > 0.0 { middle * FLOOR_OF_OTHERS } else { largest * FLOOR_OF_OTHERS }
    };
    levels.into_iter().map(|(name, it)| (name, floor(it))).collect()
}

fn judge(idx: usize, metric: &Metric, it: &Prepared, floor: f64, buffer: &mut Vec<f64>) -> Option<Deviation> {
    let width = it.usual.width.max(floor);
    let (least, most) = it.bounds?;
    // Measures keep or turn the order of values: between two that are not off, none is.
    if width <= 0.0 || !episode::can_be(&[it.deviation(least, width), it.deviation(most, width)]) {
        return None;
    }
    let points = metric.values.get(it.first..it.end)?;
    buffer.clear();
    buffer.extend(points.iter().filter(|it| it.is_finite()).map(|value| it.deviation(*value, width)));
    let episode = episode::find(buffer)?;
    // Gaps were left out, so places are counted among the values that are there.
    let has_gaps = buffer.len() < points.len();
    let place = |nth: usize| (if has_gaps { nth_finite(points, nth) } else { Some(nth) }).map(|nth| nth + it.first);
    let (first, last) = (place(episode.first)?, place(episode.last)?);
    let share = share_of_incident(it, first, last);
    fill(buffer, metric.values.get(first..=last)?, Measure::Plain);
    let lasting = (share / WHOLE_SHARE).min(1.0).sqrt();
    let off = Deviation {
        metric: idx,
        kind: it.kind,
        strength: strength(it.kind, it.measure, episode) * lasting,
        level: episode.level,
        onset: metric.times.get(first).copied()?,
        before: it.measure.back(it.local.unwrap_or(it.usual.center)),
        during: quantile(buffer, 0.5)?,
        is_share: false,
        is_gone: false,
    };
    Some(if is_given_back(&off) { Deviation { strength: episode.level.abs() * lasting, ..off } } else { off })
}

/// Memory of which hardly any is left: what used it has ended.
pub(crate) fn is_given_back(it: &Deviation) -> bool {
    it.kind == Kind::Memory && it.level < 0.0 && it.during < it.before * LEFT_BEHIND
}

fn nth_finite(values: &[f64], nth: usize) -> Option<usize> {
    values.iter().enumerate().filter(|(_, it)| it.is_finite()).nth(nth).map(|(idx, _)| idx)
}

/// Which share of the points since detection the episode covers.
fn share_of_incident(it: &Prepared, first: usize, last: usize) -> f64 {
    let since = it.end.saturating_sub(it.detected).max(1);
    let covered = (last + 1).saturating_sub(first.max(it.detected));
    covered as f64 / since as f64
}

fn strength(kind: Kind, measure: Measure, episode: Episode) -> f64 {
    let is_up = episode.level > 0.0;
    let weight = match (measure, kind.direction()) {
        (_, _) if is_up && matches!(measure, Measure::Share { .. }) => 1.0,
        (Measure::Share { .. }, _) => FEWER_FAILURES,
        (_, Direction::Up) => {
            if is_up {
                1.0
            } else {
                GOOD_SIDE
            }
        }
        (_, Direction::Down) => {
            if is_up {
                GOOD_SIDE
            } else {
                1.0
            }
        }
        (_, Direction::Both) => EITHER_SIDE,
    };
    episode.level.abs() * weight
}

impl Prepared {
    fn floor(&self, of_others: f64, requests: Option<f64>) -> f64 {
        match self.measure {
            Measure::Plain => (self.usual.center.abs() * FLOOR_OF_LEVEL).max(of_others).max(self.chance),
            Measure::Ratio(_) => FLOOR_OF_LEVEL,
            Measure::Share { .. } => {
                requests.map_or(0.0, |it| counts::chance_of_share(self.usual.center, it)).max(FLOOR_OF_SHARE)
            }
        }
    }

    /// How far a value is from the usual level and from the level of the day, whichever is nearer.
    fn deviation(&self, value: f64, width: f64) -> f64 {
        let value = self.measure.of_value(value);
        let from_usual = (value - self.usual.center) / width;
        let Some(local) = self.local else { return from_usual };
        let from_local = (value - local) / width;
        if from_usual * from_local <= 0.0 {
            return 0.0;
        }
        if from_usual.abs() < from_local.abs() { from_usual } else { from_local }
    }
}

impl Measure {
    fn of(kind: Kind, indicator: &str, usual: &[f64], later: &[f64], buffer: &mut Vec<f64>) -> Self {
        let all = [bounds(usual), bounds(later)].into_iter().flatten();
        let (least, most) = all.fold((f64::MAX, f64::MIN), |it, (least, most)| (it.0.min(least), it.1.max(most)));
        let is_good = kind == Kind::Success;
        match kind {
            // One failure in an interval is not all that was asked for.
            Kind::Error if !counts::is_share(indicator) && [usual, later].into_iter().all(counts::is_whole) => {
                Self::Plain
            }
            Kind::Success | Kind::Error if least >= 0.0 && most <= 1.0 + 1e-9 => Self::Share { whole: 1.0, is_good },
            Kind::Success if least >= 0.0 && most <= 100.0 + 1e-6 => Self::Share { whole: 100.0, is_good },
            Kind::Error if least >= 0.0 && most <= 100.0 && is_percent(indicator) => {
                Self::Share { whole: 100.0, is_good }
            }
            Kind::Latency | Kind::Memory | Kind::Network | Kind::Disk if least >= 0.0 => {
                buffer.clear();
                buffer.extend(sampled(usual, N_SAMPLED).filter(|it| it.is_finite()));
                let middle = quantile(buffer, 0.5).unwrap_or(0.0);
                if middle > 0.0 { Self::Ratio(middle * 0.01) } else { Self::Plain }
            }
            _ => Self::Plain,
        }
    }

    fn of_value(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Ratio(offset) => (value.max(0.0) + offset).ln(),
            Self::Share { whole, is_good: true } => 1.0 - value / whole,
            Self::Share { whole, is_good: false } => value / whole,
        }
    }

    fn back(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Ratio(offset) => value.exp() - offset,
            Self::Share { whole, is_good: true } => (1.0 - value) * whole,
            Self::Share { whole, is_good: false } => value * whole,
        }
    }
}

fn is_percent(indicator: &str) -> bool {
    let name = indicator.to_ascii_lowercase();
    name.contains('%') || name.contains("percent") || name.contains("pct")
}
