//! `POST /api/v1/write` and `/ingest`: Prometheus remote write 1.0 and 2.0; also where Mimir and Cortex (`/api/v1/push`) and
//! Thanos (`/api/v1/receive`) have it, so that their senders have to change the address only.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HeaderMap;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use axum::routing::post;

use super::{Gate, Routes, empty, problem_response};
use crate::remote_write::{decode_v1_with, decode_v2_with};
use crate::{Error, Source, body};

/// By these a sender of version 2.0 learns what was stored, also of a request that failed in part.
const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

pub(super) fn routes() -> Routes {
    let paths = ["/api/v1/write", "/ingest", "/api/v1/push", "/api/v1/receive"];
    paths.iter().fold(Routes::new(), |routes, path| routes.route(path, post(post_remote_write)))
}

#[derive(Clone, Copy, PartialEq)]
enum Version {
    V1,
    V2,
}

/// What was stored of a request.
#[derive(Clone, Copy, Default)]
struct Written {
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

async fn post_remote_write(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let version = match version(request.headers()) {
        Ok(version) => version,
        Err(error) => return gate.failure(Source::RemoteWrite, &error.into(), problem_response),
    };
    let mut written = Written::default();
    let answer = async {
        let entrance = &gate.entrance;
        let mut visit = entrance.enter(Source::RemoteWrite, request.headers())?;
        let compressed = entrance.read(&mut visit, request).await?;
        let bytes = entrance.snappy(&mut visit, &compressed)?;
        let decode = if version == Version::V1 { decode_v1_with } else { decode_v2_with };
        let decoded = decode(&bytes, &entrance.config, &gate.labels)?;
        let n_points: u64 = decoded.batch.iter().map(|it| it.points.len() as u64).sum();
        entrance.counts.received(Source::RemoteWrite, n_points);
        if !decoded.metadata.is_empty() {
            entrance.sink.metadata(decoded.metadata);
        }
        let mut problems = decoded.problems;
        // First, so that where the mark of one stands it is there.
        let histograms = entrance.histograms(&mut visit, decoded.histograms, &mut problems).await;
        let outcome = match histograms {
            Ok(()) => entrance.samples(&mut visit, decoded.batch).await,
            Err(refused) => Err(refused),
        };
        if let Ok(accepted) = &outcome {
            // What the store left out is taken for samples.
            let n_samples = n_points.saturating_sub(decoded.n_points_of_histograms);
            let n_over = accepted.over_limit.as_ref().map_or(0, |it| it.count);
            // What is told again after an answer that was lost is written.
            let n_lost = accepted.dropped.saturating_sub(accepted.duplicates) + n_over;
            written = Written {
                samples: n_samples.saturating_sub(n_lost),
                histograms: decoded.n_histograms,
                exemplars: entrance.exemplars(&mut visit, decoded.exemplars).await,
            };
        }
        gate.settle(Source::RemoteWrite, outcome, &problems)
    };
    let mut response = match answer.await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(failure) => gate.failure(Source::RemoteWrite, &failure, problem_response),
    };
    if version == Version::V2 {
        let headers = response.headers_mut();
        headers.insert(SAMPLES_WRITTEN, written.samples.into());
        headers.insert(HISTOGRAMS_WRITTEN, written.histograms.into());
        headers.insert(EXEMPLARS_WRITTEN, written.exemplars.into());
    }
    response
}

/// Which message it is. A sender that is told 415 falls back to the other version.
fn version(headers: &HeaderMap) -> Result<Version, Error> {
    let unsupported = |found: &str| {
        Error::Unsupported(format!(
            "{found} is not supported; send Content-Type application/x-protobuf with \
             proto=io.prometheus.write.v2.Request or proto=prometheus.WriteRequest, Content-Encoding snappy"
        ))
    };
    let content_type = body::header(headers, "content-type").unwrap_or("");
    let encoding = body::encoding(headers);
    if !matches!(body::media_type(headers).as_str(), "" | "application/x-protobuf") {
        return Err(unsupported(&format!("Content-Type {content_type:?}")));
    }
    if !matches!(encoding.as_str(), "" | "snappy") {
        return Err(unsupported(&format!("Content-Encoding {encoding:?}")));
    }
    let mut parameters = content_type.split(';').skip(1).filter_map(|it| it.trim().split_once('='));
    // Names of parameters are the same in small and capital letters.
    let proto = parameters.find(|it| it.0.eq_ignore_ascii_case("proto")).map(|it| it.1);
    let number = body::header(headers, "x-prometheus-remote-write-version").unwrap_or("");
    match proto.map(|it| it.trim_matches('"')) {
        Some("io.prometheus.write.v2.Request") => Ok(Version::V2),
        Some("prometheus.WriteRequest") => Ok(Version::V1),
        Some(other) => Err(unsupported(&format!("proto={other:?}"))),
        // Read as 1.0, a message of 2.0 would be empty, and its samples lost.
        None if number.starts_with("2.") => Err(unsupported("version 2.0 without proto")),
        None => Ok(Version::V1),
    }
}
