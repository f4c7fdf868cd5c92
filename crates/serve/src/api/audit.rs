//! Who did what, and does the record hold?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use signal::{LedgerEntry, PortError};

use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, given};

/// Which entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    after: Option<u64>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /sentinel/v1/audit`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<LedgerEntry>>, Error> {
    app.ask(move |app| {
        let limit = app.limit(query.limit)?;
        let wrong = |_| Error::Unusable("cursor: not one that this list has given".to_owned());
        let cursor = given(&query.cursor).map(|it| it.parse::<u64>().map_err(wrong)).transpose()?;
        let mut items = app.ports.ledger.entries(cursor.or(query.after).unwrap_or(0), limit + 1)?;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| has_more).map(|it| it.sequence.to_string());
        Ok(Page { items, next_cursor })
    })
    .await
    .map(Json)
}

/// `GET /sentinel/v1/audit/verify`: a broken chain is an answer, not an error of the request.
pub async fn verify(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    app.ask(|app| match app.ports.ledger.verify() {
        Ok(entries) => Ok(json!({ "is_intact": true, "entries": entries })),
        Err(PortError::Refused(reason)) => Ok(json!({ "is_intact": false, "reason": reason })),
        Err(error) => Err(error.into()),
    })
    .await
    .map(Json)
}
