//! What was said? Anomalies and kinds of line in a range of time, and a search over the lines.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use signal::{Labels, LogHit, Timestamp, TraceId};

use super::layout::{Section, page as layout};
use super::{log_kinds, text};
use crate::api::logs::{KindsQuery, SearchQuery, anomalies, find, kinds, like};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, given};

const LEVELS: [(&str, &str); 6] = [
    ("", "Any level"),
    ("debug", "Debug+"),
    ("info", "Info+"),
    ("warn", "Warning+"),
    ("error", "Error+"),
    ("fatal", "Fatal"),
];
pub const RANGES: [(&str, &str); 5] =
    [("-15m", "Last 15 min"), ("-1h", "Last hour"), ("-6h", "Last 6 h"), ("-1d", "Last day"), ("-7d", "Last 7 days")];

/// `GET /logs`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<SearchQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let found = match given(&query.semantic) {
            Some(words) => like(app, &SearchQuery { q: None, ..query.clone() }, words, None),
            None => find(app, &query),
        };
        let (hits, problem) = match found {
            Ok(hits) => (hits, None),
            Err(Error::Unusable(problem)) => (vec![], Some(problem)),
            Err(error) => return Err(error),
        };
        // Who asks for words wants lines.
        let overview = if problem.is_none() && given(&query.q).is_none() && given(&query.semantic).is_none() {
            Some(overview(app, &query)?)
        } else {
            None
        };
        let body = html! {
            div.title-row { h1 { "Logs" } }
            (form(&query))
            @if let Some(problem) = &problem { p.notice.bad role="alert" { (text::plain(problem)) } }
            @if let Some(overview) = overview { (overview) }
            @if problem.is_none() { div data-live id="lines" { (lines(&hits, app.config.page_size, app.now())) } }
        };
        Ok(layout(app, "Logs", Section::Logs, &body))
    })
    .await
}

/// What is unusual, and which kinds of line there are; nothing if there are no lines at all.
fn overview(app: &App, query: &SearchQuery) -> Result<Markup, Error> {
    let of = |limit| KindsQuery {
        service: query.service.clone(),
        level: query.level.clone(),
        from: query.from.clone(),
        to: query.to.clone(),
        limit: Some(limit),
    };
    let templates = kinds(app, &of(log_kinds::MAX_TEMPLATES))?;
    let found = log_kinds::with_incidents(app, anomalies(app, &of(log_kinds::MAX_ANOMALIES))?)?;
    let now = app.now();
    Ok(html! {
        @if !(templates.is_empty() && found.is_empty()) {
            div.wide data-live id="overview" { (log_kinds::anomalies(&found, now)) (log_kinds::templates(&templates, now)) }
        }
    })
}

fn form(query: &SearchQuery) -> Markup {
    let from = given(&query.from).unwrap_or("-1h");
    let is_listed = RANGES.iter().any(|(value, _)| *value == from);
    html! {
        form.search role="search" method="get" action="/logs" {
            label.hidden for="q" { "Words" }
            input.grow type="search" id="q" name="q" value=(given(&query.q).unwrap_or("")) placeholder="Words; \"quoted\" is a phrase" autocomplete="off" spellcheck="false";
            label.hidden for="semantic" { "Meaning" }
            input.grow type="search" id="semantic" name="semantic" value=(given(&query.semantic).unwrap_or("")) placeholder="Or by meaning: cannot reach the database" autocomplete="off";
            label.hidden for="service" { "Service" }
            input type="text" id="service" name="service" value=(given(&query.service).unwrap_or("")) placeholder="Service" autocomplete="off" spellcheck="false";
            label.hidden for="level" { "Level" }
            select id="level" name="level" {
                @for (value, name) in LEVELS { option value=(value) selected[given(&query.level).unwrap_or("") == value] { (name) } }
            }
            label.hidden for="from" { "Range" }
            select id="from" name="from" {
                @if !is_listed { option value=(from) selected { "Chosen range" } }
                @for (value, name) in RANGES { option value=(value) selected[value == from] { (name) } }
            }
            @if let Some(to) = given(&query.to).filter(|_| !is_listed) { input type="hidden" name="to" value=(to); }
            button.primary { "Search" }
        }
    }
}

fn lines(hits: &[LogHit], limit: usize, now: Timestamp) -> Markup {
    html! {
        @if hits.is_empty() {
            div.empty {
                h2 { "No lines found" }
                p { "All words must occur in a line. Widen the range, or send lines to " code { "/loki/api/v1/push" } " (Promtail, Grafana Alloy, Vector)." }
            }
        } @else {
            div.head { h2 { "Lines" } }
            p.muted.small role="status" { (hits.len()) " lines, newest first"
                @if hits.len() >= limit { "; narrow the search for more" } }
            (table(hits, now))
        }
    }
}

/// Lines, one below the other.
pub fn table(hits: &[LogHit], now: Timestamp) -> Markup {
    html! {
        table.log {
            caption.hidden { "Log lines" }
            thead.hidden { tr { th scope="col" { "Time" } th scope="col" { "Level" } th scope="col" { "Service" } th scope="col" { "Line" } } }
            tbody { @for hit in hits { (line(hit, now)) } }
        }
    }
}

fn line(hit: &LogHit, now: Timestamp) -> Markup {
    let level = hit.record.level();
    html! {
        tr class={ "level-" (level.as_str()) } data-key=(hit.id.0) data-testid="log-line" {
            td.log-time { (text::clock_of_day(hit.record.time, now)) }
            td.log-level { span class={ "badge " (log_kinds::tone(level)) } { (level.as_str()) } }
            td.log-service { (text::plain(hit.record.labels.owner())) }
            td.log-text { (text::plain(&hit.record.line)) (metadata(&hit.record.metadata)) (trace_in(hit)) }
        }
    }
}

/// The trace that a line names in its text, if it is not told beside it.
fn trace_in(hit: &LogHit) -> Markup {
    let words = hit.record.line.split(|it: char| !it.is_ascii_alphanumeric());
    let named = words.filter(|it| it.len() == 32).find_map(|it| it.parse::<TraceId>().ok());
    html! {
        @if let Some(trace) = named.filter(|_| hit.record.metadata.get("trace_id").is_none()) {
            " " a.chip href={ "/traces/" (trace) } { "open the trace" }
        }
    }
}

/// What is told beside the line; a trace can be opened.
fn metadata(labels: &Labels) -> Markup {
    html! {
        @for (name, value) in labels.iter() {
            " " @if name == "trace_id" && value.parse::<TraceId>().is_ok() { a.chip href={ "/traces/" (text::encode(value)) } { span.key { "trace" } "=" (text::plain(value)) } }
            @else { span.chip { span.key { (text::plain(name)) } "=" (text::plain(value)) } }
        }
    }
}
