//! What does a test send to a cluster, and is all of it found again? Points, numbered lines and traces of two spans, again and
//! again until each is acknowledged; afterwards each is looked up through the responder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::send;
use super::server::Server;

/// Services with a series each.
const N_SERVICES: usize = 40;
const NOBODY: usize = usize::MAX;
/// Seconds of points that are sent at the start: detectors need some to know what is usual.
const HISTORY_SECS: i64 = 300;
/// How long one signal may take to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long everything may take to be caught up with at the end.
pub const CATCH_UP: Duration = Duration::from_secs(240);

/// What was acknowledged.
#[derive(Clone, Default)]
pub struct Sent {
    /// Time and bits of the value, by service.
    points: BTreeMap<String, BTreeMap<i64, u64>>,
    /// Lines with the numbers from 0 on.
    pub n_lines: usize,
    /// Traces with the numbers from 1 on, each of two spans.
    pub n_traces: usize,
    /// Times a sender was told to come back later.
    pub n_refused: usize,
    /// The longest time that one signal took until it was acknowledged.
    pub longest: Duration,
}

impl Sent {
    /// All points.
    pub fn n_points(&self) -> usize {
        self.points.values().map(BTreeMap::len).sum()
    }

    /// Points, lines and spans.
    pub fn n_all(&self) -> usize {
        self.n_points() + self.n_lines + 2 * self.n_traces
    }
}

/// What was found of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Acknowledged signals that are there with their value.
    pub found: usize,
    /// Signals that are there more than once.
    pub doubled: usize,
}

/// Sends until it is stopped or dropped; what is not acknowledged is sent again, unchanged.
pub struct Sender {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    gateway: SocketAddr,
    sent: Mutex<Sent>,
    is_stopped: AtomicBool,
    slow: AtomicUsize,
}

impl Sender {
    /// Sends some minutes of points as fast as they are taken, and then one of each every second.
    pub fn start(gateway: SocketAddr) -> Self {
        let (is_stopped, slow) = (AtomicBool::new(false), AtomicUsize::new(NOBODY));
        let shared = Arc::new(Shared { gateway, sent: Mutex::default(), is_stopped, slow });
        let theirs = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || theirs.run()));
        Self { shared, thread }
    }

    /// Makes one service slow, and all others as fast as usual.
    pub fn set_slow(&self, slow: Option<usize>) {
        self.shared.slow.store(slow.unwrap_or(NOBODY), Ordering::Release);
    }

    /// What was acknowledged so far.
    pub fn acknowledged(&self) -> Sent {
        self.shared.sent().clone()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        // A panic of the sender fails the test, unless it fails already.
        let outcome = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || !matches!(outcome, Some(Err(_))), "the sender panicked");
    }
}

