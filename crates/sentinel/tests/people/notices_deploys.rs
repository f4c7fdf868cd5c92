//! Is a deploy noticed that nobody told of, and does the incident that follows name it?

use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

fn resource(version: &str) -> Value {
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "attributes": [
        attribute("service.name", "pay"), attribute("service.version", version), attribute("service.instance.id", "a"),
        attribute("telemetry.sdk.language", "go"),
    ] })
}

/// A line each second and how long requests took, as a program of that version sends them: all at once, so that none comes
/// late on a busy machine, where its silence would be the trouble.
fn export(server: &Server, version: &str, seconds: Range<i64>, latency: impl Fn(i64) -> f64) {
    let nanos = |second: i64| (second * 1_000_000_000).to_string();
    let line = |it: i64| json!({ "timeUnixNano": nanos(it), "severityText": "INFO", "body": { "stringValue": format!("paid {it}") } });
    let lines: Vec<Value> = seconds.clone().map(line).collect();
    let logs = json!({ "resourceLogs": [{ "resource": resource(version), "scopeLogs": [{ "logRecords": lines }] }] });
    let points: Vec<Value> = seconds.map(|it| json!({ "timeUnixNano": nanos(it), "asDouble": latency(it) })).collect();
    let metric = json!({ "name": "request.latency", "unit": "s", "gauge": { "dataPoints": points } });
    let metrics =
        json!({ "resourceMetrics": [{ "resource": resource(version), "scopeMetrics": [{ "metrics": [metric] }] }] });
    assert_eq!(server.post_json("/v1/logs", &logs).status, 200);
    assert_eq!(server.post_json("/v1/metrics", &metrics).status, 200);
}

fn deploys(server: &Server) -> Vec<String> {
    let changes = server.list("/sentinel/v1/changes?from=-1d");
    changes.iter().map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["title"].as_str().unwrap())).collect()
}

/// Guarantees: MUST 180 and 181 of docs/specs/ingest.md.
#[test]
fn a_version_that_was_not_there_before_is_a_deploy() {
    let mut server = Server::start("deploys", QUIET);
    let now = jiff::Timestamp::now().as_second();
    export(&server, "1.4.1", now - 420..now - 30, |second| 0.040 + (second % 5) as f64 / 1000.0);
    assert_eq!(deploys(&server), Vec::<String>::new(), "what runs already was not deployed now");
    // A restart forgets nothing: the deploy while it was down is noticed, too.
    server.stop();
    server.restart();
    server.wait_until_ready();
    export(&server, "1.4.2", now - 30..now - 29, |_| 0.041);
    assert_eq!(deploys(&server), ["deploy 1.4.2 after 1.4.1"]);
    let mut next = now - 28;
    wait_for(Duration::from_secs(180), "the deploy is named as the cause", || {
        // It goes on as time does, or its silence would be the trouble.
        let second = jiff::Timestamp::now().as_second();
        if next < second {
            export(&server, "1.4.2", next..second, |_| 4.0);
            next = second;
        }
        let incidents = server.list("/sentinel/v1/incidents");
        let is_it = |it: &&Value| {
            let text = it["diagnosis"].to_string();
            it["services"].to_string().contains("pay")
                && text.contains("bad_deploy")
                && text.contains("1.4.2 after 1.4.1")
        };
        incidents.iter().find(is_it).map(drop)
    });
    assert_eq!(deploys(&server).len(), 1, "a version is deployed once");

    // The series keeps its identity over the deploy; what changed is told beside it.
    let series = server.list("/sentinel/v1/series?match=pay");
    let named = |name: &str| series.iter().filter(|it| it["labels"]["__name__"] == name).collect::<Vec<_>>();
    assert_eq!(named("request_latency_seconds").len(), 1);
    let versions: Vec<_> = named("target_info").iter().map(|it| it["labels"]["service_version"].to_string()).collect();
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_eq!(named("target_info")[0]["labels"]["telemetry_sdk_language"], "go");
}
