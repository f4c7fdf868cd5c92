//! How does the language model do? Whether it is asked, what it used of what it may use, and what came of it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};

use super::layout::{Section, page as layout};
use super::text;
use crate::NamedCount;
use crate::agent::{AgentCap, AgentStatus, AgentTool};
use crate::app::App;
use crate::error::Error;

/// `GET /agent`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let status = app.ports.agent.agent();
        let body = html! {
            div.title-row { h1 { "Agent" } }
            @match &status.provider {
                None => div.empty data-testid="no-provider" {
                    p { "No language model is asked: incidents have their ranked causes and reports without one. Name one in the configuration: " code { "agent.provider" } "." }
                },
                Some(provider) => (asked(provider, &status)),
            }
            (tools(&status.tools))
        };
        Ok(layout(app, "Agent", Section::Agent, &body))
    })
    .await
}

fn asked(provider: &str, it: &AgentStatus) -> Markup {
    let (word, tone) = match it.state {
        "asked" => ("It is asked", "ok"),
        "one_request_tries" => ("One request tries whether it is well again", "warn"),
        _ => ("It is left alone for a while: it failed too often", "bad"),
    };
    html! {
        section aria-labelledby="h-provider" {
            div.head { h2 id="h-provider" { "Provider" } span class={ "badge " (tone) } data-testid="agent-state" { (word) } }
            p { strong { (provider) } " " code { (text::plain(&it.model)) } " at " code { (text::plain(&it.url)) }
                " \u{b7} " (it.under_way) " requests under way, " (it.waiting) " incidents wait" }
            @if !it.is_priced { p.notice { "It has no price in " code { "agent.prices" } ": tokens are counted, money is not, and caps in dollars hold nothing back." } }
            (counts("agent-requests", "Requests", &it.requests))
        }
        section aria-labelledby="h-caps" {
            div.head { h2 id="h-caps" { "Used" } span.muted { "of what may be used, in days and months of UTC" } }
            ul.cards { @for cap in &it.caps { (meter(cap)) } }
        }
        section aria-labelledby="h-work" {
            div.head { h2 id="h-work" { "Investigations" } span.muted data-testid="claims-published" { (it.claims_published) " claims published" } }
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
            @for it in some { span.chip { (it.name.replace('_', " ")) " " (it.count) } " " }
        }
    }
}

fn meter(it: &AgentCap) -> Markup {
    let share = if it.cap > 0.0 { it.used / it.cap } else { 0.0 };
    let width = format!("{:.1}", (share * 100.0).clamp(0.0, 100.0));
    let tone = if share >= 0.999 { "bad" } else { "" };
    let amount = |value: f64| if it.unit == "dollars" { format!("{value:.2}") } else { format!("{value:.0}") };
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
                    thead { tr { th scope="col" { "Server" } th scope="col" { "Tool" } th scope="col" { "Standing" } } }
                    tbody { @for it in all {
                        tr data-testid="agent-tool" {
                            td { (text::plain(&it.server)) }
                            td { code { (text::plain(&it.tool)) } }
                            td { (standing(it.status)) }
                        }
                    } }
                }
            }
        }
    }
}

fn standing(status: &str) -> Markup {
    let (tone, word) = match status {
        "offered" => ("ok", "may be called"),
        "changed" => ("bad", "changed since it was pinned; not called"),
        "may_change_things" => ("warn", "does not say that it only reads; not called"),
        _ => ("warn", "its name or schema is of no use here"),
    };
    html! { span class={ "badge " (tone) } { (word) } }
}
