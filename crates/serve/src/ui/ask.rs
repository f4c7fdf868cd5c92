//! What is the answer to a question? A field for it, and cause, evidence and action below.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Html;
use maud::{Markup, html};

use super::incidents::percent;
use super::layout::{Section, page as layout};
use super::{incident, knowledge, logs, text};
use crate::api::ask::{Question, find};
use crate::api::knowledge::tenant;
use crate::app::App;
use crate::error::Error;
use crate::knowledge::{Answer, AnswerCause, EXAMPLES, ProposedAction};
use crate::parameters::{Ask, given};

/// `GET /ask`.
pub async fn page(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Ask(question): Ask<Question>,
) -> Result<Html<String>, Error> {
    let tenant = tenant(&headers);
    app.page(move |app| {
        let answer = match given(&question.q) {
            Some(_) => Some(find(app, &question, tenant)?),
            None => None,
        };
        let body = html! {
            div.title-row { h1 { "Ask" } }
            form.search role="search" method="get" action="/ask" {
                label.hidden for="q" { "Question" }
                input.grow type="search" id="q" name="q" value=(given(&question.q).unwrap_or("")) maxlength="2000" placeholder="Analyze spike in /api/v1 latency at 14:32 UTC" autocomplete="off" data-testid="question";
                button.primary data-testid="ask" { "Ask" }
            }
            p.muted.small { "Times without a zone are UTC. The answer is made by code from what is stored; nothing is sent anywhere for it." }
            @match &answer {
                Some(answer) => (told(app, answer)),
                None => (examples(EXAMPLES)),
            }
        };
        Ok(layout(app, "Ask", Section::Ask, &body))
    })
    .await
}

fn told(app: &App, answer: &Answer) -> Markup {
    html! {
        article data-testid="answer" {
            p.muted data-testid="understood" { "Understood: " (text::plain(&answer.understood.text)) }
            section aria-labelledby="h-answer" {
                div.head { h2 id="h-answer" { "Answer" } @if let Some(id) = &answer.incident { a.button href={ "/incidents/" (text::encode(id)) } { (id) } } }
                @if let Some(prose) = &answer.prose { p { (text::plain(prose)) } }
                p { strong data-testid="summary" { (text::plain(&answer.summary)) } }
                @if !answer.causes.is_empty() { ol.causes { @for (idx, it) in answer.causes.iter().enumerate() { (cause(idx, it)) } } }
                @if !answer.facts.is_empty() { ul { @for it in &answer.facts { li { (text::plain(it)) } } } }
            }
            @if let Some(it) = &answer.action { (action(it)) }
            @if !answer.evidence.is_empty() {
                section aria-labelledby="h-evidence" {
                    div.head { h2 id="h-evidence" { "Evidence" } }
                    ol.evidence { @for it in &answer.evidence { (incident::evidence(it)) } }
                }
            }
            @if !answer.lines.is_empty() { section { div.head { h2 { "Log lines" } } (logs::table(&answer.lines, app.now())) } }
            @if !answer.runbooks.is_empty() { section { div.head { h2 { "Runbooks" } } (knowledge::passages(&answer.runbooks)) } }
            @if !answer.similar.is_empty() { section { div.head { h2 { "Similar incidents" } } (knowledge::beside(&answer.similar)) } }
            @if !answer.examples.is_empty() { (examples(answer.examples.iter().map(String::as_str))) }
            @for it in &answer.problems { p.notice.bad { (text::plain(it)) } }
        }
    }
}

/// Questions to begin with, each to be asked by a click.
fn examples<'a>(questions: impl IntoIterator<Item = &'a str>) -> Markup {
    html! {
        section data-testid="examples" { div.head { h2 { "You can ask" } }
            ul { @for it in questions { li { a href={ "/ask?q=" (text::encode(it)) } { (text::plain(it)) } } } } }
    }
}

fn cause(idx: usize, it: &AnswerCause) -> Markup {
    html! {
        li.cause.first[idx == 0] data-testid="cause" {
            div.cause-head {
                span.rank aria-label={ "rank " (idx + 1) } { (idx + 1) }
                div.cause-name { strong { (it.fault.replace('_', " ")) } " in " strong { (text::plain(&it.service)) } }
                span.push { (percent(it.confidence)) }
            }
            p { (text::plain(&it.summary)) }
            p.muted.small { "Shown best by " code { (text::plain(&it.indicator)) } ". Rests on " @for id in &it.evidence { a.ref href={ "#" (id) } { (id) } " " } }
        }
    }
}

fn action(it: &ProposedAction) -> Markup {
    html! {
        section aria-labelledby="h-action" data-testid="action" {
            div.head { h2 id="h-action" { "Proposed action" } }
            p { (text::plain(&it.text)) }
            @if let Some(state) = &it.state { p.muted.small { "State: " (state.replace('_', " ")) } }
            @if let Some(command) = &it.command { pre.line { (text::plain(command)) } }
        }
    }
}
