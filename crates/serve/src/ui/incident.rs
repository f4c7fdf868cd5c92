//! What is this incident? Cause, plan, charts, evidence, timeline, and what a person can say to it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Html;
use maud::{Markup, PreEscaped, html};
use signal::{
    AnomalyKind, Diagnosis, Evidence, EvidenceSource, Incident, IncidentStatus, Investigation, Opinion, Plan,
    ReportFormat, TimeRange, TimelineEntry, Timestamp,
};

use super::incidents::{duration, percent};
use super::layout::{Section, page as layout};
use super::{chart, exemplars, explore, investigation, knowledge, plan, text};
use crate::api::incidents::id;
use crate::api::knowledge::tenant;
use crate::app::App;
use crate::error::Error;
use crate::knowledge::Related;

/// Charts of main symptoms.
const CHARTS: usize = 4;
/// What a chart shows before the first symptom.
const LEAD: Duration = Duration::from_secs(5 * 60);
/// How long before the onset requests are looked for: the first of them are what the onset was seen by.
const BEFORE: Duration = Duration::from_secs(60);
/// What a chart shows after the end.
const TAIL: Duration = Duration::from_secs(2 * 60);

/// `GET /incidents/{id}`.
pub async fn page(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(text): Path<String>,
) -> Result<Html<String>, Error> {
    let (id, tenant) = (id(&text)?, tenant(&headers));
    app.page(move |app| {
        let incident = app.ports.incidents.incident(id)?;
        let plans = app.ports.plans.plans(Some(id))?;
        let related = app.ports.knowledge.related(&incident, tenant.as_deref())?;
        let found = app.ports.investigations.investigation(id)?;
        let known = Known { related: &related, found: found.as_ref() };
        Ok(layout(app, &incident.title, Section::Incidents, &body(app, &incident, &plans, known)))
    })
    .await
}

/// What stands elsewhere about the incident.
#[derive(Clone, Copy)]
struct Known<'a> {
    related: &'a Related,
    found: Option<&'a Investigation>,
}

// Long because it is the page, section by section.
fn body(app: &App, it: &Incident, plans: &[Plan], known: Known<'_>) -> Markup {
    let now = app.now();
    html! {
        article data-incident=(it.id) {
            div data-live id="head" { (head(it, now)) }
            div.columns {
                div.wide {
                    section aria-labelledby="h-cause" data-live id="causes" {
                        div.head { h2 id="h-cause" { "Likely cause" } }
                        (causes(it.diagnosis.as_ref()))
                    }
                    @if let Some(picture) = way(app, it) {
                        section aria-labelledby="h-way" data-live id="way" {
                            div.head { h2 id="h-way" { "How it spread" } span.muted.small { "from the cause to what was noticed" } }
                            (picture)
                        }
                    }
                    (investigation::section(known.found))
                    section aria-labelledby="h-symptoms" data-live id="symptoms" {
                        div.head { h2 id="h-symptoms" { "Symptoms" } (chart::legend()) }
                        (symptoms(app, it))
                    }
                    @if let Some(diagnosis) = &it.diagnosis {
                        section aria-labelledby="h-evidence" data-live id="evidence" {
                            div.head { h2 id="h-evidence" { "Evidence" } span.muted { "read in " (text::number(diagnosis.took_ms)) " ms" } }
                            @if diagnosis.evidence.is_empty() { div.empty { p { "None was found in the series, logs, traces and changes around the first symptom." } } }
                            ol.evidence { @for it in &diagnosis.evidence { (evidence(it)) } }
                        }
                    }
                    @if !known.related.runbooks.is_empty() {
                        section aria-labelledby="h-runbooks" id="runbooks" data-testid="runbooks" {
                            div.head { h2 id="h-runbooks" { "Runbooks" } }
                            (knowledge::passages(&known.related.runbooks))
                        }
                    }
                    @if !known.related.similar.is_empty() {
                        section aria-labelledby="h-similar" id="similar" data-testid="similar" {
                            div.head { h2 id="h-similar" { "Similar incidents" } }
                            (knowledge::beside(&known.related.similar))
                        }
                    }
                }
                div.side {
                    section aria-labelledby="h-ask" id="ask-about" {
                        div.head { h2 id="h-ask" { "Ask about it" } }
                        form.search method="get" action="/ask" {
                            label.hidden for="ask-q" { "Question" }
                            input.grow type="search" id="ask-q" name="q" value={ "How do I fix " (it.id) "?" } autocomplete="off";
                            button { "Ask" }
                        }
                    }
                    section aria-labelledby="h-plan" data-live id="plans" {
                        div.head { h2 id="h-plan" { "Plan" } }
                        @if plans.is_empty() { div.empty { p { "No playbook matches this fault. Actions are off until a playbook in the configuration enables them." } } }
                        @for it in plans { (plan::card(it, now)) }
                    }
                    section aria-labelledby="h-timeline" data-live id="timeline" {
                        div.head { h2 id="h-timeline" { "Timeline" } }
                        (timeline(it))
                    }
                    section aria-labelledby="h-feedback" data-live id="feedback" {
                        div.head { h2 id="h-feedback" { "Was this right?" } }
                        (feedback(it))
                    }
                }
            }
        }
    }
}

