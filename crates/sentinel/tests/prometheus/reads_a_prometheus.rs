//! Is the past of a real Prometheus fetched sample by sample, learned without an alert about it, and followed from then
//! on without a gap, also over a crash?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::prometheus::{Prometheus, Samples, make_past, samples, serve_scrapes};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::is_there;
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(240);
/// Six hours of history, a sample every ten seconds.
const N_PAST: i64 = 2160;
const STEP_SECS: i64 = 10;

/// Steady with some noise; the third of the services had a fault three hours and one ten minutes ago.
fn past_value(service: usize, age_secs: i64) -> f64 {
    let noise = (age_secs * 7919 % 13) as f64;
    let is_fault = service == 2 && [10_800, 600].iter().any(|it| (*it - 120..*it).contains(&age_secs));
    if is_fault { 900.0 } else { 100.0 + noise }
}

/// History in the text of OpenMetrics.
fn past(now_secs: i64) -> String {
    let mut text = String::from("# TYPE queue_length gauge\n");
    for service in 0..3 {
        for idx in (1..=N_PAST).rev() {
            let age = idx * STEP_SECS;
            let value = past_value(service, age);
            writeln!(text, "queue_length{{service=\"s{service}\"}} {value} {}", now_secs - age).unwrap();
        }
    }
    text.push_str("# EOF\n");
    text
}

/// Serves the three series; `level` is added to all of them.
fn exposition(level: &Arc<AtomicU64>) -> SocketAddr {
    let level = Arc::clone(level);
    serve_scrapes(move |scrape| {
        let value = |service: usize| 100 + (scrape * 5 + service) as u64 % 13 + level.load(Ordering::Relaxed);
        (0..3).map(|it| format!("queue_length{{service=\"s{it}\"}} {}\n", value(it))).collect()
    })
}

/// What a server has of a metric, by service.
fn by_service(address: SocketAddr, name: &str, until: i64) -> BTreeMap<String, Samples> {
    let all = samples(address, name, "7h", until);
    all.into_iter().map(|(labels, samples)| (labels["service"].as_str().unwrap_or("").to_owned(), samples)).collect()
}

fn same(server: &Server, prometheus: &Prometheus, what: &str) -> usize {
    let until = jiff::Timestamp::now().as_millisecond();
    let found = wait_for(LIMIT, what, || {
        // Asked anew each time: a scrape that began before may be stored after.
        let expected = by_service(prometheus.address, "queue_length", until);
        (by_service(server.address, "queue_length", until) == expected).then_some(expected)
    });
    found.values().map(BTreeMap::len).sum()
}

/// Guarantees: MUST 120 to 125 of docs/specs/ingest.md.
#[test]
fn the_past_is_fetched_and_the_present_followed() {
    if !is_there("prometheus", "range queries to a real Prometheus")
        || !is_there("promtool", "a Prometheus with a past")
    {
        return;
    }
    let folder = Folder::new("read-prometheus");
    make_past(&folder, &past(jiff::Timestamp::now().as_second()));
    let level = Arc::new(AtomicU64::new(0));
    let target = exposition(&level);
    let config = format!(
        "global: {{scrape_interval: 3s, scrape_timeout: 3s}}
scrape_configs:
  - job_name: load
    static_configs: [{{targets: [\"{target}\"]}}]
    metric_relabel_configs: [{{action: labeldrop, regex: 'job|instance'}}]
"
    );
    let prometheus = Prometheus::start(&folder, &config, &[]);
    let config = format!(
        "{QUIET}prometheus:
  - url: http://{}
    match: ['queue_length{{service=~\"s.\"}}']
    queries:
      queue_length_all: sum(queue_length)
    interval_secs: 1
    step_secs: 10
    backfill_hours: 7
    overlap_secs: 30
  - url: http://{}
    federate: ['up']
    interval_secs: 1
    timeout_secs: 1
",
        prometheus.address, prometheus.address
    );
    let mut server = Server::start("read-prometheus", &config);
    let count = same(&server, &prometheus, "the past is there, sample by sample");
    assert!(count as i64 >= 3 * N_PAST, "{count}");
    eprintln!("{count} samples of the past compared one by one");
    assert_eq!(server.list("/sentinel/v1/incidents"), Vec::<Value>::new(), "nobody is told of faults of the past");
    wait_for(LIMIT, "the expression is there", || {
        let found = by_service(server.address, "queue_length_all", jiff::Timestamp::now().as_millisecond());
        (found.values().map(BTreeMap::len).sum::<usize>() > 2000).then_some(())
    });
    wait_for(LIMIT, "federation brings `up`", || {
        server.list("/sentinel/v1/series?match=up&limit=10").into_iter().find(|it| it["labels"]["__name__"] == "up")
    });

    // What Prometheus scrapes while nobody asks is fetched afterwards.
    server.kill();
    let n_scraped = || {
        let all = by_service(prometheus.address, "queue_length", jiff::Timestamp::now().as_millisecond());
        all["s0"].len()
    };
    let before = n_scraped();
    wait_for(LIMIT, "Prometheus scrapes while nobody asks", || (n_scraped() >= before + 2).then_some(()));
    server.restart();
    server.wait_until_ready();
    same(&server, &prometheus, "what was missed is there");
    assert_eq!(server.list("/sentinel/v1/incidents"), Vec::<Value>::new());

    // What was learned from the past judges the present.
    level.store(800, Ordering::Relaxed);
    wait_for(LIMIT, "a fault of the present is told", || {
        server.list("/sentinel/v1/incidents").into_iter().find(|it| it["status"] == "open")
    });
    let dropped = server.metric("sentinel_ingest_signals_dropped_total", &["\"prometheus\"", "\"store\""]);
    eprintln!("{dropped} samples came twice");
}
