//! Is anything lost or doubled when the server is killed again and again while real clients write to it?
//!
//! A Prometheus from Debian scrapes the test and writes to Sentinel; a Loki client from PyPI pushes numbered lines.
//! Afterwards every sample that Prometheus has stored and every line that was acknowledged is looked up.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::client::send;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::{free_port, is_there, python_with, skip};
use crate::support::wait_for;

const N_KILLS: usize = 20;
const N_SERIES: usize = 500;
/// Time between two kills, drawn at random: from "still starting" to "in full work".
const MILLIS_BETWEEN_KILLS: std::ops::Range<u64> = 100..2500;
/// Lists and charts are answered whole: eight minutes of a chart in steps of 5 ms, less than between two scrapes.
const WHOLE_ANSWERS: &str = "serve:\n  max_page_size: 100000\n  max_chart_points: 100000\n";
/// How long the clients may take to hand over what they kept.
const CATCH_UP: Duration = Duration::from_secs(60);

/// Time and bits of the value of each sample of each series.
type Samples = BTreeMap<String, BTreeMap<i64, u64>>;

#[test]
fn nothing_is_lost_or_doubled_over_twenty_kills() {
    let seed = std::env::var("TEST_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = Server::start("survives-kill", &format!("{QUIET}{WHOLE_ANSWERS}"));
    let folder = Folder::new("clients");
    let prometheus =
        is_there("prometheus", "remote write by a real Prometheus").then(|| Prometheus::start(&folder, &server));
    let pusher = Pusher::start(server.address);
    if prometheus.is_none() && pusher.is_none() {
        return;
    }
    // Both are at work before the first kill.
    wait_for(Duration::from_secs(30), "the clients write", || {
        let has_samples =
            prometheus.is_none() || server.metric("sentinel_ingest_signals_received_total", &["remote_write"]) > 0.0;
        (has_samples && pusher.as_ref().is_none_or(|it| it.n_acknowledged() > 0)).then_some(())
    });
    for _ in 0..N_KILLS {
        std::thread::sleep(Duration::from_millis(random.u64(MILLIS_BETWEEN_KILLS)));
        server.kill();
        server.restart();
    }
    server.wait_until_ready();
    // Some more under full work, so that what comes after the last kill is covered too.
    std::thread::sleep(Duration::from_secs(2));
    if let Some(pusher) = pusher {
        check_lines(&server, pusher.stop());
    }
    if let Some(prometheus) = prometheus {
        check_samples(&server, &prometheus);
    }
    assert!(server.send("GET", "/readyz", &[], b"").status == 200);
}

fn check_samples(server: &Server, prometheus: &Prometheus) {
    let until = jiff::Timestamp::now().as_millisecond();
    let start = Instant::now();
    let expected = prometheus.samples(until);
    let n_expected: usize = expected.values().map(BTreeMap::len).sum();
    assert!(expected.len() == N_SERIES && n_expected > N_SERIES * 20, "too little load: {n_expected} samples");
    let ids = series_ids(server);
    let missing = loop {
        let stored: Samples = ids.iter().map(|(name, id)| (name.clone(), points(server, id, until))).collect();
        let missing = differences(&expected, &stored);
        if missing.is_empty() || start.elapsed() > CATCH_UP {
            break missing;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    let shown: Vec<_> = missing.iter().take(10).collect();
    assert!(missing.is_empty(), "{} of {n_expected} samples differ: {shown:?}", missing.len());
    eprintln!("{n_expected} samples of {} series compared one by one", expected.len());
}

/// What is in only one of the two, or with different values.
fn differences(expected: &Samples, stored: &Samples) -> Vec<String> {
    let mut found = Vec::new();
    let none = BTreeMap::new();
    for (name, samples) in expected {
        let have = stored.get(name).unwrap_or(&none);
        let lost = samples.iter().filter(|(time, value)| have.get(time) != Some(value));
        found.extend(lost.map(|(time, _)| format!("{name} at {time} is lost or changed")));
        let added = have.keys().filter(|time| !samples.contains_key(time));
        found.extend(added.map(|time| format!("{name} at {time} was never written")));
    }
    found
}

/// Label `n` and id of each series of the load.
fn series_ids(server: &Server) -> BTreeMap<String, String> {
    let list = server.list("/sentinel/v1/series?match=load_value&limit=10000");
    let of_load = list.iter().filter(|it| it["labels"]["__name__"] == "load_value");
    let pair = |it: &Value| Some((it["labels"]["n"].as_str()?.to_owned(), it["id"].as_str()?.to_owned()));
    of_load.filter_map(pair).collect()
}

/// Points of one series until an instant; stale markers (no number) are left out, as Prometheus does.
fn points(server: &Server, id: &str, until: i64) -> BTreeMap<i64, u64> {
    let answer = server.get_json(&format!("/sentinel/v1/series/{id}/points?from=-8m"));
    let rows = answer["points"].as_array().expect("points");
    let mut found = BTreeMap::new();
    for row in rows {
        let time = row["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
        if let Some(value) = row["value"].as_f64().filter(|_| time <= until) {
            assert!(found.insert(time, value.to_bits()).is_none(), "{id} has two samples at {time}");
        }
    }
    found
}

fn check_lines(server: &Server, n_lines: u64) {
    assert!(n_lines > 100, "too little load: {n_lines} lines");
    let mut lost = Vec::new();
    for part in 0..=(n_lines / 100) {
        let hits = server.list(&format!("/sentinel/v1/logs?service=loki-client&q=part{part}&from=-15m&limit=1000"));
        let lines: Vec<&str> = hits.iter().map(|it| it["line"].as_str().unwrap()).collect();
        for number in (part * 100..part * 100 + 100).filter(|it| *it < n_lines) {
            let wanted = format!("line {number} part{part} of the run");
            let n_found = lines.iter().filter(|it| **it == wanted).count();
            if n_found != 1 {
                lost.push(format!("{wanted:?} found {n_found} times"));
            }
        }
    }
    let shown: Vec<_> = lost.iter().take(10).collect();
    assert!(lost.is_empty(), "{} of {n_lines} acknowledged lines: {shown:?}", lost.len());
    eprintln!("{n_lines} acknowledged lines found exactly once");
}

/// A running Prometheus that scrapes this test four times a second.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    fn start(folder: &Folder, server: &Server) -> Self {
        let target = exposition();
        let config = format!(
            "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs:
  - job_name: load
    static_configs: [{{targets: [\"{target}\"]}}]
remote_write:
  - url: http://{}/api/v1/write
    queue_config:
      {{min_backoff: 30ms, max_backoff: 200ms, batch_send_deadline: 200ms, max_samples_per_send: 500, capacity: 5000}}
",
            server.address
        );
        let config = folder.write("prometheus.yml", &config);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = std::fs::File::create(folder.path().join("prometheus.log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self { child, address };
        wait_for(Duration::from_secs(30), "Prometheus is ready", || {
            send(address, "GET", "/-/ready", &[], b"").ok().filter(|it| it.status == 200)
        });
        prometheus
    }

    /// What Prometheus itself has stored until an instant.
    fn samples(&self, until: i64) -> Samples {
        let path = format!("/api/v1/query?query=load_value%5B10m%5D&time={}.{:03}", until / 1000, until % 1000);
        let answer = send(self.address, "GET", &path, &[], b"").unwrap().json();
        let mut samples = Samples::new();
        for series in answer["data"]["result"].as_array().expect("a matrix") {
            let of_series = samples.entry(series["metric"]["n"].as_str().unwrap().to_owned()).or_default();
            for pair in series["values"].as_array().unwrap() {
                #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
                let time = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
                of_series.insert(time, pair[1].as_str().unwrap().parse::<f64>().unwrap().to_bits());
            }
        }
        samples
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// Serves `load_value{n="0"}` and so on; every scrape sees other numbers.
fn exposition() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let scrapes = AtomicU64::new(0);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let scrape = scrapes.fetch_add(1, Ordering::Relaxed);
            let mut body = String::from("# TYPE load_value gauge\n");
            for n in 0..N_SERIES as u64 {
                body.push_str(&format!("load_value{{n=\"{n}\"}} {}.25\n", scrape * 1000 + n));
            }
            let mut request = [0; 2048];
            let is_read = stream.read(&mut request).is_ok();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // A scrape that breaks off is a gap in Prometheus too, so there is nothing to compare.
            let _ =
                is_read && stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_ok();
        }
    });
    address
}

/// A running Python program that pushes lines.
struct Pusher {
    child: Child,
    acknowledged: Arc<AtomicU64>,
}

impl Pusher {
    fn start(server: SocketAddr) -> Option<Self> {
        let python = python_with("loki-client", &["python-logging-loki==0.3.1", "requests==2.34.2"])?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/senders/loki_client.py");
        let url = format!("http://{server}/loki/api/v1/push");
        let child = Command::new(python).args([script, &url, "1"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                skip(&format!("cannot start the Loki client: {error}"));
                return None;
            }
        };
        let acknowledged = Arc::new(AtomicU64::new(0));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let count = Arc::clone(&acknowledged);
        std::thread::spawn(move || {
            for number in lines.map_while(Result::ok).filter_map(|it| it.parse::<u64>().ok()) {
                assert_eq!(count.fetch_add(1, Ordering::Relaxed), number, "lines are acknowledged in order");
            }
        });
        Some(Self { child, acknowledged })
    }

    fn n_acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Stops it; how many lines were acknowledged.
    fn stop(self) -> u64 {
        let acknowledged = Arc::clone(&self.acknowledged);
        drop(self);
        acknowledged.load(Ordering::Relaxed)
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}
