//! The write endpoints of `InfluxDB` 1, 2 and 3, to which Telegraf sends: bodies in the line protocol.
//!
//! API: <https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint>,
//! <https://docs.influxdata.com/influxdb/v2/api/#operation/PostWrite> and
//! <https://docs.influxdata.com/influxdb3/core/write-data/http-api/v3-write-lp/>. Errors have the shapes of the versions;
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
use crate::{Error, Refused, Source};

/// The version whose API this is; clients look at the first digit.
const VERSION: HeaderValue = HeaderValue::from_static("1.8.10");
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-influxdb-version");
const ERROR_HEADER: HeaderName = HeaderName::from_static("x-influxdb-error");
/// What an error shows of a line.
const SHOWN_BYTES: usize = 100;

/// Paths of all versions.
pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/write", post(write_v1))
        .route("/api/v2/write", post(write_v2))
        .route("/api/v3/write_lp", post(write_v3))
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
    accept_partial: String,
}

/// How an answer looks.
#[derive(Clone, Copy, PartialEq)]
enum Version {
    V1,
    V2,
    V3,
}

/// The first line that is left out.
struct BadLine {
    number: usize,
    text: String,
}

async fn write_v1(State(gate): State<Arc<Gate>>, Query(parameters): Query<Parameters>, request: Request) -> Response {
    write(&gate, Version::V1, &parameters, request).await
}

async fn write_v2(State(gate): State<Arc<Gate>>, Query(parameters): Query<Parameters>, request: Request) -> Response {
    write(&gate, Version::V2, &parameters, request).await
}

async fn write_v3(State(gate): State<Arc<Gate>>, Query(parameters): Query<Parameters>, request: Request) -> Response {
    write(&gate, Version::V3, &parameters, request).await
}

async fn write(gate: &Gate, version: Version, parameters: &Parameters, request: Request) -> Response {
    let mut line = None;
    let answer = async {
        let precision = version.precision(&parameters.precision)?;
        let database = if version == Version::V2 { &parameters.bucket } else { &parameters.db };
        let (bytes, mut visit) = gate.read_plain(Source::Influx, request).await?;
        let entrance = &gate.entrance;
        let frame = Frame { precision, database, arrival: gate.arrivals.next(&*entrance.clock) };
        let (batch, problems, bad_line) = decode_with(&bytes, frame, &entrance.config, &gate.labels);
        line = bad_line.map(|number| BadLine::of(&bytes, number));
        if let (true, Some(mistake)) = (version.is_whole(parameters), problems.first_mistake()) {
            return Err(Error::malformed("parsing failed, nothing is stored", mistake).into());
        }
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
        Err(failure) => {
            let is_partial = matches!(failure, Failure::Partial(_));
            let answer = |status, detail: &str| version.error(status, detail, line.as_ref(), is_partial);
            gate.failure(Source::Influx, &failure, answer)
        }
    }
}

impl BadLine {
    fn of(body: &[u8], number: usize) -> Self {
        let line = body.split(|it| *it == b'\n').nth(number.saturating_sub(1)).unwrap_or_default();
        let text = String::from_utf8_lossy(line.get(..SHOWN_BYTES).unwrap_or(line)).trim_end().to_owned();
        Self { number, text }
    }
}

impl Version {
    fn precision(self, text: &str) -> Result<Precision, Failure> {
        let (words, units): (&[&str], _) = match self {
            Self::V1 => (&["", "n", "ns", "u", "us", "\u{b5}", "ms", "s", "m", "h"], "n, u, ms, s, m or h"),
            Self::V2 => (&["", "ns", "us", "ms", "s"], "ns, us, ms or s"),
            Self::V3 => (
                &["auto", "nanosecond", "microsecond", "millisecond", "second", "ns", "us", "ms", "s"],
                "auto, nanosecond, microsecond, millisecond or second",
            ),
        };
        let text = if self == Self::V3 && text.is_empty() { "auto" } else { text };
        let precision = text.parse().ok().filter(|_| words.contains(&text));
        let shown = crate::limits::shortened(text, 20);
        precision.ok_or_else(|| Refused::Invalid(format!("invalid precision {shown:?} (use {units})")).into())
    }

    /// True if a body with a bad line shall leave nothing, which only version 3 can be asked for.
    fn is_whole(self, parameters: &Parameters) -> bool {
        self == Self::V3 && parameters.accept_partial.eq_ignore_ascii_case("false")
    }

    fn error(self, status: StatusCode, detail: &str, line: Option<&BadLine>, is_partial: bool) -> Response {
        let body = match self {
            Self::V1 => json!({ "error": detail }),
            Self::V2 => {
                let mut body = json!({ "code": code(status), "message": detail });
                if let (Some(line), Value::Object(body)) = (line, &mut body) {
                    body.insert("line".to_owned(), json!(line.number));
                }
                body
            }
            Self::V3 => {
                let told = line
                    .map(|it| json!({ "original_line": it.text, "line_number": it.number, "error_message": detail }));
                // By these words its clients know what the data are.
                match (is_partial, told) {
                    (true, Some(told)) => json!({ "error": "partial write of line protocol occurred", "data": [told] }),
                    (false, Some(told)) if status == StatusCode::BAD_REQUEST => {
                        json!({ "error": "parsing failed for write_lp endpoint", "data": told })
                    }
                    _ => json!({ "error": detail }),
                }
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
    Version::V1.error(
        StatusCode::BAD_REQUEST,
        "only CREATE DATABASE is answered; there are no queries here",
        None,
        false,
    )
}

fn versioned(mut response: Response) -> Response {
    response.headers_mut().insert(VERSION_HEADER, VERSION);
    response
}
