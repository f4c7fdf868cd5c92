//! Is everything that was acknowledged there after `kill -9`, exactly once, and is no crash taken for tampering?
//!
//! The test starts itself as a child that writes and prints what was acknowledged, kills it at a random moment, and
//! does so again on the same directory. Then every acknowledged point and line is looked for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

mod scratch;

use std::collections::{HashMap, HashSet};
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use scratch::Scratch;
use signal::{
    Clock, History, Labels, Ledger, LogQuery, LogRecord, LogSearch, Matcher, Point, SeriesPoints, Span, SpanId,
    SpanKind, SpanStatus, SystemClock, TimeRange, Timestamp, TraceId, TraceSearch,
};
use store::{Config, Store, Write};

/// Tells the child where to write, and which round it is.
const DIRECTORY: &str = "SENTINEL_STORE_TEST_DIRECTORY";
const ROUND: &str = "SENTINEL_STORE_TEST_ROUND";
const N_SERIES: i64 = 7;
const ROUNDS: i64 = 50;
const SPANS: u8 = 10;
/// Traces looked for per round: the newest ones, which the kill could have torn.
const TRACES: usize = 3;

fn series(idx: i64) -> Labels {
    Labels::metric("load", &[("series", &idx.to_string())])
}

fn stream(idx: i64) -> Labels {
    Labels::new([("stream", idx.to_string())])
}

/// Small limits, so that segments, blocks and partitions are begun and removed while the child is being killed.
fn config() -> Config {
    Config { segment_megabytes: 1, wal_megabytes: 1, ..Config::default() }
}

fn sample_write(start: Timestamp, batch: i64) -> Write {
    let point = |idx: i64| Point {
        time: Timestamp::from_millis(start.millis() + batch * 20 + idx),
        value: (batch * 20 + idx) as f64,
    };
    let one = |idx: i64| SeriesPoints { labels: series(idx), points: (0..20).map(point).collect() };
    Write::samples((0..N_SERIES).map(one).collect())
}

fn log_write(start: Timestamp, round: i64, batch: i64) -> Write {
    let record = |idx: i64| LogRecord::new(start, stream(idx % 3), format!("round {round} batch {batch} line {idx}"));
    Write::Logs((0..30).map(record).collect())
}

/// The trace of a batch.
fn trace_id(round: i64, batch: i64) -> TraceId {
    TraceId((i128::from(round) << 64 | i128::from(batch)).to_be_bytes())
}

fn span_write(start: Timestamp, round: i64, batch: i64) -> Write {
    let span = |idx: u8| Span {
        trace: trace_id(round, batch),
        id: SpanId([idx + 1; 8]),
        parent: None,
        name: format!("step {idx}"),
        kind: SpanKind::Server,
        start_nanos: start.millis() as u64 * 1_000_000,
        duration_nanos: 5_000_000,
        status: SpanStatus::Unset,
        message: String::new(),
        resource: stream(i64::from(idx) % 3),
        attributes: Labels::default(),
        events: vec![],
        links: vec![],
    };
    Write::Spans((0..SPANS).map(span).collect())
}

/// The child: writes until it is killed; prints `start <ms>` and then a line per acknowledgement.
fn write_until_killed(directory: &Path, round: i64) {
    let (store, recovery) = Store::open(directory, config()).unwrap();
    assert!(recovery.set_aside.is_empty(), "{recovery}");
    store.verify().expect("a kill between an entry and its anchor is no alarm");
    // Behind what an earlier child has written: it may have run ahead of the clock.
    let newest = store.points(series(0).id(), TimeRange::ALL).unwrap().last().map(|it| it.time);
    let start = newest.map_or(SystemClock.now(), |it| Timestamp::from_millis(it.millis() + 1));
    println!("start {}", start.millis());
    for batch in 0.. {
        let (sender, receiver) = channel();
        let writes = [
            ("samples", sample_write(start, batch)),
            ("logs", log_write(start, round, batch)),
            ("spans", span_write(start, round, batch)),
        ];
        for (kind, write) in writes {
            let sender = sender.clone();
            let n_items = write.len() as u64;
            let done = Box::new(move |result: Result<store::Appended, store::Error>| {
                let appended = result.unwrap();
                assert_eq!(appended.stored, n_items, "{kind}");
                sender.send(kind).unwrap();
            });
            while store.append(write.clone(), SystemClock.now(), done.clone()).is_err() {
                thread::yield_now();
            }
        }
        drop(sender);
        for kind in receiver {
            // One write per line, so that the parent never reads half of one.
            std::io::stdout().write_all(format!("{kind} {batch}\n").as_bytes()).unwrap();
        }
        let entry = Ledger::append(&*store, "child", "batch.written", &format!("round {round}"), "").unwrap();
        std::io::stdout().write_all(format!("ledger {}\n", entry.sequence).as_bytes()).unwrap();
        if batch % 50 == 49 {
            store.maintain(SystemClock.now()).unwrap();
        }
    }
}

