//! What do programs get? JSON, one file per noun, and the document that describes it.

pub mod agent;
pub mod ask;
pub mod audit;
pub mod backtest;
pub mod budgets;
pub mod detect;
pub mod drift;
pub mod exemplars;
pub mod feedback;
pub mod forecasts;
pub mod groups;
pub mod health;
pub mod incidents;
pub mod intake;
pub mod knowledge;
pub mod logs;
pub mod plans;
pub mod prometheus;
pub mod series;
pub mod served;
pub mod surroundings;
pub mod traces;

use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// The OpenAPI document with this program's version.
pub fn openapi(version: &str) -> Value {
    let text = include_str!("../openapi.json");
    let mut document: Value = serde_json::from_str(text).expect("openapi.json is JSON, which a test checks");
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.insert("version".to_owned(), version.into());
    }
    document
}

/// The answer to a change: the new state as JSON, or for a form the way back to the incident's page.
fn answer<T: Serialize>(is_form: bool, incident: signal::IncidentId, value: &T) -> Response {
    if !is_form {
        return Json(value).into_response();
    }
    let location = HeaderValue::from_str(&format!("/incidents/{incident}"));
    let location = location.unwrap_or_else(|_| HeaderValue::from_static("/incidents"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Who says that they act; recorded in the ledger as told, because there is no log-in yet.
fn actor(told: Option<String>) -> Result<String, Error> {
    let actor = told.unwrap_or_else(|| "api".to_owned());
    let is_usable = !actor.trim().is_empty() && actor.len() <= 100 && !actor.chars().any(char::is_control);
    if is_usable {
        Ok(actor.trim().to_owned())
    } else {
        Err(Error::Unusable("actor: must be 1 to 100 bytes without control characters".to_owned()))
    }
}