fn head(it: &Incident, now: Timestamp) -> Markup {
    let report = |format: &str| format!("/sentinel/v1/incidents/{}/report?format={format}", it.id);
    html! {
        div.incident-head {
            p.badges { span.id { (it.id) } (text::severity(it.severity)) span data-testid="incident-status" { (text::status(it.status)) } }
            h1 data-testid="incident-title" { (text::plain(&it.title)) }
            p.muted {
                (text::moment(it.started_at)) " \u{b7} " (duration(it, now)) " \u{b7} detected " (text::span(it.detected_at.since(it.started_at))) " after the first symptom"
                @for service in &it.services { " " a.chip href={ "/incidents?service=" (text::encode(service)) } { (text::plain(service)) } }
            }
            div.actions {
                @if it.status == IncidentStatus::Open {
                    form method="post" action={ "/sentinel/v1/incidents/" (it.id) "/acknowledge" } data-done="Acknowledged." {
                        input type="hidden" name="actor" value="web";
                        button data-testid="acknowledge" { "Acknowledge" }
                    }
                }
                @if let Some(service) = it.services.first() {
                    a.button href={ "/traces?service=" (text::encode(service)) "&from=" (text::encode(&it.started_at.minus(LEAD).to_string())) @if let Some(end) = it.ended_at { "&to=" (text::encode(&end.to_string())) } } { "Traces" }
                }
                span.links { "Report: "
                    a href=(report("html")) data-testid="report-html" { "page" } " \u{b7} "
                    a href=(report("md")) data-testid="report-md" { "Markdown" } " \u{b7} "
                    a href=(report("json")) data-testid="report-json" { "JSON" }
                }
            }
        }
    }
}

fn causes(diagnosis: Option<&Diagnosis>) -> Markup {
    let Some(diagnosis) = diagnosis else {
        return html! { div.empty { p { "The evidence is being read. This takes a few seconds." } } };
    };
    html! {
        @if diagnosis.causes.is_empty() {
            div.empty data-testid="no-cause" { h3 { "No cause found" } p { "Nothing that changed around the first symptom explains it well enough. The symptoms below are what is known." } }
        }
        ol.causes {
            @for (idx, it) in diagnosis.causes.iter().enumerate() {
                li.cause.first[idx == 0] data-testid="cause" {
                    div.cause-head {
                        span.rank aria-label={ "rank " (idx + 1) } { (idx + 1) }
                        div.cause-name { strong { (text::fault(it.fault)) } " in " strong { (text::plain(&it.service)) } }
                        (confidence(it.confidence))
                    }
                    p { (text::plain(&it.summary)) }
                    p.muted.small { "Shown best by " code { (text::plain(&it.indicator)) } ". Rests on "
                        @for id in &it.evidence { a.ref href={ "#" (id.0) } { (id.0) } " " } }
                }
            }
        }
        @if !diagnosis.causes.is_empty() {
            p.muted.small { "Probability that none of these is right: " (percent(diagnosis.no_cause_confidence)) "." }
        }
    }
}

