//! Is Loki push taken in both forms, and are mistakes told as Loki tells them, in plain text?

use std::io::Write;

use axum::http::StatusCode;
use ingest::{Config, Refused};

use crate::fake::Service;
use crate::wire::{Entry, Instant, PushRequest, Stream, pair, snappy};

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn push(labels: &str, entries: &[(i64, &str)]) -> PushRequest {
    let entries = entries.iter().map(|(seconds, line)| Entry {
        timestamp: Some(Instant { seconds: *seconds, nanos: 5_000_000 }),
        line: (*line).to_owned(),
        metadata: vec![pair("level", "warn"), pair("trace_id", "abc")],
    });
    PushRequest { streams: vec![Stream { labels: labels.to_owned(), entries: entries.collect(), hash: 7 }] }
}

/// Guarantees: MUST 20 of docs/specs/ingest.md.
#[tokio::test]
async fn json_plain_and_gzip() {
    let service = Service::new();
    let body = r#"{"streams":[{"stream":{"service":"pay"},"values":[["1700000000000000000","pool exhausted"]]}]}"#;
    let answer = service.post("/loki/api/v1/push", &[JSON], body).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let answer =
        service.post("/loki/api/v1/push", &[JSON, ("content-encoding", "gzip")], encoder.finish().unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(service.recorder.texts(), ["pool exhausted", "pool exhausted"]);
}

/// Guarantees: MUST 21.
#[tokio::test]
async fn protobuf_is_the_default() {
    let service = Service::new();
    let body = snappy(&push(r#"{service="pay", host="web-1"}"#, &[(1_700_000_000, "one"), (1_700_000_001, "two")]));
    for headers in [&[PROTOBUF][..], &[]] {
        assert_eq!(service.post("/loki/api/v1/push", headers, body.clone()).await.status, StatusCode::NO_CONTENT);
    }
    let lines = service.recorder.lines.lock().unwrap();
    assert_eq!(lines.len(), 4);
    assert_eq!((&*lines[0].line, lines[0].metadata.get("trace_id")), ("one", Some("abc")));
    assert_eq!(lines[0].time.millis(), 1_700_000_000_005);
    assert_eq!(lines[0].labels.to_string(), r#"{host="web-1",level="warn",service="pay"}"#);
}

/// Guarantees: MUST 22: clear plain text, and the good part is stored.
#[tokio::test]
async fn mistakes_are_plain_text() {
    let service = Service::new();
    let nameless = r#"{"streams":[{"stream":{},"values":[["1700000000000000000","x"]]}]}"#;
    for (headers, body, status, expected) in [
        (&[JSON][..], "{".as_bytes().to_vec(), StatusCode::BAD_REQUEST, "the body: EOF"),
        (&[JSON], nameless.as_bytes().to_vec(), StatusCode::BAD_REQUEST, "at least one label"),
        (&[JSON], b"\xff".to_vec(), StatusCode::BAD_REQUEST, "not UTF-8 at byte 0"),
        (&[PROTOBUF], b"junk".to_vec(), StatusCode::BAD_REQUEST, "snappy block"),
        (&[PROTOBUF], snappy(&push("{a=b}", &[])), StatusCode::BAD_REQUEST, "a quoted value expected at byte 3"),
        (&[("content-type", "text/plain")], vec![], StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json"),
    ] {
        let answer = service.post("/loki/api/v1/push", headers, body).await;
        assert_eq!(answer.status, status, "{expected}");
        assert!(answer.text.contains(expected), "{expected}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    }
}

/// Guarantees: MUST 22 and 850: a line of another encoding is repaired, a stream that cannot be read takes no other with it.
#[tokio::test]
async fn lines_that_are_no_utf8_are_repaired_and_bad_streams_left_out() {
    let service = Service::new();
    let bytes = |it: &[u8]| [&[0x12, it.len() as u8], it].concat();
    // Strings of Go may hold any bytes, which the types of this test do not let through.
    let entry = |line: &[u8]| bytes(&[&[0x0a, 6, 0x08, 0x80, 0xe2, 0xcf, 0xaa, 0x06][..], &bytes(line)].concat());
    let stream = |labels: &[u8], lines: &[&[u8]]| {
        let entries: Vec<u8> = lines.iter().flat_map(|it| entry(it)).collect();
        let stream = [&[0x0a, labels.len() as u8], labels, &entries].concat();
        [&[0x0a, stream.len() as u8][..], &stream].concat()
    };
    let push = [
        stream(b"{app=\"caf\xe9\"}", &[b"of nobody"]),
        stream(b"{app=pay}", &[b"of nobody", b"either"]),
        stream(b"{app=\"pay\"}", &[b"caf\xe9 is closed", b"all is well"]),
    ];
    let body = snap::raw::Encoder::new().compress_vec(&push.concat()).unwrap();
    let answer = service.post("/loki/api/v1/push", &[PROTOBUF], body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.starts_with("stream.labels: streams[0]: not UTF-8 at byte 9 (3 left out"), "{}", answer.text);
    assert_eq!(service.recorder.texts(), ["caf\u{fffd} is closed", "all is well"]);
    assert_eq!(service.metric("sentinel_ingest_lines_altered_total", "loki", "invalid_utf8"), 1.0);
    assert_eq!(service.metric("sentinel_ingest_signals_dropped_total", "loki", "malformed"), 3.0);
}

/// Guarantees: MUST 23 and 5.
#[tokio::test]
async fn long_lines_are_cut_and_overload_is_503() {
    let service = Service::with(&Config { max_line_bytes: 100, ..Config::default() });
    service.recorder.refusals.lock().unwrap().push(Refused::Busy { retry_after_secs: 2 });
    let body = snappy(&push(r#"{service="pay"}"#, &[(1_700_000_000, &"x".repeat(500))]));
    assert_eq!(
        service.post("/loki/api/v1/push", &[PROTOBUF], body.clone()).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(service.post("/loki/api/v1/push", &[PROTOBUF], body).await.status, StatusCode::NO_CONTENT);
    assert_eq!(service.recorder.texts(), ["x".repeat(100)]);
    assert_eq!(service.metric("sentinel_ingest_lines_altered_total", "loki", "cut"), 1.0);
}

#[tokio::test]
async fn changes_are_taken_and_mistakes_named() {
    let service = Service::new();
    let body = r#"{"service":"pay","kind":"deploy","title":"v2 <b>","version":"2"}"#;
    let answer = service.post("/sentinel/v1/changes", &[JSON], body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(service.recorder.changes.lock().unwrap()[0].title, "v2 <b>");
    let answer = service.post("/sentinel/v1/changes", &[JSON], r#"[{"service":"pay"}]"#).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("[0]: missing field"), "{}", answer.text);
}
