//! Which series moved at that time? What a question speaks of when no incident covers it: the symptoms that one would have.

use std::time::Duration;

use signal::{
    AnomalyKind, Direction, History, Labels, Matcher, Point, Role, Score, SeriesQuery, Severity, Symptom, TimeRange,
    Timestamp,
};

use crate::Problem;
use crate::movement::{Course, LEAD, Movement, compare, needed};
use crate::question::{Question, Window};

/// Series looked at.
const MAX_SERIES: usize = 3_000;
/// Symptoms told.
const MAX_SYMPTOMS: usize = 8;
/// What is looked at before a moment that is named.
const BEFORE: Duration = Duration::from_secs(5 * 60);
/// And after it.
const AFTER: Duration = Duration::from_secs(10 * 60);
/// Longer spans are looked at only at their end.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// A span is looked through in at most so many steps, none shorter than this.
const STEPS: u32 = 40;
const SHORTEST_STEP: Duration = Duration::from_secs(60);
/// How far each step looks ahead: a spike must fill a fifth of it.
const AHEAD: Duration = Duration::from_secs(120);
/// What moved further than this from the strongest is another matter.
const TOGETHER: Duration = Duration::from_secs(5 * 60);
/// Labels that may name a service or host.
const OWNER_LABELS: [&str; 8] =
    ["service", "service_name", "app", "job", "host", "instance", "deployment", "app_kubernetes_io_name"];
/// Labels that may name an endpoint.
const ENDPOINT_LABELS: [&str; 8] = ["endpoint", "route", "http_route", "path", "handler", "uri", "url", "operation"];

/// Series that moved in the window, the first and strongest first; none if all was as usual.
pub fn spikes(
    question: &Question,
    window: &Window,
    history: &dyn History,
    problems: &mut Vec<Problem>,
) -> Vec<Symptom> {
    let range = looked_at(window);
    let mut found: Vec<(Movement, Symptom)> = vec![];
    for labels in candidates(question, range, history, problems) {
        let points = match history.points(labels.id(), whole(&labels, range)) {
            Ok(points) => points,
            Err(error) => {
                problems.push(Problem::unread("points", &error));
                continue;
            }
        };
        if let Some(it) = strongest(&labels, &points, range) {
            let symptom = symptom(&it, range);
            found.push((it, symptom));
        }
    }
    // Users feel latency and errors; resources explain them.
    let weight = |it: &Movement| it.strength() + f64::from(u8::from(it.role.is_symptom()));
    found.sort_by(|a, b| weight(&b.0).total_cmp(&weight(&a.0)).then(a.0.onset.cmp(&b.0.onset)));
    if let Some(onset) = found.first().map(|it| it.0.onset) {
        found.retain(|it| it.0.onset.secs_since(onset).abs() <= TOGETHER.as_secs_f64());
    }
    found.truncate(MAX_SYMPTOMS);
    found.into_iter().map(|it| it.1).collect()
}

/// The strongest movement that begins in the range. A spike is short beside the range, so it is looked for step by step,
/// each with what came just before it as its base.
fn strongest(labels: &Labels, points: &[Point], range: TimeRange) -> Option<Movement> {
    let role = Role::of(labels);
    let step = (range.to.since(range.from) / STEPS).max(SHORTEST_STEP);
    let mut best: Option<Movement> = None;
    let mut at = range.from;
    while at <= range.to {
        let part = TimeRange::new(at.minus(LEAD), at.plus(AHEAD));
        let from = points.partition_point(|it| it.time < needed(role, part).from);
        let to = points.partition_point(|it| it.time <= part.to);
        if let Course::Moved(it) = compare(labels, points.get(from..to).unwrap_or_default(), part) {
            let is_stronger = best.as_ref().is_none_or(|best| it.deviation.abs() > 1.2 * best.deviation.abs());
            if !it.is_old && is_stronger && it.onset >= range.from.minus(LEAD) {
                best = Some(it);
            }
        }
        at = at.plus(step);
    }
    best
}

/// The part of a window that is compared with what came before it.
fn looked_at(window: &Window) -> TimeRange {
    match window.at {
        Some(at) => TimeRange::new(at.minus(BEFORE), at.plus(AFTER).min(window.range.to.max(at))),
        None => TimeRange::new(window.range.from.max(window.range.to.minus(LONGEST)), window.range.to),
    }
}

