//! What happens when three times as much comes in as can be taken? Memory stays bounded, senders are asked to come later,
//! a small tenant does not notice, and all that was acknowledged is there, once.
//!
//! `SENTINEL_TEST_OVERLOAD_SECS` sets how long it lasts, 20 by default.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::support::client::send;
use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const SERIES: i64 = 500;
/// Points of each series in one request.
const POINTS: i64 = 40;
const PER_REQUEST: i64 = SERIES * POINTS;
/// More requests than the memory for them has room for.
const SENDERS: usize = 64;
const MEBIBYTE: u64 = 1 << 20;
const BUDGET: u64 = 64 * MEBIBYTE;
/// Samples in memory take so much before writes are refused: four times `head_megabytes`.
const HEAD: u64 = 4 * 64 * MEBIBYTE;
const LIMITS: &str = "ingest:\n  max_in_flight_bytes: 67108864\n  max_body_bytes: 16777216\n  max_decompressed_bytes: 16777216\nstore:\n  head_megabytes: 64\nserve:\n  max_chart_points: 100000\n";

/// What the senders of one phase have seen.
#[derive(Default)]
struct Seen {
    /// Requests begun, which are also the parts of time that were sent.
    begun: AtomicI64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    /// Which parts of time were acknowledged.
    parts: std::sync::Mutex<Vec<i64>>,
}

/// Millisecond of the first point: so long ago that none is in the future, and not so long that retention removes it.
fn begin() -> i64 {
    static BEGIN: OnceLock<i64> = OnceLock::new();
    *BEGIN.get_or_init(|| jiff::Timestamp::now().as_millisecond() - 12 * 3_600_000)
}

/// All series at the times of one part.
fn body(part: i64) -> String {
    let mut text = String::with_capacity(PER_REQUEST as usize * 32);
    for series in 0..SERIES {
        for point in part * POINTS..(part + 1) * POINTS {
            writeln!(text, "load,n={series} v={} {}", point % 1000, begin() + point).unwrap();
        }
    }
    text
}

/// Sends parts of time until told to stop; with a pause between the begins of requests, or as fast as they are answered.
fn senders(address: SocketAddr, seen: &Arc<Seen>, count: usize, pause: Option<Duration>, time: Duration) {
    let is_over = AtomicBool::new(false);
    let begin = Instant::now();
    let scheduled = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    if let Some(pause) = pause {
                        let turn = scheduled.fetch_add(1, Relaxed);
                        let due = begin + pause * turn as u32;
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    one(address, seen);
                }
            });
        }
        std::thread::sleep(time);
        is_over.store(true, Relaxed);
    });
}

