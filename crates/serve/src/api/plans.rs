//! What shall be done, and who says yes or no?

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use signal::{Plan, PlanId};

use super::{actor, answer};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, Told, given};

/// Which plans.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    incident: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/plans`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<Plan>>, Error> {
    app.ask(move |app| {
        let limit = app.limit(query.limit)?;
        let incident = given(&query.incident).map(|it| it.parse().map_err(Error::Unusable)).transpose()?;
        Page::of(app.ports.plans.plans(incident)?, given(&query.cursor), limit)
    })
    .await
    .map(Json)
}

fn id(text: &str) -> Result<PlanId, Error> {
    text.parse().map_err(|_| Error::not_found(format!("plan {text:?}")))
}

/// `GET /sentinel/v1/plans/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(text): Path<String>) -> Result<Json<Plan>, Error> {
    let id = id(&text)?;
    app.ask(move |app| Ok(app.ports.plans.plan(id)?)).await.map(Json)
}

/// Body of an approval: the digest that the person saw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yes {
    digest: String,
    actor: Option<String>,
}

/// `POST /sentinel/v1/plans/{id}/approve`.
pub async fn approve(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    told: Told<Yes>,
) -> Result<Response, Error> {
    let (id, digest, actor) = (id(&text)?, told.value.digest, actor(told.value.actor)?);
    let plan = app.ask(move |app| Ok(app.ports.plans.approve(id, &digest, &actor)?)).await?;
    Ok(answer(told.is_form, plan.incident, &plan))
}

/// Body of a rejection. The digest may be sent for symmetry; a no needs none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct No {
    #[serde(rename = "digest")]
    _digest: Option<String>,
    actor: Option<String>,
}

/// `POST /sentinel/v1/plans/{id}/reject`.
pub async fn reject(State(app): State<Arc<App>>, Path(text): Path<String>, told: Told<No>) -> Result<Response, Error> {
    let (id, actor) = (id(&text)?, actor(told.value.actor)?);
    let plan = app.ask(move |app| Ok(app.ports.plans.reject(id, &actor)?)).await?;
    Ok(answer(told.is_form, plan.incident, &plan))
}
