//! Is a real Prometheus forecast within a minute of the start, seen by its query API, switched between versions while it
//! runs, and is what serves still there after a crash in the middle of trainings?

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::prometheus::{Prometheus, make_past, serve_scrapes};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::is_there;
use crate::support::wait_for;

/// How long anything but the first forecast may take.
const LIMIT: Duration = Duration::from_secs(180);
/// What is promised of the first forecast, and of taking a version back.
const PROMISED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));

/// A wave of ten minutes.
fn value(pod: usize, secs: i64) -> f64 {
    let phase = (secs % 600) as f64 / 600.0 * std::f64::consts::TAU;
    50.0 + 10.0 * pod as f64 + 20.0 * phase.sin() + (secs * 7919 % 13) as f64 / 13.0
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// An hour of the past, a sample every ten seconds.
fn past() -> String {
    let mut text = String::from("# TYPE queue_length gauge\n");
    for pod in 0..2 {
        for age in (10..=3600).rev().step_by(10) {
            let secs = now() - age;
            writeln!(text, "queue_length{{pod=\"p\\\"{pod}\"}} {} {secs}", value(pod, secs)).unwrap();
        }
    }
    text.push_str("# EOF\n");
    text
}

/// Serves two series, a counter and a histogram; label values need escaping.
fn exposition() -> SocketAddr {
    serve_scrapes(|_| {
        let secs = now();
        let mut body: String =
            (0..2).map(|it| format!("queue_length{{pod=\"p\\\"{it}\"}} {}\n", value(it, secs))).collect();
        let _ = writeln!(body, "orders_total {}", secs % 1_000_000);
        body.push_str("# TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"+Inf\"} 5\nwait_seconds_count 5\nwait_seconds_sum 1\n");
        body
    })
}

/// Lines of /metrics with this name.
fn lines(server: &Server, name: &str) -> Vec<String> {
    let text = server.get("/metrics").text();
    text.lines().filter(|it| it.starts_with(&format!("{name}{{"))).map(str::to_owned).collect()
}

fn models(server: &Server) -> Vec<Value> {
    server.list("/sentinel/v1/models?match=queue_length&limit=100")
}

fn ready(server: &Server) -> Vec<Value> {
    wait_for(LIMIT, "both series are forecast", || {
        let all = models(server);
        (all.len() == 2 && all.iter().all(|it| it["ready"] == true)).then_some(all)
    })
}

fn version_of(server: &Server, id: &str) -> String {
    let all = models(server);
    all.iter().find(|it| it["id"] == id).unwrap()["active_version"].as_str().unwrap_or("").to_owned()
}

/// Guarantees: MUST 404, 411, 412, 413, 414 of docs/specs/forecast.md.
#[test]
fn a_prometheus_is_forecast_within_a_minute_and_versions_hold() {
    let _alone = crate::support::alone();
    if !is_there("prometheus", "forecasts of a real Prometheus") || !is_there("promtool", "a Prometheus with a past") {
        return;
    }
    let folder = Folder::new("forecast-prometheus");
    make_past(&folder, &past());
    let target = exposition();
    let config = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: load
    static_configs: [{{targets: [\"{target}\"]}}]
    metric_relabel_configs: [{{action: labeldrop, regex: 'job|instance'}}]
"
    );
    let prometheus = Prometheus::start(&folder, &config, &["--web.enable-remote-write-receiver"]);
    let address = prometheus.address;
    let config = format!(
        "{QUIET}prometheus_url: http://{address}
emitter_port: 8080
artifact_store: {}
emit_confidence_bounds: true
forecast:
  remote_write: [{{url: \"http://{address}/api/v1/write\"}}]
watches:
  - {{metric: queue_length, labels: {{pod: '=~p.[01]'}}, granularity: 10s, horizon: 1m, lookback: 50m}}
  - {{metric: orders_total, granularity: 10s, horizon: 1m, lookback: 50m}}
  - {{metric: wait_seconds, granularity: 10s, horizon: 1m, lookback: 50m}}
  - {{metric: nobody_has_it, granularity: 10s, horizon: 1m, lookback: 50m}}
",
        folder.path().join("models").display()
    );
    let began = Instant::now();
    let mut server = Server::start("forecast-prometheus", &config);
    let all = ready(&server);
    let took = began.elapsed();
    eprintln!("start to forecast: {:.1} s", took.as_secs_f64());
    assert!(took < PROMISED.0, "{took:?}");

    // On /metrics: six steps of each series and bound, labels escaped.
    let predicted = lines(&server, "queue_length_sentinel_predicted");
    assert_eq!(predicted.len(), 12, "{predicted:?}");
    assert!(
        predicted[0].contains(r#"pod="p\"0""#) && predicted[0].contains(r#"sentinel_horizon="1m""#),
        "{predicted:?}"
    );
    assert_eq!(lines(&server, "queue_length_sentinel_predicted_upper").len(), 12);

    // A histogram's name is told what to do; a counter is a rate.
    let watches = server.list("/sentinel/v1/watches");
    assert_eq!(watches[1]["expr"], "rate(orders_total[2m])");
    wait_for(LIMIT, "the histogram is told", || {
        let watches = server.list("/sentinel/v1/watches");
        watches[2]["error"].as_str().filter(|it| it.contains("histogram_quantile(0.99")).map(str::to_owned)
    });

    // Through the query API the forecast lies at its time, ahead of now; and it reaches the Prometheus.
    let query = format!(
        "/api/v1/query_range?query=queue_length_sentinel_forecast&start={}&end={}&step=10",
        now() - 60,
        now() + 60
    );
    let answer = server.get_json(&query);
    let newest = answer["data"]["result"][0]["values"].as_array().unwrap().last().unwrap()[0].as_f64().unwrap();
    assert!(newest >= now() as f64 + 30.0, "{answer}");
    wait_for(LIMIT, "the forecast is written to Prometheus", || {
        let path = format!("/api/v1/query?query=queue_length_sentinel_forecast&time={}", now() + 30);
        let answer = crate::support::client::send(address, "GET", &path, &[], b"").ok()?.json();
        answer["data"]["result"].as_array().filter(|it| it.len() == 2).map(|_| ())
    });

    // Train, and take back, on the running server.
    let id = all[0]["id"].as_str().unwrap().to_owned();
    let before = version_of(&server, &id);
    let mut after = before.clone();
    for _ in 0..10 {
        let answer = server.send("POST", &format!("/manage/retrain/{id}"), &[], b"");
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("triggered")));
        std::thread::sleep(Duration::from_millis(1500));
        after = version_of(&server, &id);
        if after != before {
            break;
        }
    }
    if after != before {
        let only = |version: &str| {
            let of_first =
                lines(&server, "queue_length_sentinel_predicted").into_iter().filter(|it| it.contains("p\\\"0"));
            of_first.collect::<Vec<_>>().iter().all(|it| it.contains(&format!("sentinel_version=\"{version}\"")))
        };
        assert!(only(&after), "the series of the old version are gone");
        let began = Instant::now();
        let answer = server.post_json(&format!("/manage/rollback/{id}"), &json!({"run_id": before, "actor": "alice"}));
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("rolled_back")), "{}", answer.text());
        let took_back = began.elapsed();
        assert_eq!(version_of(&server, &id), before);
        assert!(took_back < PROMISED.1, "{took_back:?}");
        assert!(only(&before));
        let ledger = server.get("/sentinel/v1/audit?limit=1000").text();
        assert!(ledger.contains("forecast.rollback") && ledger.contains("alice"), "{ledger}");
    }
    let unknown = server.post_json(&format!("/manage/promote/{id}"), &json!({"version": "v999"}));
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    assert_eq!(server.send("POST", "/manage/retrain/nobody", &[], b"").status, 404);

    // A crash in the middle of trainings leaves a version that serves.
    for round in 0..3_u64 {
        let serving = version_of(&server, &id);
        for model in models(&server) {
            server.send("POST", &format!("/manage/retrain/{}", model["id"].as_str().unwrap()), &[], b"");
        }
        std::thread::sleep(Duration::from_millis(7 + 40 * round));
        server.kill();
        server.restart();
        server.wait_until_ready();
        ready(&server);
        let number = |it: &str| it.trim_start_matches('v').parse::<u64>().unwrap();
        let now_serving = version_of(&server, &id);
        assert!(number(&now_serving) >= number(&serving) || serving == before, "{serving} then {now_serving}");
        assert!(!server.log().contains("cannot be read"), "{}", server.log());
    }
}
