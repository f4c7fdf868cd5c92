//! The write endpoints of `InfluxDB` 1 and 2, to which Telegraf sends: bodies in the line protocol.
//!
//! API: <https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint> and
//! <https://docs.influxdata.com/influxdb/v2/api/#operation/PostWrite>. Errors have the shapes of the two versions;
//! Telegraf knows by the words `partial write` and `unable to parse` that sending again is useless.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::header::HeaderValue;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Gate, Routes, empty, json_response};
use crate::influx::{Frame, Precision, decode_with};
use crate::{Refused, Source};

/// The version whose API this is; clients look at the first digit.
const VERSION: HeaderValue = HeaderValue::from_static("1.8.10");
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-influxdb-version");
const ERROR_HEADER: HeaderName = HeaderName::from_static("x-influxdb-error");

/// Paths of both versions.
pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/write", post(write_v1))
        .route("/api/v2/write", post(write_v2))
        .route("/ping", get(ping))
        .route("/query", get(query).post(query))
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Parameters {
    db: String,
    bucket: String,
    precision: String,
}

/// How an answer looks.
#[derive(Clone, Copy, PartialEq)]
enum Version {
    V1,
    V2,
}

async fn write_v1(State(gate): State<Arc<Gate>>, Query(parameters): Query<Parameters>, request: Request) -> Response {
    write(&gate, Version::V1, &parameters, request).await
}

async fn write_v2(State(gate): State<Arc<Gate>>, Query(parameters): Query<Parameters>, request: Request) -> Response {
    write(&gate, Version::V2, &parameters, request).await
}

async fn write(gate: &Gate, version: Version, parameters: &Parameters, request: Request) -> Response {
    let mut line = None;
    let answer = async {
        let precision = version.precision(&parameters.precision)?;
        let database = if version == Version::V1 { &parameters.db } else { &parameters.bucket };
        let (bytes, mut visit) = gate.read_plain(Source::Influx, request).await?;
        let entrance = &gate.entrance;
        let frame = Frame { precision, database, arrival: gate.arrivals.next(&*entrance.clock) };
        let (batch, problems, bad_line) = decode_with(&bytes, frame, &entrance.config, &gate.labels);
        line = bad_line;
        let is_empty = batch.is_empty();
        entrance.counts.received(Source::Influx, batch.iter().map(|it| it.points.len() as u64).sum());
        let outcome = entrance.samples(&mut visit, batch).await;
        let settled = gate.settle(Source::Influx, outcome, &problems);
        match (settled, problems.first_mistake()) {
            (Err(Failure::Partial(_)), Some(mistake)) if is_empty => Err(Failure::Partial(mistake.to_owned())),
            (Err(Failure::Partial(_)), Some(mistake)) => {
                Err(Failure::Partial(format!("partial write: {mistake} dropped={}", problems.n_mistakes())))
            }
            // Over a limit: Telegraf knows by these words that sending again is useless.
            (Err(Failure::Partial(detail)), None) => Err(Failure::Partial(format!("partial write: {detail}"))),
            (settled, _) => settled,
        }
    };
    match answer.await {
        Ok(()) => versioned(empty(StatusCode::NO_CONTENT)),
        Err(failure) => gate.failure(Source::Influx, &failure, |status, detail| version.error(status, detail, line)),
    }
}

impl Version {
    fn precision(self, text: &str) -> Result<Precision, Failure> {
        let precision = text.parse();
        let precision = precision.ok().filter(|_| self == Self::V1 || matches!(text, "" | "ns" | "us" | "ms" | "s"));
        let units = if self == Self::V1 { "n, u, ms, s, m or h" } else { "ns, us, ms or s" };
        let shown = crate::limits::shortened(text, 20);
        precision.ok_or_else(|| Refused::Invalid(format!("invalid precision {shown:?} (use {units})")).into())
    }

    fn error(self, status: StatusCode, detail: &str, line: Option<usize>) -> Response {
        let body = match self {
            Self::V1 => json!({ "error": detail }),
            Self::V2 => {
                let mut body = json!({ "code": code(status), "message": detail });
                if let (Some(line), Value::Object(body)) = (line, &mut body) {
                    body.insert("line".to_owned(), json!(line));
                }
                body
            }
        };
        let mut response = versioned(json_response(status, "application/json", &body));
        if let Ok(it) = HeaderValue::from_str(detail) {
            response.headers_mut().insert(ERROR_HEADER, it);
        }
        response
    }
}

/// The word of version 2 for a status.
const fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => "invalid",
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::TOO_MANY_REQUESTS => "too many requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "internal error",
    }
}

/// Clients ask whether they are at the right place.
async fn ping() -> Response {
    versioned(empty(StatusCode::NO_CONTENT))
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Statement {
    q: String,
}

/// Telegraf creates its database before it writes. There is nothing to create; queries are not answered.
async fn query(Query(in_address): Query<Statement>, request: Request) -> Response {
    // A form has the statement in its body, which is small.
    let body = axum::body::to_bytes(request.into_body(), 1 << 14).await.unwrap_or_default();
    let in_body = String::from_utf8_lossy(&body).replace(['+', ' '], "%20");
    let is_create = |it: &str| it.trim_start().to_ascii_uppercase().starts_with("CREATE DATABASE");
    if is_create(&in_address.q) || is_create(in_body.trim_start_matches("q=").replace("%20", " ").as_str()) {
        let body = json!({ "results": [{ "statement_id": 0 }] });
        return versioned(json_response(StatusCode::OK, "application/json", &body));
    }
    Version::V1.error(StatusCode::BAD_REQUEST, "only CREATE DATABASE is answered; there are no queries here", None)
}

fn versioned(mut response: Response) -> Response {
    response.headers_mut().insert(VERSION_HEADER, VERSION);
    response
}
