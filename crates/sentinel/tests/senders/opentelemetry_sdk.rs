//! Does what a real OpenTelemetry SDK sends come in, over gRPC and HTTP, and is it still there after `kill -9`?
//!
//! The SDK is the one for Python from PyPI, as users install it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::client::encoded;
use crate::support::server::{QUIET, Server};
use crate::support::services::{free_port, python_with};

/// Charts are answered whole, so that no point is left out.
const WHOLE_ANSWERS: &str = "serve:\n  max_chart_points: 100000\n";
const SIGNALS: &str = "metrics,logs,traces";
const TOKEN: &str = "a-token-of-some-length";

/// A Python with the SDK; None (and a skip) if it cannot be installed.
fn sdk() -> Option<PathBuf> {
    python_with(
        "opentelemetry-sdk",
        &[
            "opentelemetry-sdk==1.45.2",
            "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
            "opentelemetry-exporter-otlp-proto-http==1.45.2",
        ],
    )
}

/// A server with the ports that it takes OpenTelemetry on: gRPC, HTTP.
fn server(name: &str, more: &str) -> (Server, u16, u16) {
    let (grpc, http) = (free_port(), free_port());
    let config = format!("{QUIET}{more}otlp:\n  grpc: 127.0.0.1:{grpc}\n  http: 127.0.0.1:{http}\n");
    (Server::start(name, &config), grpc, http)
}

/// Runs the program; what it printed, and what it complained about.
fn run(python: &Path, arguments: &[&str]) -> (Value, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/senders/otlp_client.py");
    let output = Command::new(python).args(["-W", "ignore", script]).args(arguments).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaints}");
    (serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaints}")), complaints)
}

