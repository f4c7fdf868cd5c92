//! What do the logs say, and what is unusual about it? The kinds of line with their rates, and anomalies found in them.

use maud::{Markup, html};
use signal::{Anomaly, Incident, IncidentFilter, LogLevel, LogTemplate, Timestamp};

use super::text;
use crate::app::App;
use crate::error::Error;

/// Anomalies that the page shows.
pub const MAX_ANOMALIES: usize = 20;
/// Kinds of line that the page shows.
pub const MAX_TEMPLATES: usize = 50;
/// The newest incidents are looked through for that of an anomaly.
const MAX_INCIDENTS: usize = 200;
/// A rate this many times the usual one, or this part of it, is marked.
const CLEARLY: f64 = 3.0;

/// Anomalies with the incident that each belongs to, if it is a symptom of one.
pub fn with_incidents(app: &App, anomalies: Vec<Anomaly>) -> Result<Vec<(Anomaly, Option<Incident>)>, Error> {
    if anomalies.is_empty() {
        return Ok(vec![]);
    }
    let filter = IncidentFilter { limit: MAX_INCIDENTS, ..IncidentFilter::default() };
    let incidents = app.ports.incidents.incidents(&filter)?;
    let find = |it: &Anomaly| {
        let is_same = |incident: &&Incident| {
            let mut symptoms = incident.symptoms.iter();
            let is_in_time = incident.ended_at.is_none_or(|end| it.onset <= end);
            is_in_time && symptoms.any(|symptom| symptom.kind == it.kind && symptom.labels.id() == it.labels.id())
        };
        incidents.iter().find(is_same).cloned()
    };
    Ok(anomalies.into_iter().map(|it| (find(&it), it)).map(|(incident, it)| (it, incident)).collect())
}

/// What was unusual.
pub fn anomalies(found: &[(Anomaly, Option<Incident>)], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="unusual" {
            div.head { h2 id="unusual" { "Unusual in logs" } @if !found.is_empty() { span.muted { (found.len()) " in this range" } } }
            @if found.is_empty() {
                p.muted { "Nothing unusual in this range: no new or missing kinds of line, no surge, no odd value or order." }
            } @else {
                ul.cards { @for (anomaly, incident) in found { (card(anomaly, incident.as_ref(), now)) } }
            }
        }
    }
}

fn card(it: &Anomaly, incident: Option<&Incident>, now: Timestamp) -> Markup {
    let key = format!("{}-{}", it.labels.id(), it.onset.millis());
    html! {
        li.card data-testid="log-anomaly" data-key=(key) {
            div.card-head {
                strong { (text::anomaly(it.kind, it.direction)) }
                (text::severity(it.severity))
                @if it.is_over { (text::badge("quiet", "Over")) } @else { (text::badge("bad", "Goes on")) }
                span.chip { (text::plain(it.labels.owner())) }
                span.muted.push { "since " (text::clock_of_day(it.onset, now)) }
            }
            p { (text::plain(&it.explanation)) }
            @match incident {
                Some(incident) => p.small { a href={ "/incidents/" (incident.id) } { (incident.id) } " " (text::plain(&incident.title)) },
                None => p.small.muted { "No incident: kept as evidence." },
            }
        }
    }
}

/// The kinds of line.
pub fn templates(found: &[LogTemplate], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="kinds" {
            div.head {
                h2 id="kinds" { "Kinds of line" }
                @if found.len() >= MAX_TEMPLATES { span.muted { "the first " (MAX_TEMPLATES) ", worst level first" } }
            }
            @if found.is_empty() {
                p.muted { "No kinds of line in this range." }
            } @else {
                table.stack {
                    caption.hidden { "Log templates with their rates" }
                    thead { tr {
                        th scope="col" { "Kind of line" } th scope="col" { "Service" }
                        th.num scope="col" { "Lines" } th.num scope="col" { "Per min now" } th.num scope="col" { "Usual" }
                        th.num scope="col" { "First seen" } th.num scope="col" { "Last seen" }
                    } }
                    tbody { @for it in found { (row(it, now)) } }
                }
            }
        }
    }
}

fn row(it: &LogTemplate, now: Timestamp) -> Markup {
    html! {
        tr data-testid="log-template" data-key={ (text::plain(&it.service)) "-" (it.id) } {
            td data-label="Kind of line" { div.template {
                span class={ "badge " (tone(it.level)) } { (it.level.as_str()) } " "
                code title=(text::plain(&it.example)) { (text::plain(&it.template)) }
            } }
            td.owner data-label="Service" { span.chip { (text::plain(&it.service)) } }
            td.num data-label="Lines" { (it.lines) }
            td.num data-label="Per min now" { span class=(if is_clearly_other(it) { "score bad" } else { "" }) { (text::number(it.per_minute)) } }
            td.num data-label="Usual" { @match it.usual_per_minute { Some(usual) => (text::number(rounded(usual))), None => span.muted { "learning" } } }
            td.num data-label="First seen" { (text::ago(it.first_seen, now)) }
            td.num data-label="Last seen" { (text::ago(it.last_seen, now)) }
        }
    }
}

/// True if there are far more or far fewer lines than usual, and enough of them to tell.
fn is_clearly_other(it: &LogTemplate) -> bool {
    let Some(usual) = it.usual_per_minute else { return false };
    it.per_minute.max(usual) >= 1.0 && (it.per_minute > usual * CLEARLY || it.per_minute * CLEARLY < usual)
}

/// Two digits behind the point are enough for a rate.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The color of a level.
pub const fn tone(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug | LogLevel::Info => "quiet",
        LogLevel::Warn => "warn",
        LogLevel::Error => "bad",
        LogLevel::Fatal => "bad solid",
    }
}
