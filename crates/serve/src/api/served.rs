//! Which version of a served model answers? Another one, by a word.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::actor;
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Told, given};

/// Body of a promotion.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    version: Option<String>,
    actor: Option<String>,
}

/// `POST /sentinel/v1/served/{model}/promote`.
pub async fn promote(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    told: Told<Promotion>,
) -> Result<Response, Error> {
    let actor = actor(told.value.actor)?;
    let version = given(&told.value.version).ok_or_else(|| {
        Error::Unusable("version: missing; which version shall answer? GET /models lists them".to_owned())
    })?;
    let version = version.to_owned();
    let location = format!("/model-watch/{}", crate::ui::encoded(&model));
    let done = app.ask(move |app| Ok(app.ports.served.promote(&model, &version, &actor)?)).await?;
    if !told.is_form {
        return Ok(Json(done).into_response());
    }
    let location = HeaderValue::from_str(&location).unwrap_or_else(|_| HeaderValue::from_static("/model-watch"));
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}