/// Series of the named services and endpoint, of the named signal; without a name all that users feel.
fn candidates(
    question: &Question,
    range: TimeRange,
    history: &dyn History,
    problems: &mut Vec<Problem>,
) -> Vec<Labels> {
    let mut found = vec![];
    let matchers: Vec<Option<Matcher>> = if question.services.is_empty() {
        vec![None]
    } else {
        let pairs = question.services.iter().flat_map(|name| OWNER_LABELS.iter().map(move |label| (label, name)));
        pairs.map(|(label, name)| Some(Matcher::Equal((*label).to_owned(), name.clone()))).collect()
    };
    for matcher in matchers {
        let query = SeriesQuery { matchers: matcher.into_iter().collect(), range: Some(range), limit: MAX_SERIES };
        match history.series(&query) {
            Ok(series) => found.extend(series),
            Err(error) => problems.push(Problem::unread("series", &error)),
        }
    }
    found.retain(|it| {
        let role = Role::of(it);
        let is_asked = question.signal.is_none_or(|wanted| role == wanted);
        let is_felt = !question.services.is_empty() || question.signal.is_some() || role.is_symptom();
        role.is_scored() && is_asked && is_felt
    });
    found.sort();
    found.dedup();
    let on_path: Vec<Labels> = match &question.endpoint {
        Some(path) => found.iter().filter(|it| is_of_endpoint(it, path)).cloned().collect(),
        None => vec![],
    };
    // An endpoint that no label names is a word of the question and no more.
    let mut chosen = if on_path.is_empty() { found } else { on_path };
    chosen.truncate(MAX_SERIES);
    chosen
}

/// The points of all steps with their bases.
fn whole(labels: &Labels, range: TimeRange) -> TimeRange {
    let first = TimeRange::new(range.from.minus(LEAD), range.to);
    TimeRange::new(needed(Role::of(labels), first).from, range.to.plus(AHEAD))
}

/// True if a label names the path, one below it, or one with a number in place of an identity.
fn is_of_endpoint(labels: &Labels, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    ENDPOINT_LABELS.iter().filter_map(|it| labels.get(it)).any(|it| {
        let rest = it.find(path).and_then(|at| it.get(at + path.len()..));
        rest.is_some_and(|it| it.is_empty() || it.starts_with(['/', '?', '{']))
    })
}

fn symptom(it: &Movement, range: TimeRange) -> Symptom {
    let side = if it.is_up() { Direction::Above } else { Direction::Below };
    let scale = (it.during - it.before) / it.deviation;
    let reach = if scale.is_finite() { 3.0 * scale.abs() } else { 0.0 };
    Symptom {
        labels: it.labels.clone(),
        kind: AnomalyKind::LevelShift,
        direction: side,
        onset: it.onset,
        last_seen: last(it.onset, range),
        ended_at: None,
        peak: Score {
            value: it.deviation.abs() / 3.0,
            is_ready: true,
            is_provisional: true,
            y: it.during,
            yhat: it.before,
            yhat_lower: it.before - reach,
            yhat_upper: it.before + reach,
        },
        severity: Severity::Warning,
        explanation: String::new(),
    }
}

fn last(onset: Timestamp, range: TimeRange) -> Timestamp {
    range.to.max(onset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(spike_secs: i64) -> Vec<Point> {
        let value =
            |at: i64| if (1_000..1_000 + spike_secs).contains(&at) { 3.0 } else { 0.04 + (at % 7) as f64 / 1000.0 };
        (0..2_000)
            .step_by(10)
            .map(|it| Point { time: Timestamp::from_secs(1_700_000_000 + it), value: value(it) })
            .collect()
    }

    #[test]
    fn short_and_long_spikes_are_found_where_they_begin() {
        let labels = Labels::metric("latency_seconds", &[("service", "pay")]);
        let range = TimeRange::new(Timestamp::from_secs(1_700_000_700), Timestamp::from_secs(1_700_001_600));
        for spike_secs in [40, 180, 900] {
            let found = strongest(&labels, &points(spike_secs), range).unwrap();
            assert_eq!(found.onset, Timestamp::from_secs(1_700_001_000), "{spike_secs} s");
            assert!(found.is_up());
        }
        assert_eq!(strongest(&labels, &points(0), range), None);
        assert_eq!(strongest(&labels, &[], range), None);
    }
}
