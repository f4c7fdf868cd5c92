//! Does the server know after a restart what is usual in logs? It is stopped as a service manager does it, and started
//! again on the same folder; what it counted is there once, also what is older than the lines that are read again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

/// Nearly an hour, one line a second: twice as long as what is read again at the start.
const LINES: i128 = 3300;

#[test]
fn kinds_of_line_keep_their_identity_counts_and_usual_rates() {
    let mut server = Server::start("log-habits", QUIET);
    let now = jiff::Timestamp::now().as_nanosecond();
    let line = |it: i128| format!("2026-01-02 03:04:05 INFO [worker-{}] shop.Search: found {} items", it % 7, it % 9);
    let values: Vec<Value> =
        (1..=LINES).rev().map(|it| json!([(now - it * 1_000_000_000).to_string(), line(it)])).collect();
    let push = json!({"streams": [{"stream": {"service": "Search"}, "values": values}]});
    assert_eq!(server.post_json("/loki/api/v1/push", &push).status, 204);
    let kinds = |server: &Server| server.list("/sentinel/v1/logs/templates?service=Search&from=-2h");
    let before = wait_for(Duration::from_secs(120), "all lines are counted", || {
        Some(kinds(&server)).filter(|it| it.len() == 1 && it[0]["lines"] == LINES as u64)
    });
    assert_eq!(before[0]["template"], "found <*> items");
    server.stop();
    server.restart();
    server.wait_until_ready();
    let after = kinds(&server);
    for key in ["id", "template", "lines", "first_seen", "last_seen"] {
        assert_eq!(after[0][key], before[0][key], "{key}: {after:?}");
    }
    let usual = |of: &[Value]| of[0]["usual_per_minute"].as_f64().unwrap();
    assert!((usual(&after) - usual(&before)).abs() < 1e-6 && usual(&after) > 50.0, "{after:?}");

    // What it never said in that hour is new at once.
    let now = jiff::Timestamp::now().as_nanosecond();
    let odd =
        |it: i128| json!([(now - it).to_string(), "2026-01-02 03:04:05 WARN [worker-1] shop.Search: index is stale"]);
    let push = json!({"streams": [{"stream": {"service": "Search"}, "values": (0..8).map(odd).collect::<Vec<_>>()}]});
    assert_eq!(server.post_json("/loki/api/v1/push", &push).status, 204);
    let found = wait_for(Duration::from_secs(120), "the new kind of line is told", || {
        server.list("/sentinel/v1/logs/anomalies").into_iter().next()
    });
    assert_eq!(found["kind"], "new_template");
    assert!(found["explanation"].as_str().unwrap().contains("index is stale"), "{found}");
}