/// The way that the trouble took: the picture, and the likeliest way in words.
fn way(app: &App, it: &Incident) -> Option<Markup> {
    let graph = &it.diagnosis.as_ref()?.graph;
    if graph.nodes.is_empty() {
        return None;
    }
    let picture = app.ports.reports.incident_report(it.id, ReportFormat::Svg).ok()?;
    Some(html! {
        figure.card.graph data-testid="causal-graph" { (PreEscaped(picture)) }
        p.muted.small { (text::plain(&graph.story())) }
    })
}

/// A bar and its value; the value alone carries the meaning.
fn confidence(share: f64) -> Markup {
    let width = format!("{:.1}", (share * 100.0).clamp(0.0, 100.0));
    html! {
        span.confidence data-testid="confidence" title="Confidence" {
            svg.bar-svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                rect.track width="100" height="6" rx="3" {}
                rect.fill width=(width) height="6" rx="3" {}
            }
            span.hidden { "confidence " } (percent(share))
        }
    }
}

fn symptoms(app: &App, it: &Incident) -> Markup {
    let from = it.started_at.minus(LEAD).to_string();
    let to = it.ended_at.map_or("now".to_owned(), |it| it.plus(TAIL).to_string());
    let last = it.ended_at.map_or(app.now(), |it| it.plus(TAIL));
    html! {
        @for symptom in it.symptoms.iter().take(CHARTS) {
            figure.symptom data-key={ (symptom.labels.id()) @if symptom.kind.is_of_group() { "-group" } } {
                figcaption {
                    @if symptom.kind.is_of_logs() {
                        a href={ "/logs?service=" (text::encode(symptom.labels.owner())) "&from=" (text::encode(&from)) "&to=" (text::encode(&to)) } { (text::series(&symptom.labels)) }
                    } @else if !symptom.kind.has_series() {
                        (text::series(&symptom.labels))
                    } @else {
                        a href={ (text::series_url(&symptom.labels)) @if symptom.has_series() { "?from=" (text::encode(&from)) "&to=" (text::encode(&to)) } } { (text::series(&symptom.labels)) }
                    }
                    p.muted.small {
                        (text::anomaly(symptom.kind, symptom.direction))
                        @if !matches!(symptom.kind, AnomalyKind::Alert | AnomalyKind::MissingData) {
                            " \u{b7} peak " strong { (text::number(symptom.peak.y)) }
                            ", expected " (text::number(symptom.peak.yhat_lower)) " to " (text::number(symptom.peak.yhat_upper))
                        }
                        " \u{b7} since " (text::clock(symptom.onset))
                        @if let Some(end) = symptom.ended_at { " until " (text::clock(end)) }
                        @if !symptom.explanation.is_empty() { br; span.muted data-testid="explanation" { (text::plain(&symptom.explanation)) } }
                    }
                }
                @if symptom.has_series() {
                    (chart::chart(&symptom.labels, &from, &to, &[("first symptom", symptom.onset.to_string())], false))
                    (exemplars::list(app, &symptom.labels, TimeRange::new(symptom.onset.minus(BEFORE), last)))
                    p { a href=(explore::url(&symptom.labels)) { "Explore with PromQL" } }
                }
            }
        }
        @if it.symptoms.len() > CHARTS {
            details.more-symptoms {
                summary { (it.symptoms.len() - CHARTS) " more" }
                ul { @for symptom in it.symptoms.iter().skip(CHARTS) {
                    li { a href=(text::series_url(&symptom.labels)) { (text::series(&symptom.labels)) } " " span.muted { (text::anomaly(symptom.kind, symptom.direction)) } }
                } }
            }
        }
    }
}

