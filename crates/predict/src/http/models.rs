//! Which models are there, and what do they take? `GET /models` and `GET /models/{name}`; `/files` gives a model away.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::desk::{Chosen, Desk};
use crate::error::PredictError;
use crate::folder::SCHEMA_FILE;
use crate::served::{Served, Version};

/// What a training wrote beside the model, for people.
const CARD_FILE: &str = "card.json";

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

/// Which version.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    version: Option<String>,
}

/// `GET /models/{name}/files`: what a folder needs to have so that another server serves the same.
pub async fn files(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, PredictError> {
    let chosen = desk.choose(Some(&name), which.version.as_deref(), "")?;
    let names: Vec<String> = paths(chosen).into_iter().map(|it| it.0).collect();
    Ok(Json(json!({"model": name, "version": chosen.version.name, "files": names})))
}

/// `GET /models/{name}/files/{file}`: one of them. The schema is the one that is served, from wherever it came.
pub async fn file(
    State(desk): State<Arc<Desk>>,
    Path((name, file)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Response, PredictError> {
    let chosen = desk.choose(Some(&name), which.version.as_deref(), "")?;
    // Only names of the list are read, never a path that somebody sends.
    let path = paths(chosen).into_iter().find(|it| it.0 == file).map(|it| it.1);
    let path = path.ok_or_else(|| PredictError::NotFound(format!("the model {name} has no file {file:?}")))?;
    let bytes = match path {
        None => serde_json::to_vec_pretty(&chosen.version.loaded.fields.schema)
            .map_err(|error| PredictError::Malformed(error.to_string()))?,
        Some(path) => tokio::fs::read(&path)
            .await
            .map_err(|error| PredictError::NotFound(format!("the file {file} cannot be read any more: {error}")))?,
    };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Names with where they lie; the schema lies nowhere.
fn paths(chosen: Chosen<'_>) -> Vec<(String, Option<PathBuf>)> {
    let model = &chosen.version.loaded.file;
    let name = model.file_name().map_or_else(|| "model".to_owned(), |it| it.to_string_lossy().into_owned());
    let card = model.with_file_name(CARD_FILE);
    let mut all = vec![(name, Some(model.clone())), (SCHEMA_FILE.to_owned(), None)];
    if card.is_file() {
        all.push((CARD_FILE.to_owned(), Some(card)));
    }
    all
}

fn summary(model: &Served) -> Value {
    let version = |(idx, it): (usize, &Version)| json!({"version": it.name, "platform": it.loaded.model.platform(), "role": model.role(idx)});
    json!({
        "name": model.name,
        "default_version": model.default_version().map(|it| &it.name),
        "versions": model.versions.iter().enumerate().map(version).collect::<Vec<_>>(),
    })
}
