//! `POST /sentinel/v1/changes`: deployments, changes of configuration and the like.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::json;

use super::{Gate, Routes, json_response, problem_response};
use crate::{Accepted, Reason, Source, changes};

pub(super) fn routes() -> Routes {
    Routes::new().route("/sentinel/v1/changes", post(post_changes))
}

async fn post_changes(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let entrance = &gate.entrance;
        let (bytes, _visit) = gate.read_plain(Source::Api, request).await?;
        let batch = changes::decode(&bytes, entrance.clock.now(), &entrance.config)?;
        entrance.counts.received(Source::Api, batch.len() as u64);
        let Accepted { stored, dropped, .. } = entrance.sink.changes(batch).await?;
        entrance.counts.dropped(Source::Api, Reason::Store, dropped);
        Ok(json!({ "stored": stored, "dropped": dropped }))
    };
    match answer.await {
        Ok(value) => json_response(StatusCode::OK, "application/json", &value),
        Err(failure) => gate.failure(Source::Api, &failure, problem_response),
    }
}