pub fn evidence(it: &Evidence) -> Markup {
    let (kind, link) = source(&it.source);
    html! {
        li id=(it.id.0) data-testid="evidence" data-key=(it.id.0) tabindex="-1" {
            span.ref { (it.id.0) }
            div {
                p { (text::plain(&it.text)) }
                @if let EvidenceSource::LogLines { example, .. } = &it.source { pre.line { (text::plain(example)) } }
                @if let EvidenceSource::Process { command, .. } = &it.source { pre.line { (text::plain(command)) } }
                p.muted.small { (kind) @if let Some((url, name)) = link { " \u{b7} " a href=(url) { (name) } } }
            }
        }
    }
}

/// What it is, and where a person reads it again.
fn source(source: &EvidenceSource) -> (&'static str, Option<(String, &'static str)>) {
    let between = |from: Timestamp, to: Timestamp| {
        let (from, to) = (from.minus(LEAD).to_string(), to.plus(TAIL).to_string());
        format!("from={}&to={}", text::encode(&from), text::encode(&to))
    };
    match source {
        EvidenceSource::SeriesWindow { labels, range, .. } => (
            "Series",
            Some((format!("{}?{}", text::series_url(labels), between(range.from, range.to)), "open the series")),
        ),
        EvidenceSource::LogLines { service, range, .. } => {
            let url = format!("/logs?service={}&{}", text::encode(service), between(range.from, range.to));
            ("Log lines", Some((url, "open the lines")))
        }
        EvidenceSource::Process { labels, range, .. } => (
            "Process",
            Some((format!("{}?{}", text::series_url(labels), between(range.from, range.to)), "open its series")),
        ),
        EvidenceSource::Requests { traces, .. } => {
            ("Requests", traces.first().map(|it| (format!("/traces/{it}"), "open one of the traces")))
        }
        EvidenceSource::Change { .. } => ("Change", None),
        EvidenceSource::Answer { .. } => ("Answer of a tool", None),
    }
}

fn timeline(it: &Incident) -> Markup {
    // Some things are learned of later than they happened.
    let mut entries: Vec<&TimelineEntry> = it.timeline.iter().collect();
    entries.sort_by_key(|it| it.time);
    html! {
        ol.timeline data-testid="timeline" {
            @for entry in entries { li { (text::clock(entry.time)) " " span { (text::plain(&entry.text)) } } }
        }
    }
}

fn feedback(it: &Incident) -> Markup {
    html! {
        p.muted.small { "Your answer moves thresholds and the weights of causes a little, and is written to the ledger: " a href="/feedback" { "what was learned" } "." }
        form.actions method="post" action={ "/sentinel/v1/incidents/" (it.id) "/feedback" } data-done="Thank you; recorded." {
            input type="hidden" name="actor" value="web";
            label { "Cause was " input name="cause" maxlength="200" list="suspects" autocomplete="off" data-testid="feedback-cause"; }
            datalist id="suspects" { @for service in suspects(it) { option value=(text::plain(service)) {} } }
            label { "Comment " input name="comment" maxlength="1000" autocomplete="off" data-testid="feedback-comment"; }
            @for opinion in [Opinion::Right, Opinion::Wrong, Opinion::Noise] {
                @let (value, words) = text::opinion(opinion);
                button name="opinion" value=(value) aria-pressed=(it.feedback == Some(opinion)) data-testid={ "feedback-" (value) } { (words) }
            }
        }
    }
}

/// Services that a person may mean.
fn suspects(it: &Incident) -> Vec<&str> {
    let told = it.diagnosis.iter().flat_map(|it| &it.causes).map(|it| it.service.as_str());
    let mut all: Vec<&str> = told.chain(it.services.iter().map(String::as_str)).collect();
    all.sort_unstable();
    all.dedup();
    all
}
