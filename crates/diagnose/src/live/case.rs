//! The case of a live incident, and where each of its parts is stored.

use std::collections::BTreeSet;
use std::time::Duration;

use signal::{Incident, Labels, LogHit, LogQuery, Role, Span, SpanQuery, TimeRange, Timestamp, is_counter};

use super::spread;
use crate::case::{Call, Case, Change, ChangeKind, Line, Metric, Symptom};
use crate::facts::{Facts, peer};
use crate::{Problem, Sources, case};

/// Traces that are looked at, before and during.
const MAX_TRACES: usize = 100;
/// Log lines that are looked at, before and during.
const MAX_LINES: usize = 2000;
/// Series that are looked at; those that moved come first.
const MAX_SERIES: usize = 2000;
/// Requests before the incident are looked at over this time, which ends so long before its onset.
const BEFORE: Duration = Duration::from_secs(300);
const GUARD: Duration = Duration::from_secs(15);
/// Spans of a trace may lie so far from its first one.
const TRACE: Duration = Duration::from_secs(60);
/// Labels that tell series of one name and owner apart.
const PARTS: [&str; 6] = ["quantile", "mount", "device", "core", "endpoint", "le"];

/// The case, and where its parts come from.
pub(crate) struct Gathered {
    pub(crate) case: Case,
    /// The series of each metric.
    pub(crate) labels: Vec<Labels>,
    /// The stored form of each line.
    pub(crate) lines: Vec<LogHit>,
    /// Spans during the incident.
    pub(crate) spans: Vec<Span>,
    /// When these and the lines during the incident were.
    pub(crate) range: TimeRange,
    pub(crate) before: TimeRange,
}

/// Gathers what the facts hold, and requests and lines besides.
pub(crate) fn gather(
    facts: &mut Facts,
    incident: &Incident,
    sources: &Sources<'_>,
    problems: &mut Vec<Problem>,
) -> Gathered {
    let noticed = noticed(incident, facts);
    let range = TimeRange::new(facts.started, facts.range.to.max(facts.started));
    let before = TimeRange::new(facts.started.minus(GUARD + BEFORE), facts.started.minus(GUARD));
    let (mut labels, mut metrics) = (vec![], vec![]);
    for (series, metric) in series(facts) {
        labels.push(series);
        metrics.push(metric);
    }
    let usual = sample(&noticed, before, sources, problems);
    let spans = sample(&noticed, range, sources, problems);
    let both = [(&usual, true), (&spans, false)];
    let all_spans: Vec<case::Span> =
        both.iter().flat_map(|(spans, is_normal)| spans.iter().map(|it| span(it, *is_normal))).collect();
    let mut calls = calls(facts);
    calls.extend(case::calls(&all_spans));
    calls.sort();
    calls.dedup();
    let usual_lines = lines(before, sources, problems);
    let n_usual = usual_lines.len();
    let lines: Vec<LogHit> = usual_lines.into_iter().chain(lines(range, sources, problems)).collect();
    let case = Case {
        at: facts.started.millis(),
        metrics,
        spans: all_spans,
        logs: lines.iter().enumerate().map(|(idx, it)| line(it, idx < n_usual)).collect(),
        changes: facts.owners.values().flat_map(|it| it.changes.iter().map(change)).collect(),
        calls,
        symptom: noticed.first().map(|it| Symptom { service: it.clone(), indicator: None }),
    };
    Gathered { case, labels, lines, spans, range, before }
}

/// Services with symptoms, that first from which most others of them are reached.
fn noticed(incident: &Incident, facts: &Facts) -> Vec<String> {
    let named = incident.symptoms.iter().map(|it| it.labels.owner().to_owned());
    let mut seen = BTreeSet::new();
    let mut services: Vec<String> = named.filter(|it| !it.is_empty() && seen.insert(it.clone())).collect();
    let reached = |service: &str| {
        let below = facts.dependencies(service);
        seen.iter().filter(|it| below.contains(it.as_str())).count()
    };
    services.sort_by_cached_key(|it| std::cmp::Reverse(reached(it)));
    services
}

