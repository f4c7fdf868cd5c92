//! Which series are forecast, how good are their models, and which version serves?

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::actor;
use crate::app::App;
use crate::error::Error;
use crate::forecasts::{ForecastChart, ModelStatus, WatchStatus};
use crate::parameters::{Ask, Page, Told, given};

/// Which of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Words that occur in the key or the name of the watch.
    #[serde(rename = "match")]
    pub wanted: Option<String>,
    /// Only models in this state.
    pub state: Option<String>,
    /// Items at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// Which watches.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/watches`.
pub async fn watches(
    State(app): State<Arc<App>>,
    Ask(query): Ask<WatchQuery>,
) -> Result<Json<Page<WatchStatus>>, Error> {
    let list = move |app: &App| {
        let limit = app.limit(query.limit)?;
        Page::of(app.ports.forecasts.watches(), given(&query.cursor), limit)
    };
    app.ask(list).await.map(Json)
}

/// `GET /sentinel/v1/models`.
pub async fn models(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<ModelStatus>>, Error> {
    app.ask(move |app| find(app, &query)).await.map(Json)
}

/// One page of models.
pub fn find(app: &App, query: &ListQuery) -> Result<Page<ModelStatus>, Error> {
    let words: Vec<String> = given(&query.wanted).unwrap_or("").split_whitespace().map(str::to_lowercase).collect();
    let state = given(&query.state);
    let states = ["waiting", "training", "inferring", "retraining", "error"];
    if let Some(it) = state.filter(|it| !states.contains(it)) {
        return Err(Error::Unusable(format!("state: {it:?} is none of {}", states.join(", "))));
    }
    let mut models = app.ports.forecasts.models();
    models.retain(|it| {
        let text = format!("{} {} {}", it.id, it.metric_key, it.watch).to_lowercase();
        state.is_none_or(|wanted| wanted == it.state) && words.iter().all(|word| text.contains(word))
    });
    Page::of(models, given(&query.cursor), app.limit(query.limit)?)
}

/// `GET /sentinel/v1/models/{id}/chart`.
pub async fn chart(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<ForecastChart>, Error> {
    app.ask(move |app| Ok(app.ports.forecasts.chart(&id)?)).await.map(Json)
}

/// Body of a wish for a training.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrain {
    actor: Option<String>,
}

/// `POST /manage/retrain/{model}`.
pub async fn retrain(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    told: Told<Retrain>,
) -> Result<Response, Error> {
    let actor = actor(told.value.actor)?;
    let done = app.ask(move |app| Ok(app.ports.forecasts.retrain(&model, &actor)?)).await?;
    Ok(answer(told.is_form, &done))
}

/// Body of a switch to another version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The version.
    #[serde(alias = "run_id")]
    version: Option<String>,
    actor: Option<String>,
}

/// `POST /manage/rollback/{model}`.
pub async fn rollback(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    told: Told<Switch>,
) -> Result<Response, Error> {
    let (version, actor) = (told.value.version, actor(told.value.actor)?);
    let done = app.ask(move |app| Ok(app.ports.forecasts.rollback(&model, given(&version), &actor)?)).await?;
    Ok(answer(told.is_form, &done))
}

/// `POST /manage/promote/{model}`.
pub async fn promote(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    told: Told<Switch>,
) -> Result<Response, Error> {
    let actor = actor(told.value.actor)?;
    let version = given(&told.value.version).ok_or_else(|| {
        Error::Unusable("version: missing; which version shall serve? GET /sentinel/v1/models lists them".to_owned())
    })?;
    let version = version.to_owned();
    let done = app.ask(move |app| Ok(app.ports.forecasts.promote(&model, &version, &actor)?)).await?;
    Ok(answer(told.is_form, &done))
}

/// What was done as JSON, or for a form the way back to the list.
fn answer<T: Serialize>(is_form: bool, done: &T) -> Response {
    if is_form {
        (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/forecasts"))]).into_response()
    } else {
        Json(done).into_response()
    }
}