fn one(address: SocketAddr, seen: &Seen) {
    let part = seen.begun.fetch_add(1, Relaxed);
    let headers = [("x-scope-orgid", "greedy")];
    let answer = send(address, "POST", "/write?precision=ms", &headers, body(part).as_bytes()).unwrap();
    match answer.status {
        204 => {
            seen.acknowledged.fetch_add(1, Relaxed);
            seen.parts.lock().unwrap().push(part);
        }
        503 => {
            assert!(answer.header("retry-after").is_some(), "who is refused is told when to come again");
            seen.refused.fetch_add(1, Relaxed);
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

fn resident_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// Writes one point at a time as a tenant of its own, and looks how much memory the server has.
struct Watcher {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(u64, u64)>,
    most_bytes: Arc<AtomicU64>,
}

impl Watcher {
    fn start(address: SocketAddr, pid: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let most_bytes = Arc::new(AtomicU64::new(0));
        let (over, most) = (Arc::clone(&is_over), Arc::clone(&most_bytes));
        let thread = std::thread::spawn(move || {
            let (mut taken, mut refused) = (0, 0);
            while !over.load(Relaxed) {
                let line = format!("calm v=1 {}", begin() + taken);
                let answer =
                    send(address, "POST", "/write?precision=ms", &[("x-scope-orgid", "calm")], line.as_bytes());
                if answer.unwrap().status == 204 {
                    taken += 1
                } else {
                    refused += 1
                }
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let kibibytes = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
                let kibibytes = kibibytes.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
                most.fetch_max(kibibytes.unwrap_or(0) * 1024, Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
            (taken as u64, refused)
        });
        Self { is_over, thread, most_bytes }
    }

    fn stop(self) -> (u64, u64, u64) {
        self.is_over.store(true, Relaxed);
        let (taken, refused) = self.thread.join().unwrap();
        (taken, refused, self.most_bytes.load(Relaxed))
    }
}

/// Points of a series that are stored, in windows that a chart answers whole.
fn stored(server: &Server, series: i64, parts: i64) -> Vec<i64> {
    let list = server.list(&format!("/sentinel/v1/series?match=load%20n%3D%22{series}%22"));
    let id = list[0]["id"].as_str().unwrap();
    let at = |millis: i64| jiff::Timestamp::from_millisecond(millis).unwrap();
    let mut found = vec![];
    for window in 0..=(parts * POINTS / 50_000) {
        let from = begin() + window * 50_000;
        let path = format!("/sentinel/v1/series/{id}/points?from={}&to={}", at(from), at(from + 49_999));
        for row in server.get_json(&path)["points"].as_array().unwrap() {
            let time: jiff::Timestamp = row["time"].as_str().unwrap().parse().unwrap();
            found.push(time.as_millisecond() - begin());
        }
    }
    found
}

/// Guarantees: MUST 174 and 175 of docs/specs/ingest.md.
#[test]
fn three_times_too_much_is_refused_in_part_and_nothing_acknowledged_is_lost() {
    let _alone = crate::support::alone();
    let secs = std::env::var("SENTINEL_TEST_OVERLOAD_SECS").ok().and_then(|it| it.parse().ok()).unwrap_or(20);
    let server = Server::start("overload", &format!("{QUIET}{LIMITS}"));
    let seen = Arc::new(Seen::default());
    let begin = Instant::now();
    senders(server.address, &seen, 4, None, Duration::from_secs(4));
    let capacity = seen.acknowledged.load(Relaxed) as f64 / begin.elapsed().as_secs_f64();
    let before = resident_bytes(&server);
    assert_eq!(seen.refused.load(Relaxed), 0, "four senders are not too much");

    let watcher = Watcher::start(server.address, server.pid());
    let pause = Duration::from_secs_f64(1.0 / (3.0 * capacity));
    senders(server.address, &seen, SENDERS, Some(pause), Duration::from_secs(secs));
    let (calm_taken, calm_refused, most) = watcher.stop();

    let (acknowledged, refused) = (seen.acknowledged.load(Relaxed), seen.refused.load(Relaxed));
    let in_flight = server.metric("sentinel_ingest_in_flight_bytes_max", &[]) as u64;
    eprintln!(
        "{secs} s, capacity {:.0} points/s; {acknowledged} requests taken, {refused} asked to come later; resident {} MiB \
         before, {} MiB at most; held by requests {} MiB at most; calm tenant: {calm_taken} taken, {calm_refused} refused",
        capacity * PER_REQUEST as f64,
        before / MEBIBYTE,
        most / MEBIBYTE,
        in_flight / MEBIBYTE,
    );
    assert!(refused > 0, "it was too much");
    assert!(in_flight <= BUDGET, "{in_flight}");
    assert!(calm_taken > 0 && calm_refused == 0, "a small tenant does not notice: {calm_taken} {calm_refused}");
    assert!(most < before + BUDGET + HEAD, "{most} bytes are resident, {before} were before");

    wait_for(Duration::from_secs(30), "all memory is given back", || {
        (server.metric("sentinel_ingest_in_flight_bytes", &[]) == 0.0).then_some(())
    });
    let found = server.metric("sentinel_store_points_stored_total", &[]) as u64 - calm_taken;
    let duplicates = server.metric("sentinel_store_points_dropped_total", &["duplicate"]);
    let sent = acknowledged * PER_REQUEST as u64;
    eprintln!("acknowledged {sent}, found again {found}, duplicates {duplicates}");
    assert_eq!((found, duplicates), (sent, 0.0));
    let mut parts = seen.parts.lock().unwrap().clone();
    parts.sort_unstable();
    for series in [0, SERIES / 2, SERIES - 1] {
        let expected: Vec<i64> = parts.iter().flat_map(|it| it * POINTS..(it + 1) * POINTS).collect();
        let found = stored(&server, series, seen.begun.load(Relaxed));
        assert!(found == expected, "series {series}: {} points, {} acknowledged", found.len(), expected.len());
    }
}
