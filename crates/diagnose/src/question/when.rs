//! Which time does a question speak of? An instant, a span, or something that happened.

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use signal::{ChangeKind, TimeRange, Timestamp};

use super::clock::{date, length, time_of_day, unit, weekday};
use super::token::{Token, any, take};
use super::zone::{offset, time_zone};
use super::{Setting, Window};

/// What is looked at around a moment.
const AROUND: Duration = Duration::from_secs(15 * 60);
/// What "now" looks back.
const NOW: Duration = Duration::from_secs(15 * 60);
/// A time of day may lie so far ahead of now: clocks differ.
const AHEAD: Duration = Duration::from_secs(120);
/// A span ends here at the earliest after it began.
const SHORTEST: Duration = Duration::from_secs(60);

/// A moment or a whole day or part of one.
#[derive(Clone, Copy)]
enum Moment {
    Instant(Timestamp),
    Span(TimeRange),
}

/// Finds the time and marks its words as read.
pub fn window(tokens: &mut [Token], setting: &Setting<'_>, services: &[String]) -> Option<Window> {
    for idx in 0..tokens.len() {
        let found = between(tokens, idx, setting)
            .or_else(|| since_change(tokens, idx, setting, services))
            .or_else(|| bounded(tokens, idx, setting))
            .or_else(|| looking_back(tokens, idx, setting))
            .or_else(|| single(tokens, idx, setting));
        if let Some((window, count)) = found {
            take(tokens, idx, count);
            return Some(window);
        }
    }
    None
}

fn span(from: Timestamp, to: Timestamp) -> Window {
    let to = to.max(from.plus(SHORTEST));
    Window { range: TimeRange::new(from, to), at: None, because: String::new() }
}

fn around(at: Timestamp, now: Timestamp) -> Window {
    let range = TimeRange::new(at.minus(AROUND), at.plus(AROUND).min(now.max(at)));
    Window { range, at: Some(at), because: String::new() }
}

/// `between 14:00 and 15:00`, `from 14:00 to 15:00`, `14:00 - 15:00`, `14:00-15:00`.
fn between(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Window, usize)> {
    let lead = usize::from(matches!(any(tokens, idx), "between" | "from"));
    if let Some((first, second)) =
        any(tokens, idx + lead).split_once('-').filter(|it| it.0.contains(':') && it.1.contains(':'))
    {
        let apart: Vec<Token> = [first, second]
            .iter()
            .flat_map(|it| super::token::tokens(it))
            .chain(tokens.iter().skip(idx + lead + 1).cloned())
            .collect();
        let zone_words = zone_at(&apart, 2).map_or(0, |it| it.1);
        let zone = zone_at(&apart, 2).map(|it| it.0);
        let (from, _) = instant(&apart, 0, setting, zone.as_ref(), None)?;
        let (to, _) = instant(&apart, 1, setting, zone.as_ref(), Some(from))?;
        return Some((span(from, to), lead + 1 + zone_words));
    }
    let (first, n_first) = moment(tokens, idx + lead, setting)?;
    let middle = any(tokens, idx + lead + n_first);
    if !(matches!(middle, "and") && lead == 1 || matches!(middle, "to" | "until" | "till" | "-" | "through")) {
        return None;
    }
    let at = idx + lead + n_first + 1;
    let from = match first {
        Moment::Instant(it) => it,
        Moment::Span(it) => it.from,
    };
    let (second, n_second) = moment_after(tokens, at, setting, from)?;
    let to = match second {
        Moment::Instant(it) => it,
        Moment::Span(it) => it.to,
    };
    // "between 14:00 and 15:00 CET": the zone stands at the end and is meant for both.
    let zone = zone_of(tokens, idx + lead, n_first).is_none().then(|| zone_of(tokens, at, n_second)).flatten();
    let from = match (zone, first) {
        (Some(zone), Moment::Instant(_)) => {
            instant(tokens, idx + lead, setting, Some(&zone), None).map_or(from, |it| it.0)
        }
        _ => from,
    };
    let to = if to < from { to.plus(Duration::from_secs(86_400)) } else { to };
    Some((span(from, to), lead + n_first + 1 + n_second))
}

