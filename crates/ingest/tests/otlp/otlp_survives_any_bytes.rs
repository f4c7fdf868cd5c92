//! Do OTLP's decoders survive foreign bytes, and do they read what was written? Random bytes, valid bodies with random
//! changes, and random records in both encodings.

use ingest::{Config, OtlpConfig, OtlpDecoder, OtlpSignal, otlp_json_to_protobuf};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;
use signal::Timestamp;

use crate::otlp_wire::*;

const SHOP: &[(&str, &str)] = &[("service.name", "shop")];
const SIGNALS: [OtlpSignal; 3] = [OtlpSignal::Metrics, OtlpSignal::Logs, OtlpSignal::Traces];

fn decoder() -> OtlpDecoder {
    let config = Config { max_line_bytes: 80, max_labels: 5, ..Config::default() };
    OtlpDecoder::new(&config, &OtlpConfig { max_delta_series: 10, ..OtlpConfig::default() })
}

fn decode_all(bytes: &[u8]) {
    let decoder = decoder();
    let _ = decoder.metrics(bytes);
    let _ = decoder.logs(bytes, Timestamp::MIN);
    let _ = decoder.traces(bytes);
    for signal in SIGNALS {
        if let Ok(protobuf) = otlp_json_to_protobuf(signal, bytes) {
            let decoder = self::decoder();
            let _ = decoder.metrics(&protobuf);
            let _ = decoder.logs(&protobuf, Timestamp::MIN);
            let _ = decoder.traces(&protobuf);
        }
    }
}

fn valid_metrics() -> MetricsRequest {
    let histogram = HistogramPoint {
        attributes: attributes(&[("a", "b")]),
        time: T0,
        count: 3,
        sum: Some(1.0),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.5],
        flags: 0,
        exemplars: vec![],
    };
    let buckets = |offset| Some(Buckets { offset, bucket_counts: vec![1, 2, 300] });
    let exponential = ExponentialPoint {
        time: T0,
        count: 9,
        scale: 2,
        positive: buckets(-3),
        negative: buckets(5),
        ..ExponentialPoint::default()
    };
    let summary =
        SummaryPoint { time: T0, quantiles: vec![Quantile { quantile: 0.5, value: 1.0 }], ..SummaryPoint::default() };
    let sum = Sum { data_points: vec![number(&[("a", "b")], T0, 1.0)], temporality: 1, is_monotonic: true };
    metrics(
        SHOP,
        vec![
            gauge("g", "1", vec![number(&[], T0, 1.0)]),
            metric("s", "By", Data::Sum(sum)),
            metric("h", "s", Data::Histogram(Histogram { data_points: vec![histogram], temporality: 1 })),
            metric("e", "", Data::Exponential(Exponential { data_points: vec![exponential], temporality: 1 })),
            metric("q", "", Data::Summary(Summary { data_points: vec![summary] })),
        ],
    )
}

fn valid_logs() -> LogsRequest {
    let list = List { values: vec![text("a"), holding(Value::Bool(true)), holding(Value::Bytes(vec![1, 2]))] };
    let map =
        Map { values: vec![attribute("k", holding(Value::List(list))), attribute("d", holding(Value::Double(0.5)))] };
    let record = LogRecord {
        time: T0,
        severity_number: 9,
        body: Some(holding(Value::Map(map))),
        attributes: attributes(&[("a.b", "c")]),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        ..LogRecord::default()
    };
    logs(SHOP, vec![record])
}

fn valid_traces() -> TracesRequest {
    let event = Event { time: T0, name: "e".to_owned(), attributes: attributes(&[("a", "b")]) };
    let link = Link { trace_id: vec![1; 16], span_id: vec![2; 8] };
    let status = Some(Status { message: "m".to_owned(), code: 2 });
    traces(SHOP, vec![Span { parent: vec![3; 8], events: vec![event], links: vec![link], status, ..span("s") }])
}

fn valid_bodies() -> [Vec<u8>; 6] {
    let json_metrics = br#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeMetrics":[{"metrics":[{"name":"m","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asInt":"5","timeUnixNano":"1700000000000000000"}]}}]}]}]}"#;
    let json_logs = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1700000000000000000,"body":{"kvlistValue":{"values":[{"key":"a","value":{"bytesValue":"AAE="}}]}}}]}]}]}"#;
    let json_traces = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","startTimeUnixNano":"1700000000000000000"}]}]}]}"#;
    [
        valid_metrics().encode_to_vec(),
        valid_logs().encode_to_vec(),
        valid_traces().encode_to_vec(),
        json_metrics.to_vec(),
        json_logs.to_vec(),
        json_traces.to_vec(),
    ]
}

