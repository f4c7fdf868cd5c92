//! Which path takes which protocol? The routes, one file per protocol, and how outcomes become status codes.
//!
//! Overload is 503 with `Retry-After`, never 400: Prometheus and Promtail send a 5xx again and give up on a 4xx.

mod alertmanager;
mod changes;
mod influx;
mod loki;
mod monitor;
mod remote_write;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use serde_json::{Value, json};

use signal::Timestamp;

use crate::body;
use crate::entrance::{Entrance, Turned, Visit};
use crate::label_cache::LabelCache;
use crate::sink::OverLimit;
use crate::when::Arrivals;
use crate::{Accepted, Error, Problems, Refused, Source};

/// All routes of the pushed protocols.
pub fn router(entrance: Entrance) -> axum::Router {
    let started = entrance.clock.now();
    let gate = Arc::new(Gate { entrance, arrivals: Arrivals::default(), labels: LabelCache::default(), started });
    axum::Router::new()
        .merge(monitor::routes())
        .merge(loki::routes())
        .merge(remote_write::routes())
        .merge(influx::routes())
        .merge(alertmanager::routes())
        .merge(changes::routes())
        .with_state(gate)
}

/// The routes of one protocol.
type Routes = axum::Router<Arc<Gate>>;

/// What all handlers share.
struct Gate {
    entrance: Entrance,
    arrivals: Arrivals,
    labels: LabelCache,
    started: Timestamp,
}

/// Why a request is answered with an error.
enum Failure {
    Undecodable(Error),
    Refused(Refused),
    /// The rest was stored.
    Partial(String),
}

impl Gate {
    async fn read_plain(&self, source: Source, request: Request) -> Result<(Bytes, Visit), Turned> {
        let mut visit = self.entrance.enter(source, request.headers())?;
        let encoding = body::encoding(request.headers());
        let bytes = self.entrance.read(&mut visit, request).await?;
        Ok((self.entrance.plain(&mut visit, &bytes, &encoding)?, visit))
    }

    /// Counts what a decoder left out and what the sink said; the sender hears of its own mistakes.
    fn settle(&self, source: Source, outcome: Result<Accepted, Refused>, problems: &Problems) -> Result<(), Failure> {
        let counts = &self.entrance.counts;
        let accepted = outcome?;
        counts.accepted(source, &accepted);
        counts.problems(source, problems);
        told(problems.mistake(), accepted.over_limit).map_or(Ok(()), |it| Err(Failure::Partial(it)))
    }

    fn failure(&self, source: Source, failure: &Failure, answer: impl Fn(StatusCode, &str) -> Response) -> Response {
        match failure {
            Failure::Undecodable(error) => self.entrance.counts.error(source, error.kind()),
            Failure::Refused(refused) => self.entrance.counts.error(source, refused.kind()),
            Failure::Partial(_) => {}
        }
        match failure {
            Failure::Undecodable(Error::Fields(errors)) if source == Source::Monitor => {
                json_response(StatusCode::UNPROCESSABLE_ENTITY, "application/json", &crate::monitor::detail(errors))
            }
            Failure::Undecodable(error) => answer(status(error), &error.to_string()),
            Failure::Partial(detail) => answer(StatusCode::BAD_REQUEST, detail),
            Failure::Refused(Refused::Invalid(detail)) => answer(StatusCode::BAD_REQUEST, detail),
            Failure::Refused(refused @ Refused::Failed(_)) => {
                answer(StatusCode::INTERNAL_SERVER_ERROR, &refused.to_string())
            }
            Failure::Refused(refused @ Refused::Busy { retry_after_secs }) => {
                later(answer(StatusCode::SERVICE_UNAVAILABLE, &refused.to_string()), *retry_after_secs)
            }
            Failure::Refused(refused @ Refused::TooFast { retry_after_secs, .. }) => {
                later(answer(StatusCode::TOO_MANY_REQUESTS, &refused.to_string()), *retry_after_secs)
            }
        }
    }
}

/// What the sender must hear of its own mistakes and of limits.
pub(crate) fn told(mistake: Option<String>, over_limit: Option<Box<OverLimit>>) -> Option<String> {
    let over_limit =
        over_limit.map(|it| format!("{} ({} left out; the rest is stored, do not send it again)", it.detail, it.count));
    match (mistake, over_limit) {
        (Some(mistake), Some(over_limit)) => Some(format!("{mistake}; {over_limit}")),
        (mistake, over_limit) => mistake.or(over_limit),
    }
}

fn later(mut response: Response, secs: u64) -> Response {
    response.headers_mut().insert(RETRY_AFTER, secs.into());
    response
}

const fn status(error: &Error) -> StatusCode {
    match error {
        Error::Malformed { .. } | Error::Fields(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Unreachable(_) => StatusCode::BAD_GATEWAY,
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// RFC 9457.
fn problem_response(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let value = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    json_response(status, "application/problem+json", &value)
}

/// Loki answers errors as plain text.
fn text_response(status: StatusCode, detail: &str) -> Response {
    response(status, "text/plain; charset=utf-8", format!("{detail}\n"))
}

fn json_response(status: StatusCode, content_type: &'static str, value: &Value) -> Response {
    response(status, content_type, value.to_string())
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(content_type));
    response
}

impl From<Turned> for Failure {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Undecodable(error) => Self::Undecodable(error),
            Turned::Refused(refused) => Self::Refused(refused),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Undecodable(error)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