/// `since the last deploy`, `after the deploy of pay`, `since the release`.
fn since_change(tokens: &[Token], idx: usize, setting: &Setting<'_>, services: &[String]) -> Option<(Window, usize)> {
    if !matches!(any(tokens, idx), "since" | "after" | "following") {
        return None;
    }
    let mut at = idx + 1;
    while matches!(any(tokens, at), "the" | "our" | "last" | "latest" | "most" | "recent" | "newest" | "previous") {
        at += 1;
    }
    let of_service = |it: &str| services.is_empty() || services.iter().any(|name| name == it);
    // "since the last pay deploy": the name stands before.
    if tokens.get(at).is_some_and(|it| it.is_taken) {
        at += 1;
    }
    let kind = match any(tokens, at) {
        "deploy" | "deployment" | "release" | "rollout" | "deploys" => Some(ChangeKind::Deploy),
        "config" | "configuration" => Some(ChangeKind::Config),
        "flag" => Some(ChangeKind::Flag),
        "change" | "changes" => None,
        _ => return None,
    };
    let last =
        setting.changes.iter().rev().find(|it| of_service(&it.service) && kind.is_none_or(|kind| it.kind == kind));
    let change = last.filter(|it| it.time <= setting.now)?;
    let mut window = span(change.time, setting.now);
    window.because = format!("since the change of {} at {}", change.service, change.time);
    Some((window, at - idx + 1))
}

/// `since 14:00`, `after yesterday`, `before 15:00`, `until noon`.
fn bounded(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Window, usize)> {
    let is_since = match any(tokens, idx) {
        "since" | "after" | "starting" => true,
        "before" | "until" | "till" => false,
        _ => return None,
    };
    let lead = 1 + usize::from(matches!(any(tokens, idx + 1), "at" | "about" | "around"));
    let (moment, count) = moment(tokens, idx + lead, setting).or_else(|| ago(tokens, idx + lead, setting))?;
    let (from, to) = match (moment, is_since) {
        (Moment::Instant(it) | Moment::Span(TimeRange { from: it, .. }), true) => (it, setting.now),
        (Moment::Instant(it) | Moment::Span(TimeRange { from: it, .. }), false) => (it.minus(4 * AROUND), it),
    };
    Some((span(from, to), lead + count))
}

/// `last 30 minutes`, `past hour`, `in the last 2h`, `last week`; and `10 minutes ago`.
fn looking_back(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Window, usize)> {
    if matches!(any(tokens, idx), "last" | "past" | "previous" | "recent") {
        let found = length(tokens, idx + 1).or_else(|| Some((Duration::from_secs(unit(any(tokens, idx + 1))?), 1)));
        // "last monday" and "last night" are days.
        if let Some((length, count)) = found {
            return Some((span(setting.now.minus(length), setting.now), 1 + count));
        }
    }
    let (Moment::Instant(at), count) = ago(tokens, idx, setting)? else { return None };
    Some((around(at, setting.now), count))
}

fn ago(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Moment, usize)> {
    let (length, count) = length(tokens, idx)?;
    matches!(any(tokens, idx + count), "ago" | "back" | "earlier")
        .then(|| (Moment::Instant(setting.now.minus(length)), count + 1))
}

