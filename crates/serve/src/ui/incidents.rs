//! Which incidents are there? A list with a filter, and the card of one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use signal::{Incident, Timestamp};

use super::layout::{Section, page as layout};
use super::text;
use crate::api::incidents::{ListQuery, find};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, given};

const FILTERS: [(&str, &str); 4] =
    [("", "All"), ("open", "Open"), ("acknowledged", "Acknowledged"), ("resolved", "Resolved")];

/// `GET /incidents`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let found = find(app, &query)?;
        let now = app.now();
        let chosen = given(&query.status).unwrap_or("");
        let body = html! {
            div.title-row {
                h1 { "Incidents" }
                nav.tabs aria-label="Status" {
                    @for (value, name) in FILTERS {
                        a href=(url(value, &query.service, None)) aria-current=[(value == chosen).then_some("true")] { (name) }
                    }
                }
            }
            @if let Some(service) = given(&query.service) {
                p { "Only those that touch " span.chip { (text::plain(service)) } " " a href=(url(chosen, &None, None)) { "Show all" } }
            }
            div data-live id="list" {
                h2.hidden { "Newest first" }
                @if found.items.is_empty() {
                    div.empty { h2 { "No incidents here" } p { "An incident opens when a series leaves its expected band for several points. One incident holds all symptoms of one cause." } }
                }
                div.cards { @for it in &found.items { (card(it, now)) } }
                @if let Some(cursor) = &found.next_cursor {
                    p.more { a.button href=(url(chosen, &query.service, Some(cursor))) { "Older incidents" } }
                }
            }
        };
        Ok(layout(app, "Incidents", Section::Incidents, &body))
    })
    .await
}

fn url(status: &str, service: &Option<String>, cursor: Option<&str>) -> String {
    let pairs = [("status", Some(status)), ("service", service.as_deref()), ("cursor", cursor)];
    let given = pairs.iter().filter_map(|(name, value)| value.filter(|it| !it.is_empty()).map(|it| (name, it)));
    let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", text::encode(value))).collect();
    if query.is_empty() { "/incidents".to_owned() } else { format!("/incidents?{}", query.join("&")) }
}

/// The card of an incident.
pub fn card(it: &Incident, now: Timestamp) -> Markup {
    let cause = it.diagnosis.as_ref().and_then(|it| it.causes.first());
    let tone = if it.is_open() { "is-open" } else { "is-over" };
    html! {
        article class={ "card incident " (tone) } data-testid="incident-card" data-key=(it.id) data-incident=(it.id) {
            div.card-head {
                span.id { (it.id) }
                (text::severity(it.severity)) (text::status(it.status))
                span.muted.push { (duration(it, now)) }
            }
            h3 { a.cover href={ "/incidents/" (it.id) } data-testid="incident-link" { (text::plain(&it.title)) } }
            @if let Some(cause) = cause {
                p.cause-line { strong { (text::fault(cause.fault)) } " in " (text::plain(&cause.service)) " "
                    span.muted { (percent(cause.confidence)) } }
            } @else if it.diagnosis.is_some() {
                p.muted { "No cause found." }
            } @else {
                p.muted { "Being diagnosed." }
            }
            p.muted.card-foot {
                (text::counted(it.symptoms.len() as u64, "symptom"))
                @for service in it.services.iter().take(4) { " " span.chip { (text::plain(service)) } }
                @if it.services.len() > 4 { " and " (it.services.len() - 4) " more" }
            }
        }
    }
}

/// How long it lasts or lasted.
pub fn duration(it: &Incident, now: Timestamp) -> Markup {
    html! {
        @match it.ended_at {
            Some(end) => { "lasted " (text::span(end.since(it.started_at))) ", ended " (text::ago(end, now)) },
            None => { "began " (text::ago(it.started_at, now)) },
        }
    }
}

/// `86 %`.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).clamp(0.0, 100.0))
}
