//! Do metrics, logs and spans of OpenTelemetry become the series, lines and spans that a user of Prometheus and Loki
//! expects? Bodies are encoded by prost, and the examples of the OpenTelemetry project are read.

use std::path::Path;

use expect_test::{Expect, expect};
use ingest::{Config, Decoded, OtlpConfig, OtlpDecoder, OtlpSignal, Reason, otlp_json_to_protobuf};
use prost::Message;
use signal::{LogRecord as Line, SeriesPoints, Timestamp};

use crate::otlp_wire;
use crate::otlp_wire::*;

const SHOP: &[(&str, &str)] = &[("service.name", "shop"), ("host.name", "web-1"), ("service.instance.id", "i-1")];
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

fn decoder() -> OtlpDecoder {
    OtlpDecoder::new(&Config::default(), &OtlpConfig::default())
}

fn decoded(metrics: Vec<Metric>) -> Decoded<SeriesPoints> {
    decoder().metrics(&otlp_wire::metrics(SHOP, metrics).encode_to_vec()).unwrap()
}

/// One line per point: labels, milliseconds after `T0`, value.
fn shown(batch: &[SeriesPoints]) -> String {
    let line = |it: &SeriesPoints| {
        let point = it.points[0];
        let value =
            if point.value.to_bits() == 0x7ff0_0000_0000_0002 { "stale".to_owned() } else { point.value.to_string() };
        format!("{} {} {value}\n", it.labels, point.time.millis() - i64::try_from(T0 / 1_000_000).unwrap())
    };
    batch.iter().map(line).collect()
}

fn check(metrics: Vec<Metric>, expected: Expect) {
    let decoded = decoded(metrics);
    assert_eq!(decoded.rejected, 0, "{:?}", decoded.problems);
    expected.assert_eq(&shown(&decoded.batch));
}

