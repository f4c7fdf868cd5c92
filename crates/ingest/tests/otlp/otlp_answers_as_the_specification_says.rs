//! Does a sender of OTLP get the answers that its specification promises, over HTTP and gRPC? Above all: does nothing
//! that is wrong come back as "try again", and nothing that is busy as "give up"?

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use base64::Engine as _;
use http_body_util::BodyExt as _;
use ingest::{Config, Counts, OtlpConfig, OtlpReceiver, Refused};
use prost::Message;
use serde_json::{Value as Json, json};
use signal::Meter;
use tower::ServiceExt;

use crate::fake;
use crate::fake::Recorder;
use crate::otlp_wire::*;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const SHOP: &[(&str, &str)] = &[("service.name", "shop")];

struct Server {
    recorder: Arc<Recorder>,
    counts: Arc<Counts>,
    http: axum::Router,
    grpc: axum::Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    trailers: HeaderMap,
    bytes: Vec<u8>,
}

impl Server {
    fn new() -> Self {
        Self::with(&Config::default())
    }

    fn with(config: &Config) -> Self {
        let recorder = Arc::new(Recorder::default());
        let counts = Arc::new(Counts::default());
        let entrance = fake::entrance(recorder.clone(), config, counts.clone());
        let otlp = OtlpReceiver::new(entrance, &OtlpConfig::default());
        Self { recorder, counts, http: otlp.http_routes(), grpc: otlp.grpc_routes() }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        answer(&self.http, path, headers, body.into()).await
    }

    /// Calls a method with one framed message.
    async fn call(&self, method: &str, headers: &[(&str, &str)], framed: Vec<u8>) -> Answer {
        let headers = [&[("content-type", "application/grpc"), ("te", "trailers")], headers].concat();
        answer(&self.grpc, &format!("/opentelemetry.proto.collector.{method}/Export"), &headers, framed.into()).await
    }

    /// What a metric of ours counts for a label's value.
    fn count(&self, name: &str, label: &str) -> f64 {
        let is_it = |it: &&signal::Metric| {
            it.name == name
                && it.labels.iter().any(|(_, it)| it == "otlp")
                && it.labels.iter().any(|(_, it)| it == label)
        };
        self.counts.metrics().iter().filter(is_it).map(|it| it.value).sum()
    }
}

async fn answer(router: &axum::Router, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Answer { status: parts.status.as_u16(), headers: parts.headers, trailers, bytes: collected.to_bytes().to_vec() }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{:?}", String::from_utf8_lossy(&self.bytes)))
    }

    fn status_message(&self) -> RpcStatus {
        RpcStatus::decode(&*self.bytes).unwrap()
    }

    /// The status of gRPC: in the trailers after a message, else in the headers.
    fn grpc_status(&self) -> u32 {
        let value = self.trailers.get("grpc-status").or(self.headers.get("grpc-status"));
        value.expect("a status").to_str().unwrap().parse().unwrap()
    }

    fn grpc_details(&self) -> RpcStatus {
        let text = self.header("grpc-status-details-bin");
        let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).unwrap();
        RpcStatus::decode(&*bytes).unwrap()
    }
}

fn retry_secs(status: &RpcStatus) -> Option<i64> {
    let any = status.details.first()?;
    assert_eq!(any.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    RetryInfo::decode(&*any.value).unwrap().retry_delay.map(|it| it.seconds)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn good_metrics() -> Vec<u8> {
    metrics(SHOP, vec![gauge("m", "", vec![number(&[], T0, 1.0)])]).encode_to_vec()
}

fn half_good_logs() -> Vec<u8> {
    let good = LogRecord { time: T0, body: Some(text("kept")), ..LogRecord::default() };
    logs(SHOP, vec![good, LogRecord { time: u64::MAX, body: Some(text("late")), ..LogRecord::default() }])
        .encode_to_vec()
}

/// Guarantees: MUST 200 and 201.
#[tokio::test]
async fn http_takes_all_signals_in_both_encodings() {
    let server = Server::new();
    let spans = traces(SHOP, vec![span("GET /")]).encode_to_vec();
    let line =
        logs(SHOP, vec![LogRecord { time: T0, body: Some(text("hello")), ..LogRecord::default() }]).encode_to_vec();
    let json_line = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "1700000000000000000", "body": {"stringValue": "from json"}, "new": 1}]}]}]});
    for (path, headers, body, expected) in [
        ("/v1/metrics", vec![("content-type", PROTOBUF)], good_metrics(), ""),
        ("/v1/traces", vec![("content-type", PROTOBUF), ("content-encoding", "gzip")], gzip(&spans), ""),
        ("/v1/logs", vec![("content-type", PROTOBUF)], line, ""),
        (
            "/v1/logs",
            vec![("content-type", "application/json; charset=utf-8")],
            json_line.to_string().into_bytes(),
            "{}",
        ),
        ("/v1/logs", vec![("content-type", PROTOBUF)], vec![], ""),
        // Where Prometheus, Loki and Mimir have it.
        ("/api/v1/otlp/v1/metrics", vec![("content-type", PROTOBUF)], good_metrics(), ""),
        ("/otlp/v1/logs", vec![("content-type", PROTOBUF)], vec![], ""),
        ("/otlp/v1/traces", vec![("content-type", PROTOBUF)], vec![], ""),
    ] {
        let answer = server.post(path, &headers, body).await;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert_eq!((answer.status, text.as_str()), (200, expected), "{path}");
        assert_eq!(answer.header("content-type"), headers[0].1.split(';').next().unwrap(), "{path}");
    }
    assert_eq!(server.recorder.texts(), ["hello", "from json"]);
    assert_eq!(server.recorder.spans.lock().unwrap().len(), 1);
    assert_eq!(server.recorder.samples.lock().unwrap()[0].labels.to_string(), r#"m{service="shop"}"#);
}

