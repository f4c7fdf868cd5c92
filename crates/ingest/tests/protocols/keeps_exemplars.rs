//! Are exemplars kept, in whatever protocol they come, with the series that they belong to?

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use ingest::{
    Config, Counts, OtlpConfig, OtlpDecoder, PreprocessConfig, Preprocessed, Preprocessor, Reason, ScrapeConfig, Sink,
    Source,
};
use prost::Message;
use signal::{Exemplar, Labels, Point, Timestamp};
use tokio::sync::watch;

use crate::fake::{Recorder, Service, StillClock};
use crate::otlp_wire;
use crate::otlp_wire::{Data, HistogramPoint, T0, gauge, metric, metrics, number};
use crate::wire;
use crate::wire::{ExemplarV2, RequestV2, WriteRequest, pair, series, snappy};

const NOW: i64 = 1_700_000_000_000;
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const HEADERS: [(&str, &str); 2] = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
const HEADERS_V2: [(&str, &str); 2] =
    [("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"), ("content-encoding", "snappy")];

/// Series, labels, value, milliseconds after `NOW`.
fn shown(exemplars: &[Exemplar]) -> Vec<String> {
    let text =
        |it: &Exemplar| format!("{} {} {} {}", it.series, it.labels, it.point.value, it.point.time.millis() - NOW);
    exemplars.iter().map(text).collect()
}

fn kept(recorder: &Recorder) -> Vec<String> {
    shown(&recorder.exemplars.lock().unwrap())
}

