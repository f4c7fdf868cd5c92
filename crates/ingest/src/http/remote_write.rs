//! `POST /api/v1/write` and `/ingest`: Prometheus remote write.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;

use super::{Gate, Routes, empty, problem_response};
use crate::{Error, Source, body, remote_write};

pub(super) fn routes() -> Routes {
    Routes::new().route("/api/v1/write", post(post_remote_write)).route("/ingest", post(post_remote_write))
}

async fn post_remote_write(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        check_remote_write_headers(request.headers())?;
        let compressed = body::read(request, &gate.config).await?;
        let bytes = body::snappy(&compressed, &gate.config)?;
        let (batch, problems) = remote_write::decode_with(&bytes, &gate.config, &gate.labels)?;
        let n_points = batch.iter().map(|it| it.points.len() as u64).sum();
        gate.counts.received(Source::RemoteWrite, n_points);
        let outcome = gate.samples(Source::RemoteWrite, batch).await;
        gate.settle(Source::RemoteWrite, outcome, &problems)
    };
    match answer.await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(failure) => gate.failure(Source::RemoteWrite, &failure, problem_response),
    }
}

/// Version 2.0 has another message; a sender that is told 415 falls back to 1.0.
fn check_remote_write_headers(headers: &HeaderMap) -> Result<(), Error> {
    let unsupported = |found: &str| {
        Error::Unsupported(format!(
            "{found} is not supported; send remote write 1.0: Content-Type application/x-protobuf \
             (prometheus.WriteRequest), Content-Encoding snappy"
        ))
    };
    let content_type = body::header(headers, "content-type").unwrap_or("");
    let version = body::header(headers, "x-prometheus-remote-write-version").unwrap_or("");
    let encoding = body::encoding(headers);
    if content_type.contains("proto=io.prometheus.write.v2") || version.starts_with("2.") {
        return Err(unsupported("remote write 2.0"));
    }
    if !matches!(body::media_type(headers).as_str(), "" | "application/x-protobuf") {
        return Err(unsupported(&format!("Content-Type {content_type:?}")));
    }
    if !matches!(encoding.as_str(), "" | "snappy") {
        return Err(unsupported(&format!("Content-Encoding {encoding:?}")));
    }
    Ok(())
}
