//! How many events a second does one core read from OTLP? Numbers, histograms, lines and spans of series that came
//! before, as they come again every few seconds; from protobuf, and from JSON.

#![allow(dead_code, clippy::unwrap_used, reason = "a bench that panics has failed, as it should")]

#[path = "../tests/fake/otlp_wire.rs"]
mod otlp_wire;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingest::{Config, OtlpConfig, OtlpDecoder, OtlpSignal, otlp_json_to_protobuf};
use otlp_wire::*;
use prost::Message;
use serde_json::json;
use signal::Timestamp;

/// Events of one request, of ten services.
const EVENTS: usize = 10_000;
const SERVICES: usize = 10;

fn bench(criterion: &mut Criterion) {
    let decoder = OtlpDecoder::new(&Config::default(), &OtlpConfig::default());
    let mut group = criterion.benchmark_group("otlp");
    group.throughput(Throughput::Elements(EVENTS as u64));
    let bytes = gauges().encode_to_vec();
    assert_eq!(decoder.metrics(&bytes).unwrap().batch.len(), EVENTS);
    group.bench_function("numbers", |it| it.iter(|| decoder.metrics(&bytes).unwrap()));
    let bytes = histograms().encode_to_vec();
    assert_eq!(decoder.metrics(&bytes).unwrap().batch.len(), EVENTS);
    group.bench_function("series_of_histograms", |it| it.iter(|| decoder.metrics(&bytes).unwrap()));
    let bytes = lines().encode_to_vec();
    assert_eq!(decoder.logs(&bytes, Timestamp::MIN).unwrap().batch.len(), EVENTS);
    group.bench_function("lines", |it| it.iter(|| decoder.logs(&bytes, Timestamp::MIN).unwrap()));
    let bytes = spans().encode_to_vec();
    assert_eq!(decoder.traces(&bytes).unwrap().batch.len(), EVENTS);
    group.bench_function("spans", |it| it.iter(|| decoder.traces(&bytes).unwrap()));
    let body = json_numbers();
    group.bench_function("numbers_in_json", |it| {
        it.iter(|| decoder.metrics(&otlp_json_to_protobuf(OtlpSignal::Metrics, &body).unwrap()).unwrap())
    });
    group.finish();
}

fn of_service(idx: usize) -> String {
    format!("service-{}", idx % SERVICES)
}

/// Attributes of the `idx`th point of a metric.
fn place(idx: usize) -> Vec<KeyValue> {
    let path = format!("/api/v1/items/{}", idx % 100);
    attributes(&[("http.request.method", "GET"), ("http.route", &path), ("http.response.status_code", "200")])
}

fn gauges() -> MetricsRequest {
    let per_metric = EVENTS / SERVICES / 10;
    let point = |it: usize| NumberPoint { attributes: place(it), ..number(&[], T0, it as f64) };
    let one = |idx: usize| gauge(&format!("http.server.metric.{idx}"), "s", (0..per_metric).map(point).collect());
    let of = |service: usize| {
        let resource = [("service.name", of_service(service)), ("host.name", "web-1".to_owned())];
        let resource = resource.each_ref().map(|(key, value)| (*key, value.as_str()));
        metrics(&resource, (0..10).map(one).collect::<Vec<Metric>>()).resource_metrics
    };
    MetricsRequest { resource_metrics: (0..SERVICES).flat_map(of).collect() }
}

fn histograms() -> MetricsRequest {
    // 17 buckets, the one that holds all, count and sum: 20 series each.
    let bounds: Vec<f64> = (0..17).map(|it| f64::from(it) * 0.5).collect();
    let points = (0..EVENTS / 20).map(|it| HistogramPoint {
        attributes: place(it).into_iter().chain(attributes(&[("n", &it.to_string())])).collect(),
        time: T0,
        count: 180,
        sum: Some(1.5),
        bucket_counts: vec![10; 18],
        explicit_bounds: bounds.clone(),
        exemplars: vec![],
        flags: 0,
    });
    let data = Data::Histogram(Histogram { data_points: points.collect(), temporality: 2 });
    metrics(&[("service.name", "service-1")], vec![metric("http.server.request.duration", "s", data)])
}

fn lines() -> LogsRequest {
    let record = |idx: usize| LogRecord {
        time: T0 + idx as u64 * 1_000_000,
        severity_number: 9,
        body: Some(text(&format!("GET /api/v1/items/{idx} took {} ms for user {}", idx % 97, idx * 31))),
        attributes: attributes(&[("code.file.path", "/srv/shop/orders.py"), ("thread.name", "worker-3")]),
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        ..LogRecord::default()
    };
    logs(&[("service.name", "service-1"), ("host.name", "web-1")], (0..EVENTS).map(record).collect())
}

fn spans() -> TracesRequest {
    let one = |idx: usize| Span { attributes: place(idx), parent: vec![9; 8], ..span("GET /api/v1/items") };
    traces(&[("service.name", "service-1"), ("host.name", "web-1")], (0..EVENTS).map(one).collect())
}

fn json_numbers() -> Vec<u8> {
    let pair = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let point = |it: usize| {
        json!({"asDouble": it as f64 * 0.5, "timeUnixNano": T0.to_string(), "attributes": [
            pair("http.request.method", "GET"), pair("http.route", &format!("/api/v1/items/{it}")),
            pair("http.response.status_code", "200")]})
    };
    let points: Vec<_> = (0..EVENTS).map(point).collect();
    let metrics = json!([{"name": "http.server.metric", "unit": "s", "gauge": {"dataPoints": points}}]);
    let resource = json!({"attributes": [pair("service.name", "service-1")]});
    let request = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]});
    request.to_string().into_bytes()
}

criterion_group!(benches, bench);
criterion_main!(benches);
