//! Is anything lost, doubled or told twice when workers of a cluster are killed again and again? A gateway, three workers
//! and a responder as processes of their own over a real Apache Kafka.
//!
//! Every batch carries points and numbered lines; what the gateway has acknowledged is looked up one by one through the
//! responder. In the middle one service becomes slow: that is one incident.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::client::send;
use support::kafka::Kafka;
use support::server::{QUIET, Server};
use support::wait_for;

const N_WORKERS: usize = 3;
const N_PARTITIONS: usize = 6;
const N_SERVICES: usize = 40;
/// The one that becomes slow.
const FAULTY: usize = 7;
/// Seconds of points that are sent at the start: detectors need some to know what is usual.
const HISTORY_SECS: i64 = 300;
/// Time of the killing; SENTINEL_TEST_CHAOS_SECS makes it longer.
const CHAOS_SECS: u64 = 75;
/// Time between two kills.
const BETWEEN_KILLS: Duration = Duration::from_secs(5);
/// A worker that is away longer than its session loses its partitions; one that is back before keeps them.
const AWAY_SECS: [u64; 4] = [1, 9, 3, 12];
/// How long everything may take to be caught up with at the end.
const CATCH_UP: Duration = Duration::from_secs(90);

#[test]
fn killed_workers_lose_nothing_and_one_fault_stays_one_incident() {
    let Some(kafka) = Kafka::start(1) else { return };
    let config = |member: &str| {
        format!(
            "{QUIET}serve:\n  max_page_size: 100000\n  max_chart_points: 100000\ncluster:\n  brokers: {}\n  \
             partitions: {N_PARTITIONS}\n  member: {member}\n  session_secs: 6\n  state_secs: 8\n",
            kafka.bootstrap()
        )
    };
    let gateway = Server::start_role("gateway", "gateway", &config("gateway"));
    let mut workers: Vec<Server> = (0..N_WORKERS)
        .map(|it| Server::start_role("worker", &format!("worker-{it}"), &config(&format!("worker-{it}"))))
        .collect();
    let responder = Server::start_role("responder", "responder", &config("responder"));
    gateway.wait_until_ready();
    wait_for(CATCH_UP, "the responder serves and all partitions have an owner", || {
        (scaling(&responder)?["assigned"] == N_PARTITIONS).then_some(())
    });

    let chaos = std::env::var("SENTINEL_TEST_CHAOS_SECS").ok().and_then(|it| it.parse().ok()).unwrap_or(CHAOS_SECS);
    let sender = Sender::start(gateway.address, Duration::from_secs(chaos));
    let n_kills = kill_and_restart(&mut workers, Duration::from_secs(chaos));
    // One is asked to stop and leaves in order; one is asked whether it waits.
    workers[0].stop();
    assert!(workers[0].log().contains("is_orderly=true"), "{}", workers[0].log());
    workers[0].restart();
    let standby = Server::start_role("responder", "standby", &config("standby"));
    wait_for(CATCH_UP, "the second responder waits", || {
        let answer = send(standby.address, "GET", "/readyz", &[], b"").ok()?;
        (answer.status == 503 && answer.text().contains("standing by")).then_some(())
    });
    // It goes on: services that fall silent would be incidents of their own.
    let sent = sender.acknowledged();

    // Partitions of the last victim may still be on their way to somebody.
    let ((found_points, doubled_points), (found_lines, doubled_lines)) = eventually(|| {
        let found = (look_up_points(&responder, &sent), look_up_lines(&responder, sent.n_lines));
        (found, found.0.0 == sent.n_points() && found.1.0 == sent.n_lines)
    });
    let n_points = sent.n_points();
    let sum = |of: &str| workers.iter().map(|it| it.metric(of, &[])).sum::<f64>();
    eprintln!(
        "{n_kills} kills of {N_WORKERS} workers in {chaos} s; {} rebalances, {} anomalies absorbed, last restore {:.2} s",
        sum("sentinel_cluster_rebalances_total"),
        responder.metric("sentinel_cluster_anomalies_absorbed_total", &[]),
        workers.iter().map(|it| it.metric("sentinel_cluster_last_restore_seconds", &[])).fold(0.0, f64::max),
    );
    eprintln!(
        "acknowledged {}, found again {}, duplicates {}",
        n_points + sent.n_lines,
        found_points + found_lines,
        doubled_points + doubled_lines
    );
    assert!(n_points > 1000 && sent.n_lines > 50, "too little load: {n_points} points, {} lines", sent.n_lines);
    assert_eq!((found_points, doubled_points), (n_points, 0), "points");
    assert_eq!((found_lines, doubled_lines), (sent.n_lines, 0), "lines");

    let incidents = responder.list("/sentinel/v1/incidents?limit=100");
    let titles: Vec<&Value> = incidents.iter().map(|it| &it["title"]).collect();
    assert_eq!(incidents.len(), 1, "{titles:?}");
    let services = incidents[0]["services"].as_array().unwrap();
    assert!(services.contains(&json!(service(FAULTY))), "{services:?}");
}