/// Guarantees: MUST 202.
#[tokio::test]
async fn partial_success_tells_how_many_and_why() {
    let server = Server::new();
    let answer = server.post("/v1/logs", &[("content-type", PROTOBUF)], half_good_logs()).await;
    assert_eq!(answer.status, 200);
    let partial = Response::decode(&*answer.bytes).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected, 1);
    assert!(partial.error_message.contains("time_unix_nano"), "{}", partial.error_message);
    assert_eq!(server.recorder.texts(), ["kept"]);
    assert_eq!(server.count("sentinel_ingest_signals_dropped_total", "timestamp"), 1.0);

    let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [
        {"asInt": "5", "timeUnixNano": 0}, {"asDouble": 1, "timeUnixNano": "1700000000000000000"}]}}]}]}]});
    let answer = server.post("/v1/metrics", &[("content-type", JSON)], body.to_string()).await;
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "1");
    assert!(partial["errorMessage"].as_str().unwrap().starts_with("metric \"m\": time_unix_nano"), "{partial}");

    let answer = server.call("logs.v1.LogsService", &[], framed(0, &half_good_logs())).await;
    assert_eq!((answer.status, answer.grpc_status()), (200, 0));
    assert_eq!(Response::decode(&answer.bytes[5..]).unwrap().partial_success.unwrap().rejected, 1);
}

/// Guarantees: MUST 203 and 205: no status on which senders try again (429, 502, 503, 504).
#[tokio::test]
async fn http_refuses_what_is_wrong_for_good() {
    let server = Server::with(&Config { max_body_bytes: 2000, max_decompressed_bytes: 5000, ..Config::default() });
    let truncated = &good_metrics()[..20];
    for (headers, body, status, code, says) in [
        (vec![("content-type", PROTOBUF)], truncated.to_vec(), 400, 3, "cut off"),
        (vec![("content-type", JSON)], b"{\"resourceMetrics\":5}".to_vec(), 400, 3, "at resourceMetrics: invalid type"),
        (vec![("content-type", JSON)], vec![], 400, 3, "EOF"),
        (vec![("content-type", "text/plain")], vec![], 415, 12, "application/x-protobuf"),
        (vec![], good_metrics(), 415, 12, "application/x-protobuf"),
        (vec![("content-type", PROTOBUF), ("content-encoding", "br")], vec![], 415, 12, "gzip"),
        (vec![("content-type", PROTOBUF), ("content-encoding", "gzip")], vec![1, 2, 3], 400, 3, "compressed body"),
        (
            vec![("content-type", PROTOBUF), ("content-encoding", "gzip")],
            gzip(&[0; 100_000]),
            413,
            8,
            "ingest.max_decompressed_bytes",
        ),
        (vec![("content-type", PROTOBUF)], vec![0; 3000], 413, 8, "ingest.max_body_bytes"),
    ] {
        let answer = server.post("/v1/metrics", &headers, body).await;
        assert_eq!(answer.status, status, "{headers:?}");
        let is_protobuf = headers.first().is_some_and(|it| it.1 == PROTOBUF);
        let (found, message) = if is_protobuf {
            let status = answer.status_message();
            (status.code, status.message)
        } else {
            let status = answer.json();
            (status["code"].as_i64().unwrap() as i32, status["message"].as_str().unwrap().to_owned())
        };
        assert!(found == code && message.contains(says), "{headers:?}: {found} {message}");
        assert_eq!(answer.header("content-type"), if is_protobuf { PROTOBUF } else { JSON });
    }
    assert_eq!(server.count("sentinel_ingest_errors_total", "malformed"), 4.0);
    assert_eq!(server.count("sentinel_ingest_errors_total", "unsupported"), 3.0);
    assert_eq!(server.count("sentinel_ingest_errors_total", "too_large"), 2.0);
    assert!(server.recorder.samples.lock().unwrap().is_empty());
}

