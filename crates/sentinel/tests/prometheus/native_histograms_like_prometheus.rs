//! Are native histograms that were pushed by remote write answered as a real Prometheus answers them, also after a crash?

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::prometheus::Prometheus;
use crate::support::remote_write::{BucketSpan, Histogram, write_histograms};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::is_there;

/// Answers do not depend on how a quantile is interpolated, which Prometheus 3 does anew.
const QUERIES: [&str; 12] = [
    "latency",
    "latency{pod=\"1\"}",
    "sum(latency)",
    "rate(latency[5m])",
    "increase(latency{pod=\"2\"}[4m])",
    "sum(rate(latency[5m]))",
    "histogram_count(latency)",
    "histogram_sum(rate(latency[5m]))",
    "histogram_count(sum by (pod) (latency))",
    "histogram_fraction(-Inf, 1, latency)",
    "count(latency)",
    "latency offset 2m",
];

fn histogram(pod: i64, at: i64, timestamp: i64) -> Histogram {
    let grown = 3 * at + pod;
    Histogram {
        count_int: Some((10 * grown + 4) as u64),
        sum: 2.5 * grown as f64,
        schema: if pod == 1 { 2 } else { 0 },
        zero_threshold: 0.001,
        zero_count_int: 4,
        positive_spans: vec![BucketSpan { offset: -3, length: 2 }, BucketSpan { offset: 2, length: 2 }],
        // Counts 2, 3, 4 and 1 for each step, as differences.
        positive_deltas: vec![2 * grown, grown, grown, -3 * grown],
        timestamp,
        ..Histogram::default()
    }
}

fn answer(address: SocketAddr, query: &str, secs: i64) -> Value {
    let encoded: String = query.bytes().map(|it| format!("%{it:02X}")).collect();
    let path = format!("/api/v1/query?time={secs}&query={encoded}");
    let mut data = send(address, "GET", &path, &[], b"").unwrap().json()["data"]["result"].clone();
    if let Some(rows) = data.as_array_mut() {
        rows.sort_by_key(|it| it["metric"].to_string());
    }
    data
}

/// Equal but for the last digits of numbers.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        (Value::String(a), Value::String(b)) => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
            _ => a == b,
        },
        _ => a == b,
    }
}

/// Guarantees: MUST 12 of docs/specs/ingest.md.
#[test]
fn they_are_answered_as_prometheus_answers_them() {
    let mut server = Server::start("native-histograms", QUIET);
    let now = jiff::Timestamp::now().as_second();
    let begin = now - 600;
    let series = |pod: i64| {
        let labels = vec![("__name__".to_owned(), "latency".to_owned()), ("pod".to_owned(), pod.to_string())];
        (labels, (0..41).map(|at| histogram(pod, at, 1000 * (begin + 15 * at))).collect::<Vec<_>>())
    };
    let all = [series(1), series(2)];
    write_histograms(server.address, &all);
    let ours = |server: &Server, query: &str| answer(server.address, query, now);
    let whole = ours(&server, "latency{pod=\"1\"}");
    assert_eq!(whole[0]["histogram"][1]["count"], json!("1214"), "{whole}");
    assert_eq!(ours(&server, "histogram_quantile(1, latency{pod=\"1\"})").as_array().unwrap().len(), 1);
    assert_eq!(server.metric("sentinel_store_histograms_stored_total", &[]), 82.0);

    // Everything that was acknowledged is there after a crash.
    let before: Vec<Value> = QUERIES.iter().map(|it| ours(&server, it)).collect();
    server.kill();
    server.restart();
    server.wait_until_ready();
    for (query, before) in QUERIES.iter().zip(&before) {
        assert_eq!(&ours(&server, query), before, "{query}");
    }
    if !is_there("prometheus", "native histograms of a real Prometheus") {
        return;
    }
    let folder = Folder::new("native-histograms-prometheus");
    let arguments = ["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"];
    let prometheus = Prometheus::start(&folder, "global: {}\n", &arguments);
    write_histograms(prometheus.address, &all);
    for query in QUERIES {
        let (theirs, ours) = (answer(prometheus.address, query, now), ours(&server, query));
        assert!(theirs.as_array().is_some_and(|it| !it.is_empty()), "{query}: {theirs}");
        assert!(is_same(&ours, &theirs), "{query}\nours   {ours}\ntheirs {theirs}");
    }
}
