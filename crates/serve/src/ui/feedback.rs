//! What was learned from people? Each opinion with what moved by it, and a button that takes it back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use signal::{Lesson, LessonEffect, LessonTarget};

use super::layout::{Section, page as layout};
use super::text;
use crate::app::App;
use crate::error::Error;

/// Lessons that the page shows.
const SHOWN: usize = 200;
/// Values that a lesson shows.
const EFFECTS: usize = 5;

/// `GET /feedback`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Html<String>, Error> {
    app.page(|app| {
        let lessons = app.ports.feedback.lessons()?;
        let body = html! {
            div.title-row { h1 { "Learned from feedback" } }
            p.muted { "What people said of incidents, and what moved by it: within the bounds of " code { "feedback" } " in the configuration, and forgotten with time." }
            div data-live id="lessons" { (table(&lessons)) }
            @if lessons.len() > SHOWN { p.muted.small { (lessons.len() - SHOWN) " more: " a href="/sentinel/v1/feedback" { "as JSON" } } }
        };
        Ok(layout(app, "Feedback", Section::Feedback, &body))
    })
    .await
}

fn table(lessons: &[Lesson]) -> Markup {
    if lessons.is_empty() {
        return html! {
            div.empty { h2 { "Nobody has said anything yet" } p { "Say on the page of an incident whether it was right, or with " code { "sentinel feedback INC-1 noise" } "." } }
        };
    }
    html! {
        table.stack {
            caption.hidden { "What people said, newest first" }
            thead { tr { th scope="col" { "Lesson" } th scope="col" { "When" } th scope="col" { "Incident" } th scope="col" { "Said" } th scope="col" { "Moved" } th scope="col" { span.hidden { "Take back" } } } }
            tbody { @for it in lessons.iter().take(SHOWN) { (row(it)) } }
        }
    }
}

fn row(it: &Lesson) -> Markup {
    let (_, words) = text::opinion(it.said.opinion);
    html! {
        tr data-testid="lesson" data-key={ "l" (it.id) } {
            td data-label="Lesson" { (it.id) }
            td data-label="When" { (text::moment(it.time)) }
            td data-label="Incident" { a href={ "/incidents/" (it.incident) } { (it.incident) } @if let Some(plan) = it.said.action { " \u{b7} " (plan) } }
            td data-label="Said" {
                (text::plain(&it.said.actor)) ": " (words)
                @if let Some(cause) = &it.said.cause { ", it was " (text::plain(cause)) }
                @if !it.said.comment.is_empty() { p.muted.small { (text::plain(&it.said.comment)) } }
            }
            td data-label="Moved" {
                @for effect in it.effects.iter().take(EFFECTS) { div { (moved(effect)) } }
                @if it.effects.len() > EFFECTS { div.muted { (it.effects.len() - EFFECTS) " more" } }
                @if it.effects.is_empty() { span.muted { "nothing" } }
            }
            td { (state(it)) }
        }
    }
}

fn moved(it: &LessonEffect) -> Markup {
    let what = match &it.target {
        LessonTarget::Threshold { metric, owner, .. } => {
            format!("threshold of {} of {}", text::plain(metric), text::plain(owner))
        }
        LessonTarget::Ranking { service, .. } => format!("weight of {}", text::plain(service)),
    };
    let place = it.target.place();
    html! { (what) ": " (format!("{:.2}", it.from)) " to " (format!("{:.2}", it.to)) ", now " (format!("{:.2}", it.now)) @if !place.is_empty() { " (" (place) ")" } }
}

fn state(it: &Lesson) -> Markup {
    html! {
        @match &it.undone_by {
            Some(by) => span.muted { "taken back by " (text::plain(by)) },
            None => form method="post" action={ "/sentinel/v1/feedback/" (it.id) "/undo" } data-done="Taken back." {
                input type="hidden" name="actor" value="web";
                button data-testid="undo" { "Take back" }
            },
        }
    }
}
