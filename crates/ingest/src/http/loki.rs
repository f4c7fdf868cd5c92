//! `POST /loki/api/v1/push`, and `/api/prom/push` as it was called before: JSON, or snappy protobuf as Promtail and Alloy
//! send it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

use signal::LogRecord;

use super::{Gate, Routes, empty, text_response};
use crate::entrance::{Entrance, Turned, Visit};
use crate::{Error, Problems, Source, body, loki, loki_protobuf};

pub(super) fn routes() -> Routes {
    Routes::new().route("/loki/api/v1/push", post(post_loki)).route("/api/prom/push", post(post_loki))
}

async fn post_loki(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let mut visit = gate.entrance.enter(Source::Loki, request.headers())?;
        let (records, problems) = read(&gate.entrance, &mut visit, request).await?;
        gate.entrance.counts.received(Source::Loki, records.len() as u64);
        let outcome = gate.entrance.logs(&mut visit, records).await;
        gate.settle(Source::Loki, outcome, &problems)
    };
    match answer.await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(failure) => gate.failure(Source::Loki, &failure, text_response),
    }
}

async fn read(entrance: &Entrance, visit: &mut Visit, request: Request) -> Result<(Vec<LogRecord>, Problems), Turned> {
    let config = &entrance.config;
    let encoding = body::encoding(request.headers());
    let media_type = body::media_type(request.headers());
    let bytes = entrance.read(visit, request).await?;
    Ok(match media_type.as_str() {
        "application/json" => loki::decode_json(&entrance.plain(visit, &bytes, &encoding)?, config)?,
        // Loki's default.
        "" | "application/x-protobuf" => loki_protobuf::decode(&entrance.snappy(visit, &bytes)?, config)?,
        other => {
            let detail =
                format!("Content-Type {other:?} is not supported; send application/json or application/x-protobuf");
            return Err(Error::Unsupported(detail).into());
        }
    })
}
