//! How does the language model do? Whether it is asked, what it used of what it may use, and what came of it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use signal::{Incident, IncidentFilter, Investigation, Timestamp};

use super::layout::{Section, page as layout};
use super::{investigation, text};
use crate::NamedCount;
use crate::agent::{AgentCap, AgentStatus, AgentTool};
use crate::app::App;
use crate::error::Error;

/// So many incidents are looked through for investigations.
const LOOKED_AT: usize = 20;

/// `GET /agent`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let status = app.ports.agent.agent();
        let sessions = sessions(app)?;
        let body = html! {
            div.title-row { h1 { "Agent" } }
            div.wide data-live id="agent" {
                @match &status.provider {
                    None => div.empty data-testid="no-provider" {
                        h2 { "No language model is asked" }
                        p { "Incidents have their ranked causes and reports without one. To have them looked into as well, name one in the configuration; the key comes from the environment:" }
                        pre { "agent:\n  provider: gemini\n  model: gemini-2.5-flash" }
                    },
                    Some(provider) => (asked(provider, &status)),
                }
                @if status.provider.is_some() || !sessions.is_empty() { (sessions_table(&sessions, app.now())) }
                (tools(&status.tools))
            }
        };
        Ok(layout(app, "Agent", Section::Agent, &body))
    })
    .await
}

/// The newest incidents that were investigated.
fn sessions(app: &App) -> Result<Vec<(Incident, Investigation)>, Error> {
    let newest = app.ports.incidents.incidents(&IncidentFilter { limit: LOOKED_AT, ..IncidentFilter::default() })?;
    let mut found = vec![];
    for incident in newest {
        if let Some(it) = app.ports.investigations.investigation(incident.id)? {
            found.push((incident, it));
        }
    }
    Ok(found)
}

fn sessions_table(all: &[(Incident, Investigation)], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="h-sessions" {
            div.head { h2 id="h-sessions" { "Newest sessions" } span.muted { "among the newest " (LOOKED_AT) " incidents" } }
            @if all.is_empty() { div.empty { p { "None yet. Each new incident is looked into once its causes are ranked." } } }
            @else {
                table.stack {
                    caption.hidden { "Investigations of the newest incidents" }
                    thead { tr { th scope="col" { "Incident" } th scope="col" { "Began" } th scope="col" { "Ended by" } th.num scope="col" { "Claims" } th.num scope="col" { "Dropped" } th.num scope="col" { "Calls" } th.num scope="col" { "Tokens" } th.num scope="col" { "Dollars" } th.num scope="col" { "Took" } } }
                    tbody { @for (incident, it) in all { (session(incident, it, now)) } }
                }
            }
        }
    }
}

fn session(incident: &Incident, it: &Investigation, now: Timestamp) -> Markup {
    let dropped: u64 = it.dropped.iter().map(|it| u64::from(it.count)).sum();
    html! {
        tr data-testid="session" data-key={ "session-" (incident.id) } {
            td data-label="Incident" { a href={ "/incidents/" (incident.id) "#investigation" } { (incident.id) } " " (text::plain(&incident.title)) }
            td data-label="Began" { (text::clock_of_day(it.started_at, now)) }
            td data-label="Ended by" { (investigation::ended(it.outcome)) }
            td.num data-label="Claims" { (it.claims.len()) }
            td.num data-label="Dropped" { (dropped) }
            td.num data-label="Calls" { (it.steps.len()) }
            td.num data-label="Tokens" { (text::grouped(it.tokens.0 + it.tokens.1)) }
            td.num data-label="Dollars" { (format!("{:.4}", it.cost_usd)) }
            td.num data-label="Took" { (text::seconds(it.seconds)) }
        }
    }
}

