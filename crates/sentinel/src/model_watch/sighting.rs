//! What does an alarm of the live stream look like? Since when values differ, from what to what, and in which group most.

use std::collections::BTreeMap;

use drift::watch::online::{Alarm, Move, OnlineFollower, Reading, Target};
use signal::Timestamp;

use crate::model_watch::comparison::number;
use crate::model_watch::no_run::NoRun;
use crate::model_watch::online::{Place, groups};
use crate::model_watch::watched::Watched;
use crate::model_watch::window::Span;

/// A group has so many predictions since the change to be named.
const LEAST_OF_GROUP: usize = 3;
/// And its mean lies so many standard errors beyond that of all others: there may be thirty groups.
const SURE: f64 = 3.0;
/// A share that never varied may have by this much.
const LEAST_DEVIATION: f64 = 0.1;
/// So much more of the change than of the predictions lies in a group that is named.
const MORE_OF_CHANGE: f64 = 0.25;
/// A sum of deviations falls by so many per value as long as nothing has changed.
const SLACK: f64 = 0.25;

/// An alarm with what was seen of it.
pub struct Sighting {
    /// The first prediction that differs.
    pub since: Timestamp,
    /// What changed, in words.
    pub said: String,
}

/// One value of the stream.
struct Seen {
    time: Timestamp,
    value: f64,
    groups: Vec<String>,
}

impl Sighting {
    /// Looks back from the alarm.
    pub fn look(watched: &Watched, follower: &OnlineFollower, alarm: &Alarm, place: Place) -> Result<Self, NoRun> {
        let segments = &watched.config.segments;
        let after = place.from.saturating_sub(1);
        let span = Span { after, most: u64::MAX, ..watched.everything() };
        let mut seen: Vec<Seen> = vec![];
        let mut newest = None;
        span.read(&*watched.log, |row| {
            if row.sequence > place.until {
                return;
            }
            let (time, value) = (row.inference.time, follower.value(alarm, row));
            newest = Some(time);
            if value.is_finite() {
                seen.push(Seen { time, value, groups: groups(row, segments).collect() });
            }
        })?;
        let begin = begin(&seen, alarm);
        let changed = seen.get(begin..).unwrap_or_default();
        let since = changed.first().map(|it| it.time).or(newest).unwrap_or(Timestamp::MIN);
        let usual = deviation(seen.get(..begin).unwrap_or_default(), alarm);
        let group = concentrated(changed, usual, alarm).map_or_else(String::new, |it| format!("; most in {it}"));
        Ok(Self { since, said: format!("{}{group}", sentence(alarm, changed)) })
    }
}

/// The place of the first value that differs.
fn begin(seen: &[Seen], alarm: &Alarm) -> usize {
    if let Some(ago) = alarm.values_ago {
        return seen.len().saturating_sub(usize::try_from(ago).unwrap_or(usize::MAX).max(1));
    }
    let side = match alarm.moved {
        Move::Up | Move::Wider => 1.0,
        Move::Down | Move::Narrower => -1.0,
    };
    let n = seen.len().max(1) as f64;
    let squares = seen.iter().map(|it| (it.value - alarm.usual).powi(2)).sum::<f64>();
    let deviation = (squares / n).sqrt().max(f64::MIN_POSITIVE);
    // The last place at which the sum was at its ground: Page's test, read for its begin.
    let (mut sum, mut begin) = (0.0_f64, 0);
    for (idx, it) in seen.iter().enumerate() {
        sum += side * (it.value - alarm.usual) / deviation - SLACK;
        if sum <= 0.0 {
            (sum, begin) = (0.0, idx + 1);
        }
    }
    begin.min(seen.len().saturating_sub(1))
}

fn sentence(alarm: &Alarm, changed: &[Seen]) -> String {
    let name = alarm.target.name();
    let n = changed.len().max(1) as f64;
    let mean = changed.iter().map(|it| it.value).sum::<f64>() / n;
    let what = match (&alarm.target, alarm.reading.is_share()) {
        (Target::Error, _) => format!("mean loss {} -> {}", number(alarm.usual), number(mean)),
        (_, true) => format!("{} {:.1} % -> {:.1} %", alarm.reading, alarm.usual * 100.0, mean * 100.0),
        _ => {
            let spread = match alarm.moved {
                Move::Up | Move::Down => "",
                Move::Wider => " and spreads more",
                Move::Narrower => " and spreads less",
            };
            format!("mean {} -> {}{spread}", number(alarm.usual), number(mean))
        }
    };
    let of = if alarm.reading == Reading::Loss { "labels" } else { "predictions" };
    format!("{name}: {what} in the last {} {of}", changed.len())
}

/// How far values lie from the usual mean, as long as nothing has changed.
fn deviation(before: &[Seen], alarm: &Alarm) -> f64 {
    let squares = before.iter().map(|it| (it.value - alarm.usual).powi(2)).sum::<f64>();
    let found = (squares / before.len().max(1) as f64).sqrt();
    if alarm.reading.is_share() { found.max(LEAST_DEVIATION) } else { found }
}

/// The group that has clearly more of the change than of the predictions. `deviation` is that of single values.
fn concentrated(changed: &[Seen], deviation: f64, alarm: &Alarm) -> Option<String> {
    let side = if alarm.moved == Move::Down { -1.0 } else { 1.0 };
    let mut by_group: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    let mut total = 0.0;
    for it in changed {
        let excess = side * (it.value - alarm.usual);
        total += excess;
        for group in &it.groups {
            let (n, sum) = by_group.entry(group).or_default();
            (*n, *sum) = (*n + 1, *sum + excess);
        }
    }
    if total <= 0.0 {
        return None;
    }
    let n_all = changed.len().max(1) as f64;
    let own = format!("{}=", alarm.target.name());
    let more = |(n, sum): &(usize, f64)| sum / total - *n as f64 / n_all;
    let is_sure = |(n, sum): &(usize, f64)| {
        let (n, others) = (*n as f64, (n_all - *n as f64).max(1.0));
        let beyond = sum / n - (total - sum) / others;
        beyond >= SURE * deviation * (1.0 / n + 1.0 / others).sqrt()
    };
    let fits = by_group.into_iter().filter(|it| {
        let (name, found) = it;
        found.0 >= LEAST_OF_GROUP && is_sure(found) && !name.starts_with(&own)
    });
    let most = fits.max_by(|a, b| more(&a.1).total_cmp(&more(&b.1)))?;
    (more(&most.1) >= MORE_OF_CHANGE).then(|| most.0.to_owned())
}
