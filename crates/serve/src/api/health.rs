//! Is the server alive, and is it ready?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::error::Error;

/// 200 as long as the process answers.
pub async fn alive(State(app): State<Arc<App>>) -> Response {
    Json(json!({ "status": "ok", "version": app.ports.version })).into_response()
}

/// 200 when everything can be served, else 503 with the reason.
pub async fn ready(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let version = app.ports.version;
    let (ready, mode) = app.ask(|app| Ok((app.ports.health.ready(), app.ports.health.mode()))).await?;
    Ok(match ready {
        Ok(()) => Json(json!({ "status": "ready", "version": version, "mode": mode })).into_response(),
        Err(reason) => {
            let body = json!({ "status": "not ready", "reason": reason, "version": version, "mode": mode });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    })
}