/// Guarantees: MUST 220 of docs/specs/ingest.md.
#[tokio::test]
async fn those_of_remote_write_are_kept() {
    let service = Service::new();
    let mut one = series(&[("__name__", "x_bucket"), ("le", "1")], &[(NOW, 4.0)]);
    let labels = vec![pair("trace_id", TRACE), pair("user", "7")];
    one.exemplars = vec![
        wire::Exemplar { labels, value: 0.5, timestamp: NOW + 1 },
        wire::Exemplar { labels: vec![], value: 0.25, timestamp: i64::MAX },
    ];
    let request = WriteRequest { timeseries: vec![one], metadata: vec![] };
    assert_eq!(service.post("/api/v1/write", &HEADERS, snappy(&request)).await.status, StatusCode::NO_CONTENT);
    let first = format!(r#"x_bucket{{le="1"}} {{trace_id="{TRACE}",user="7"}} 0.5 1"#);
    assert_eq!(kept(&service.recorder), std::slice::from_ref(&first));
    let dropped = || service.metric("sentinel_ingest_signals_dropped_total", "remote_write", "exemplar");
    assert_eq!(dropped(), 1.0, "the one with an absurd time");

    let mut request = RequestV2::default();
    request.add(&[("trace_id", TRACE)], &[]);
    let one = request.add(&[("__name__", "x_total")], &[(NOW, 4.0)]);
    one.exemplars = vec![ExemplarV2 { labels_refs: vec![1, 2], value: 1.0, timestamp: NOW + 2 }];
    // The first series only brings the symbols of the exemplar.
    request.timeseries.remove(0);
    let answer = service.post("/api/v1/write", &HEADERS_V2, snappy(&request)).await;
    assert_eq!(answer.headers["x-prometheus-remote-write-exemplars-written"], "1", "{}", answer.text);
    assert_eq!(kept(&service.recorder), [first, format!(r#"x_total {{trace_id="{TRACE}"}} 1 2"#)]);
}

/// Guarantees: MUST 220 and 221: an exemplar belongs to the bucket that holds its value.
#[test]
fn those_of_opentelemetry_are_kept_with_their_buckets() {
    let exemplar = |value: f64| otlp_wire::Exemplar {
        time: T0 + 3_000_000,
        value,
        span_id: vec![0x11; 8],
        trace_id: vec![0xab; 16],
    };
    let point = HistogramPoint {
        time: T0,
        count: 3,
        sum: Some(6.0),
        bucket_counts: vec![1, 1, 1],
        explicit_bounds: vec![0.5, 2.0],
        exemplars: vec![exemplar(0.5), exemplar(0.6), exemplar(9.0)],
        ..HistogramPoint::default()
    };
    let mut counted = number(&[], T0, 4.0);
    counted.exemplars = vec![exemplar(4.0)];
    let mut timeless = number(&[], 0, 4.0);
    timeless.exemplars = vec![exemplar(4.0)];
    let histogram = otlp_wire::Histogram { data_points: vec![point], temporality: 2 };
    let body = metrics(
        &[("service.name", "shop")],
        vec![
            metric("h", "s", Data::Histogram(histogram)),
            gauge("g", "", vec![counted]),
            gauge("bad", "", vec![timeless]),
        ],
    );
    let decoder = OtlpDecoder::new(&Config::default(), &OtlpConfig::default());
    let decoded = decoder.metrics(&body.encode_to_vec()).unwrap();
    assert_eq!(decoded.rejected, 1, "the point without a time, and its exemplar with it");
    let ids = format!(r#"{{span_id="{}",trace_id="{}"}}"#, "11".repeat(8), "ab".repeat(16));
    let after = i64::try_from(T0 / 1_000_000).unwrap() + 3 - NOW;
    let expected = [
        format!(r#"h_seconds_bucket{{le="0.5",service="shop"}} {ids} 0.5 {after}"#),
        format!(r#"h_seconds_bucket{{le="2",service="shop"}} {ids} 0.6 {after}"#),
        format!(r#"h_seconds_bucket{{le="+Inf",service="shop"}} {ids} 9 {after}"#),
        format!(r#"g{{service="shop"}} {ids} 4 {after}"#),
    ];
    assert_eq!(shown(&decoded.exemplars), expected);
}

/// Guarantees: MUST 220: also those without a time of their own, which get that of the scrape.
#[tokio::test]
async fn those_of_a_target_are_kept() {
    const BODY: &str = "# TYPE x histogram\n\
        x_bucket{le=\"1.0\"} 1 # {trace_id=\"ab\"} 0.5 1700000000.25\n\
        x_bucket{le=\"+Inf\"} 1 # {} 0.75\n# EOF\n";
    let answer = || async { ([("content-type", "application/openmetrics-text; version=1.0.0")], BODY) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/metrics", get(answer));
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let recorder = Arc::new(Recorder::default());
    let (stop, shutdown) = watch::channel(false);
    let config = ScrapeConfig { job: "shop".to_owned(), targets: vec![address.to_string()], ..ScrapeConfig::default() };
    let counts = Arc::new(Counts::default());
    let task = ingest::scrape(config, Config::default(), recorder.clone(), Arc::new(StillClock), counts, shutdown);
    let task = tokio::spawn(task);
    recorder.wait_until(|it| it.exemplars.lock().unwrap().len() >= 2).await;
    stop.send(true).unwrap();
    task.await.unwrap();
    server.abort();
    let series = |le: &str| format!(r#"x_bucket{{instance="{address}",job="shop",le="{le}"}}"#);
    let expected =
        [format!(r#"{} {{trace_id="ab"}} 0.5 250"#, series("1.0")), format!("{} {{}} 0.75 0", series("+Inf"))];
    assert_eq!(kept(&recorder)[..2], expected);
}

/// Guarantees: MUST 222: secrets are taken out of exemplars, and they follow their series through the rules.
#[tokio::test]
async fn exemplars_pass_the_rules() {
    let recorder = Arc::new(Recorder::default());
    let config: PreprocessConfig = serde_json::from_value(serde_json::json!({"rules": [
        {"name": "quiet", "match": {"__name__": "debug_*"}, "drop": true},
    ]}))
    .unwrap();
    let rules = Arc::new(Preprocessor::new(&config).unwrap());
    let sink = Preprocessed::new(recorder.clone() as _, rules);
    let one = |name: &str, pair: (&str, &str)| Exemplar {
        series: Labels::metric(name, &[("service", "pay")]),
        labels: Labels::new([pair]),
        point: Point { time: Timestamp::from_millis(NOW), value: 1.0 },
    };
    let batch = vec![one("x", ("password", "hunter2secret")), one("debug_x", ("trace_id", "ab"))];
    sink.exemplars(Source::Otlp, batch).await.unwrap();
    let found = kept(&recorder);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("x{service=\"pay\"}") && !found[0].contains("hunter2"), "{found:?}");
    assert!(found[0].contains("redacted"), "{found:?}");
}

/// Guarantees: MUST 223: a sink that keeps none says so, and so it is counted.
#[tokio::test]
async fn what_a_role_does_not_keep_is_told() {
    let counts = Counts::default();
    let outcome = Ok(ingest::Accepted { dropped: 3, ..ingest::Accepted::default() });
    assert_eq!(counts.exemplars(Source::Otlp, &outcome, 3), 0);
    let dropped: f64 = signal::Meter::metrics(&counts)
        .iter()
        .filter(|it| it.labels.contains(&("reason".into(), Reason::Exemplar.as_str().to_owned())))
        .map(|it| it.value)
        .sum();
    assert_eq!(dropped, 3.0);
}
