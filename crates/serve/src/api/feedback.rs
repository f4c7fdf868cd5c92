//! What do people say of incidents, and what was learned from it?

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use signal::{Feedback, Lesson, Opinion};

use super::{actor, answer, incidents};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, Told, given};

/// The longest comment, and the longest name of a service, in bytes.
const MOST_COMMENT: usize = 1000;
const MOST_NAME: usize = 200;

/// Body of a feedback.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    opinion: Opinion,
    cause: Option<String>,
    action: Option<String>,
    comment: Option<String>,
    actor: Option<String>,
}

/// `POST /sentinel/v1/incidents/{id}/feedback`.
pub async fn give(State(app): State<Arc<App>>, Path(text): Path<String>, told: Told<Said>) -> Result<Response, Error> {
    let (id, is_form, it) = (incidents::id(&text)?, told.is_form, told.value);
    let action = given(&it.action).map(|it| it.parse().map_err(|text| Error::Unusable(format!("action: {text}"))));
    let said = Feedback {
        opinion: it.opinion,
        cause: given(&it.cause).map(|it| words("cause", it, MOST_NAME)).transpose()?,
        action: action.transpose()?,
        comment: given(&it.comment).map(|it| words("comment", it, MOST_COMMENT)).transpose()?.unwrap_or_default(),
        actor: actor(it.actor)?,
    };
    let incident = app.ask(move |app| Ok(app.ports.feedback.give(id, said)?)).await?;
    Ok(answer(is_form, id, &incident))
}

/// A text of a person, on one line.
fn words(key: &str, text: &str, most: usize) -> Result<String, Error> {
    if text.len() > most {
        return Err(Error::Unusable(format!("{key}: must have at most {most} bytes, has {}", text.len())));
    }
    Ok(text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect::<String>().trim().to_owned())
}

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/feedback`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<Lesson>>, Error> {
    app.ask(move |app| {
        let limit = app.limit(query.limit)?;
        Page::of(app.ports.feedback.lessons()?, given(&query.cursor), limit)
    })
    .await
    .map(Json)
}

/// Body of an undo.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    actor: Option<String>,
}

/// `POST /sentinel/v1/feedback/{lesson}/undo`.
pub async fn undo(State(app): State<Arc<App>>, Path(text): Path<String>, told: Told<Undo>) -> Result<Response, Error> {
    let id: u64 = text.parse().map_err(|_| Error::not_found(format!("lesson {text:?}")))?;
    let actor = actor(told.value.actor)?;
    let lesson = app.ask(move |app| Ok(app.ports.feedback.undo(id, &actor)?)).await?;
    if told.is_form {
        return Ok((StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/feedback"))]).into_response());
    }
    Ok(Json(lesson).into_response())
}