/// `14:32`, `yesterday at 14:32`, `this morning`, `now`.
fn single(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Window, usize)> {
    let now = setting.now;
    match (any(tokens, idx), any(tokens, idx + 1)) {
        ("right" | "just", "now") => return Some((span(now.minus(NOW), now), 2)),
        ("at", "the") if any(tokens, idx + 2) == "moment" => return Some((span(now.minus(NOW), now), 3)),
        ("now" | "currently" | "presently", _) => return Some((span(now.minus(NOW), now), 1)),
        _ => {}
    }
    let lead = usize::from(matches!(any(tokens, idx), "at" | "around" | "about" | "on" | "near" | "@"));
    let (moment, count) = moment(tokens, idx + lead, setting)?;
    let window = match moment {
        Moment::Instant(at) => around(at, now),
        Moment::Span(range) => span(range.from, range.to.min(now)),
    };
    Some((window, lead + count))
}

fn moment(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Moment, usize)> {
    moment_with(tokens, idx, setting, None)
}

/// The second end of a span: a time of day is on the day of the first.
fn moment_after(tokens: &[Token], idx: usize, setting: &Setting<'_>, first: Timestamp) -> Option<(Moment, usize)> {
    if any(tokens, idx) == "now" {
        return Some((Moment::Instant(setting.now), 1));
    }
    moment_with(tokens, idx, setting, Some(first))
}

fn moment_with(
    tokens: &[Token],
    idx: usize,
    setting: &Setting<'_>,
    first: Option<Timestamp>,
) -> Option<(Moment, usize)> {
    if let Some((at, count)) = instant(tokens, idx, setting, None, first) {
        return Some((Moment::Instant(at), count));
    }
    let (day, part, count) = day(tokens, idx, setting)?;
    let range = of_day(day, part, &setting.zone)?;
    Some((Moment::Span(range), count))
}

/// An instant at the word: a whole timestamp, a time of day with or without a day, before or behind it.
fn instant(
    tokens: &[Token],
    idx: usize,
    setting: &Setting<'_>,
    zone: Option<&TimeZone>,
    first: Option<Timestamp>,
) -> Option<(Timestamp, usize)> {
    if let Some(at) = whole(tokens.get(idx)?) {
        return Some((at, 1));
    }
    let today = zoned(setting.now, &setting.zone)?.date();
    let before = day(tokens, idx, setting).filter(|it| it.1 == PartOfDay::Whole);
    let mut at = idx + before.as_ref().map_or(0, |it| it.2);
    at += usize::from(matches!(any(tokens, at), "at" | "around" | "about"));
    let (time, count) = time_of_day(tokens, at)?;
    at += count;
    let named = zone_at(tokens, at);
    at += named.as_ref().map_or(0, |it| it.1);
    let zone = named.map(|it| it.0).or_else(|| zone.cloned()).unwrap_or_else(|| setting.zone.clone());
    let on = usize::from(any(tokens, at) == "on");
    let after =
        if before.is_none() { day(tokens, at + on, setting).filter(|it| it.1 == PartOfDay::Whole) } else { None };
    at += after.as_ref().map_or(0, |it| it.2 + on);
    let day = before.or(after).map(|it| it.0);
    let first_day = first.and_then(|it| zoned(it, &zone)).map(|it| it.date());
    // Without a day it is the last such time that was.
    let known = day.or(first_day);
    let date = known.or_else(|| zoned(setting.now, &zone).map(|it| it.date())).unwrap_or(today);
    let mut found = timestamp(date, time, &zone)?;
    if known.is_none() && found > setting.now.plus(AHEAD) {
        found = timestamp(date.yesterday().ok()?, time, &zone)?;
    }
    Some((found, at - idx))
}

/// RFC 3339 with an offset, or seconds since 1970.
fn whole(token: &Token) -> Option<Timestamp> {
    let is_number = token.text.len() == 10 && token.text.bytes().all(|it| it.is_ascii_digit());
    if is_number {
        return token.text.parse().ok().map(Timestamp::from_secs).filter(|it| it.is_plausible());
    }
    let upper = token.text.to_uppercase();
    if !upper.contains('T') || !upper.contains(':') {
        return None;
    }
    let read = upper.parse::<Timestamp>().ok().or_else(|| format!("{upper}Z").parse().ok());
    read.filter(|it| it.is_plausible())
}