impl Shared {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    fn run(&self) {
        let begin = now().as_second();
        for secs in begin - HISTORY_SECS..begin {
            self.points(secs * 1000);
        }
        for secs in begin.. {
            self.points(secs * 1000);
            self.line();
            self.trace();
            let due = jiff::Timestamp::from_second(secs + 1).unwrap().duration_since(now());
            std::thread::sleep(Duration::try_from(due).unwrap_or(Duration::ZERO));
            if self.is_stopped.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// One point of every service.
    fn points(&self, millis: i64) {
        let slow = self.slow.load(Ordering::Acquire);
        let value = |idx: usize| {
            // Sums of powers of two, so that no decimal on the way rounds them.
            let usual = 0.25 + ((millis / 1000 * 7 + idx as i64 * 13) % 11) as f64 / 128.0;
            if idx == slow { usual * 12.0 } else { usual }
        };
        let batch: Vec<(String, f64)> = (0..N_SERVICES).map(|idx| (service(idx), value(idx))).collect();
        let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
        if !self.until_acknowledged("/api/v1/write", &headers, &write_request(&batch, millis)) {
            return;
        }
        let mut sent = self.sent();
        for (name, value) in batch {
            sent.points.entry(name).or_default().insert(millis, value.to_bits());
        }
    }

    fn line(&self) {
        let number = self.sent().n_lines;
        let line = format!("order number{number} was placed");
        let stream = json!({ "service": service(number % N_SERVICES), "level": "info" });
        let body = json!({ "streams": [{ "stream": stream, "values": [[now().as_nanosecond().to_string(), line]] }] });
        if self.until_acknowledged("/loki/api/v1/push", &JSON, body.to_string().as_bytes()) {
            self.sent().n_lines += 1;
        }
    }

    /// A service calls another one: a span of each.
    fn trace(&self) {
        let number = self.sent().n_traces + 1;
        let end = now().as_nanosecond();
        let span = |service: String, id: u8, parent: &str, kind: u8, secs: f64| {
            let name = json!({ "key": "service.name", "value": { "stringValue": service } });
            json!({
                "resource": { "attributes": [name] },
                "scopeSpans": [{ "spans": [{
                    "traceId": trace_id(number), "spanId": format!("{id:016x}"), "parentSpanId": parent,
                    "name": "POST /pay", "kind": kind,
                    "startTimeUnixNano": (end - (secs * 1e9) as i128).to_string(), "endTimeUnixNano": end.to_string(),
                }] }],
            })
        };
        let spans = [span(service(1), 1, "", 3, 0.25), span(service(2), 2, &format!("{:016x}", 1), 2, 0.2)];
        let body = json!({ "resourceSpans": spans }).to_string();
        if self.until_acknowledged("/v1/traces", &JSON, body.as_bytes()) {
            self.sent().n_traces += 1;
        }
    }

    /// False if the test is over before. Whoever cannot take a signal now says when to come again.
    fn until_acknowledged(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.is_stopped.load(Ordering::Acquire) {
            match send(self.gateway, "POST", path, headers, body) {
                Ok(answer) if answer.status < 300 => {
                    let mut sent = self.sent();
                    sent.longest = sent.longest.max(start.elapsed());
                    return true;
                }
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{path}: {}", answer.text());
                    let wait = answer.header("retry-after").and_then(|it| it.parse::<u64>().ok());
                    assert!(wait.is_some_and(|it| it > 0), "{path}: 503 without Retry-After: {:?}", answer.headers);
                    self.sent().n_refused += 1;
                }
                // The gateway is being started, or the test is over.
                Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        assert!(start.elapsed() < PATIENCE, "{path} is not acknowledged");
        false
    }
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The name of a service, from 0.
pub fn service(idx: usize) -> String {
    format!("shop-{idx}")
}

fn trace_id(number: usize) -> String {
    format!("{number:032x}")
}

/// Everything that was acknowledged, looked up one by one, once all of it is there or after the time in which it must be.
pub fn look_up(responder: &Server, sent: &Sent) -> Found {
    let start = Instant::now();
    loop {
        let parts = [points(responder, sent), lines(responder, sent.n_lines), traces(responder, sent.n_traces)];
        let sum = |of: fn(&Found) -> usize| parts.iter().map(of).sum();
        let found = Found { found: sum(|it| it.found), doubled: sum(|it| it.doubled) };
        if found.found == sent.n_all() || start.elapsed() > CATCH_UP {
            if found.found != sent.n_all() || found.doubled > 0 {
                eprintln!("points, lines, spans: {parts:?}");
            }
            return found;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn points(responder: &Server, sent: &Sent) -> Found {
    let list = responder.list("/sentinel/v1/series?match=request_latency_seconds&limit=10000");
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for it in list.iter().filter(|it| it["labels"]["__name__"] == "request_latency_seconds") {
        ids.insert(it["labels"]["service"].as_str().unwrap().to_owned(), it["id"].as_str().unwrap().to_owned());
    }
    let mut sum = Found::default();
    for (name, wanted) in &sent.points {
        let Some(id) = ids.get(name) else { continue };
        let answer = responder.get(&format!("/sentinel/v1/series/{id}/points?from=-2h"));
        // 503 while its partition changes its owner.
        assert!(matches!(answer.status, 200 | 503), "{} {}", answer.status, answer.text());
        if answer.status == 503 {
            continue;
        }
        let mut seen = BTreeMap::new();
        for row in answer.json()["points"].as_array().unwrap() {
            let time = row["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
            sum.doubled += usize::from(seen.insert(time, row["value"].as_f64().unwrap().to_bits()).is_some());
        }
        let lost: Vec<i64> =
            wanted.iter().filter(|(time, value)| seen.get(time) != Some(value)).map(|it| it.0 / 1000).collect();
        if let [first, .., last] = lost.as_slice() {
            eprintln!("{name}: {} of {} points are not there, from {first} to {last}", lost.len(), wanted.len());
        }
        sum.found += wanted.len() - lost.len();
    }
    sum
}

fn lines(responder: &Server, n_lines: usize) -> Found {
    let hits = responder.list("/sentinel/v1/logs?q=order&from=-2h&limit=100000");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    hits.iter().for_each(|it| *counts.entry(it["line"].as_str().unwrap()).or_default() += 1);
    let wanted: Vec<String> = (0..n_lines).map(|it| format!("order number{it} was placed")).collect();
    let found = wanted.iter().filter(|it| counts.contains_key(it.as_str())).count();
    Found { found, doubled: counts.values().map(|it| it - 1).sum() }
}

/// The spans of each trace.
fn traces(responder: &Server, n_traces: usize) -> Found {
    let mut sum = Found::default();
    for number in 1..=n_traces {
        let answer = responder.get(&format!("/sentinel/v1/traces/{}", trace_id(number)));
        let spans = if answer.status == 200 { answer.json()["spans"].as_array().map_or(0, Vec::len) } else { 0 };
        sum.found += spans.min(2);
        sum.doubled += spans.saturating_sub(2);
    }
    sum
}

/// What the responder says of workers and partitions; None while it does not serve.
pub fn scaling(responder: &Server) -> Option<Value> {
    let answer = send(responder.address, "GET", "/sentinel/v1/scaling", &[], b"").ok()?;
    (answer.status == 200).then(|| answer.json())
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
