//! What is known of metrics besides their numbers? `metadata`: type, help and unit.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::numbers::put_text;
use super::reply::{Reply, respond};
use crate::app::App;

/// `GET /api/v1/metadata`.
pub async fn list(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let limit = form.limit("limit")?;
        let limit_per_metric = form.limit("limit_per_metric")?;
        let known = app.ports.metadata.metadata(form.get("metric"));
        let mut out = String::from("{");
        for (idx, (metric, all)) in known.iter().take(limit).enumerate() {
            out.push_str(if idx == 0 { "" } else { "," });
            put_text(&mut out, metric);
            out.push_str(":[");
            for (idx, it) in all.iter().take(limit_per_metric).enumerate() {
                out.push_str(if idx == 0 { "" } else { "," });
                out.push_str("{\"type\":");
                put_text(&mut out, &it.kind);
                out.push_str(",\"help\":");
                put_text(&mut out, &it.help);
                out.push_str(",\"unit\":");
                put_text(&mut out, &it.unit);
                out.push('}');
            }
            out.push(']');
        }
        out.push('}');
        Ok(Reply::of(out))
    })
    .await
}
