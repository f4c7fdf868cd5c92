//! Is remote write 1.0 and 2.0 taken as Prometheus sends it, and is what is wrong told in a way that ends its retries?

use axum::http::StatusCode;
use ingest::{Config, Refused};
use signal::{HistogramSample, Labels, NativeHistogram, ResetHint, Timestamp};

use crate::fake;
use crate::fake::Service;
use crate::wire;
use crate::wire::{
    BucketSpan, Exemplar, ExemplarV2, Histogram, MetadataV2, RequestV2, WriteRequest, gauge, pair, series, snappy,
};

const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];
const HEADERS_V2: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "2.0.0"),
];
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
const NOW: i64 = 1_700_000_000_000;

async fn write(service: &Service, timeseries: Vec<wire::TimeSeries>) -> fake::Answer {
    let request = WriteRequest { timeseries, metadata: vec![gauge("up", "text"), gauge("", "nameless")] };
    service.post("/api/v1/write", &HEADERS, snappy(&request)).await
}

/// Guarantees: MUST 10 and 11 of docs/specs/ingest.md.
#[tokio::test]
async fn samples_are_stored_and_the_stale_marker_is_kept() {
    let service = Service::new();
    let stale = STALE;
    let labels = [("job", "shop"), ("__name__", "up")];
    let answer = write(&service, vec![series(&labels, &[(NOW + 1000, stale), (NOW, 1.0)])]).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let samples = service.recorder.samples.lock().unwrap();
    assert_eq!(samples[0].labels.to_string(), r#"up{job="shop"}"#);
    let points: Vec<(i64, u64)> = samples[0].points.iter().map(|it| (it.time.millis(), it.value.to_bits())).collect();
    assert_eq!(points, [(NOW, 1.0_f64.to_bits()), (NOW + 1000, stale.to_bits())]);
    assert_eq!(service.metric("sentinel_ingest_signals_received_total", "remote_write", ""), 2.0);
}

/// Guarantees: MUST 10 and 15.
#[tokio::test]
async fn the_path_has_the_names_of_other_receivers() {
    let request = WriteRequest { timeseries: vec![series(&[("__name__", "m")], &[(NOW, 1.0)])], metadata: vec![] };
    for path in ["/ingest", "/api/v1/push", "/api/v1/receive"] {
        let service = Service::new();
        assert_eq!(service.post(path, &HEADERS, snappy(&request)).await.status, StatusCode::NO_CONTENT, "{path}");
        let empty = snappy(&WriteRequest::default());
        assert_eq!(service.post(path, &HEADERS, empty).await.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(service.post(path, &HEADERS_V2, snappy(&request_v2())).await.status, StatusCode::NO_CONTENT);
        assert_eq!(service.recorder.samples.lock().unwrap().len(), 4, "{path}");
    }
}

/// Guarantees: MUST 13: bytes of another encoding take no other series with them. The types of this test let none through.
#[tokio::test]
async fn a_series_whose_labels_are_no_utf8_is_left_out() {
    let message = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let label = |name: &[u8], value: &[u8]| message(1, &[message(1, name), message(2, value)].concat());
    let sample = |millis: i64| {
        let mut time = vec![];
        prost::encoding::encode_varint(millis as u64, &mut time);
        [&[0x09][..], &1.0_f64.to_le_bytes(), &[0x10], &time].concat()
    };
    let v1 = |value: &[u8]| {
        let labels = [label(b"__name__", b"m"), label(b"host", value)].concat();
        message(1, &[labels, message(2, &sample(NOW))].concat())
    };
    let v1 = [v1(b"caf\xe9"), v1(b"bar")].concat();
    let symbols = [&b""[..], b"__name__", b"m", b"host", b"caf\xe9", b"bar"].map(|it| message(4, it)).concat();
    let v2 = |refs: &[u8]| message(5, &[message(1, refs), message(2, &sample(NOW))].concat());
    let v2 = [symbols, v2(&[1, 2, 3, 4]), v2(&[1, 2, 3, 5])].concat();
    for (headers, body) in [(HEADERS, v1), (HEADERS_V2, v2)] {
        let service = Service::new();
        let body = snap::raw::Encoder::new().compress_vec(&body).unwrap();
        let answer = service.post("/api/v1/write", &headers, body).await;
        let detail = answer.json()["detail"].to_string();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(detail.contains("label.value: not UTF-8 at byte 3 (1 left out"), "{detail}");
        assert_eq!(stored(&service), [r#"m{host="bar"} 1@0"#]);
    }
}

/// Guarantees: MUST 874: bytes of another encoding in exemplars and descriptions take no sample with them.
#[tokio::test]
async fn exemplars_and_descriptions_that_are_no_utf8_are_left_out() {
    let message = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let pair = |name: &[u8], value: &[u8]| [message(1, name), message(2, value)].concat();
    let number = |field: u8| {
        let mut time = vec![];
        prost::encoding::encode_varint(NOW as u64, &mut time);
        [&[field << 3 | 1][..], &1.0_f64.to_le_bytes(), &[(field + 1) << 3], &time].concat()
    };
    let exemplar = |value: &[u8]| message(3, &[message(1, &pair(b"trace_id", value)), number(2)].concat());
    let label = message(1, &pair(b"__name__", b"m"));
    let series = [label, message(2, &number(1)), exemplar(b"caf\xe9"), exemplar(b"bar")].concat();
    let described = |help: &[u8]| message(3, &[&[0x08, 2][..], &message(2, b"m"), &message(4, help)].concat());
    let v1 = [message(1, &series), described(b"caf\xe9"), described(b"a place")].concat();
    let symbols = [&b""[..], b"__name__", b"m", b"trace_id", b"caf\xe9", b"bar"].map(|it| message(4, it)).concat();
    let exemplar = |value: u8| message(4, &[message(1, &[3, value]), number(2)].concat());
    let series = |help: u8| {
        let described = message(5, &[0x08, 2, 0x18, help]);
        message(5, &[message(1, &[1, 2]), message(2, &number(1)), exemplar(4), exemplar(5), described].concat())
    };
    for (headers, body, samples) in [(HEADERS, v1, 1), (HEADERS_V2, [symbols, series(4), series(5)].concat(), 2)] {
        let service = Service::new();
        let body = snap::raw::Encoder::new().compress_vec(&body).unwrap();
        let answer = service.post("/api/v1/write", &headers, body).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(stored(&service), vec!["m 1@0"; samples]);
        let kept = service.recorder.exemplars.lock().unwrap();
        let kept: Vec<Option<&str>> = kept.iter().map(|it| it.labels.get("trace_id")).collect();
        assert_eq!(kept, vec![Some("bar"); samples]);
        let dropped = |reason| service.metric("sentinel_ingest_signals_dropped_total", "remote_write", reason);
        assert_eq!((dropped("exemplar"), dropped("metric_metadata")), (samples as f64, 1.0));
        assert_eq!(service.recorder.metadata.lock().unwrap().len(), 1);
    }
}

fn histogram(count: u64, sum: f64, timestamp: i64) -> Histogram {
    Histogram {
        count_int: Some(count),
        sum,
        timestamp,
        schema: 3,
        positive_deltas: vec![1, -1],
        ..Histogram::default()
    }
}

fn stored(service: &Service) -> Vec<String> {
    let samples = service.recorder.samples.lock().unwrap();
    let points = |it: &signal::SeriesPoints| -> Vec<String> {
        it.points.iter().map(|it| format!("{}@{}", it.value, it.time.millis() - NOW)).collect()
    };
    samples.iter().map(|it| format!("{} {}", it.labels, points(it).join(" "))).collect()
}

/// Guarantees: MUST 12: of what we do not keep whole a part is stored; it is counted and no mistake of the sender.
#[tokio::test]
async fn count_and_sum_of_native_histograms_are_stored() {
    let service = Service::new();
    let mut series = series(&[("__name__", "h"), ("job", "shop")], &[]);
    let float = Histogram { count_float: Some(2.5), count_int: None, ..histogram(0, 7.5, NOW + 1) };
    series.histograms = vec![histogram(4, 10.0, NOW + 2), float, histogram(0, STALE, NOW + 3)];
    series.exemplars = vec![Exemplar { labels: vec![pair("trace_id", "ab")], value: 0.5, timestamp: NOW }];
    assert_eq!(write(&service, vec![series]).await.status, StatusCode::NO_CONTENT);
    // Their buckets contradict each other (numbers without places), so that nothing but the end is of the series itself.
    let ends = r#"h{job="shop"} NaN@3"#;
    let expected = [r#"h_count{job="shop"} 2.5@1 4@2 NaN@3"#, r#"h_sum{job="shop"} 7.5@1 10@2 NaN@3"#, ends];
    assert_eq!(stored(&service), expected);
    assert_eq!(service.recorder.samples.lock().unwrap()[0].points[2].value.to_bits(), STALE.to_bits());
    let dropped = |reason| service.metric("sentinel_ingest_signals_dropped_total", "remote_write", reason);
    assert_eq!((dropped("native_histogram"), dropped("exemplar"), dropped("metric_metadata")), (2.0, 0.0, 1.0));
    let told = service.recorder.metadata.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].metric.as_str(), told[0].kind, told[0].help.as_str()), ("up", "gauge", "text"));
}

/// Guarantees: MUST 12: whole histograms are kept, and a mark stands among the points of their series.
#[tokio::test]
async fn native_histograms_are_kept_whole() {
    let service = Service::new();
    let mut series = series(&[("__name__", "h"), ("job", "shop")], &[]);
    let span = |offset, length| BucketSpan { offset, length };
    let whole = Histogram {
        zero_threshold: 0.001,
        zero_count_int: 2,
        positive_spans: vec![span(-2, 2), span(3, 1)],
        positive_deltas: vec![5, -2, 4],
        negative_spans: vec![span(1, 1)],
        negative_counts: vec![1.5],
        reset_hint: 2,
        ..histogram(20, 10.0, NOW)
    };
    let endless = Histogram { positive_spans: vec![span(0, u32::MAX)], ..whole.clone() };
    series.histograms = vec![whole, Histogram { timestamp: NOW + 1, ..endless }];
    assert_eq!(write(&service, vec![series]).await.status, StatusCode::NO_CONTENT);
    let kept = service.recorder.histograms.lock().unwrap();
    let value = NativeHistogram {
        schema: 3,
        hint: ResetHint::NotReset,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 20.0,
        sum: 10.0,
        positive: vec![(-2, 5.0), (-1, 3.0), (3, 7.0)],
        negative: vec![(1, 1.5)],
        bounds: vec![],
    };
    let labels: Labels = r#"h{job="shop"}"#.parse().unwrap();
    assert_eq!(*kept, [HistogramSample { labels: labels.clone(), time: Timestamp::from_millis(NOW), value }]);
    let samples = service.recorder.samples.lock().unwrap();
    let marks = &samples.iter().find(|it| it.labels == labels).unwrap().points;
    assert!(marks.len() == 1 && signal::is_histogram_mark(marks[0].value), "{marks:?}");
    assert_eq!(service.metric("sentinel_ingest_signals_dropped_total", "remote_write", "native_histogram"), 1.0);
}

fn written(answer: &fake::Answer) -> [&str; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|it| answer.headers[&format!("x-prometheus-remote-write-{it}-written")].to_str().unwrap())
}

fn request_v2() -> RequestV2 {
    let mut request = RequestV2::default();
    request.add(&[("__name__", "up"), ("job", "shop")], &[(NOW + 1, 0.0), (NOW, 1.0)]);
    let series = request.add(&[("__name__", "h"), ("job", "shop")], &[]);
    series.histograms = vec![histogram(4, 10.0, NOW)];
    series.exemplars = vec![ExemplarV2 { labels_refs: vec![1, 2], value: 1.0, timestamp: NOW }];
    series.metadata = Some(MetadataV2 { metric_type: 3, help_ref: 1, unit_ref: 0 });
    request
}

/// Guarantees: MUST 15 and 16.
#[tokio::test]
async fn version_two_is_stored_and_tells_what_was_written() {
    let service = Service::new();
    for round in 1..=2 {
        let answer = service.post("/api/v1/write", &HEADERS_V2, snappy(&request_v2())).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(written(&answer), ["2", "1", "1"]);
        let expected = [r#"up{job="shop"} 1@0 0@1"#, r#"h_count{job="shop"} 4@0"#, r#"h_sum{job="shop"} 10@0"#];
        assert_eq!(stored(&service)[3 * (round - 1)..], expected, "the labels of round {round} come from the cache");
    }
    let dropped = |reason| service.metric("sentinel_ingest_signals_dropped_total", "remote_write", reason);
    assert_eq!((dropped("native_histogram"), dropped("exemplar"), dropped("metric_metadata")), (2.0, 0.0, 0.0));
    let told = service.recorder.metadata.lock().unwrap();
    assert_eq!((told[0].metric.as_str(), told[0].kind, told[0].help.as_str()), ("h", "histogram", "__name__"));
}

/// Guarantees: MUST 13 and 16: the rest is stored, and the headers say how much.
#[tokio::test]
async fn a_partial_write_of_version_two_is_told() {
    let service = Service::new();
    let mut request = request_v2();
    request.add(&[("job", "nameless")], &[(NOW, 1.0)]);
    request.add(&[("__name__", "late")], &[(i64::MAX, 1.0), (NOW, 2.0)]);
    let answer = service.post("/api/v1/write", &HEADERS_V2, snappy(&request)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["detail"].as_str().unwrap().contains("__name__"), "{}", answer.text);
    assert_eq!(written(&answer), ["3", "1", "1"]);
    service.recorder.refusals.lock().unwrap().push(Refused::Busy { retry_after_secs: 1 });
    let answer = service.post("/api/v1/write", &HEADERS_V2, snappy(&request_v2())).await;
    assert_eq!((answer.status, written(&answer)), (StatusCode::SERVICE_UNAVAILABLE, ["0", "0", "0"]));
}

/// Guarantees: MUST 7 and 17: a broken table says where; nothing is stored.
#[tokio::test]
async fn broken_tables_of_version_two_are_refused() {
    let with = |change: &dyn Fn(&mut RequestV2)| {
        let mut request = request_v2();
        change(&mut request);
        snappy(&request)
    };
    for (body, expected) in [
        (with(&|it| it.timeseries[0].labels_refs[1] = 99), "labels_refs: 99 is beyond the 6 symbols"),
        (with(&|it| it.timeseries[0].labels_refs.truncate(3)), "labels_refs: the number of refs is odd"),
        (with(&|it| it.symbols[0] = "x".to_owned()), "symbols: the first one must be empty"),
        (snappy(&WriteRequest { timeseries: vec![series(&[], &[])], metadata: vec![] }), "version 1.0"),
    ] {
        let service = Service::new();
        let answer = service.post("/api/v1/write", &HEADERS_V2, body).await;
        assert_eq!((answer.status, written(&answer)), (StatusCode::BAD_REQUEST, ["0", "0", "0"]));
        assert!(answer.json()["detail"].as_str().unwrap().contains(expected), "{} {expected}", answer.text);
        assert!(service.recorder.samples.lock().unwrap().is_empty());
    }
}

/// Guarantees: MUST 13: the good part is stored, the answer names what is wrong, so that it is not sent again.
#[tokio::test]
async fn wrong_series_are_named_and_the_rest_is_stored() {
    let bomb: Vec<(String, String)> = (0..65).map(|it| (format!("l{it}"), "x".to_owned())).collect();
    let bomb: Vec<(&str, &str)> = bomb.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let long = "v".repeat(2049);
    for (labels, time, reason, named) in [
        (&[("__name__", "m")][..], i64::MAX, "timestamp", "timestamp"),
        (&[("__name__", "m")], -1, "timestamp", "timestamp"),
        (&[("job", "x")], NOW, "unnamed", "__name__"),
        (&bomb, NOW, "label_count", "65 labels"),
        (&[("__name__", "m"), ("a", &long)], NOW, "label_value", "\"a\" has 2049 bytes"),
        (&[("__name__", "m"), ("", "x")], NOW, "label_name", "label name"),
    ] {
        let service = Service::new();
        let good = series(&[("__name__", "good")], &[(NOW, 1.0)]);
        let answer = write(&service, vec![series(labels, &[(time, 1.0)]), good]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{reason}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{detail}");
        assert_eq!(service.recorder.samples.lock().unwrap().len(), 1, "{reason}");
        assert_eq!(service.metric("sentinel_ingest_signals_dropped_total", "remote_write", reason), 1.0, "{reason}");
    }
}

/// Guarantees: MUST 14: foreign messages and encodings are 415, so that the sender falls back.
#[tokio::test]
async fn other_versions_are_refused() {
    let service = Service::new();
    for headers in [
        &[("content-type", "application/x-protobuf; Proto=\"io.prometheus.write.v3.Request\"")][..],
        &[("content-type", "application/x-protobuf"), ("x-prometheus-remote-write-version", "2.0.0")],
        &[("content-type", "application/json")],
        &[("content-encoding", "gzip")],
    ] {
        let answer = service.post("/api/v1/write", headers, vec![0]).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{headers:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

/// Guarantees: MUST 5: overload is never 4xx, for Prometheus would throw the samples away.
#[tokio::test]
async fn overload_is_503_with_retry_after() {
    let service = Service::new();
    service.recorder.refusals.lock().unwrap().push(Refused::Busy { retry_after_secs: 1 });
    let answer = write(&service, vec![series(&[("__name__", "m")], &[(NOW, 1.0)])]).await;
    assert_eq!(
        (answer.status, answer.headers["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    assert_eq!(service.metric("sentinel_ingest_errors_total", "remote_write", "busy"), 1.0);
}

/// Guarantees: MUST 6 and 7: nothing is unpacked beyond the limit, broken bytes say where.
#[tokio::test]
async fn bombs_and_broken_bytes_are_refused() {
    let service =
        Service::with(&Config { max_decompressed_bytes: 1 << 20, max_body_bytes: 1 << 20, ..Config::default() });
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 2 << 20]).unwrap();
    let answer = service.post("/api/v1/write", &HEADERS, bomb).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = service.post("/api/v1/write", &HEADERS, "not snappy").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let invalid = snap::raw::Encoder::new().compress_vec(b"\x0a\x05\x0a\x03\x0a\x01\xff").unwrap();
    let answer = service.post("/api/v1/write", &HEADERS, invalid).await;
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains("labels: label.name: not UTF-8 at byte 0 (1 left out"), "{detail}");
}
