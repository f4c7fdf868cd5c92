//! Does a measured value of a real target lead to its trace and the trace to its log lines, also after a restart?
//!
//! The target is the client library of Prometheus for Python; the question is the one that Grafana asks.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::encoded;
use crate::support::server::{QUIET, Server};
use crate::support::services::{free_port, python_with};
use crate::support::wait_for;

const TRACE: &str = "82af661f4f5e806328d4e2875649ee9c";
const SPAN: &str = "eee19b7ec3c1b174";
const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// A program that is ended with the test.
struct Exporter(Child);

impl Exporter {
    fn start(python: &std::path::Path, port: u16) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/senders/exemplar_exporter.py");
        let mut child = Command::new(python)
            .args([script, &port.to_string(), TRACE, SPAN])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "listening");
        Self(child)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What Grafana asks when exemplars of a panel are switched on.
fn asked(server: &Server, expression: &str) -> Vec<Value> {
    let form = format!("query={}&start=1700000000&end=4000000000.5", encoded(expression));
    let answer = server.send("POST", "/api/v1/query_exemplars", &FORM, form.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["status"], "success");
    answer.json()["data"].as_array().unwrap().clone()
}

/// A span of the trace and a line that was said in it.
fn send_trace(server: &Server) {
    let now = jiff::Timestamp::now().as_nanosecond();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]});
    let span = json!({"traceId": TRACE, "spanId": SPAN, "name": "POST /checkout", "kind": 2,
        "startTimeUnixNano": (now - 750_000_000).to_string(), "endTimeUnixNano": now.to_string()});
    let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]});
    assert_eq!(server.post_json("/v1/traces", &body).status, 200);
    let line = json!({"timeUnixNano": now.to_string(), "traceId": TRACE, "spanId": SPAN,
        "body": {"stringValue": "the pool is exhausted"}});
    let body = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [line]}]}]});
    assert_eq!(server.post_json("/v1/logs", &body).status, 200);
}

/// Guarantees: MUST 220, 224, 225 and 226 of docs/specs/ingest.md.
#[test]
fn a_scraped_exemplar_leads_to_its_trace_and_its_lines() {
    let Some(python) = python_with("prometheus-client", &["prometheus-client==0.26.0"]) else { return };
    let port = free_port();
    let exporter = Exporter::start(&python, port);
    let config = format!(
        "{QUIET}scrape:\n  - job: shop\n    targets: [\"127.0.0.1:{port}\"]\n    interval_secs: 1\n    timeout_secs: 1\n"
    );
    let mut server = Server::start("exemplars", &config);
    send_trace(&server);

    const QUANTILE: &str =
        "histogram_quantile(0.95, sum by (le) (rate(checkout_latency_seconds_bucket{job=\"shop\"}[5m])))";
    let found = wait_for(Duration::from_secs(120), "the exemplar", || {
        Some(asked(&server, QUANTILE)).filter(|it| !it.is_empty())
    });
    assert_eq!(found.len(), 1, "{found:?}");
    let expected = json!({"__name__": "checkout_latency_seconds_bucket", "instance": format!("127.0.0.1:{port}"),
        "job": "shop", "le": "1.0", "service": "checkout"});
    assert_eq!(found[0]["seriesLabels"], expected);
    let exemplar = &found[0]["exemplars"][0];
    assert_eq!(exemplar["labels"], json!({"trace_id": TRACE, "span_id": SPAN}));
    assert_eq!(exemplar["value"], "0.75");
    assert!(exemplar["timestamp"].as_f64().unwrap() > 1.7e9, "{exemplar}");
    assert_eq!(asked(&server, "increase(checkout_failures_total[1m])")[0]["exemplars"][0]["value"], "1");

    // Each scrape tells the same exemplar again.
    wait_for(Duration::from_secs(120), "more scrapes", || {
        let again = server.metric("sentinel_store_exemplars_dropped_total", &["duplicate"]);
        (again >= 4.0).then_some(())
    });
    assert_eq!(asked(&server, QUANTILE)[0]["exemplars"].as_array().unwrap().len(), 1);
    assert_eq!(server.metric("sentinel_store_exemplars_count", &[]), 2.0);
    drop(exporter);

    server.stop();
    server.restart();
    server.wait_until_ready();
    assert_eq!(asked(&server, QUANTILE), found, "what is saved comes back");
    let series = server.list("/sentinel/v1/series?match=checkout_latency_seconds_sum");
    let page = server.get(&format!("/series/{}?range=1h", series[0]["id"].as_str().unwrap())).text();
    assert!(page.contains(&format!("/traces/{TRACE}")), "the chart of the mean has the link");
    let trace = server.get_json(&format!("/sentinel/v1/traces/{TRACE}"));
    assert_eq!(trace["logs"][0]["line"], "the pool is exhausted");
    assert!(server.get(&format!("/traces/{TRACE}")).text().contains("the pool is exhausted"));
}

/// Guarantees: MUST 225: errors have the shape that Grafana reads.
#[test]
fn what_cannot_be_read_is_told_as_prometheus_tells_it() {
    let server = Server::start("exemplars-bad", QUIET);
    for (form, expected) in [
        ("query=rate(x%5B5m", "invalid parameter \"query\": 1:7: parse error: `]` expected"),
        ("start=1", "no expression found"),
        ("query=x&start=5&end=4", "end timestamp must not be before start timestamp"),
        ("query=x&start=soon", "start"),
        ("query=%7Ba%3D~%22(%22%7D", "regular expression"),
    ] {
        let answer = server.send("POST", "/api/v1/query_exemplars", &FORM, form.as_bytes());
        let told = answer.json();
        assert_eq!((answer.status, &told["status"], &told["errorType"]), (400, &"error".into(), &"bad_data".into()));
        assert!(told["error"].as_str().unwrap().contains(expected), "{form}: {told}");
    }
    assert_eq!(asked(&server, "1 + up"), Vec::<Value>::new());
}
