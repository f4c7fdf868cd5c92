//! `POST /loki/api/v1/push`: JSON, or snappy protobuf as Promtail and Alloy send it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

use signal::LogRecord;

use super::{Gate, Routes, empty, text_response};
use crate::{Error, Problems, Source, body, loki, loki_protobuf};

pub(super) fn routes() -> Routes {
    Routes::new().route("/loki/api/v1/push", post(post_loki))
}

async fn post_loki(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let (records, problems) = read(&gate, request).await?;
        gate.counts.received(Source::Loki, records.len() as u64);
        let outcome = gate.logs(Source::Loki, records).await;
        gate.settle(Source::Loki, outcome, &problems)
    };
    match answer.await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(failure) => gate.failure(Source::Loki, &failure, text_response),
    }
}

async fn read(gate: &Gate, request: Request) -> Result<(Vec<LogRecord>, Problems), Error> {
    let encoding = body::encoding(request.headers());
    let media_type = body::media_type(request.headers());
    let bytes = body::read(request, &gate.config).await?;
    match media_type.as_str() {
        "application/json" => loki::decode_json(&body::plain(&bytes, &encoding, &gate.config)?, &gate.config),
        // Loki's default.
        "" | "application/x-protobuf" => loki_protobuf::decode(&body::snappy(&bytes, &gate.config)?, &gate.config),
        other => Err(Error::Unsupported(format!(
            "Content-Type {other:?} is not supported; send application/json or application/x-protobuf"
        ))),
    }
}