fn asked(provider: &str, it: &AgentStatus) -> Markup {
    let (word, tone) = match it.state {
        "asked" => ("It is asked", "good"),
        "one_request_tries" => ("One request tries whether it is well again", "warn"),
        _ => ("It is left alone for a while: it failed too often", "bad"),
    };
    html! {
        section aria-labelledby="h-provider" {
            div.head { h2 id="h-provider" { "Provider" } span class={ "badge " (tone) } data-testid="agent-state" { (word) } }
            p { strong { (provider) } " " code { (text::plain(&it.model)) } " at " code { (text::plain(&it.url)) }
                " \u{b7} " (text::counted(it.under_way, "request")) " under way, " (text::counted(it.waiting, "incident")) " waiting" }
            @if !it.is_priced { p.notice { "It has no price in " code { "agent.prices" } ": tokens are counted, money is not, and caps in dollars hold nothing back." } }
            (counts("agent-requests", "Requests", &it.requests))
        }
        section aria-labelledby="h-caps" {
            div.head { h2 id="h-caps" { "Used" } span.muted { "of what may be used, in days and months of UTC" } }
            ul.cards { @for cap in &it.caps { (meter(cap)) } }
        }
        section aria-labelledby="h-work" {
            div.head { h2 id="h-work" { "Investigations" } span.muted data-testid="claims-published" { (text::counted(it.claims_published, "claim")) " published" } }
            (counts("agent-investigations", "By how they ended", &it.investigations))
            (counts("agent-calls", "Calls of tools", &it.calls))
            (counts("agent-dropped", "Claims that were dropped", &it.claims_dropped))
        }
    }
}

/// What there was none of is not shown.
fn counts(id: &str, title: &str, all: &[NamedCount]) -> Markup {
    let some: Vec<&NamedCount> = all.iter().filter(|it| it.count > 0).collect();
    html! {
        p data-testid=(id) {
            span.muted { (title) ": " }
            @if some.is_empty() { "none yet" }
            @for it in some { span.chip { (it.name.replace('_', " ")) " " (text::grouped(it.count)) } " " }
        }
    }
}

fn meter(it: &AgentCap) -> Markup {
    let share = if it.cap > 0.0 { it.used / it.cap } else { 0.0 };
    let width = format!("{:.1}", (share * 100.0).clamp(0.0, 100.0));
    let tone = if share >= 0.999 { "bad" } else { "" };
    let amount =
        |value: f64| if it.unit == "dollars" { format!("{value:.2}") } else { text::grouped(value.max(0.0) as u64) };
    let cap = if it.cap > 0.0 { format!("of {} {}", amount(it.cap), it.unit) } else { format!("{}, no cap", it.unit) };
    html! {
        li.card.budget data-testid={ "cap-" (it.period) "-" (it.unit) } data-key={ "c" (it.period) (it.unit) } {
            div.card-head {
                strong { "This " (it.period) }
                span.push { span class={ "score " (tone) } { (amount(it.used)) } " " (cap) }
            }
            @if it.cap > 0.0 {
                svg class={ "bar-svg meter " (tone) } viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={ (amount(it.used)) " " (cap) " used this " (it.period) } {
                    rect.track width="100" height="6" {}
                    rect.fill width=(width) height="6" {}
                }
            }
        }
    }
}

fn tools(all: &[AgentTool]) -> Markup {
    html! {
        @if !all.is_empty() {
            section aria-labelledby="h-tools" {
                div.head { h2 id="h-tools" { "Tools of your MCP servers" } }
                table.stack {
                    caption.hidden { "Tools of other servers" }
                    thead { tr { th scope="col" { "Server" } th scope="col" { "Tool" } th scope="col" { "Standing" } } }
                    tbody { @for it in all {
                        tr data-testid="agent-tool" {
                            td data-label="Server" { (text::plain(&it.server)) }
                            td data-label="Tool" { code { (text::plain(&it.tool)) } }
                            td data-label="Standing" { (standing(it.status)) }
                        }
                    } }
                }
            }
        }
    }
}

fn standing(status: &str) -> Markup {
    let (tone, word) = match status {
        "offered" => ("good", "may be called"),
        "changed" => ("bad", "changed since it was pinned; not called"),
        "may_change_things" => ("warn", "does not say that it only reads; not called"),
        _ => ("warn", "its name or schema is of no use here"),
    };
    html! { span class={ "badge " (tone) } { (word) } }
}