/// Guarantees: MUST 211, 212 and 213.
#[test]
fn numbers_become_series_named_as_prometheus_names_them() {
    let int = NumberPoint { time: T0 + 1_999_999, as_int: Some(-7), ..NumberPoint::default() };
    let attributes = [("http.method", "GET"), ("service", "other"), ("a.b", "1"), ("a/b", "2")];
    let sum = |is_monotonic| Sum { data_points: vec![number(&[], T0, 3.0)], temporality: CUMULATIVE, is_monotonic };
    check(
        vec![
            gauge("cpu.utilization", "1", vec![number(&attributes, T0, 0.5)]),
            gauge("temperature", "Cel", vec![int]),
            metric("http.requests", "{requests}", Data::Sum(sum(true))),
            metric("queue.size", "By", Data::Sum(sum(false))),
        ],
        expect![[r#"
            cpu_utilization_ratio{a_b="1;2",exported_service="other",host="web-1",http_method="GET",instance="i-1",service="shop"} 0 0.5
            temperature_celsius{host="web-1",instance="i-1",service="shop"} 1 -7
            http_requests_total{host="web-1",instance="i-1",service="shop"} 0 3
            queue_size_bytes{host="web-1",instance="i-1",service="shop"} 0 3
        "#]],
    );
}

/// What some writers let through: each `cafX` becomes `caf` and a byte of Latin-1.
fn in_latin_1(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes.windows(4).enumerate().filter(|it| it.1 == b"cafX").map(|it| it.0 + 3).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|it| bytes[it] = 0xe9);
    bytes
}

/// Guarantees: MUST 202: names that are not UTF-8 take nothing else with them.
#[test]
fn names_that_are_no_utf8_cost_one_point_or_attribute() {
    let points = || vec![number(&[("k", "v")], T0, 1.0), number(&[("cafX", "v")], T0, 2.0)];
    let request = metrics(SHOP, vec![gauge("cafX", "1", points()), gauge("good", "cafX", points())]);
    let decoded = decoder().metrics(&in_latin_1(&request.encode_to_vec())).unwrap();
    assert_eq!((decoded.rejected, decoded.batch.len()), (3, 1), "{:?}", decoded.problems);
    assert_eq!((decoded.problems.count(Reason::Unnamed), decoded.problems.count(Reason::LabelName)), (2, 1));
    assert!(decoded.problems.first_mistake().unwrap().contains("letters"), "{:?}", decoded.problems);
    let record = |text: &str| LogRecord {
        time: T0,
        severity_text: "cafX".to_owned(),
        body: Some(otlp_wire::text(text)),
        attributes: attributes(&[("cafX", "v"), ("k", "v")]),
        ..LogRecord::default()
    };
    let request = logs(SHOP, vec![record("a"), record("cafX")]);
    let decoded = decoder().logs(&in_latin_1(&request.encode_to_vec()), Timestamp::MIN).unwrap();
    let lines: Vec<(&str, Option<&str>)> = decoded.batch.iter().map(|it| (&*it.line, it.metadata.get("k"))).collect();
    assert_eq!(lines, [("a", Some("v")), ("caf\u{fffd}", Some("v"))]);
    assert_eq!((decoded.problems.count(Reason::Metadata), decoded.problems.lines_repaired), (2, 1));
    let of = Span { attributes: attributes(&[("cafX", "v"), ("k", "v")]), ..span("cafX") };
    let decoded = decoder().traces(&in_latin_1(&traces(SHOP, vec![of]).encode_to_vec())).unwrap();
    assert_eq!((decoded.batch[0].name.as_str(), decoded.batch[0].attributes.len()), ("caf\u{fffd}", 1));
}

/// Guarantees: MUST 213.
#[test]
fn named_resource_attributes_become_labels_and_others_do_not() {
    let of = [("k8s.pod.name", "shop-7"), ("telemetry.sdk.name", "opentelemetry"), ("region", "eu")];
    let request = metrics(&of, vec![gauge("m", "", vec![number(&[], T0, 1.0)])]).encode_to_vec();
    let labels = |otlp: &OtlpConfig| {
        let decoded = OtlpDecoder::new(&Config::default(), otlp).metrics(&request).unwrap();
        decoded.batch[0].labels.to_string()
    };
    assert_eq!(labels(&OtlpConfig::default()), r#"m{k8s_pod_name="shop-7"}"#);
    let otlp = OtlpConfig { promote_resource_attributes: vec!["region".to_owned()], ..OtlpConfig::default() };
    assert_eq!(labels(&otlp), r#"m{region="eu"}"#);
}

/// Guarantees: MUST 214.
#[test]
fn what_has_no_recorded_value_is_marked_stale() {
    let point = NumberPoint { time: T0, flags: 1, ..NumberPoint::default() };
    let histogram = HistogramPoint {
        time: T0,
        flags: 1,
        bucket_counts: vec![0, 0],
        explicit_bounds: vec![1.0],
        ..HistogramPoint::default()
    };
    check(
        vec![
            gauge("m", "", vec![point]),
            metric("h", "", Data::Histogram(Histogram { data_points: vec![histogram], temporality: DELTA })),
        ],
        expect![[r#"
            m{host="web-1",instance="i-1",service="shop"} 0 stale
            h_count{host="web-1",instance="i-1",service="shop"} 0 stale
            h_bucket{host="web-1",instance="i-1",le="1",service="shop"} 0 stale
            h_bucket{host="web-1",instance="i-1",le="+Inf",service="shop"} 0 stale
        "#]],
    );
}

/// Guarantees: MUST 215.
#[test]
fn histograms_and_summaries_become_classic_series() {
    let histogram = HistogramPoint {
        time: T0,
        count: 6,
        sum: Some(4.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.5, 1.0],
        ..HistogramPoint::default()
    };
    let quantiles = vec![Quantile { quantile: 0.5, value: 2.0 }, Quantile { quantile: 0.99, value: 9.0 }];
    let summary = SummaryPoint { time: T0, count: 3, sum: 12.0, quantiles, ..SummaryPoint::default() };
    check(
        vec![
            metric(
                "latency",
                "s",
                Data::Histogram(Histogram { data_points: vec![histogram], temporality: CUMULATIVE }),
            ),
            metric("size", "By", Data::Summary(Summary { data_points: vec![summary] })),
        ],
        expect![[r#"
            latency_seconds_count{host="web-1",instance="i-1",service="shop"} 0 6
            latency_seconds_sum{host="web-1",instance="i-1",service="shop"} 0 4.5
            latency_seconds_bucket{host="web-1",instance="i-1",le="0.5",service="shop"} 0 1
            latency_seconds_bucket{host="web-1",instance="i-1",le="1",service="shop"} 0 3
            latency_seconds_bucket{host="web-1",instance="i-1",le="+Inf",service="shop"} 0 6
            size_bytes_count{host="web-1",instance="i-1",service="shop"} 0 3
            size_bytes_sum{host="web-1",instance="i-1",service="shop"} 0 12
            size_bytes{host="web-1",instance="i-1",quantile="0.5",service="shop"} 0 2
            size_bytes{host="web-1",instance="i-1",quantile="0.99",service="shop"} 0 9
        "#]],
    );
}

fn exponential(time: u64, scale: i32, offset: i32, counts: &[u64]) -> Data {
    let buckets = Buckets { offset, bucket_counts: counts.to_vec() };
    let point = ExponentialPoint {
        time,
        count: counts.iter().sum::<u64>() + 1,
        sum: Some(10.0),
        scale,
        zero_count: 1,
        positive: Some(buckets),
        ..ExponentialPoint::default()
    };
    Data::Exponential(Exponential { data_points: vec![point], temporality: DELTA })
}

/// Guarantees: MUST 216 and 217: the buckets of two exports with different scales add up under the same bounds.
#[test]
fn exponential_histograms_get_powers_of_two_as_bounds() {
    let decoder = decoder();
    let take = |data| {
        let body = metrics(&[("service.name", "shop")], vec![metric("latency", "", data)]).encode_to_vec();
        decoder.metrics(&body).unwrap().batch
    };
    // Scale 1: buckets (1, 1.41], (1.41, 2], (2, 2.83], (2.83, 4].
    take(exponential(T0, 1, 0, &[1, 2, 3, 4]));
    // Scale 0: only (0.5, 1].
    let batch = take(exponential(T0 + SECOND, 0, -1, &[5]));
    expect![[r#"
        latency_count{service="shop"} 1000 17
        latency_sum{service="shop"} 1000 20
        latency_bucket{le="0",service="shop"} 1000 2
        latency_bucket{le="1",service="shop"} 1000 7
        latency_bucket{le="2",service="shop"} 1000 10
        latency_bucket{le="4",service="shop"} 1000 17
        latency_bucket{le="+Inf",service="shop"} 1000 17
    "#]]
    .assert_eq(&shown(&batch));
}

/// Guarantees: MUST 216.
#[test]
fn increases_become_counters() {
    let decoder = decoder();
    let take = |points: Vec<NumberPoint>| {
        let sum = Sum { data_points: points, temporality: DELTA, is_monotonic: true };
        let body = metrics(&[("service.name", "shop")], vec![metric("hits", "", Data::Sum(sum))]).encode_to_vec();
        decoder.metrics(&body).unwrap()
    };
    let a = |time, value| number(&[("path", "/a"), ("code", "200")], time, value);
    let same_other_order = number(&[("code", "200"), ("path", "/a")], T0 + SECOND, 2.0);
    take(vec![a(T0, 5.0), number(&[("path", "/b")], T0, 1.0)]);
    let decoded = take(vec![same_other_order, a(T0 + SECOND, 2.0), a(T0, 5.0)]);
    expect![[r#"
        hits_total{code="200",path="/a",service="shop"} 1000 7
        hits_total{code="200",path="/a",service="shop"} 1000 7
    "#]]
    .assert_eq(&shown(&decoded.batch));
    assert_eq!((decoded.rejected, decoded.problems.count(Reason::OutOfOrder)), (1, 1));
}

/// Guarantees: MUST 202: only the point at fault is rejected, with all of its series.
#[test]
fn points_at_fault_are_rejected_and_the_rest_is_kept() {
    let bad_histogram = HistogramPoint { time: T0, bucket_counts: vec![1, 2], ..HistogramPoint::default() };
    let many: Vec<(String, String)> = (0..100).map(|it| (format!("a{it}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let unspecified = Sum { data_points: vec![number(&[], T0, 1.0)], temporality: 0, is_monotonic: true };
    let long = "x".repeat(3000);
    let decoded = decoded(vec![
        gauge(
            "m",
            "",
            vec![
                number(&[], 0, 1.0),
                number(&[], T0, 1.0),
                number(&many, T0, 1.0),
                NumberPoint { time: T0, ..NumberPoint::default() },
            ],
        ),
        gauge("...", "", vec![number(&[], T0, 1.0)]),
        gauge(
            "l",
            "",
            vec![
                number(&[("a", &long)], T0, 1.0),
                number(&[("", "x")], T0, 1.0),
                number(&[("a", "1"), ("a", "2")], T0, 1.0),
            ],
        ),
        metric("h", "", Data::Histogram(Histogram { data_points: vec![bad_histogram], temporality: CUMULATIVE })),
        metric("s", "", Data::Sum(unspecified)),
        Metric { name: "empty".to_owned(), ..Metric::default() },
    ]);
    assert_eq!(shown(&decoded.batch), "m{host=\"web-1\",instance=\"i-1\",service=\"shop\"} 0 1\n");
    assert_eq!(decoded.rejected, 9);
    let counts = [
        (Reason::Timestamp, 1),
        (Reason::LabelCount, 1),
        (Reason::Shape, 2),
        (Reason::Unnamed, 1),
        (Reason::LabelValue, 1),
        (Reason::LabelName, 2),
        (Reason::Temporality, 1),
    ];
    for (reason, count) in counts {
        assert_eq!(decoded.problems.count(reason), count, "{reason:?}");
    }
    let told = decoded.problems.mistake().unwrap();
    assert!(told.starts_with("metric \"m\": time_unix_nano: 0 is not between 1970 and 2200"), "{told}");
}

/// Guarantees: MUST 209: a million attributes take time that grows with their number, not with its square: the test
/// would not end otherwise.
#[test]
fn a_million_attributes_are_cut_off() {
    let million: Vec<KeyValue> = (0..1_000_000).map(|it| attribute(&format!("a{it}"), text("b"))).collect();
    let point = NumberPoint { attributes: million.clone(), ..number(&[], T0, 1.0) };
    let decoded = decoded(vec![gauge("m", "", vec![point])]);
    assert_eq!((decoded.batch.len(), decoded.problems.count(Reason::LabelCount)), (0, 1));

    let record = LogRecord { time: T0, body: Some(text("x")), attributes: million.clone(), ..LogRecord::default() };
    let decoded = decoder().logs(&logs(SHOP, vec![record]).encode_to_vec(), Timestamp::MIN).unwrap();
    assert_eq!(decoded.batch.len(), 1, "a line is never refused for its metadata");
    assert!(decoded.problems.count(Reason::Metadata) > 999_900);

    let span = Span { attributes: million, ..span("x") };
    let decoded = decoder().traces(&traces(SHOP, vec![span]).encode_to_vec()).unwrap();
    assert_eq!((decoded.batch.len(), decoded.batch[0].attributes.len()), (1, 64));
}

/// Guarantees: MUST 209: what a resource repeats is not carried along with each of its points.
#[test]
fn a_resource_that_repeats_itself_is_read_once() {
    let points = (0..1000).map(|it| number(&[("n", &it.to_string())], T0, 1.0)).collect();
    let mut request = metrics(&[], vec![gauge("m", "", points)]);
    let repeated = (0..1_000_000).map(|it| attribute("service.name", text(&format!("s{it}")))).collect();
    request.resource_metrics[0].resource = Some(Resource { attributes: repeated });
    let decoded = decoder().metrics(&request.encode_to_vec()).unwrap();
    assert_eq!((decoded.batch.len(), decoded.rejected), (1000, 0));
    assert_eq!(decoded.batch[0].labels.get("service"), Some("s999999"));
}

fn lines(records: Vec<LogRecord>) -> Vec<Line> {
    let decoded = decoder().logs(&logs(SHOP, records).encode_to_vec(), Timestamp::from_secs(5)).unwrap();
    assert_eq!(decoded.rejected, 0);
    decoded.batch
}

/// Guarantees: MUST 218.
#[test]
fn records_become_lines_with_level_stream_and_metadata() {
    let record = LogRecord {
        time: T0,
        severity_number: 17,
        body: Some(text("card declined")),
        attributes: vec![attribute("http.status", holding(Value::Int(402))), attribute("trace_id", text("forged"))],
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        ..LogRecord::default()
    };
    let line = &lines(vec![record])[0];
    assert_eq!((line.line.as_str(), line.time), ("card declined", Timestamp::from_secs(1_700_000_000)));
    assert_eq!(line.labels.to_string(), r#"{host="web-1",level="error",service="shop"}"#);
    let metadata = r#"{http_status="402",instance="i-1",scope_name="my.logger",span_id="cdcdcdcdcdcdcdcd",trace_id="abababababababababababababababab"}"#;
    assert_eq!(line.metadata.to_string(), metadata);
}

/// Guarantees: MUST 218.
#[test]
fn time_level_and_body_have_fallbacks() {
    let map = Map {
        values: vec![attribute(
            "a",
            holding(Value::List(List { values: vec![text("x"), holding(Value::Bool(true))] })),
        )],
    };
    let found = lines(vec![
        LogRecord {
            observed: T0 + SECOND,
            severity_text: "WARNING".to_owned(),
            body: Some(text("x")),
            ..LogRecord::default()
        },
        LogRecord { event_name: "browser.page_view".to_owned(), severity_number: 99, ..LogRecord::default() },
        LogRecord { time: T0, body: Some(holding(Value::Map(map))), severity_number: 4, ..LogRecord::default() },
    ]);
    assert_eq!(found[0].time, Timestamp::from_secs(1_700_000_001));
    assert_eq!(found[0].labels.get("level"), Some("warn"));
    assert_eq!((found[1].time, found[1].line.as_str()), (Timestamp::from_secs(5), "browser.page_view"));
    assert_eq!(found[1].labels.get("level"), None);
    assert_eq!((found[2].line.as_str(), found[2].labels.get("level")), (r#"{"a":["x",true]}"#, Some("trace")));
    let nobody = decoder().logs(
        &logs(&[], vec![LogRecord { time: T0, body: Some(text("x")), ..LogRecord::default() }]).encode_to_vec(),
        Timestamp::MIN,
    );
    assert_eq!(nobody.unwrap().batch[0].labels.to_string(), r#"{service="unknown_service"}"#);
}

/// Guarantees: MUST 202 and 209: records of two bytes do not become a hundred each in memory.
#[test]
fn records_that_say_nothing_are_rejected() {
    let request = logs(SHOP, vec![LogRecord::default(); 1000]);
    let decoded = decoder().logs(&request.encode_to_vec(), Timestamp::from_secs(5)).unwrap();
    assert_eq!((decoded.batch.len(), decoded.rejected, decoded.problems.count(Reason::Shape)), (0, 1000, 1000));
}

/// Guarantees: MUST 219.
#[test]
fn spans_become_spans() {
    let full = Span {
        parent: vec![3; 8],
        attributes: attributes(&[("http.request.method", "GET")]),
        events: vec![Event {
            time: T0 + 5,
            name: "exception".to_owned(),
            attributes: attributes(&[("exception.type", "E")]),
        }],
        links: vec![Link { trace_id: vec![9; 16], span_id: vec![8; 8] }, Link::default()],
        status: Some(Status { message: "timeout".to_owned(), code: 2 }),
        flags: 1,
        ..span("GET /cart")
    };
    let backwards = Span { end: T0 - 1, kind: 0, ..span("backwards") };
    let no_trace = Span { trace_id: vec![0; 16], ..span("no trace") };
    let short_id = Span { span_id: vec![1; 7], ..span("short") };
    let no_time = Span { start: 0, ..span("no time") };
    let request = traces(SHOP, vec![full, backwards, no_trace, short_id, no_time]);
    let decoded = decoder().traces(&request.encode_to_vec()).unwrap();
    assert_eq!((decoded.batch.len(), decoded.rejected), (2, 3));
    assert_eq!((decoded.problems.count(Reason::SpanId), decoded.problems.count(Reason::Timestamp)), (2, 1));
    assert_eq!(decoded.batch[1].duration_nanos, 0);
    expect![[r#"
        {
          "trace": "01010101010101010101010101010101",
          "id": "0202020202020202",
          "parent": "0303030303030303",
          "name": "GET /cart",
          "kind": "server",
          "start_nanos": 1700000000000000000,
          "duration_nanos": 1000000000,
          "status": "error",
          "message": "timeout",
          "resource": {
            "host": "web-1",
            "instance": "i-1",
            "service": "shop"
          },
          "attributes": {
            "http.request.method": "GET"
          },
          "events": [
            {
              "time_nanos": 1700000000000000005,
              "name": "exception",
              "attributes": {
                "exception.type": "E"
              }
            }
          ],
          "links": [
            [
              "09090909090909090909090909090909",
              "0808080808080808"
            ]
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&decoded.batch[0]).unwrap());
}

/// Guarantees: MUST 210: a field that comes after what depends on it counts all the same.
#[test]
fn the_order_of_fields_does_not_matter() {
    let point = number(&[("a", "b")], T0, 1.0).encode_to_vec();
    let field = |number: u8, bytes: &[u8]| {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    };
    // Sum: is_monotonic and temporality behind the points; metric: data before the name; scope before the resource.
    let sum = [field(1, &point), vec![0x18, 1, 0x10, 2]].concat();
    let metric = [field(7, &sum), field(1, b"hits")].concat();
    let scope = field(2, &metric);
    let resource =
        [field(2, &scope), field(1, &resource(&[("service.name", "shop")]).unwrap().encode_to_vec())].concat();
    let decoded = decoder().metrics(&field(1, &resource)).unwrap();
    assert_eq!(shown(&decoded.batch), "hits_total{a=\"b\",service=\"shop\"} 0 1\n");
}

/// Guarantees: MUST 206: the examples of the OpenTelemetry project are read.
#[test]
fn the_examples_of_the_project_are_read() {
    let Some(folder) = std::env::var_os("SENTINEL_TEST_DATA") else {
        eprintln!("SKIPPED: SENTINEL_TEST_DATA is not set");
        return;
    };
    let read = |signal, name: &str| {
        let path = Path::new(&folder).join("otlp").join(name);
        let body = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        otlp_json_to_protobuf(signal, &body).unwrap()
    };
    let metrics = decoder().metrics(&read(OtlpSignal::Metrics, "metrics.json")).unwrap();
    assert_eq!(metrics.rejected, 0);
    let names: Vec<&str> = metrics.batch.iter().map(|it| it.labels.name()).collect();
    expect![[r#"
        my_counter_total my_gauge_ratio my_histogram_count my_histogram_sum my_histogram_bucket my_histogram_bucket my_exponential_histogram_count my_exponential_histogram_sum my_exponential_histogram_bucket my_exponential_histogram_bucket my_exponential_histogram_bucket"#]]
    .assert_eq(&names.join(" "));
    assert!(metrics.batch.iter().all(|it| it.labels.get("service") == Some("my.service")));

    let line = &decoder().logs(&read(OtlpSignal::Logs, "logs.json"), Timestamp::MIN).unwrap().batch[0];
    assert_eq!((line.line.as_str(), line.labels.get("level")), ("Example log record", Some("info")));
    assert_eq!(line.metadata.get("trace_id"), Some("5b8efff798038103d269b633813fc60c"));
    assert_eq!(line.metadata.get("map_attribute"), Some(r#"{"some.map.key":"some value"}"#));
    let event = &decoder().logs(&read(OtlpSignal::Logs, "events.json"), Timestamp::MIN).unwrap().batch[0];
    assert!(event.line.starts_with(r#"{"type":0,"url":"https://www.guidgenerator.com/"#), "{}", event.line);
    assert_eq!(event.metadata.get("event_name"), Some("browser.page_view"));

    let span = &decoder().traces(&read(OtlpSignal::Traces, "trace.json")).unwrap().batch[0];
    assert_eq!((span.name.as_str(), span.duration_nanos, span.service()), ("I'm a server span", SECOND, "my.service"));
    assert_eq!(span.parent.unwrap().to_string(), "eee19b7ec3c1b173");
}
