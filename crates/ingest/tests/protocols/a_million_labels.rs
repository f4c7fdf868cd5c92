//! What does each protocol say to a body with a million labels? It is refused or cut at the limits, the limit is named, and
//! what is wrong with it is counted; a good entry beside it is kept where the protocol can say so.

use axum::http::StatusCode;
use ingest::{Config, OtlpConfig, OtlpReceiver};
use prost::Message;
use serde_json::{Map, Value, json};

use crate::fake;
use crate::fake::Service;
use crate::otlp_wire;
use crate::otlp_wire::T0;
use crate::wire;

const COUNT: usize = 1_000_000;
const NOW: i64 = 1_700_000_000_000;
const PROTOBUF: [(&str, &str); 1] = [("content-type", "application/x-protobuf")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// A million names, as short as they can be: the limit of bytes is not what is tested.
fn names() -> Vec<String> {
    (0..COUNT).map(|it| format!("l{it:x}")).collect()
}

fn service() -> Service {
    let config = Config { max_body_bytes: 64 << 20, max_decompressed_bytes: 64 << 20, ..Config::default() };
    let mut service = Service::with(&config);
    let entrance = fake::entrance(service.recorder.clone(), &config, service.counts.clone());
    service.router = service.router.merge(OtlpReceiver::new(entrance, &OtlpConfig::default()).http_routes());
    service
}

fn stored(service: &Service) -> Vec<String> {
    service.recorder.samples.lock().unwrap().iter().map(|it| it.labels.to_string()).collect()
}

/// Guarantees: MUST 7, 9 and 13 of docs/specs/ingest.md.
#[tokio::test]
async fn remote_write_leaves_the_series_out() {
    let names = names();
    let labels: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "x")).chain([("__name__", "bad")]).collect();
    let timeseries = vec![wire::series(&labels, &[(NOW, 1.0)]), wire::series(&[("__name__", "good")], &[(NOW, 1.0)])];
    let request = wire::WriteRequest { timeseries, metadata: vec![] };
    let service = service();
    let answer = service.post("/api/v1/write", &PROTOBUF, wire::snappy(&request)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("1000001 labels, at most 64"), "{}", answer.text);
    assert_eq!(stored(&service), ["good"]);
    assert_eq!(service.metric("sentinel_ingest_signals_dropped_total", "remote_write", "label_count"), 1.0);
}

/// Guarantees: MUST 13 and 17 of docs/specs/ingest.md.
#[tokio::test]
async fn remote_write_two_leaves_the_series_out() {
    let names = names();
    let symbols: Vec<String> =
        ["".to_owned(), "__name__".to_owned(), "bad".to_owned(), "good".to_owned(), "x".to_owned()]
            .into_iter()
            .chain(names)
            .collect();
    let many = (5..5 + COUNT as u32).flat_map(|it| [it, 4]).chain([1, 2]).collect();
    let series = |labels_refs| wire::TimeSeriesV2 {
        labels_refs,
        samples: vec![wire::Sample { value: 1.0, timestamp: NOW }],
        ..wire::TimeSeriesV2::default()
    };
    let request = wire::RequestV2 { symbols, timeseries: vec![series(many), series(vec![1, 3])] };
    let service = service();
    let headers = [("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")];
    let answer = service.post("/api/v1/write", &headers, wire::snappy(&request)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("1000001 labels, at most 64"), "{}", answer.text);
    assert_eq!(stored(&service), ["good"]);
}

/// Guarantees: MUST 7 and 9 of docs/specs/ingest.md.
#[tokio::test]
async fn influx_leaves_the_line_out() {
    let tags: String = names().iter().map(|it| format!(",{it}=x")).collect();
    let service = service();
    let answer = service.post("/write", &[], format!("bad{tags} value=1\ngood value=1\n")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("partial write") && answer.text.contains("at most 64"), "{}", answer.text);
    assert_eq!(stored(&service), ["good"]);
}