/// Each series of a name and service by one of its labels: the newest value of a gauge, the last increase of a counter.
fn newest(server: &Server, name: &str, service: &str, label: &str) -> Vec<(String, f64)> {
    let list = server.list(&format!("/sentinel/v1/series?match={name}&limit=1000"));
    let is_it = |it: &&Value| it["labels"]["service"] == service && it["labels"]["__name__"] == name;
    let text = |it: &Value| it.as_str().unwrap_or("").to_owned();
    let value = |it: &Value| {
        let answer = server.get_json(&format!("/sentinel/v1/series/{}/points?from=-30m", text(&it["id"])));
        last_change(answer["points"].as_array().unwrap(), name == "disk_usage_bytes")
    };
    let mut found: Vec<(String, f64)> =
        list.iter().filter(is_it).map(|it| (text(&it["labels"][label]), value(it))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Counters are answered as rates per second, so the last one times the seconds since the point before is the increase.
fn last_change(points: &[Value], is_gauge: bool) -> f64 {
    let value = |it: &Value| it["value"].as_f64().unwrap();
    let millis = |it: &Value| it["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond() as f64;
    let [.., before, last] = points else { panic!("two points are needed: {points:?}") };
    if is_gauge {
        return value(last);
    }
    let increase = value(last) * (millis(last) - millis(before)) / 1000.0;
    (increase * 1e6).round() / 1e6
}

fn check_metrics(server: &Server, service: &str) {
    let newest = |name: &str, label: &str| newest(server, name, service, label);
    let of = |pairs: &[(&str, f64)]| pairs.iter().map(|it| (it.0.to_owned(), it.1)).collect::<Vec<_>>();
    assert_eq!(newest("orders_total", "payment_method"), of(&[("card", 3.0)]), "{service}");
    assert_eq!(newest("disk_usage_bytes", "host"), of(&[("web-1", 43.0)]), "{service}");
    assert_eq!(newest("coarse_duration_seconds_count", "host"), of(&[("web-1", 3.0)]), "{service}");
    assert_eq!(newest("coarse_duration_seconds_sum", "host"), of(&[("web-1", 6.8)]), "{service}");
    let coarse = newest("coarse_duration_seconds_bucket", "le");
    assert!(of(&[("0", 0.0), ("5", 3.0)]).iter().all(|it| coarse.contains(it)), "{service}: {coarse:?}");
    let fine = newest("fine_duration_seconds_bucket", "le");
    assert_eq!(fine, of(&[("+Inf", 3.0), ("0.5", 1.0), ("4", 3.0)]), "{service}");
}

fn check_logs(server: &Server, service: &str) {
    let hits = server.list(&format!("/sentinel/v1/logs?service={service}&q=declined&from=-30m"));
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!(hits[0]["line"], "card was declined");
    assert_eq!(hits[0]["labels"]["level"], "warn");
    assert_eq!(hits[0]["labels"]["host"], "web-1");
}

/// The trace has both spans, the inner one with its exception, and the line that was said in it.
fn check_trace(server: &Server, service: &str, id: &str) {
    let trace = server.get_json(&format!("/sentinel/v1/traces/{id}"));
    let spans = trace["spans"].as_array().unwrap();
    assert!(!trace.to_string().contains("hunter22"), "what comes over OpenTelemetry passes the rules: {trace}");
    let names: Vec<&str> = spans.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["POST /orders", "charge card"], "{service}");
    let (outer, inner) = (&spans[0], &spans[1]);
    assert_eq!((&inner["parent"], &inner["attributes"]["amount"]), (&outer["id"], &"12.5".into()), "{service}");
    assert_eq!(outer["resource"]["service"], *service);
    assert_eq!(inner["events"][0]["attributes"]["exception.type"], "TimeoutError", "{service}");
    assert!(outer["duration_nanos"].as_u64() >= inner["duration_nanos"].as_u64(), "{service}");
    let lines = trace["logs"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{service}: {lines:?}");
    assert_eq!((&lines[0]["line"], &lines[0]["metadata"]["span_id"]), (&"card was declined".into(), &inner["id"]));
}

/// What the SDK measured within a span leads to its trace. Exemplars are saved every minute and at the end, so that this
/// is asked before the kill.
fn check_exemplars(server: &Server, service: &str, trace: &str) {
    for (expression, value) in [
        (format!("histogram_quantile(0.9, rate(coarse_duration_seconds_bucket{{service=\"{service}\"}}[5m]))"), "3.5"),
        (format!("sum(rate(orders_total{{service=~\"{service}|nobody\"}}[1m])) by (host)"), "7"),
    ] {
        let path = format!("/api/v1/query_exemplars?query={}", encoded(&expression));
        let answer = server.get_json(&path);
        let exemplars: Vec<&Value> =
            answer["data"].as_array().unwrap().iter().flat_map(|it| it["exemplars"].as_array().unwrap()).collect();
        let is_ours = |it: &&&Value| it["labels"]["trace_id"] == *trace;
        assert_eq!(exemplars.iter().filter(is_ours).count(), exemplars.len(), "{service}: {answer}");
        assert!(exemplars.iter().any(|it| it["value"] == value), "{service} {expression}: {answer}");
        assert!(exemplars.iter().all(|it| it["labels"]["span_id"].as_str().unwrap().len() == 16), "{answer}");
    }
}

/// Guarantees: MUST 200, 201, 211, 216, 217, 218 and 219 of docs/specs/ingest.md.
#[test]
fn all_that_the_sdk_sends_is_found_again_after_a_kill() {
    let Some(python) = sdk() else { return };
    let (mut server, grpc, http) = server("otlp-sdk", WHOLE_ANSWERS);
    let main = server.address.to_string();
    let ways = [
        ("grpc", format!("http://127.0.0.1:{grpc}"), "over-grpc"),
        ("http", format!("http://127.0.0.1:{http}"), "over-http"),
        ("http", format!("http://{main}"), "over-main"),
    ];
    let mut traces = vec![];
    for (way, endpoint, service) in &ways {
        let (answer, complaints) = run(&python, &[way, endpoint, service, SIGNALS]);
        assert_eq!(answer["flushed"], true, "{service}: {complaints}");
        assert_eq!(complaints, "", "{service}");
        traces.push(answer["trace"].as_str().unwrap().to_owned());
    }
    for ((_, _, service), trace) in ways.iter().zip(&traces) {
        check_exemplars(&server, service, trace);
    }
    server.kill();
    server.restart();
    server.wait_until_ready();
    for ((_, _, service), trace) in ways.iter().zip(&traces) {
        check_metrics(&server, service);
        check_logs(&server, service);
        check_trace(&server, service, trace);
    }
}

/// Guarantees: MUST 207.
#[test]
fn the_token_is_asked_for_on_every_listener() {
    let Some(python) = sdk() else { return };
    let (server, grpc, http) = server("otlp-token", &format!("token: {TOKEN}\n"));
    for (way, port) in [("grpc", grpc), ("http", http), ("http", server.address.port())] {
        let endpoint = format!("http://127.0.0.1:{port}");
        let service = format!("denied-{port}");
        let (_, complaints) = run(&python, &[way, &endpoint, &service, SIGNALS]);
        let refused = if way == "grpc" { "UNAUTHENTICATED" } else { "401" };
        assert!(complaints.contains(refused), "{way}: {complaints}");
        let (_, complaints) = run(&python, &[way, &endpoint, &format!("allowed-{port}"), SIGNALS, TOKEN]);
        assert_eq!(complaints, "", "{way}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let lines = server.send("GET", "/sentinel/v1/logs?q=declined&from=-30m", &[("authorization", &bearer)], b"").json();
    let services: Vec<&str> =
        lines["items"].as_array().unwrap().iter().map(|it| it["labels"]["service"].as_str().unwrap()).collect();
    assert_eq!(services.len(), 3, "{services:?}");
    assert!(services.iter().all(|it| it.starts_with("allowed-")), "{services:?}");
}
