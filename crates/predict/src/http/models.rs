//! Which models are there, and what do they take? `GET /models` and `GET /models/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::desk::{Desk, Served};
use crate::error::PredictError;

/// `GET /models`.
pub async fn list(State(desk): State<Arc<Desk>>) -> Json<Value> {
    Json(json!({"models": desk.models().iter().map(summary).collect::<Vec<_>>()}))
}

/// `GET /models/{name}`: the same with the schema of its default version.
pub async fn one(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Result<Json<Value>, PredictError> {
    let chosen = desk.choose(Some(&name), None, "")?;
    let mut value = summary(chosen.model);
    let schema = chosen.model.default_version().map(|it| &it.loaded.fields.schema);
    if let (Value::Object(object), Some(schema)) = (&mut value, schema) {
        object.insert("schema".to_owned(), json!(schema));
    }
    Ok(Json(value))
}

fn summary(model: &Served) -> Value {
    let version = |(idx, it): (usize, &crate::desk::Version)| json!({"version": it.name, "platform": it.loaded.model.platform(), "role": model.role(idx)});
    json!({
        "name": model.name,
        "default_version": model.default_version().map(|it| &it.name),
        "versions": model.versions.iter().enumerate().map(version).collect::<Vec<_>>(),
    })
}
