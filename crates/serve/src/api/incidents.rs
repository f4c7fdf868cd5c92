//! What is wrong, and what do people say of it?

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use signal::{Incident, IncidentFilter, IncidentId, IncidentStatus, Investigation, ReportFormat};

use super::{actor, answer};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, Told, given};

/// A report is a page of its own with its styles inside; it runs nothing and loads nothing.
const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";

/// Which incidents.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `open`, `acknowledged` or `resolved`.
    pub status: Option<String>,
    /// Only those that touch this service.
    pub service: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/incidents`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<Incident>>, Error> {
    app.ask(move |app| find(app, &query)).await.map(Json)
}

/// One page of incidents, newest first.
pub fn find(app: &App, query: &ListQuery) -> Result<Page<Incident>, Error> {
    let limit = app.limit(query.limit)?;
    let filter = IncidentFilter {
        status: given(&query.status).map(status).transpose()?,
        service: given(&query.service).map(str::to_owned),
        before: given(&query.cursor)
            .map(|it| it.parse().map_err(|it| Error::Unusable(format!("cursor: {it}"))))
            .transpose()?,
        limit: limit + 1,
    };
    let mut items = app.ports.incidents.incidents(&filter)?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| has_more).map(|it| it.id.to_string());
    Ok(Page { items, next_cursor })
}

fn status(text: &str) -> Result<IncidentStatus, Error> {
    match text {
        "open" => Ok(IncidentStatus::Open),
        "acknowledged" => Ok(IncidentStatus::Acknowledged),
        "resolved" => Ok(IncidentStatus::Resolved),
        _ => Err(Error::Unusable(format!("status: {text:?} is not open, acknowledged or resolved"))),
    }
}

/// The id in a path.
pub fn id(text: &str) -> Result<IncidentId, Error> {
    text.parse().map_err(|_| Error::not_found(format!("incident {text:?}")))
}

/// An incident with what a language model added.
#[derive(Serialize)]
pub struct Investigated {
    #[serde(flatten)]
    incident: Incident,
    #[serde(skip_serializing_if = "Option::is_none")]
    investigation: Option<Investigation>,
    /// Its claims in one text.
    #[serde(skip_serializing_if = "Option::is_none")]
    investigation_report: Option<String>,
}

/// `GET /sentinel/v1/incidents/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(text): Path<String>) -> Result<Json<Investigated>, Error> {
    let id = id(&text)?;
    app.ask(move |app| {
        let incident = app.ports.incidents.incident(id)?;
        let investigation = app.ports.investigations.investigation(id)?;
        let investigation_report = investigation.as_ref().map(Investigation::prose);
        Ok(Investigated { incident, investigation, investigation_report })
    })
    .await
    .map(Json)
}

/// Body of an acknowledgement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    actor: Option<String>,
}

/// `POST /sentinel/v1/incidents/{id}/acknowledge`.
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    told: Told<Acknowledgement>,
) -> Result<Response, Error> {
    let (id, actor) = (id(&text)?, actor(told.value.actor)?);
    let incident = app.ask(move |app| Ok(app.ports.incidents.acknowledge(id, &actor)?)).await?;
    Ok(answer(told.is_form, id, &incident))
}

/// The form of the report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    format: Option<ReportFormat>,
}

/// `GET /sentinel/v1/incidents/{id}/report`.
pub async fn report(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    Ask(query): Ask<ReportQuery>,
) -> Result<Response, Error> {
    let id = id(&text)?;
    let format = query.format.unwrap_or(ReportFormat::Html);
    let report = app.ask(move |app| Ok(app.ports.reports.incident_report(id, format)?)).await?;
    let content_type = match format {
        ReportFormat::Html => "text/html; charset=utf-8",
        ReportFormat::Md => "text/markdown; charset=utf-8",
        ReportFormat::Json => "application/json",
        ReportFormat::Svg => "image/svg+xml",
    };
    Ok(([(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, REPORT_POLICY)], report).into_response())
}
