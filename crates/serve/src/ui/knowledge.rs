//! What is known already? A search over runbooks, incidents and log templates, and the runbooks with how they stand.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Html;
use maud::{Markup, html};

use super::layout::{Section, page as layout};
use super::text;
use crate::api::knowledge::{SearchQuery, find, tenant};
use crate::app::App;
use crate::error::Error;
use crate::knowledge::{KnowledgePassage, KnowledgeStatus, RunbookStatus};
use crate::parameters::{Ask, given};

/// More of a passage is shown where it is from.
const SHOWN_CHARS: usize = 700;
/// The same where passages stand beside something else.
const SHOWN_BESIDE: usize = 240;
const KINDS: [(&str, &str); 4] =
    [("", "Everything"), ("runbook", "Runbooks"), ("incident", "Incidents"), ("template", "Log templates")];

/// `GET /knowledge`.
pub async fn page(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Ask(query): Ask<SearchQuery>,
) -> Result<Html<String>, Error> {
    let tenant = tenant(&headers);
    app.page(move |app| {
        let found = match given(&query.q) {
            Some(_) => Some(find(app, &query, tenant)?),
            None => None,
        };
        let body = html! {
            div.title-row { h1 { "Knowledge" } }
            (form(&query))
            @if let Some(found) = &found {
                div.head { h2 { "Found" } }
                @if found.is_empty() { div.empty { p { "Nothing fits these words. Runbooks, past incidents and kinds of log lines are searched, by words and by meaning." } } }
                (passages(found))
            }
            (runbooks(&app.ports.knowledge.runbooks(), &app.ports.knowledge.status()))
        };
        Ok(layout(app, "Knowledge", Section::Knowledge, &body))
    })
    .await
}

fn form(query: &SearchQuery) -> Markup {
    let kind = given(&query.kind).unwrap_or("");
    html! {
        form.search role="search" method="get" action="/knowledge" {
            label.hidden for="q" { "Words" }
            input.grow type="search" id="q" name="q" value=(given(&query.q).unwrap_or("")) placeholder="What is it about? For example: payments slow after a deploy" autocomplete="off";
            label.hidden for="kind" { "Kind" }
            select id="kind" name="kind" { @for (value, name) in KINDS { option value=(value) selected[value == kind] { (name) } } }
            button.primary { "Search" }
        }
    }
}

/// Passages, one below the other.
pub fn passages(found: &[KnowledgePassage]) -> Markup {
    html! {
        ul.cards { @for it in found { (passage(it, SHOWN_CHARS)) } }
    }
}

/// The same in short, beside an incident or an answer.
pub fn beside(found: &[KnowledgePassage]) -> Markup {
    html! {
        ul.cards { @for it in found { (passage(it, SHOWN_BESIDE)) } }
    }
}

fn passage(it: &KnowledgePassage, most: usize) -> Markup {
    let title = if it.title.is_empty() { &it.id } else { &it.title };
    html! {
        li.card data-testid={ "passage-" (it.kind) } {
            div.card-head {
                @if it.kind == "incident" { a href={ "/incidents/" (text::encode(&it.id)) } { strong { (text::plain(title)) } } }
                @else { strong { (text::plain(title)) } }
                @if !it.warning.is_empty() { span.badge.warn data-testid="runbook-warning" { (it.warning) } }
                @for service in it.services.iter().take(3) { span.chip { (text::plain(service)) } }
            }
            pre.line { (text::plain(&shortened(&it.text, most))) }
            p.muted.small {
                (it.kind) " " code { (text::plain(&it.source)) }
                @if !it.version.is_empty() { " \u{b7} version " code { (it.version) } }
                @if let Some(time) = it.time { " \u{b7} " (text::moment(time)) }
            }
        }
    }
}

/// The color of a runbook's standing.
fn tone(standing: &str) -> &'static str {
    match standing {
        "pinned" => "good",
        "unpinned" => "quiet",
        _ => "warn",
    }
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or("")),
        None => text.to_owned(),
    }
}

fn runbooks(all: &[RunbookStatus], status: &KnowledgeStatus) -> Markup {
    html! {
        section aria-labelledby="h-runbooks" {
            div.head { h2 id="h-runbooks" { "Runbooks" } span.muted { (text::counted(status.documents as u64, "document")) ", vectors: " (text::plain(&status.vectors)) } }
            @for problem in &status.problems { p.notice.bad role="alert" { (text::plain(problem)) } }
            @if all.is_empty() { div.empty { p { "There are no runbooks. Give a folder of Markdown files in the configuration: " code { "knowledge.runbooks" } "." } } }
            @else {
                table.stack {
                    caption.hidden { "Runbooks and how they stand" }
                    thead { tr { th scope="col" { "File" } th scope="col" { "Title" } th scope="col" { "About" } th scope="col" { "Version" } th scope="col" { "Standing" } } }
                    tbody { @for it in all {
                        tr data-testid="runbook" {
                            td { code { (text::plain(&it.path)) } }
                            td data-label="Title" { (text::plain(&it.title)) }
                            td data-label="About" { (text::plain(&it.services.iter().chain(&it.faults).cloned().collect::<Vec<_>>().join(", "))) }
                            td data-label="Version" { code { (it.version) } }
                            td data-label="Standing" { (text::badge(tone(it.standing), it.standing)) }
                        }
                    } }
                }
            }
        }
    }
}