/// Guarantees: MUST 5 and 204.
#[tokio::test]
async fn overload_and_a_failing_store_are_tried_again() {
    let server = Server::new();
    let refusals = || vec![Refused::Failed("disk full".to_owned()), Refused::Busy { retry_after_secs: 7 }];
    *server.recorder.refusals.lock().unwrap() = refusals();
    let busy = server.post("/v1/metrics", &[("content-type", PROTOBUF)], good_metrics()).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, "7"));
    assert_eq!(retry_secs(&busy.status_message()), Some(7));
    let failed = server.post("/v1/metrics", &[("content-type", PROTOBUF)], good_metrics()).await;
    assert_eq!((failed.status, failed.header("retry-after")), (503, "5"));

    *server.recorder.refusals.lock().unwrap() = refusals();
    let busy = server.call("metrics.v1.MetricsService", &[], framed(0, &good_metrics())).await;
    assert_eq!((busy.status, busy.grpc_status()), (200, 14));
    assert_eq!(busy.header("grpc-message"), "too busy, try again in 7 s");
    assert_eq!(retry_secs(&busy.grpc_details()), Some(7));
    let failed = server.call("metrics.v1.MetricsService", &[], framed(0, &good_metrics())).await;
    assert_eq!((failed.grpc_status(), retry_secs(&failed.grpc_details())), (14, Some(5)));
    assert_eq!(server.count("sentinel_ingest_errors_total", "busy"), 2.0);
    assert!(server.recorder.samples.lock().unwrap().is_empty());
}

/// Guarantees: MUST 200 and 201.
#[tokio::test]
async fn grpc_takes_all_signals_plain_and_compressed() {
    let server = Server::new();
    let spans = traces(SHOP, vec![span("GET /")]).encode_to_vec();
    for (method, headers, body) in [
        ("metrics.v1.MetricsService", vec![], framed(0, &good_metrics())),
        ("trace.v1.TraceService", vec![("grpc-encoding", "gzip")], framed(1, &gzip(&spans))),
        // A sender may announce compression and not use it for small messages.
        ("trace.v1.TraceService", vec![("grpc-encoding", "gzip")], framed(0, &spans)),
    ] {
        let answer = server.call(method, &headers, body).await;
        assert_eq!((answer.status, answer.grpc_status()), (200, 0), "{method}");
        assert_eq!(answer.bytes, [0; 5], "one empty message");
        assert_eq!(answer.header("content-type"), "application/grpc");
    }
    assert_eq!(server.recorder.spans.lock().unwrap().len(), 2);
    assert_eq!(server.recorder.samples.lock().unwrap().len(), 1);
}

/// Guarantees: MUST 205: none of CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS, and
/// RESOURCE_EXHAUSTED only without `RetryInfo`.
#[tokio::test]
async fn grpc_refuses_what_is_wrong_for_good() {
    let server = Server::with(&Config { max_body_bytes: 2000, max_decompressed_bytes: 5000, ..Config::default() });
    let metrics = "metrics.v1.MetricsService";
    for (method, headers, body, code, says) in [
        (metrics, vec![], framed(0, &good_metrics()[..20]), 3, "cut off"),
        (metrics, vec![], vec![0, 0, 0], 3, "less than its header"),
        (metrics, vec![], vec![0, 0, 0, 1, 0, 5], 3, "says 256 bytes, 1 are there"),
        (metrics, vec![], framed(0, &[0; 3000]), 8, "ingest.max_body_bytes"),
        (metrics, vec![("grpc-encoding", "gzip")], framed(1, &gzip(&[0; 100_000])), 8, "ingest.max_decompressed_bytes"),
        (metrics, vec![("grpc-encoding", "snappy")], framed(1, &[0]), 12, "not supported"),
        ("profiles.v1development.ProfilesService", vec![], framed(0, &[]), 12, "no method"),
    ] {
        let answer = server.call(method, &headers, body).await;
        let message = answer.header("grpc-message");
        assert_eq!((answer.status, answer.grpc_status()), (200, code), "{message}");
        assert!(message.contains(says), "{message}");
        assert!(answer.grpc_details().details.is_empty(), "{message}");
    }
    let answer =
        answer(&server.grpc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export", &[], Body::empty()).await;
    assert_eq!(answer.status, 415, "not gRPC at all");
}
