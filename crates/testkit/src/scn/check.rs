//! Does an expectation hold, and if not, what was seen instead?

use std::fmt::Write as _;
use std::time::Duration;

use signal::{Cause, Incident, LogRecord, Plan, Severity, Timestamp};

use super::EPOCH;
use super::script::{AskPart, Expectation, FeedbackPart, Filter, Window};
use crate::{Reply, System};

/// The error says what was seen.
pub(super) fn check(expectation: &Expectation, system: &dyn System) -> Result<(), String> {
    let (incidents, plans) = (system.incidents(), system.plans());
    let (incidents, plans) = (incidents.as_slice(), plans.as_slice());
    let holds = match expectation {
        Expectation::IncidentWithin { window, filter } => {
            incidents.iter().any(|it| window.has(it.detected_at) && is_incident(it, filter))
        }
        Expectation::IncidentCount { count, window, filter } => {
            let found = incidents.iter().filter(|it| window.is_none_or(|window| window.has(it.detected_at)));
            found.filter(|it| is_incident(it, filter)).count() == *count
        }
        Expectation::Diagnosis { top, filter } => {
            incidents.iter().any(|it| causes(it).iter().take(*top).any(|cause| is_cause(cause, filter)))
        }
        Expectation::NoCause => incidents.iter().all(|it| causes(it).is_empty()),
        Expectation::Resolved { window } => {
            let is_resolved = |it: &Incident| !it.is_open() && it.ended_at.is_some_and(|ended| ended <= at(window.to));
            !incidents.is_empty() && incidents.iter().all(is_resolved)
        }
        Expectation::Plan { filter } => plans.iter().any(|it| is_plan(it, filter)),
        Expectation::NoPlan => plans.is_empty(),
        Expectation::Line { text, is_there } => lines_with(system, text).is_empty() != *is_there,
        Expectation::Series { labels, is_there } => system.series(labels).is_empty() != *is_there,
    };
    if holds {
        return Ok(());
    }
    Err(match expectation {
        Expectation::Plan { .. } | Expectation::NoPlan => {
            format!("{}\n{}", plans_seen(plans), incidents_seen(incidents))
        }
        Expectation::Line { text, .. } => stored_seen("lines", lines_with(system, text).iter().map(|it| &it.line)),
        Expectation::Series { labels, .. } => stored_seen("series", system.series(labels).iter()),
        _ => incidents_seen(incidents),
    })
}

/// Asks and compares; the error says what was answered.
pub(super) fn answer(ask: &AskPart, now: Timestamp, system: &mut dyn System) -> Result<(), String> {
    let reply = system.ask(now, &ask.question)?;
    if is_reply(&reply, &ask.filter) {
        return Ok(());
    }
    let causes: Vec<String> = reply.causes.iter().map(|it| format!("{} {}", it.0, it.1)).collect();
    Err(format!(
        "answered: shape {}, services {}, incident {}, causes {}\n  {}",
        reply.shape,
        reply.services.join(", "),
        reply.incident.as_deref().unwrap_or("none"),
        causes.join(", "),
        reply.text.escape_debug().to_string().replace("\\n", "\n  ")
    ))
}

/// Of causes only the first one is compared: it is what the answer says.
fn is_reply(reply: &Reply, filter: &Filter) -> bool {
    let first = reply.causes.first();
    filter.holds(|field, wanted| match field {
        "shape" => reply.shape == wanted,
        "service" => reply.services.iter().any(|it| it == wanted),
        "cause" => first.map_or("none", |it| &it.0) == wanted,
        "fault" => first.map_or("none", |it| &it.1) == wanted,
        "incident" => reply.incident.as_deref().unwrap_or("none") == wanted,
        "says" => reply.text.contains(wanted),
        _ => false,
    })
}

/// Gives an opinion on all incidents that fit; there must be one.
pub(super) fn opinion(feedback: &FeedbackPart, now: Timestamp, system: &mut dyn System) -> Result<(), String> {
    let mut incidents = system.incidents();
    incidents.retain(|it| is_incident(it, &feedback.filter));
    incidents.sort_by_key(|it| it.id);
    if incidents.is_empty() {
        return Err(incidents_seen(&system.incidents()));
    }
    incidents.iter().try_for_each(|it| system.feedback(now, it.id, feedback.opinion, feedback.cause.as_deref()))
}

/// Lines whose text has this part, letter by letter.
fn lines_with(system: &dyn System, text: &str) -> Vec<LogRecord> {
    let mut lines = system.lines(text);
    lines.retain(|it| it.line.contains(text));
    lines
}

