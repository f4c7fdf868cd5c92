//! How is an expression written tidily? `format_query`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::fault::Fault;
use super::numbers::put_text;
use super::reply::{Reply, respond};
use crate::app::App;

/// `GET` and `POST /api/v1/format_query`.
pub async fn format(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |_, form| {
        let text = form.get("query").unwrap_or("");
        let wrong = |error: promql::ParseError| Fault::parameter("query", &error.describe(text));
        let expression = promql::parse(text).map_err(wrong)?;
        let mut out = String::new();
        put_text(&mut out, &expression.to_string());
        Ok(Reply::of(out))
    })
    .await
}