/// A zone as a word of its own.
fn zone_at(tokens: &[Token], idx: usize) -> Option<(TimeZone, usize)> {
    let token = tokens.get(idx)?;
    if any(tokens, idx) == "utc" && offset(any(tokens, idx + 1)).is_some() {
        return Some((time_zone(any(tokens, idx + 1))?, 2));
    }
    time_zone(&token.text).map(|it| (it, 1))
}

/// The zone that stands behind a time of day inside `count` words.
fn zone_of(tokens: &[Token], idx: usize, count: usize) -> Option<TimeZone> {
    (idx..idx + count).find_map(|it| zone_at(tokens, it)).map(|it| it.0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartOfDay {
    Whole,
    Night,
    Morning,
    Afternoon,
    Evening,
}

/// A day at the word, the part of it, and how many words that takes.
fn day(tokens: &[Token], idx: usize, setting: &Setting<'_>) -> Option<(Date, PartOfDay, usize)> {
    let today = zoned(setting.now, &setting.zone)?.date();
    let next = any(tokens, idx + 1);
    let part = |word: &str| match word {
        "morning" => Some(PartOfDay::Morning),
        "afternoon" => Some(PartOfDay::Afternoon),
        "evening" => Some(PartOfDay::Evening),
        "night" => Some(PartOfDay::Night),
        _ => None,
    };
    match any(tokens, idx) {
        "yesterday" => {
            let part = part(next);
            return Some((today.yesterday().ok()?, part.unwrap_or(PartOfDay::Whole), 1 + usize::from(part.is_some())));
        }
        "today" => return Some((today, PartOfDay::Whole, 1)),
        "tonight" => return Some((today, PartOfDay::Evening, 1)),
        "overnight" => return Some((today, PartOfDay::Night, 1)),
        "last" if next == "night" => return Some((today, PartOfDay::Night, 2)),
        "this" if part(next).is_some() => return Some((today, part(next)?, 2)),
        _ => {}
    }
    let is_last = usize::from(matches!(any(tokens, idx), "last" | "on" | "the"));
    if let Some(wanted) = weekday(any(tokens, idx + is_last)) {
        let mut day = today;
        // "monday" on a monday is today, "last monday" the one a week ago.
        if any(tokens, idx) == "last" {
            day = day.yesterday().ok()?;
        }
        while day.weekday() != wanted {
            day = day.yesterday().ok()?;
        }
        let part = part(any(tokens, idx + is_last + 1));
        return Some((day, part.unwrap_or(PartOfDay::Whole), is_last + 1 + usize::from(part.is_some())));
    }
    let lead = usize::from(any(tokens, idx) == "on");
    date(tokens, idx + lead, today).map(|(date, count)| (date, PartOfDay::Whole, lead + count))
}

fn of_day(day: Date, part: PartOfDay, zone: &TimeZone) -> Option<TimeRange> {
    let at = |day: Date, hour: i8| timestamp(day, Time::new(hour, 0, 0, 0).ok()?, zone);
    let tomorrow = day.tomorrow().ok()?;
    let (from, to) = match part {
        PartOfDay::Whole => (at(day, 0)?, at(tomorrow, 0)?),
        // The night that ended on this day.
        PartOfDay::Night => (at(day.yesterday().ok()?, 20)?, at(day, 6)?),
        PartOfDay::Morning => (at(day, 6)?, at(day, 12)?),
        PartOfDay::Afternoon => (at(day, 12)?, at(day, 18)?),
        PartOfDay::Evening => (at(day, 18)?, at(tomorrow, 0)?),
    };
    Some(TimeRange::new(from, to))
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    jiff::Timestamp::from_millisecond(at.millis()).ok().map(|it| it.to_zoned(zone.clone()))
}

fn timestamp(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_timestamp(date.to_datetime(time)).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond())).filter(|it| it.is_plausible())
}