/// Guarantees: the mutations below begin at bodies that are read, not at ones that are refused at once.
#[test]
fn the_bodies_that_are_mutated_are_valid() {
    let bodies = valid_bodies();
    let json = |idx: usize| otlp_json_to_protobuf(SIGNALS[idx - 3], &bodies[idx]).unwrap();
    for (bytes, count) in [(&bodies[0], 13), (&json(3), 1)] {
        let decoded = decoder().metrics(bytes).unwrap();
        assert_eq!((decoded.batch.len(), decoded.rejected), (count, 0), "{:?}", decoded.problems);
    }
    for bytes in [&bodies[1], &json(4)] {
        assert_eq!(decoder().logs(bytes, Timestamp::MIN).unwrap().batch.len(), 1);
    }
    for bytes in [&bodies[2], &json(5)] {
        assert_eq!(decoder().traces(bytes).unwrap().batch.len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Guarantees: MUST 8 of docs/specs/ingest.md.
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&bytes);
    }

    /// Guarantees: MUST 8.
    #[test]
    fn mutated_bodies(which in 0_usize..6, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
        let mut bytes = valid_bodies()[which].clone();
        for (place, value) in changes {
            let idx = place.index(bytes.len());
            bytes[idx] = value;
        }
        if is_cut {
            let end = cut.index(bytes.len());
            bytes.truncate(end);
        }
        decode_all(&bytes);
    }

    /// Guarantees: MUST 206 and 218: a record means the same in both encodings, and nothing of it is changed.
    #[test]
    fn records_are_read_as_they_were_written(
        line in "\\PC{1,30}", value in any::<i64>(), millis in 1_i64..4_000_000_000_000, severity in 1_i32..=24, trace in any::<[u8; 16]>(),
    ) {
        let nanos = u64::try_from(millis).unwrap() * 1_000_000;
        let record = LogRecord {
            time: nanos,
            severity_number: severity,
            body: Some(text(&line)),
            attributes: vec![attribute("n", holding(Value::Int(value)))],
            trace_id: trace.to_vec(),
            ..LogRecord::default()
        };
        let digits: String = trace.iter().map(|it| format!("{it:02X}")).collect();
        let json = json!({"resourceLogs": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [{"scope": {"name": "my.logger"}, "logRecords": [{
                "timeUnixNano": nanos.to_string(), "severityNumber": severity, "body": {"stringValue": line},
                "attributes": [{"key": "n", "value": {"intValue": value.to_string()}}], "traceId": digits}]}]}]});
        let config = Config::default();
        let read = |bytes: &[u8]| OtlpDecoder::new(&config, &OtlpConfig::default()).logs(bytes, Timestamp::MIN).unwrap();
        let from_protobuf = read(&logs(SHOP, vec![record]).encode_to_vec());
        let from_json = read(&otlp_json_to_protobuf(OtlpSignal::Logs, json.to_string().as_bytes()).unwrap());
        prop_assert_eq!(&from_protobuf, &from_json);
        let found = &from_json.batch[0];
        prop_assert_eq!(&found.line, &line);
        prop_assert_eq!(found.time, Timestamp::from_millis(millis));
        prop_assert_eq!(found.metadata.get("n").map(str::to_owned), Some(value.to_string()));
        let is_zero = trace.iter().all(|it| *it == 0);
        prop_assert_eq!(found.metadata.get("trace_id").map(str::to_owned), (!is_zero).then(|| digits.to_lowercase()));
    }

    /// Guarantees: MUST 206 and 210: the bits of a value and the milliseconds of its time are kept in both encodings.
    #[test]
    fn points_are_read_as_they_were_written(value in any::<f64>(), millis in 1_i64..4_000_000_000_000, label in "[a-z]{1,10}") {
        let nanos = u64::try_from(millis).unwrap() * 1_000_000;
        let request = metrics(&[], vec![gauge("m", "", vec![number(&[("a", &label)], nanos, value)])]);
        let found = decoder().metrics(&request.encode_to_vec()).unwrap().batch.remove(0);
        prop_assert_eq!(found.points[0].value.to_bits(), value.to_bits());
        prop_assert_eq!(found.points[0].time, Timestamp::from_millis(millis));
        prop_assert_eq!(found.labels.get("a"), Some(label.as_str()));
        let number = if value.is_finite() { json!(value) } else { json!(if value.is_nan() { "NaN" } else if value > 0.0 { "Infinity" } else { "-Infinity" }) };
        let json = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [
            {"asDouble": number, "timeUnixNano": nanos, "attributes": [{"key": "a", "value": {"stringValue": label}}]}]}}]}]}]});
        let bytes = otlp_json_to_protobuf(OtlpSignal::Metrics, json.to_string().as_bytes()).unwrap();
        let read = decoder().metrics(&bytes).unwrap().batch.remove(0);
        prop_assert_eq!(&read.labels, &found.labels);
        // A reader of JSON may be off in the last bits.
        let (read, value) = (read.points[0].value, value);
        let is_close = (read - value).abs() <= value.abs() * 4.0 * f64::EPSILON + f64::MIN_POSITIVE;
        prop_assert!(is_close || read == value || read.is_nan() && value.is_nan(), "{} {}", read, value);
    }
}
