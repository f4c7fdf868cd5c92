//! Do models drift? Comparisons with their references, their reports, two of them side by side, and one more now.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::actor;
use crate::app::App;
use crate::error::Error;
use crate::model_drift::{DriftFeature, DriftRun, WatchedModel};
use crate::parameters::{Ask, Page, Told, given};

/// A report is a page of its own: its script and style stand in it, and it may load nothing.
const REPORT_POLICY: &str =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// Which of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/drift`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<WatchedModel>>, Error> {
    let list = move |app: &App| Page::of(app.ports.drift.watched(), given(&query.cursor), app.limit(query.limit)?);
    app.ask(list).await.map(Json)
}

/// A model with a page of its comparisons.
#[derive(Serialize)]
pub struct OneModel {
    #[serde(flatten)]
    model: WatchedModel,
    runs: Page<DriftRun>,
}

/// `GET /sentinel/v1/drift/{model}`.
pub async fn one(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Ask(query): Ask<ListQuery>,
) -> Result<Json<OneModel>, Error> {
    let find = move |app: &App| {
        let runs = app.ports.drift.runs(&model)?;
        let runs = Page::of(runs, given(&query.cursor), app.limit(query.limit)?)?;
        Ok(OneModel { model: app.ports.drift.one(&model)?, runs })
    };
    app.ask(find).await.map(Json)
}

/// The form of a report, or the run that it is compared with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    /// `json` (default) or `html`.
    format: Option<String>,
    /// Another run of the same model: what differs between both is answered.
    against: Option<String>,
}

/// `GET /sentinel/v1/drift/{model}/{run}`.
pub async fn run(
    State(app): State<Arc<App>>,
    Path((model, run)): Path<(String, String)>,
    Ask(query): Ask<RunQuery>,
) -> Result<Response, Error> {
    if let Some(other) = query.against.filter(|it| !it.is_empty()) {
        let difference = app.ask(move |app| between(app, &model, &other, &run)).await?;
        return Ok(Json(difference).into_response());
    }
    let is_page = match query.format.as_deref() {
        None | Some("" | "json") => false,
        Some("html") => true,
        Some(other) => return Err(Error::Unusable(format!("format: {other:?} is none of json, html"))),
    };
    let report = app.ask(move |app| Ok(app.ports.drift.report(&model, &run, is_page)?)).await?;
    let content_type = if is_page { "text/html; charset=utf-8" } else { "application/json" };
    Ok(([(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, REPORT_POLICY)], report).into_response())
}

/// What differs between two comparisons of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The earlier one.
    pub before: DriftRun,
    /// The later one.
    pub after: DriftRun,
    /// Measures that both or one of them has: name, before, after.
    pub measures: Vec<(String, Option<f64>, Option<f64>)>,
    /// Features, the most changed first: name, before, after.
    pub features: Vec<(String, Option<DriftFeature>, Option<DriftFeature>)>,
}

/// Both runs side by side.
pub fn between(app: &App, model: &str, before: &str, after: &str) -> Result<Difference, Error> {
    let runs = app.ports.drift.runs(model)?;
    let find = |id: &str| {
        let found = if id == "latest" { runs.first() } else { runs.iter().find(|it| it.id == id) };
        found.cloned().ok_or_else(|| Error::Port(signal::PortError::NotFound(format!("the run {id:?} of {model:?}"))))
    };
    let (before, after) = (find(before)?, find(after)?);
    let mut names: Vec<&String> = before.measures.keys().chain(after.measures.keys()).collect();
    names.sort();
    names.dedup();
    let value = |run: &DriftRun, name: &str| run.measures.get(name).copied();
    let measures = names.iter().map(|it| ((*it).clone(), value(&before, it), value(&after, it))).collect();
    let feature = |run: &DriftRun, name: &str| run.features.iter().find(|it| it.name == name).cloned();
    let mut names: Vec<&String> = before.features.iter().chain(&after.features).map(|it| &it.name).collect();
    names.sort();
    names.dedup();
    let mut features: Vec<_> =
        names.iter().map(|it| ((*it).clone(), feature(&before, it), feature(&after, it))).collect();
    let effect = |it: &Option<DriftFeature>| it.as_ref().map_or(0.0, |it| it.effect);
    features.sort_by(|a, b| (effect(&b.2) - effect(&b.1)).abs().total_cmp(&(effect(&a.2) - effect(&a.1)).abs()));
    Ok(Difference { before, after, measures, features })
}

/// Body of a wish for a comparison.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunNow {
    actor: Option<String>,
}

/// `POST /sentinel/v1/drift/{model}/run`.
pub async fn run_now(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    told: Told<RunNow>,
) -> Result<Response, Error> {
    let actor = actor(told.value.actor)?;
    let location = format!("/model-watch/{}", crate::ui::encoded(&model));
    let done = app.ask(move |app| Ok(app.ports.drift.run(&model, &actor)?)).await?;
    if !told.is_form {
        return Ok(Json(done).into_response());
    }
    let location = HeaderValue::from_str(&location).unwrap_or_else(|_| HeaderValue::from_static("/model-watch"));
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}
