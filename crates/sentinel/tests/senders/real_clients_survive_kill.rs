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

use crate::support::prometheus;
use crate::support::prometheus::Prometheus;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::{is_there, python_with, skip};
use crate::support::wait_for;

const N_KILLS: usize = 20;
const N_SERIES: usize = 500;
/// Time between two kills, drawn at random: from "still starting" to "in full work".
const MILLIS_BETWEEN_KILLS: std::ops::Range<u64> = 100..2500;
/// Lists are answered whole.
const WHOLE_ANSWERS: &str = "serve:\n  max_page_size: 100000\n";
/// Scrapes and lines that are enough to say something.
const ENOUGH: u64 = 100;
/// How long the clients may take to come so far, and to hand over what they kept.
const CATCH_UP: Duration = Duration::from_secs(180);

/// The samples of each series of the load, by its label `n`.
type Samples = BTreeMap<String, prometheus::Samples>;

#[test]
fn nothing_is_lost_or_doubled_over_twenty_kills() {
    let seed = std::env::var("TEST_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = Server::start("survives-kill", &format!("{QUIET}{WHOLE_ANSWERS}"));
    let folder = Folder::new("clients");
    let scraper = is_there("prometheus", "remote write by a real Prometheus").then(|| Scraper::start(&folder, &server));
    let pusher = Pusher::start(server.address);
    if scraper.is_none() && pusher.is_none() {
        return;
    }
    // Both are at work before the first kill.
    wait_for(CATCH_UP, "the clients write", || {
        let has_samples =
            scraper.is_none() || server.metric("sentinel_ingest_signals_received_total", &["remote_write"]) > 0.0;
        (has_samples && pusher.as_ref().is_none_or(|it| it.n_acknowledged() > 0)).then_some(())
    });
    for _ in 0..N_KILLS {
        std::thread::sleep(Duration::from_millis(random.u64(MILLIS_BETWEEN_KILLS)));
        server.kill();
        server.restart();
    }
    server.wait_until_ready();
    // Some more under full work, so that what comes after the last kill is covered too.
    let scrapes = || scraper.as_ref().map_or(u64::MAX, Scraper::n_scrapes);
    let lines = || pusher.as_ref().map_or(u64::MAX, Pusher::n_acknowledged);
    let enough = |now: u64| now.saturating_add(8).max(ENOUGH);
    let wanted = (enough(scrapes()), enough(lines()));
    wait_for(CATCH_UP, "there is enough load", || (scrapes() >= wanted.0 && lines() >= wanted.1).then_some(()));
    if let Some(pusher) = pusher {
        check_lines(&server, pusher.stop());
    }
    if let Some(scraper) = scraper {
        check_samples(&server, &scraper.prometheus);
    }
    assert!(server.send("GET", "/readyz", &[], b"").status == 200);
}

fn check_samples(server: &Server, prometheus: &Prometheus) {
    let until = jiff::Timestamp::now().as_millisecond();
    let start = Instant::now();
    let (expected, missing) = loop {
        // Asked anew each time: a scrape that began before may be stored after.
        let (expected, stored) = (samples(prometheus.address, until), samples(server.address, until));
        let missing = differences(&expected, &stored);
        if missing.is_empty() || start.elapsed() > CATCH_UP {
            break (expected, missing);
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    let n_expected: usize = expected.values().map(BTreeMap::len).sum();
    assert!(expected.len() == N_SERIES && n_expected > N_SERIES * 20, "too little load: {n_expected} samples");
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

/// What a server has of the load until an instant; stale markers (no number) are left out, as Prometheus does.
fn samples(address: SocketAddr, until: i64) -> Samples {
    let all = prometheus::samples(address, "load_value", "2h", until);
    all.into_iter().map(|(labels, samples)| (labels["n"].as_str().unwrap().to_owned(), samples)).collect()
}

fn check_lines(server: &Server, n_lines: u64) {
    assert!(n_lines > 100, "too little load: {n_lines} lines");
    let mut lost = Vec::new();
    for part in 0..=(n_lines / 100) {
        let hits = server.list(&format!("/sentinel/v1/logs?service=loki-client&q=part{part}&from=-2h&limit=1000"));
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

/// A running Prometheus that scrapes this test four times a second, and how often it has asked.
struct Scraper {
    prometheus: Prometheus,
    scrapes: Arc<AtomicU64>,
}

impl Scraper {
    fn start(folder: &Folder, server: &Server) -> Self {
        let (target, scrapes) = exposition();
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
        Self { prometheus: Prometheus::start(folder, &config, &[]), scrapes }
    }

    fn n_scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }
}

/// Serves `load_value{n="0"}` and so on; every scrape sees other numbers.
fn exposition() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let scrapes = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&scrapes);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let scrape = count.fetch_add(1, Ordering::Relaxed);
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
    (address, scrapes)
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
