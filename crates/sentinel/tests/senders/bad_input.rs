//! What does the server say to input that is wrong, absurd or hostile? A clear 4xx that names the field, a count, and
//! nothing else: it stays healthy.

use serde_json::{Value, json};

use crate::support::server::{QUIET, Server};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const PROTOBUF: &[(&str, &str)] = &[
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

/// A request, the status it must get, and parts that the answer must have.
struct Case {
    request: (&'static str, &'static str, &'static [(&'static str, &'static str)], Vec<u8>),
    status: u16,
    says: &'static [&'static str],
}

fn post(
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: impl AsRef<[u8]>,
    status: u16,
    says: &'static [&'static str],
) -> Case {
    Case { request: ("POST", path, headers, body.as_ref().to_vec()), status, says }
}

fn get(path: &'static str, status: u16, says: &'static [&'static str]) -> Case {
    Case { request: ("GET", path, &[("accept", "application/json")], vec![]), status, says }
}

/// Sends every case and lists all that go wrong, not only the first.
fn check(server: &Server, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for Case { request: (method, path, headers, body), status, says } in cases {
        let shown = String::from_utf8_lossy(body.get(..body.len().min(100)).unwrap_or_default()).into_owned();
        let answer = server.send(method, path, headers, &body);
        let text = answer.text();
        if answer.status != status {
            wrong.push(format!("{method} {path} {shown:?}: {} instead of {status}: {text}", answer.status));
        } else if let Some(missing) = says.iter().find(|it| !text.to_lowercase().contains(&it.to_lowercase())) {
            wrong.push(format!("{method} {path} {shown:?}: does not say {missing:?}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(server.get("/readyz").status, 200, "still ready");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn monitor_names_every_field_at_fault() {
    let server = Server::start("bad-monitor", QUIET);
    let monitor = |body: &'static str, says| post("/monitor", JSON, body, 422, says);
    let cases = vec![
        monitor("", &["detail", "json_invalid"]),
        monitor("{", &["detail", "json_invalid"]),
        monitor("{}", &["timestamp", "service_name", "cpu_usage", "Field required"]),
        monitor("[1]", &["detail"]),
        monitor("null", &["detail"]),
        monitor(r#"{"timestamp":"10:00","service_name":"a","cpu_usage":"high"}"#, &["cpu_usage", "number"]),
        monitor(r#"{"timestamp":"10:00","service_name":"a","cpu_usage":"NaN"}"#, &["cpu_usage", "finite"]),
        monitor(r#"{"timestamp":"10:00","service_name":"a","cpu_usage":NaN}"#, &["json_invalid"]),
        monitor(r#"{"timestamp":"10:00","service_name":"a","cpu_usage":"-inf"}"#, &["cpu_usage", "finite"]),
        monitor(r#"{"timestamp":"10:00","service_name":"a","cpu_usage":1e999}"#, &["detail"]),
        monitor(r#"{"timestamp":"10:00","service_name":5,"cpu_usage":1}"#, &["service_name", "string"]),
        monitor(r#"{"timestamp":{},"service_name":"a","cpu_usage":1}"#, &["timestamp", "string"]),
        monitor(r#"{"timestamp":"9999999-01-01T00:00:00Z","service_name":"a","cpu_usage":1}"#, &["timestamp", "1970"]),
        monitor(r#"{"timestamp":-1e300,"service_name":"a","cpu_usage":1}"#, &["timestamp", "1970"]),
        monitor(r#"{"timestamp":"10:00","service_name":"a","metrics":{"x":[]}}"#, &["metrics", "x", "number"]),
        post(
            "/monitor",
            JSON,
            b"{\"timestamp\":\"10:00\",\"service_name\":\"\xff\xfe\",\"cpu_usage\":1}",
            422,
            &["detail"],
        ),
        post("/monitor", JSON, "[".repeat(100_000), 422, &["detail"]),
    ];
    let n_cases = cases.len();
    check(&server, cases);
    let n_counted = server.metric("sentinel_ingest_errors_total", &["monitor"]);
    assert!(n_counted >= n_cases as f64, "{n_cases} mistakes, {n_counted} counted");
}

#[test]
fn loki_push_says_what_is_wrong_with_which_stream() {
    let server = Server::start("bad-loki", QUIET);
    let now = jiff::Timestamp::now().as_nanosecond().to_string();
    let push = |stream: Value, values: Value| json!({"streams": [{"stream": stream, "values": values}]}).to_string();
    let many: serde_json::Map<String, Value> = (0..1000).map(|it| (format!("label_{it}"), json!("x"))).collect();
    let loki = |body: String, says| post("/loki/api/v1/push", JSON, body, 400, says);
    let cases = vec![
        loki("{".to_owned(), &["body"]),
        loki("{}".to_owned(), &["streams"]),
        loki(push(json!({"app": "a"}), json!([["soon", "x"]])), &["timestamp", "streams[0].values[0][0]", "soon"]),
        loki(push(json!({"app": "a"}), json!([["9223372036854775807", "x"]])), &["timestamp"]),
        loki(push(json!({}), json!([[now, "x"]])), &["streams[0]", "label"]),
        loki(push(json!({"app": 5}), json!([[now, "x"]])), &["string"]),
        loki(push(json!({"app": "a"}), json!([[now]])), &["body"]),
        loki(push(json!({"app": "a"}), json!([[now, 7]])), &["string"]),
        loki(push(Value::Object(many), json!([[now, "x"]])), &["streams[0]", "1000 labels"]),
        loki(push(json!({"app": "a".repeat(100_000)}), json!([[now, "x"]])), &["streams[0]", "app", "bytes"]),
        loki(push(json!({"a".repeat(100_000): "a"}), json!([[now, "x"]])), &["streams[0]", "label name"]),
        post("/loki/api/v1/push", JSON, b"{\"streams\":[\"\xff\"]}", 400, &["UTF-8"]),
        post("/loki/api/v1/push", PROTOBUF, b"no snappy", 400, &["snappy"]),
        post("/loki/api/v1/push", PROTOBUF, [0xff, 0xff, 0xff, 0xff, 0x0f], 413, &["larger"]),
        post("/loki/api/v1/push", &[("content-type", "text/csv")], "a,b", 415, &["text/csv"]),
    ];
    check(&server, cases);
    assert!(server.metric("sentinel_ingest_errors_total", &["loki"]) > 0.0);
    assert!(server.metric("sentinel_ingest_signals_dropped_total", &["loki"]) > 0.0);
}

/// Guarantees: MUST 203, 205 and 209 of docs/specs/ingest.md, also behind the layers of the main address.
#[test]
fn otlp_is_refused_with_a_status_in_its_own_encoding() {
    const PLAIN: &[(&str, &str)] = &[("content-type", "application/x-protobuf")];
    const GZIP: &[(&str, &str)] = &[("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];
    let server = Server::start("bad-otlp", &format!("{QUIET}otlp: {{grpc: null, http: null}}\n"));
    let deep = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(1000), "]}}".repeat(1000));
    let log = |body: &str| format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{body}]}}]}}]}}"#);
    let json = |path, body: String, says| post(path, JSON, body, 400, says);
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![0; 100 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let cases = vec![
        json("/v1/logs", String::new(), &["\"code\":3", "\"message\"", "EOF"]),
        json("/v1/logs", "[]".to_owned(), &["\"code\":3", "expected an object"]),
        json("/v1/traces", r#"{"resourceSpans":[{"scopeSpans":7}]}"#.to_owned(), &["resourceSpans[0].scopeSpans"]),
        json("/v1/metrics", "[".repeat(100_000), &["\"code\":3"]),
        json("/v1/logs", log(&format!(r#"{{"body":{deep}}}"#)), &["recursion limit"]),
        json("/v1/logs", log(r#"{"traceId":"5b8eff"} x"#), &["\"code\":3"]),
        post(
            "/v1/logs",
            JSON,
            log(r#"{"timeUnixNano":"18446744073709551615","eventName":"x"}"#),
            200,
            &["\"rejectedLogRecords\":\"1\""],
        ),
        post("/v1/logs", JSON, "{}", 200, &["{}"]),
        post("/v1/logs", PLAIN, "no protobuf", 400, &["request"]),
        post("/v1/metrics", PLAIN, [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], 400, &["cut off"]),
        post("/v1/metrics", GZIP, "no gzip", 400, &["compressed body"]),
        post("/v1/metrics", GZIP, bomb, 413, &["max_decompressed_bytes"]),
        post("/v1/traces", &[("content-type", "text/csv")], "a,b", 415, &["text/csv", "application/x-protobuf"]),
    ];
    check(&server, cases);
    assert!(server.metric("sentinel_ingest_errors_total", &["otlp", "malformed"]) >= 8.0);
    assert_eq!(server.metric("sentinel_ingest_errors_total", &["otlp", "too_large"]), 1.0);
    assert_eq!(server.metric("sentinel_ingest_signals_dropped_total", &["otlp", "timestamp"]), 1.0);
}

#[test]
fn remote_write_is_refused_with_a_reason_and_never_retried() {
    let server = Server::start("bad-write", QUIET);
    let now = jiff::Timestamp::now().as_millisecond();
    let many: Vec<String> = (0..1000).map(|it| format!("label_{it}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|it| (it.as_str(), "x")).chain([("__name__", "m")]).collect();
    let long = "x".repeat(100_000);
    let write = |body: Vec<u8>, status, says| post("/api/v1/write", PROTOBUF, body, status, says);
    let cases = vec![
        write(b"no snappy".to_vec(), 400, &["snappy"]),
        write(snappy(b"\xff\xff\xff\xff no protobuf"), 400, &["WriteRequest"]),
        write(vec![0xff, 0xff, 0xff, 0xff, 0x0f], 413, &["larger", "max_decompressed_bytes"]),
        write(series(&[("__name__", "m")], i64::MAX, 1.0), 400, &["timestamp"]),
        write(series(&[("__name__", "m")], i64::MIN, 1.0), 400, &["timestamp"]),
        write(series(&[("a", "b")], now, 1.0), 400, &["__name__"]),
        write(series(&[], now, 1.0), 400, &["__name__"]),
        write(series(&many, now, 1.0), 400, &["labels", "64"]),
        write(series(&[("__name__", &long)], now, 1.0), 400, &["__name__", "bytes"]),
        write(series(&[("__name__", "m"), ("a", "1"), ("a", "2")], now, 1.0), 400, &["twice"]),
        post("/api/v1/write", &[("content-type", "text/plain")], "x", 415, &["text/plain", "prometheus.WriteRequest"]),
        post("/api/v1/write", &[("x-prometheus-remote-write-version", "2.0.0")], "x", 415, &["2.0", "proto"]),
        post(
            "/api/v1/write",
            &[
                ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
                ("content-encoding", "snappy"),
            ],
            "x",
            400,
            &["snappy"],
        ),
    ];
    check(&server, cases);
    assert!(server.metric("sentinel_ingest_errors_total", &["remote_write"]) > 0.0);
    assert!(server.metric("sentinel_ingest_signals_dropped_total", &["remote_write"]) > 0.0);
    // Not a number and infinite are values in Prometheus: stored, and no reason to fall over.
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0] {
        let answer = server.send("POST", "/api/v1/write", PROTOBUF, &series(&[("__name__", "odd")], now, value));
        assert!(answer.status < 500, "{value}: {}", answer.text());
    }
    assert_eq!(server.get("/readyz").status, 200);
}

/// Guarantees: MUST 16 of docs/specs/ingest.md: what is sent again after an answer that was lost counts as written.
#[test]
fn a_write_that_is_repeated_is_told_as_written() {
    let server = Server::start("repeated-write", QUIET);
    let headers = [
        ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "2.0.0"),
    ];
    let symbols = ["", "__name__", "repeated"].map(|it| field(4, it.as_bytes())).concat();
    let now = jiff::Timestamp::now().as_millisecond();
    let sample = [&[0x09][..], &1.5_f64.to_le_bytes(), &[0x10], &varint(now.cast_unsigned())].concat();
    let body = snappy(&[symbols, field(5, &[field(1, &[1, 2]), field(2, &sample)].concat())].concat());
    for round in 0..2 {
        let answer = server.send("POST", "/api/v1/write", &headers, &body);
        let written = answer.header("x-prometheus-remote-write-samples-written");
        assert_eq!((answer.status, written), (204, Some("1")), "round {round}");
    }
    assert_eq!(server.metric("sentinel_store_points_stored_total", &[]), 1.0);
}

#[test]
fn bodies_of_100_megabytes_are_refused() {
    let server = Server::start("bad-size", QUIET);
    let body = vec![b' '; 100 << 20];
    for path in ["/monitor", "/loki/api/v1/push", "/api/v1/write", "/sentinel/v1/changes"] {
        let headers = if path == "/api/v1/write" { PROTOBUF } else { JSON };
        let answer = server.send("POST", path, headers, &body);
        assert_eq!(answer.status, 413, "{path}: {}", answer.text());
        assert!(answer.text().contains("max_body_bytes"), "{path}: {}", answer.text());
    }
    let feedback = server.send("POST", "/sentinel/v1/incidents/INC-1/feedback", JSON, &body);
    assert_eq!(feedback.status, 413, "{}", feedback.text());
    assert!(feedback.text().contains("limit"), "{}", feedback.text());
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn the_api_names_the_parameter_at_fault() {
    let server = Server::start("bad-api", QUIET);
    let change = |body: &'static str, says| post("/sentinel/v1/changes", JSON, body, 400, says);
    check(
        &server,
        vec![
            get("/sentinel/v1/incidents?limit=many", 400, &["limit"]),
            get("/sentinel/v1/incidents?limit=0", 422, &["limit"]),
            get("/sentinel/v1/incidents?limit=1000000", 422, &["limit"]),
            get("/sentinel/v1/incidents?lmit=5", 400, &["lmit"]),
            get("/sentinel/v1/incidents?status=sleepy", 422, &["status", "sleepy"]),
            get("/sentinel/v1/incidents?cursor=INC-x", 422, &["cursor"]),
            get("/sentinel/v1/incidents/17", 404, &["17"]),
            get("/sentinel/v1/incidents/INC-999999", 404, &["INC-999999"]),
            get("/sentinel/v1/incidents/INC-99999999999999999999999", 404, &["incident"]),
            get("/sentinel/v1/incidents/INC-999999/report?format=docx", 400, &["format", "docx"]),
            get("/sentinel/v1/plans/PLAN-x", 404, &["PLAN-x"]),
            get("/sentinel/v1/plans/PLAN-999999", 404, &["PLAN-999999"]),
            get("/sentinel/v1/series/zzzz/points", 404, &["zzzz"]),
            get("/sentinel/v1/series?match=%7Ba%3D", 422, &["match"]),
            get("/sentinel/v1/series/0000000000000001/points", 404, &["0000000000000001"]),
            get("/sentinel/v1/logs?from=yesterday", 422, &["from", "yesterday"]),
            get("/sentinel/v1/logs?from=-1m&to=-2m", 422, &["from", "to"]),
            get("/sentinel/v1/logs?level=loud", 422, &["level", "loud"]),
            get("/sentinel/v1/templates?window=soon", 422, &["window", "soon"]),
            get("/sentinel/v1/nothing-of-ours", 404, &["/sentinel/v1/nothing-of-ours"]),
            post("/sentinel/v1/incidents", JSON, "{}", 405, &["POST /sentinel/v1/incidents"]),
            post("/sentinel/v1/plans/PLAN-999999/approve", JSON, "{", 400, &["JSON"]),
            post("/sentinel/v1/plans/PLAN-999999/approve", JSON, "{}", 422, &["digest"]),
            post(
                "/sentinel/v1/plans/PLAN-999999/approve",
                JSON,
                r#"{"digest":"x","actor":"a"}"#,
                404,
                &["PLAN-999999"],
            ),
            post("/sentinel/v1/plans/PLAN-999999/approve", JSON, r#"{"digest":"x","actor":""}"#, 422, &["actor"]),
            post(
                "/sentinel/v1/incidents/INC-999999/feedback",
                JSON,
                r#"{"opinion":"meh"}"#,
                422,
                &["opinion", "meh", "noise"],
            ),
            change("{", &["body"]),
            change(r#"{"kind":"deploy","title":"v2"}"#, &["service"]),
            change(r#"{"service":"a","kind":"party","title":"v2"}"#, &["kind", "party", "deploy"]),
            change(r#"{"service":"a","kind":"deploy","title":"v2","time":"1300-01-01T00:00:00Z"}"#, &["time"]),
        ],
    );
    let problem = server.get("/sentinel/v1/incidents/INC-999999");
    assert!(problem.header("content-type").is_some_and(|it| it.starts_with("application/problem+json")));
}

/// Guarantees: pages show hostile text as text.
#[test]
fn pages_escape_what_came_from_outside() {
    const SCRIPT: &str = "<script>alert(1)</script>";
    let server = Server::start("bad-text", QUIET);
    let now = jiff::Timestamp::now();
    let line = format!("ERROR {SCRIPT} \u{1b}[31mred\u{1b}[0m \"'><img src=x onerror=alert(2)> marker");
    let push = json!({"streams": [{"stream": {"service": SCRIPT, "level": "error"},
        "values": [[now.as_nanosecond().to_string(), line]]}]});
    assert_eq!(server.post_json("/loki/api/v1/push", &push).status, 204);
    let body = json!({"timestamp": now.to_string(), "service_name": SCRIPT, "cpu_usage": 100_000});
    let answer = server.post_json("/monitor", &body).json();
    assert_eq!(answer["status"], "CRITICAL", "{answer}");
    let id = answer["incident_id"].as_str().unwrap().to_owned();
    let encoded = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        "/".to_owned(),
        "/incidents".to_owned(),
        format!("/incidents/{id}"),
        format!("/incidents?service={encoded}"),
        "/logs".to_owned(),
        format!("/logs?q={encoded}"),
        "/series".to_owned(),
        format!("/series?match={encoded}"),
        format!("/sentinel/v1/incidents/{id}/report?format=html"),
        format!("/{encoded}"),
    ] {
        let answer = server.send("GET", &path, &[("accept", "text/html")], b"");
        let is_html = answer.header("content-type").is_some_and(|it| it.starts_with("text/html"));
        let text = answer.text();
        assert!(answer.status < 500, "{path}: {text}");
        for bad in ["<script>alert", "<img src=x", "\u{1b}"] {
            assert!(!is_html || !text.contains(bad), "{path} has {bad:?}: {text}");
        }
    }
    let hits = server.list("/sentinel/v1/logs?q=marker");
    assert_eq!(hits.len(), 1, "the line is found by a word of it: {hits:?}");
}

/// One series with one sample as a snappy-compressed `prometheus.WriteRequest`.
fn series(labels: &[(&str, &str)], millis: i64, value: f64) -> Vec<u8> {
    let label =
        |(name, value): &(&str, &str)| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    let mut sample = vec![0x09];
    sample.extend(value.to_le_bytes());
    sample.push(0x10);
    sample.extend(varint(u64::from_le_bytes(millis.to_le_bytes())));
    let mut series: Vec<u8> = labels.iter().flat_map(label).collect();
    series.extend(field(2, &sample));
    snappy(&field(1, &series))
}

/// A length-delimited protobuf field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], varint(bytes.len() as u64).as_slice(), bytes].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

/// The snappy block format, with literals only.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = varint(bytes.len() as u64);
    for chunk in bytes.chunks(1 << 16) {
        block.push(61 << 2);
        block.extend(u16::try_from(chunk.len() - 1).unwrap().to_le_bytes());
        block.extend(chunk);
    }
    block
}