/// Series with their points, those that moved first.
fn series(facts: &mut Facts) -> Vec<(Labels, Metric)> {
    let mut found = vec![];
    let known: BTreeSet<String> =
        facts.owners.values().filter(|it| it.n_series > 0).map(|it| it.name.clone()).collect();
    for owner in facts.owners.values_mut() {
        let moved: BTreeSet<&Labels> = owner.moves.iter().map(|it| &it.labels).collect();
        for (labels, points) in std::mem::take(&mut owner.points) {
            let has_moved = moved.contains(&labels);
            if !has_moved && Role::of(&labels) != Role::Traffic {
                continue;
            }
            // What a caller sees of a call is about whom it calls.
            let service = peer(&labels).unwrap_or(&owner.name).to_owned();
            let is_seen_by_caller = peer(&labels).is_some();
            if is_seen_by_caller && known.contains(&service) && !has_moved {
                continue;
            }
            let metric = Metric {
                service,
                indicator: indicator(&labels),
                normal: vec![],
                times: points.iter().map(|it| it.time.millis()).collect(),
                values: points.iter().map(|it| it.value).collect(),
            };
            found.push((has_moved, labels, metric));
        }
    }
    found.sort_by_key(|it| !it.0);
    found.truncate(MAX_SERIES);
    found.into_iter().map(|(_, labels, metric)| (labels, metric)).collect()
}

/// The name of a series with what tells it apart, in words that say what it is about.
fn indicator(labels: &Labels) -> String {
    let mut name =
        labels.name().strip_suffix("_total").filter(|_| is_counter(labels)).unwrap_or(labels.name()).to_owned();
    if Role::of(labels) == Role::Errors && case::Kind::of(&name) != case::Kind::Error {
        name += "_errors";
    }
    for part in PARTS.iter().filter_map(|it| labels.get(it)) {
        name = format!("{name}/{part}");
    }
    name
}

fn calls(facts: &Facts) -> Vec<Call> {
    let mut calls = vec![];
    for owner in facts.owners.values() {
        let hosts = owner.neighbors.iter().filter(|_| !owner.is_host);
        calls.extend(
            owner.callees.iter().chain(hosts).map(|it| Call { caller: owner.name.clone(), callee: it.clone() }),
        );
    }
    calls
}

/// Traces from all of a time with one of the services that noticed it: of the first of them that has any.
fn sample(noticed: &[String], range: TimeRange, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Vec<Span> {
    for service in noticed {
        let search = |range: TimeRange, limit: usize| {
            sources.traces.traces(&SpanQuery {
                service: Some(service.clone()),
                name: None,
                min_duration: Duration::ZERO,
                only_errors: false,
                attributes: vec![],
                range,
                limit,
            })
        };
        let found = spread::over(range, MAX_TRACES, |it| it.start, search).and_then(|found| {
            let mut seen = BTreeSet::new();
            // A trace that goes from one part of the time into the next is found in both.
            let whole = found.iter().filter(|it| seen.insert(it.trace)).map(|it| {
                let end = it.start.plus(Duration::from_secs_f64(it.seconds.clamp(0.0, 3600.0)));
                sources.traces.trace(it.trace, TimeRange::new(it.start.minus(TRACE), end.plus(TRACE)))
            });
            whole.collect::<Result<Vec<Vec<Span>>, _>>()
        });
        match found {
            Ok(found) if found.is_empty() => {}
            Ok(found) => return found.into_iter().flatten().collect(),
            Err(error) => problems.push(Problem::unread("traces", &error)),
        }
    }
    vec![]
}

fn lines(range: TimeRange, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Vec<LogHit> {
    let search = |range: TimeRange, limit: usize| {
        sources.logs.search(&LogQuery { text: String::new(), matchers: vec![], min_level: None, range, limit })
    };
    spread::over(range, MAX_LINES, |it: &LogHit| it.record.time, search).unwrap_or_else(|error| {
        problems.push(Problem::unread("log lines", &error));
        vec![]
    })
}

/// A stored span as the ranker takes it.
pub(crate) fn span(it: &Span, is_normal: bool) -> case::Span {
    case::Span {
        trace: it.trace.to_string(),
        id: it.id.to_string(),
        parent: it.parent.map(|it| it.to_string()).unwrap_or_default(),
        service: it.service().to_owned(),
        operation: it.name.clone(),
        start: it.start().millis(),
        millis: it.secs() * 1000.0,
        is_error: it.is_error(),
        message: it.message.clone(),
        is_normal,
    }
}

fn line(it: &LogHit, is_normal: bool) -> Line {
    let told = |name: &str| it.record.metadata.get(name).unwrap_or("").to_owned();
    Line {
        time: it.record.time.millis(),
        service: it.record.labels.owner().to_owned(),
        text: it.record.line.clone(),
        level: Some(it.record.level()),
        trace: told("trace_id"),
        span: told("span_id"),
        is_normal,
    }
}

fn change(it: &signal::Change) -> Change {
    Change {
        id: it.title.clone(),
        kind: match it.kind {
            signal::ChangeKind::Deploy => ChangeKind::Deploy,
            signal::ChangeKind::Flag => ChangeKind::Flag,
            signal::ChangeKind::Config | signal::ChangeKind::Other => ChangeKind::Config,
        },
        time: Timestamp::millis(it.time),
        service: it.service.clone(),
        title: it.title.clone(),
        ..Change::default()
    }
}
