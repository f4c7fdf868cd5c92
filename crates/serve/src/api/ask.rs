//! What is the answer to a question in words?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::knowledge::tenant;
use crate::app::App;
use crate::error::Error;
use crate::knowledge::{Answer, Asking};
use crate::parameters::{Ask, Told, given};

/// A longer question is refused.
const MAX_BYTES: usize = 2_000;

/// A question, in an address or a body.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// In words.
    #[serde(alias = "question")]
    pub q: Option<String>,
    /// The zone in which times are meant.
    pub zone: Option<String>,
    /// `json` or `md`.
    pub format: Option<String>,
}

/// `GET /sentinel/v1/ask`.
pub async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Ask(question): Ask<Question>,
) -> Result<Response, Error> {
    respond(app, &headers, question).await
}

/// `POST /sentinel/v1/ask`.
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, told: Told<Question>) -> Result<Response, Error> {
    respond(app, &headers, told.value).await
}

async fn respond(app: Arc<App>, headers: &HeaderMap, question: Question) -> Result<Response, Error> {
    let is_markdown = match given(&question.format) {
        None | Some("json") => false,
        Some("md") => true,
        Some(other) => return Err(Error::Unusable(format!("format: {other:?} is not json or md"))),
    };
    let tenant = tenant(headers);
    let answer = app.ask(move |app| find(app, &question, tenant)).await?;
    if is_markdown {
        return Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], answer.markdown).into_response());
    }
    Ok(Json(answer).into_response())
}

/// The answer.
pub fn find(app: &App, question: &Question, tenant: Option<String>) -> Result<Answer, Error> {
    let text = given(&question.q).ok_or_else(|| Error::Unusable("question: it is missing".to_owned()))?;
    if text.len() > MAX_BYTES {
        return Err(Error::Unusable(format!("question: {} bytes are more than {MAX_BYTES}", text.len())));
    }
    let zone = given(&question.zone).map(str::to_owned);
    Ok(app.ports.answers.answer(&Asking { question: text.to_owned(), zone, tenant })?)
}
