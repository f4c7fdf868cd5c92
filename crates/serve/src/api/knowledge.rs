//! What is known already about these words?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Error;
use crate::knowledge::{KnowledgePassage, KnowledgeQuery};
use crate::parameters::{Ask, Page, given};

/// Kinds of passages.
const KINDS: [&str; 3] = ["runbook", "incident", "template"];
/// Names of tenants are no longer.
const MAX_TENANT_BYTES: usize = 150;

/// Which passages.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// In words.
    pub q: Option<String>,
    /// `runbook`, `incident` or `template`.
    pub kind: Option<String>,
    /// Passages about this service come first.
    pub service: Option<String>,
    /// At most.
    pub limit: Option<usize>,
}

/// `GET /sentinel/v1/knowledge`.
pub async fn search(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Ask(query): Ask<SearchQuery>,
) -> Result<Json<Page<KnowledgePassage>>, Error> {
    let tenant = tenant(&headers);
    app.ask(move |app| find(app, &query, tenant)).await.map(|it| Json(Page::whole(it)))
}

/// What fits best.
pub fn find(app: &App, query: &SearchQuery, tenant: Option<String>) -> Result<Vec<KnowledgePassage>, Error> {
    let kind = given(&query.kind);
    if let Some(kind) = kind.filter(|it| !KINDS.contains(it)) {
        return Err(Error::Unusable(format!("kind: {kind:?} is not runbook, incident or template")));
    }
    let text = given(&query.q).ok_or_else(|| Error::Unusable("q: words to search for are missing".to_owned()))?;
    let query = KnowledgeQuery {
        text: text.to_owned(),
        kind: kind.map(str::to_owned),
        service: given(&query.service).map(str::to_owned),
        tenant,
        limit: app.limit(query.limit.or(Some(10)))?,
    };
    Ok(app.ports.knowledge.search(&query)?)
}

/// `GET /sentinel/v1/knowledge/runbooks`.
pub async fn runbooks(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    app.ask(|app| {
        let status = app.ports.knowledge.status();
        Ok(json!({ "items": app.ports.knowledge.runbooks(), "next_cursor": null, "status": status }))
    })
    .await
    .map(Json)
}

/// The tenant that a reader names, as senders do.
pub fn tenant(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-scope-orgid").and_then(|it| it.to_str().ok()).map(str::trim);
    name.filter(|it| !it.is_empty() && it.len() <= MAX_TENANT_BYTES).map(str::to_owned)
}
