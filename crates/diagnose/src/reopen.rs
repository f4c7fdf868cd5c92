//! Does a fact still hold? Each kind of evidence is read again from where it came.

use std::time::Duration;

use signal::{
    Evidence, EvidenceSource, Labels, LogId, LogQuery, Point, PortError, Role, SeriesId, TimeRange, Timestamp, TraceId,
};

use crate::live::{Claim, holds};
use crate::movement::{Course, compare, needed};
use crate::{Error, Sources};

/// Lines may come late into the store by so much.
const TOLERANCE: Duration = Duration::from_secs(2);
/// Requests that began before the window may end in it, and the other way round.
const TRACE: Duration = Duration::from_secs(3600);
/// Words of a template that a search asks for.
const MAX_KEY_WORDS: usize = 4;

/// Reads the series, the lines or the change again and tells whether the evidence still holds.
///
/// A series must have moved to the same side by at least half the deviation that is told; a deviation of 0 stands for
/// a series that stopped. Of the lines at least one must still be there and fit the template; a template that is gone
/// must still be gone. A process must still be seen in the window with most of the use that is told. Of the
/// traces at least one must still show requests as they are told.
pub fn reopen(evidence: &Evidence, sources: &Sources<'_>) -> Result<bool, Error> {
    match &evidence.source {
        EvidenceSource::SeriesWindow { labels, range, before, during, deviation, onset } => {
            series(labels, *range, (*before, *during, *deviation), *onset, sources)
        }
        EvidenceSource::LogLines { service, template, range, ids, .. } => {
            lines(service, template, *range, ids, sources)
        }
        EvidenceSource::Process { labels, range, value, pid, start_time, .. } => {
            let is_same = |name: &str, value: &str| labels.get(name) == Some(value);
            let points = points(labels.id(), *range, sources)?;
            let highest = points.iter().map(|it| it.value).fold(f64::NEG_INFINITY, f64::max);
            Ok(is_same("pid", &pid.to_string())
                && is_same("start_time", &start_time.to_string())
                && highest >= 0.8 * value)
        }
        EvidenceSource::Requests { service, operation, caller, measure, range, before, during, traces } => {
            let claim = Claim { service, operation, caller, measure: *measure, before: *before, during: *during };
            requests(&claim, *range, traces, sources)
        }
        // Only whoever has the tool can ask it again.
        EvidenceSource::Answer { .. } => Ok(false),
        EvidenceSource::Change { change, .. } => {
            let range = TimeRange::new(change.time.minus(TOLERANCE), change.time.plus(TOLERANCE));
            let changes = sources.changes.changes(range).map_err(failed("changes"))?;
            Ok(changes.contains(change))
        }
    }
}

fn series(
    labels: &Labels,
    range: TimeRange,
    (before, during, deviation): (f64, f64, f64),
    onset: Timestamp,
    sources: &Sources<'_>,
) -> Result<bool, Error> {
    let role = Role::of(labels);
    let points = points(labels.id(), needed(role, range), sources)?;
    if deviation == 0.0 {
        return Ok(!points.is_empty() && points.iter().all(|it| it.time <= onset));
    }
    if role == Role::Description {
        return Ok(points.first().is_some_and(|it| it.time >= onset.minus(TOLERANCE)));
    }
    Ok(match compare(labels, &points, range) {
        Course::Moved(it) => {
            it.is_up() == (deviation > 0.0) && it.deviation.abs() >= (deviation.abs() / 2.0).min(1e5)
                || was_seen(&points, during, before)
        }
        Course::Steady(_) | Course::Stopped(_) | Course::Unknown => was_seen(&points, during, before),
    })
}

/// True if the very value is among the points: what a symptom saw, when there is no past to compare it with.
fn was_seen(points: &[Point], during: f64, before: f64) -> bool {
    during != before && points.iter().any(|it| (it.value - during).abs() <= 1e-9 * during.abs())
}

fn lines(service: &str, template: &str, range: TimeRange, ids: &[LogId], sources: &Sources<'_>) -> Result<bool, Error> {
    for id in ids {
        let line = sources.logs.line(*id).map_err(failed("log lines"))?;
        if line.is_some_and(|it| it.labels.owner() == service && range.contains(it.time) && fits(template, &it.line)) {
            return Ok(true);
        }
    }
    if !ids.is_empty() {
        return Ok(false);
    }
    // Without ids it is a template that is gone: nothing like it may be in the window.
    let query = LogQuery { text: key_words(template), matchers: vec![], min_level: None, range, limit: 50 };
    let hits = sources.logs.search(&query).map_err(failed("log lines"))?;
    let found = hits.iter().any(|it| it.record.labels.owner() == service && fits(template, &it.record.line));
    Ok(!found)
}

/// True if one of the traces is still there and shows it.
fn requests(claim: &Claim<'_>, range: TimeRange, traces: &[TraceId], sources: &Sources<'_>) -> Result<bool, Error> {
    let range = TimeRange::new(range.from.minus(TRACE), range.to.plus(TRACE));
    for id in traces {
        let spans = sources.traces.trace(*id, range).map_err(failed("traces"))?;
        if holds(claim, spans.iter()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if the constant parts of the template occur in the line, in their order.
pub fn fits(template: &str, line: &str) -> bool {
    let mut rest = line;
    template.split("<*>").flat_map(str::split_whitespace).all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The longest words of a template that are surely whole words of its lines.
pub fn key_words(template: &str) -> String {
    let is_plain = |it: &&str| it.len() >= 3 && it.bytes().all(|byte| byte.is_ascii_alphabetic());
    let tokens = template.split_whitespace().map(|it| it.trim_matches(|it: char| matches!(it, ',' | '.' | ':' | ';')));
    let mut words: Vec<&str> = tokens.filter(is_plain).collect();
    words.sort_by_key(|it| std::cmp::Reverse(it.len()));
    words.dedup();
    words.truncate(MAX_KEY_WORDS);
    words.join(" ")
}

fn points(id: SeriesId, range: TimeRange, sources: &Sources<'_>) -> Result<Vec<Point>, Error> {
    sources.history.points(id, range).map_err(failed("points"))
}

fn failed(what: &'static str) -> impl Fn(PortError) -> Error {
    move |source| Error::Port { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_their_lines_only() {
        let template = "Timeout acquiring pool <*> after <*> ms (in use <*>/<*>)";
        assert!(fits(template, "Timeout acquiring pool a-db after 20 ms (in use 5/5)"));
        assert!(!fits(template, "acquiring Timeout pool a-db after 20 ms"));
        assert!(fits("<*>", "anything"));
        assert_eq!(key_words(template), "acquiring Timeout after pool");
        assert_eq!(key_words("<*> <*>"), "");
    }
}