#[derive(Default)]
struct Acknowledged {
    start: i64,
    /// (kind, batch), for the ledger its sequence
    batches: Vec<(String, i64)>,
}

fn start_child(directory: &Path, round: i64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "nothing_acknowledged_is_lost_or_doubled", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs one child until it has acknowledged so many writes and a little longer, kills it, and returns what it printed.
fn run_and_kill(directory: &Path, round: i64, random: &mut fastrand::Rng) -> Acknowledged {
    let mut child = start_child(directory, round);
    let (wanted, longer) = (random.usize(1..150), Duration::from_micros(random.u64(0..30_000)));
    let mut acknowledged = Acknowledged::default();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut note = |line: String| {
        // The test harness prints `test <name> ... ` before the first line of ours.
        let line = line.rsplit("... ").next().unwrap_or_default();
        match line.split_once(' ') {
            Some(("start", millis)) => acknowledged.start = millis.parse().unwrap(),
            Some((kind @ ("samples" | "logs" | "spans" | "ledger"), batch)) => {
                acknowledged.batches.push((kind.to_owned(), batch.parse().unwrap()));
                return acknowledged.batches.len();
            }
            _ => {}
        }
        0
    };
    lines.by_ref().any(|line| note(line) >= wanted);
    thread::sleep(longer);
    child.kill().unwrap();
    lines.for_each(|line| _ = note(line));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "the child was killed and has not ended by itself");
    acknowledged
}

/// Scenario: fifty processes one after another write to one directory and are killed at random moments.
/// Guarantees: every acknowledged point, line, span and entry of the ledger is there exactly once.
#[test]
fn nothing_acknowledged_is_lost_or_doubled() {
    if let (Ok(directory), Ok(round)) = (env::var(DIRECTORY), env::var(ROUND)) {
        write_until_killed(Path::new(&directory), round.parse().unwrap());
    }
    let scratch = Scratch::new();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let rounds: Vec<Acknowledged> = (0..ROUNDS).map(|it| run_and_kill(&scratch.path, it, &mut random)).collect();
    let (store, recovery) = Store::open(&scratch.path, config()).unwrap();
    println!("{recovery}");
    for state in ["as recovered", "all in blocks and packs"] {
        rounds.iter().zip(0..).for_each(|(it, round)| check(&store, it, round));
        let count: usize = rounds.iter().map(|it| it.batches.len()).sum();
        println!("{state}: {count} writes of {ROUNDS} killed processes acknowledged, all found again, 0 duplicates");
        assert!(store.flush());
    }
}

fn check(store: &Store, acknowledged: &Acknowledged, round: i64) {
    let mut lines: HashMap<String, usize> = HashMap::new();
    for stream in 0..3 {
        let matchers = vec![Matcher::Equal("stream".to_owned(), stream.to_string())];
        let text = format!("\"round {round}\"");
        let query = LogQuery { text, matchers, min_level: None, range: TimeRange::ALL, limit: usize::MAX };
        store.search(&query).unwrap().into_iter().for_each(|it| *lines.entry(it.record.line).or_default() += 1);
    }
    let points: Vec<HashMap<i64, f64>> = (0..N_SERIES)
        .map(|it| store.points(series(it).id(), TimeRange::ALL).unwrap())
        .inspect(|it| assert!(it.is_sorted_by(|a, b| a.time < b.time)))
        .map(|it| it.iter().map(|it| (it.time.millis(), it.value)).collect())
        .collect();
    let n_entries = store.verify().unwrap();
    for (kind, batch) in &acknowledged.batches {
        if kind == "ledger" {
            assert!(*batch as u64 <= n_entries, "round {round} entry {batch} of {n_entries}");
        } else if kind == "spans" {
            // Looked for by trace, below.
        } else if kind == "logs" {
            (0..30).for_each(|it| assert_eq!(lines.get(&format!("round {round} batch {batch} line {it}")), Some(&1)));
        } else {
            for idx in 0..20 {
                let (time, value) = (acknowledged.start + batch * 20 + idx, (batch * 20 + idx) as f64);
                points.iter().for_each(|it| assert_eq!(it.get(&time), Some(&value), "round {round} batch {batch}"));
            }
        }
    }
    for (_, batch) in acknowledged.batches.iter().rev().filter(|it| it.0 == "spans").take(TRACES) {
        let spans = store.trace(trace_id(round, *batch), TimeRange::ALL).unwrap();
        let ids: HashSet<SpanId> = spans.iter().map(|it| it.id).collect();
        assert_eq!((spans.len(), ids.len()), (usize::from(SPANS), usize::from(SPANS)), "round {round} batch {batch}");
    }
    assert!(!acknowledged.batches.is_empty());
    assert!(lines.values().all(|it| *it == 1), "no line is there twice");
}