/// What is looked up, once it is as it should be, or after the time in which it must have become so.
fn eventually<T>(mut look: impl FnMut() -> (T, bool)) -> T {
    let start = Instant::now();
    loop {
        let (found, is_good) = look();
        if is_good || start.elapsed() > CATCH_UP {
            return found;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn scaling(responder: &Server) -> Option<Value> {
    let answer = send(responder.address, "GET", "/sentinel/v1/scaling", &[], b"").ok()?;
    (answer.status == 200).then(|| answer.json())
}

/// One worker after the other is killed and comes back, sooner or later.
fn kill_and_restart(workers: &mut [Server], lasts: Duration) -> usize {
    let start = Instant::now();
    let mut away: BTreeMap<usize, Instant> = BTreeMap::new();
    let mut n_kills = 0;
    // The first ones see the whole history before anybody dies.
    let mut next_kill = start + BETWEEN_KILLS;
    while start.elapsed() < lasts || !away.is_empty() {
        let now = Instant::now();
        let back: Vec<usize> = away.iter().filter(|(_, at)| now >= **at).map(|(idx, _)| *idx).collect();
        for idx in back {
            workers[idx].restart();
            away.remove(&idx);
        }
        let victim = n_kills % workers.len();
        if now >= next_kill && start.elapsed() < lasts && !away.contains_key(&victim) {
            workers[victim].kill();
            away.insert(victim, now + Duration::from_secs(AWAY_SECS[n_kills % AWAY_SECS.len()]));
            n_kills += 1;
            next_kill = now + BETWEEN_KILLS;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    n_kills
}

/// What was acknowledged.
#[derive(Clone, Default)]
struct Sent {
    /// Time and bits of the value, by service.
    points: BTreeMap<String, BTreeMap<i64, u64>>,
    /// Lines with the numbers from 0 on.
    n_lines: usize,
}

impl Sent {
    fn n_points(&self) -> usize {
        self.points.values().map(BTreeMap::len).sum()
    }
}

/// Sends until the test ends; what is not acknowledged is sent again, unchanged.
struct Sender {
    sent: Arc<Mutex<Sent>>,
}

impl Sender {
    fn start(gateway: SocketAddr, lasts: Duration) -> Self {
        let sent = Arc::new(Mutex::new(Sent::default()));
        let theirs = Arc::clone(&sent);
        std::thread::spawn(move || send_for_ever(gateway, lasts, &theirs));
        Self { sent }
    }

    fn acknowledged(&self) -> Sent {
        self.sent.lock().unwrap().clone()
    }
}

fn send_for_ever(gateway: SocketAddr, lasts: Duration, sent: &Mutex<Sent>) {
    let begin = jiff::Timestamp::now().as_second();
    for secs in begin - HISTORY_SECS..begin {
        send_points(gateway, sent, secs * 1000, false);
    }
    let start = Instant::now();
    for secs in begin.. {
        // From a third of the time on the service is slow, for a quarter of it.
        let share = start.elapsed().as_secs_f64() / lasts.as_secs_f64();
        send_points(gateway, sent, secs * 1000, (0.33..0.58).contains(&share));
        send_line(gateway, sent);
        let due = jiff::Timestamp::from_second(secs + 1).unwrap().duration_since(jiff::Timestamp::now());
        std::thread::sleep(Duration::try_from(due).unwrap_or(Duration::ZERO));
    }
}

fn service(idx: usize) -> String {
    format!("shop-{idx}")
}

/// One point of every service; repeated until it is acknowledged.
fn send_points(gateway: SocketAddr, sent: &Mutex<Sent>, millis: i64, is_faulty: bool) {
    let value = |idx: usize| {
        // Sums of powers of two, so that no decimal on the way rounds them.
        let usual = 0.25 + ((millis / 1000 * 7 + idx as i64 * 13) % 11) as f64 / 128.0;
        if is_faulty && idx == FAULTY { usual * 12.0 } else { usual }
    };
    let batch: Vec<(String, f64)> = (0..N_SERVICES).map(|idx| (service(idx), value(idx))).collect();
    let body = write_request(&batch, millis);
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
    until_acknowledged(gateway, "/api/v1/write", &headers, &body);
    let mut sent = sent.lock().unwrap();
    for (name, value) in batch {
        sent.points.entry(name).or_default().insert(millis, value.to_bits());
    }
}

fn send_line(gateway: SocketAddr, sent: &Mutex<Sent>) {
    let number = sent.lock().unwrap().n_lines;
    let nanos = jiff::Timestamp::now().as_nanosecond().to_string();
    let line = format!("order number{number} was placed");
    let stream = json!({ "service": service(number % N_SERVICES), "level": "info" });
    let body = json!({ "streams": [{ "stream": stream, "values": [[nanos, line]] }] }).to_string();
    until_acknowledged(gateway, "/loki/api/v1/push", &[("content-type", "application/json")], body.as_bytes());
    sent.lock().unwrap().n_lines += 1;
}

/// At the end of the test the gateway goes first; nobody waits for the sender then.
fn until_acknowledged(gateway: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) {
    wait_for(CATCH_UP, path, || {
        let answer = send(gateway, "POST", path, headers, body).ok()?;
        assert!(answer.status < 300 || answer.status == 503, "{} {}", answer.status, answer.text());
        (answer.status < 300).then_some(())
    });
}

/// How many acknowledged points are there with their value, and how many times one is there twice.
fn look_up_points(responder: &Server, sent: &Sent) -> (usize, usize) {
    let list = responder.list("/sentinel/v1/series?match=request_latency_seconds&limit=10000");
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for it in list.iter().filter(|it| it["labels"]["__name__"] == "request_latency_seconds") {
        ids.insert(it["labels"]["service"].as_str().unwrap().to_owned(), it["id"].as_str().unwrap().to_owned());
    }
    let (mut found, mut doubled) = (0, 0);
    for (name, wanted) in &sent.points {
        let Some(id) = ids.get(name) else { continue };
        let answer = responder.get(&format!("/sentinel/v1/series/{id}/points?from=-20m"));
        // 503 while its partition changes its owner.
        assert!(matches!(answer.status, 200 | 503), "{} {}", answer.status, answer.text());
        if answer.status == 503 {
            continue;
        }
        let mut seen = BTreeMap::new();
        for row in answer.json()["points"].as_array().unwrap() {
            let time = row["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
            doubled += usize::from(seen.insert(time, row["value"].as_f64().unwrap().to_bits()).is_some());
        }
        let lost: Vec<i64> =
            wanted.iter().filter(|(time, value)| seen.get(time) != Some(value)).map(|it| it.0 / 1000).collect();
        if let [first, .., last] = lost.as_slice() {
            eprintln!("{name}: {} of {} points are not there, from {first} to {last}", lost.len(), wanted.len());
        }
        found += wanted.len() - lost.len();
    }
    (found, doubled)
}

fn look_up_lines(responder: &Server, n_lines: usize) -> (usize, usize) {
    let hits = responder.list("/sentinel/v1/logs?q=order&from=-30m&limit=100000");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    hits.iter().for_each(|it| *counts.entry(it["line"].as_str().unwrap()).or_default() += 1);
    let wanted: Vec<String> = (0..n_lines).map(|it| format!("order number{it} was placed")).collect();
    let found = wanted.iter().filter(|it| counts.contains_key(it.as_str())).count();
    let doubled = counts.values().map(|it| it - 1).sum();
    (found, doubled)
}

/// A snappy-compressed `prometheus.WriteRequest` with one point for each service.
fn write_request(batch: &[(String, f64)], millis: i64) -> Vec<u8> {
    let label = |name: &str, value: &str| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    let series = |(service, value): &(String, f64)| {
        let labels = [label("__name__", "request_latency_seconds"), label("service", service)].concat();
        let sample = [&[0x09][..], &value.to_le_bytes(), &[0x10], &varint(millis.cast_unsigned())].concat();
        field(1, &[labels, field(2, &sample)].concat())
    };
    let request: Vec<u8> = batch.iter().flat_map(series).collect();
    snap::raw::Encoder::new().compress_vec(&request).expect("a small request")
}

/// A length-delimited protobuf field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], varint(bytes.len() as u64).as_slice(), bytes].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}
