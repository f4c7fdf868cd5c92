//! Which path takes which protocol? The routes, and how outcomes become status codes.
//!
//! Overload is 503 with `Retry-After`, never 400: Prometheus and Promtail send a 5xx again and give up on a 4xx.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use signal::{Clock, LogRecord};

use crate::label_cache::LabelCache;
use crate::when::Arrivals;
use crate::{Accepted, Config, Counts, Error, Problems, Reason, Refused, Sink, Source};
use crate::{body, changes, loki, loki_protobuf, monitor, remote_write};

/// All routes of the pushed protocols.
pub fn router(sink: Arc<dyn Sink>, config: &Config, counts: Arc<Counts>, clock: Arc<dyn Clock>) -> axum::Router {
    let gate = Arc::new(Gate {
        sink,
        config: config.clone(),
        counts,
        clock,
        arrivals: Arrivals::default(),
        labels: LabelCache::default(),
    });
    axum::Router::new()
        .route("/monitor", post(post_monitor))
        .route("/loki/api/v1/push", post(post_loki))
        .route("/api/v1/write", post(post_remote_write))
        .route("/ingest", post(post_remote_write))
        .route("/sentinel/v1/changes", post(post_changes))
        .with_state(gate)
}

struct Gate {
    sink: Arc<dyn Sink>,
    config: Config,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    arrivals: Arrivals,
    labels: LabelCache,
}

/// Why a request is answered with an error.
enum Failure {
    Undecodable(Error),
    Refused(Refused),
    /// The rest was stored.
    Partial(String),
}

async fn post_monitor(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let bytes = gate.read_plain(request).await?;
        let ((observations, is_array), problems) = monitor::decode(&bytes, &gate.config)?;
        gate.counts.problems(Source::Monitor, &problems);
        let mut answers = vec![];
        // One after the other, so that each is judged by what came before it.
        for observation in &observations {
            let series = observation.series(gate.arrivals.next(&*gate.clock));
            gate.counts.received(Source::Monitor, series.len() as u64);
            let verdict = gate.sink.monitor(series).await?;
            answers.push(monitor::answer(&verdict, &observation.service));
        }
        Ok(if is_array { Value::Array(answers) } else { answers.pop().unwrap_or_default() })
    };
    match answer.await {
        Ok(value) => json_response(StatusCode::OK, "application/json", &value),
        Err(failure) => gate.failure(Source::Monitor, &failure, problem_response),
    }
}

async fn post_remote_write(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        check_remote_write_headers(request.headers())?;
        let compressed = body::read(request, &gate.config).await?;
        let bytes = body::snappy(&compressed, &gate.config)?;
        let (batch, problems) = remote_write::decode_with(&bytes, &gate.config, &gate.labels)?;
        let n_points = batch.iter().map(|it| it.points.len() as u64).sum();
        gate.counts.received(Source::RemoteWrite, n_points);
        if !batch.is_empty() {
            let outcome = gate.sink.samples(Source::RemoteWrite, batch).await;
            gate.counts.dropped(Source::RemoteWrite, Reason::Store, outcome.as_ref().map_or(0, |it| it.dropped));
            outcome?;
        }
        gate.counts.problems(Source::RemoteWrite, &problems);
        partial(&problems)
    };
    match answer.await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(failure) => gate.failure(Source::RemoteWrite, &failure, problem_response),
    }
}

async fn post_loki(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let (records, problems) = gate.read_loki(request).await?;
        gate.counts.received(Source::Loki, records.len() as u64);
        if !records.is_empty() {
            let outcome = gate.sink.logs(Source::Loki, records).await;
            gate.counts.dropped(Source::Loki, Reason::Store, outcome.as_ref().map_or(0, |it| it.dropped));
            outcome?;
        }
        gate.counts.problems(Source::Loki, &problems);
        partial(&problems)
    };
    match answer.await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(failure) => gate.failure(Source::Loki, &failure, text_response),
    }
}

async fn post_changes(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let bytes = gate.read_plain(request).await?;
        let batch = changes::decode(&bytes, gate.clock.now(), &gate.config)?;
        gate.counts.received(Source::Api, batch.len() as u64);
        let Accepted { stored, dropped } = gate.sink.changes(batch).await?;
        gate.counts.dropped(Source::Api, Reason::Store, dropped);
        Ok(json!({ "stored": stored, "dropped": dropped }))
    };
    match answer.await {
        Ok(value) => json_response(StatusCode::OK, "application/json", &value),
        Err(failure) => gate.failure(Source::Api, &failure, problem_response),
    }
}

impl Gate {
    async fn read_plain(&self, request: Request) -> Result<Vec<u8>, Error> {
        let encoding = body::encoding(request.headers());
        let bytes = body::read(request, &self.config).await?;
        Ok(body::plain(&bytes, &encoding, &self.config)?.into_owned())
    }

    async fn read_loki(&self, request: Request) -> Result<(Vec<LogRecord>, Problems), Error> {
        let encoding = body::encoding(request.headers());
        let media_type = body::media_type(request.headers());
        let bytes = body::read(request, &self.config).await?;
        match media_type.as_str() {
            "application/json" => loki::decode_json(&body::plain(&bytes, &encoding, &self.config)?, &self.config),
            // Loki's default.
            "" | "application/x-protobuf" => loki_protobuf::decode(&body::snappy(&bytes, &self.config)?, &self.config),
            other => Err(Error::Unsupported(format!(
                "Content-Type {other:?} is not supported; send application/json or application/x-protobuf"
            ))),
        }
    }

    fn failure(&self, source: Source, failure: &Failure, answer: fn(StatusCode, &str) -> Response) -> Response {
        match failure {
            Failure::Undecodable(error) => self.counts.error(source, error.kind()),
            Failure::Refused(refused) => self.counts.error(source, refused.kind()),
            Failure::Partial(_) => {}
        }
        match failure {
            Failure::Undecodable(Error::Fields(errors)) if source == Source::Monitor => {
                json_response(StatusCode::UNPROCESSABLE_ENTITY, "application/json", &monitor::detail(errors))
            }
            Failure::Undecodable(error) => answer(status(error), &error.to_string()),
            Failure::Partial(detail) => answer(StatusCode::BAD_REQUEST, detail),
            Failure::Refused(Refused::Invalid(detail)) => answer(StatusCode::BAD_REQUEST, detail),
            Failure::Refused(refused @ Refused::Failed(_)) => {
                answer(StatusCode::INTERNAL_SERVER_ERROR, &refused.to_string())
            }
            Failure::Refused(refused @ Refused::Busy { retry_after_secs }) => {
                let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, &refused.to_string());
                response.headers_mut().insert(RETRY_AFTER, (*retry_after_secs).into());
                response
            }
        }
    }
}

const fn status(error: &Error) -> StatusCode {
    match error {
        Error::Malformed { .. } | Error::Fields(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Unreachable(_) => StatusCode::BAD_GATEWAY,
    }
}

fn partial(problems: &Problems) -> Result<(), Failure> {
    problems.mistake().map_or(Ok(()), |it| Err(Failure::Partial(it)))
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
