//! Is a limit that will be crossed an incident before it is crossed, with what the claim rests on, and over when it is not?

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const WATCH: &str = "
watches:
  - metric: disk_used
    labels: {service: db}
    granularity: 1s
    horizon: 5s
    lookback: 2m
    model_class: linear_trend
    crosses:
      - {above: 95, within: 10m, probability: 0.9, severity: critical}
";

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn observation(secs: i64, value: f64) -> Value {
    let time = jiff::Timestamp::from_second(secs).unwrap().to_string();
    json!({"timestamp": time, "service_name": "db", "metrics": {"disk_used": value}})
}

/// Guarantees: MUST 419 of docs/specs/forecast.md.
#[test]
fn a_disk_that_fills_is_told_before_it_is_full() {
    let server = Server::start("limits-ahead", &format!("{QUIET}{WATCH}"));
    let begin = now();
    // Nearly four minutes are left, which are enough for a busy machine: 72 two minutes ago, 80 now, and four points more
    // each minute with a little noise.
    let value = |secs: i64| 80.0 + (secs - begin) as f64 / 15.0 + (secs * 7919 % 13) as f64 / 104.0;
    let past: Vec<Value> = (1..120).rev().map(|age| observation(begin - age, value(begin - age))).collect();
    assert_eq!(server.post_json("/monitor", &json!(past)).status, 200);
    let mut sent = begin - 1;
    let mut keep_coming = |value: &dyn Fn(i64) -> f64| {
        while sent < now() {
            sent += 1;
            assert_eq!(server.post_json("/monitor", &observation(sent, value(sent))).status, 200);
        }
    };
    let incident = wait_for(Duration::from_secs(240), "it is told", || {
        keep_coming(&value);
        let text = server.get("/sentinel/v1/incidents").text();
        text.contains("above 95 within 10m").then(|| server.list("/sentinel/v1/incidents")[0].clone())
    });
    let told = now();
    assert!(value(told) < 95.0, "it is told {} s before", ((95.0 - value(told)) * 15.0).round());
    let text = incident.to_string();
    assert!(text.contains("with a probability of") && text.contains("by version v"), "{text}");
    assert_eq!(incident["severity"], "critical", "{incident}");
    let probability = server.metric("predictivex_failure_probability", &["service=\"db\"", "horizon=\"600s\""]);
    assert!((0.9..=1.0).contains(&probability), "{probability}");
    eprintln!("told {:.0} s before the limit", (95.0 - value(told)) * 15.0);
    assert_eq!(server.metric("sentinel_detect_alerts_firing", &[]), 1.0);

    // Somebody cleans up.
    wait_for(Duration::from_secs(240), "the alert is over", || {
        keep_coming(&|secs| 20.0 + (secs * 7919 % 13) as f64 / 26.0);
        (server.metric("sentinel_detect_alerts_firing", &[]) == 0.0).then_some(())
    });
}