fn stored_seen<T: ToString>(what: &str, found: impl ExactSizeIterator<Item = T>) -> String {
    let first: Vec<String> = found.take(8).map(|it| it.to_string().escape_debug().to_string()).collect();
    if first.is_empty() { format!("seen: no such {what}") } else { format!("seen:\n  {}", first.join("\n  ")) }
}

impl Window {
    fn has(&self, time: Timestamp) -> bool {
        at(self.from) <= time && time <= at(self.to)
    }
}

fn at(time: Duration) -> Timestamp {
    EPOCH.plus(time)
}

fn causes(incident: &Incident) -> &[Cause] {
    incident.diagnosis.as_ref().map_or(&[], |it| &it.causes)
}

fn is_incident(incident: &Incident, filter: &Filter) -> bool {
    filter.holds(|field, wanted| match field {
        "service" => incident.services.iter().any(|it| it == wanted),
        "severity" => severity(incident.severity) == wanted,
        "metric" => incident.symptoms.iter().any(|it| it.labels.name() == wanted),
        "kind" => incident.symptoms.iter().any(|it| is_named(&it.kind, wanted)),
        "title" => incident.title.contains(wanted),
        _ => false,
    })
}

fn is_cause(cause: &Cause, filter: &Filter) -> bool {
    filter.holds(|field, wanted| match field {
        "service" => cause.service == wanted,
        "fault" => cause.fault.as_str() == wanted,
        "indicator" => cause.indicator.contains(wanted),
        _ => false,
    })
}

fn is_plan(plan: &Plan, filter: &Filter) -> bool {
    filter.holds(|field, wanted| match field {
        "playbook" => plan.playbook == wanted,
        "target" => plan.target == wanted,
        "fault" => plan.fault.as_str() == wanted,
        "state" => is_named(&plan.state, wanted),
        _ => false,
    })
}

/// True if this is the name of the value in JSON.
fn is_named(value: &impl serde::Serialize, wanted: &str) -> bool {
    serde_json::to_value(value).is_ok_and(|it| it == wanted)
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn incidents_seen(incidents: &[Incident]) -> String {
    if incidents.is_empty() {
        return "seen: no incident".to_owned();
    }
    let mut sorted: Vec<&Incident> = incidents.iter().collect();
    sorted.sort_by_key(|it| (it.detected_at, it.id));
    let mut text = String::from("seen:");
    for incident in sorted {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n  {} at {} (onset {}), {}, {}: {}",
            incident.id,
            time(incident.detected_at),
            time(incident.started_at),
            severity(incident.severity),
            incident.ended_at.map_or_else(|| "open".to_owned(), |it| format!("resolved at {}", time(it))),
            incident.title.escape_debug(),
        );
        let _ = write!(text, "\n    services: {}", incident.services.join(", "));
        for symptom in incident.symptoms.iter().take(8) {
            let onset = time(symptom.onset);
            let _ = write!(
                text,
                "\n    symptom: {} {:?} {:?} from {onset}",
                symptom.labels, symptom.kind, symptom.direction
            );
        }
        if incident.symptoms.len() > 8 {
            let _ = write!(text, "\n    and {} symptoms more", incident.symptoms.len() - 8);
        }
        match &incident.diagnosis {
            None => text.push_str("\n    not diagnosed"),
            Some(it) if it.causes.is_empty() => text.push_str("\n    no cause found"),
            Some(it) => {
                for (idx, cause) in it.causes.iter().take(3).enumerate() {
                    let (fault, confidence) = (cause.fault.as_str(), cause.confidence);
                    let _ = write!(text, "\n    cause {}: {} {fault} {confidence:.2}", idx + 1, cause.service);
                }
            }
        }
    }
    text
}

fn plans_seen(plans: &[Plan]) -> String {
    if plans.is_empty() {
        return "seen: no plan".to_owned();
    }
    let lines = plans.iter().map(|it| {
        let Plan { id, playbook, target, .. } = it;
        format!("\n  {id}: playbook {playbook} for {} on {target}, {:?}: {}", it.fault.as_str(), it.state, it.reason)
    });
    format!("seen:{}", lines.collect::<String>())
}

/// A time as scenarios write it: `10m12s`.
fn time(time: Timestamp) -> String {
    let millis = time.since(EPOCH).as_millis();
    let (minutes, seconds, rest) = (millis / 60_000, millis / 1000 % 60, millis % 1000);
    let fraction = if rest == 0 { String::new() } else { format!("{rest}ms") };
    match (minutes, seconds) {
        (0, _) => format!("{seconds}s{fraction}"),
        (_, 0) => format!("{minutes}m{fraction}"),
        _ => format!("{minutes}m{seconds}s{fraction}"),
    }
}