/// Guarantees: MUST 7 and 22 of docs/specs/ingest.md.
#[tokio::test]
async fn loki_leaves_the_stream_out() {
    let many: Map<String, Value> = names().into_iter().map(|it| (it, json!("x"))).collect();
    let values = json!([[format!("{NOW}000000"), "text"]]);
    let push =
        json!({ "streams": [{ "stream": many, "values": values }, { "stream": { "app": "good" }, "values": values }] });
    let service = service();
    let answer = service.post("/loki/api/v1/push", &JSON, push.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("1000000 labels, at most 64"), "{}", answer.text);
    assert_eq!(service.recorder.lines.lock().unwrap().len(), 1);
}

/// Guarantees: MUST 9 of docs/specs/ingest.md.
#[tokio::test]
async fn opentelemetry_rejects_the_point_and_cuts_metadata() {
    let names = names();
    let pairs: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "x")).collect();
    let service = service();
    let points = vec![otlp_wire::number(&pairs, T0, 1.0), otlp_wire::number(&[], T0, 1.0)];
    let request = otlp_wire::metrics(&[("service.name", "shop")], vec![otlp_wire::gauge("m", "", points)]);
    let answer = service.post("/v1/metrics", &PROTOBUF, request.encode_to_vec()).await;
    assert_eq!(answer.status, StatusCode::OK, "a partial success");
    assert!(answer.text.contains("1000000 attributes, at most 64"), "{}", answer.text);
    assert_eq!(stored(&service), [r#"m{service="shop"}"#]);

    // Neither a line nor a span is lost because too much is said of it.
    let record = otlp_wire::LogRecord { attributes: otlp_wire::attributes(&pairs), ..line() };
    let answer = service.post("/v1/logs", &PROTOBUF, otlp_wire::logs(&[], vec![record]).encode_to_vec()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let span = otlp_wire::Span { attributes: otlp_wire::attributes(&pairs), ..otlp_wire::span("GET /") };
    let answer = service.post("/v1/traces", &PROTOBUF, otlp_wire::traces(&[], vec![span]).encode_to_vec()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(service.recorder.lines.lock().unwrap()[0].metadata.len() <= 64);
    assert!(service.recorder.spans.lock().unwrap()[0].attributes.len() <= 64);

    // Neither does a resource with a million attributes become a million labels.
    let request = otlp_wire::metrics(&pairs, vec![otlp_wire::gauge("n", "", vec![otlp_wire::number(&[], T0, 1.0)])]);
    let answer = service.post("/v1/metrics", &PROTOBUF, request.encode_to_vec()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let samples = service.recorder.samples.lock().unwrap();
    assert!(samples.iter().all(|it| it.labels.len() <= 64));
    assert!(samples.iter().any(|it| it.labels.name() == "target_info"));
}

/// Guarantees: MUST 4 and 9 of docs/specs/ingest.md.
#[tokio::test]
async fn monitor_and_alerts_are_refused() {
    let service = service();
    let metrics: Map<String, Value> = names().into_iter().map(|it| (it, json!(1))).collect();
    let body = json!({ "timestamp": "10:00", "service_name": "pay", "metrics": metrics });
    let answer = service.post("/monitor", &JSON, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("1000"), "{}", answer.text);
    let labels: Map<String, Value> = names().into_iter().map(|it| (it, json!("x"))).collect();
    let answer = service.post("/api/v2/alerts", &JSON, json!([{ "labels": labels }]).to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("labels, at most 64"), "{}", answer.text);
    assert!(service.recorder.alerts.lock().unwrap().is_empty());
    assert!(stored(&service).is_empty());
}

/// Guarantees: MUST 7 and 9 of docs/specs/ingest.md.
#[test]
fn a_scraped_series_is_left_out() {
    let labels: String = names().iter().map(|it| format!("{it}=\"x\",")).collect();
    let text = format!("bad{{{labels}}} 1\ngood 1\n");
    let parsed = ingest::parse_exposition(text.as_bytes(), ingest::Format::Text, &Config::default());
    let (exposition, problems) = parsed.unwrap();
    assert_eq!(problems.count(ingest::Reason::LabelCount), 1);
    assert_eq!(exposition.len(), 1);
}

fn line() -> otlp_wire::LogRecord {
    otlp_wire::LogRecord { time: T0, body: Some(otlp_wire::text("hello")), ..otlp_wire::LogRecord::default() }
}
