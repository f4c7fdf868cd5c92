//! What do people see? Pages made on the server, brought up to date in place by a small script.
//!
//! Every text from telemetry goes through `text::plain` and through maud's escaping; nothing is ever inserted raw.

pub mod agent;
pub mod ask;
pub mod audit;
pub mod backtest;
mod budgets;
mod chart;
mod exemplars;
pub mod explore;
mod fan;
pub mod feedback;
pub mod forecasts;
pub mod groups;
mod heat;
pub mod incident;
pub mod incidents;
pub mod intake;
mod investigation;
pub mod knowledge;
mod layout;
mod log_kinds;
pub mod logs;
mod model_card;
pub mod models;
mod overview;
mod plan;
pub mod series;
mod service_graph;
mod sources;
mod text;
pub mod traces;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::VARY;
use axum::response::{IntoResponse, Response};
use maud::html;
use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::parameters::prefers_html;
use crate::rescue::Problem;
use layout::Section;

/// A name as a part of an address.
pub fn encoded(text: &str) -> String {
    text::encode(text)
}

/// `GET /`: the overview for browsers, the status for programs.
pub async fn root(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Error> {
    let version = app.ports.version;
    if prefers_html(&headers) {
        return Ok(([(VARY, "accept")], app.page(overview::render).await?).into_response());
    }
    let ready = app.ask(|app| Ok(app.ports.health.ready())).await?;
    let status = if ready.is_ok() { "ready" } else { "not ready" };
    Ok(([(VARY, "accept")], Json(json!({ "status": status, "version": version }))).into_response())
}

/// The page of an error.
pub fn error(app: &App, problem: &Problem) -> String {
    let body = html! {
        div.empty data-testid="error" {
            p.eyebrow { "Error " (problem.status) }
            h1 { (problem.title) }
            p { (text::plain(&problem.detail)) }
            p { a.button href="/" { "Go to the overview" } }
        }
    };
    layout::page(app, problem.title, Section::None, &body).into_string()
}
