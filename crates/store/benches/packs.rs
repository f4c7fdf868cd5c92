//! How small are packed log lines, as they come and merged, and how long does a search take in a million of them?
//!
//! Sizes are printed once, with where the bytes go: of lines made here, and of published logs if `SENTINEL_TEST_DATA`
//! names their folder: loghub, and the logs of published incidents, at which nobody looked when the layout was made. Raw
//! is the text of the lines as their files have it.

use std::hint::black_box;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use signal::{Labels, LogQuery, LogRecord, LogSearch, Meter, TimeRange, Timestamp};
use store::{Config, Store, Write};

const START: i64 = 1_700_000_000_000;
const LINES: u64 = 1_000_000;

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sentinel-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn opened(directory: &Directory) -> Arc<Store> {
    Store::open(&directory.0, Config::default()).expect("the directory is new").0
}

fn made(number: u64) -> String {
    match number % 4 {
        0 => format!("GET /api/v1/orders/{number} 200 in {} ms", number * 7919 % 97),
        1 => format!("WARN connection pool exhausted, waited {} ms for user {number}", number * 7919 % 5003),
        2 => format!("payment {number} accepted, amount {}.{:02} EUR", number * 31 % 900, number * 17 % 100),
        _ => format!("cache miss for key session:{:08x}, loading from shard {}", number * 2_654_435_761, number % 16),
    }
}

fn append(store: &Store, lines: impl Iterator<Item = (u64, String, String)>) -> usize {
    let records = lines.map(|(number, service, line)| {
        LogRecord::new(Timestamp::from_millis(START + number as i64), Labels::new([("service", service)]), line)
    });
    let records: Vec<LogRecord> = records.collect();
    let raw = records.iter().map(|it| it.line.len() + 1).sum();
    for batch in records.chunks(10_000) {
        store.append_and_wait(&Write::Logs(batch.to_vec()), Timestamp::from_millis(START)).expect("the disk has room");
    }
    raw
}

/// Packs everything, merges it as if its day were over, and prints how small it is.
fn report(name: &str, store: &Store, raw_bytes: usize) {
    assert!(store.flush());
    let packed = disk(store);
    merge(store);
    let merged = disk(store);
    let part = |bytes: f64| raw_bytes as f64 / bytes;
    println!(
        "{name}: {raw_bytes} bytes raw, {packed} packed: 1/{:.1}, {merged} merged: 1/{:.1}",
        part(packed),
        part(merged)
    );
    let parts = store.log_parts().expect("the files can be read");
    let percent = |it: u64| it as f64 * 100.0 / merged;
    println!(
        "    of it {:.1} % filters, {:.1} % plain identities, {:.1} % words, {:.1} % rows, {:.1} % headers",
        percent(parts.filters),
        percent(parts.plain),
        percent(parts.words),
        percent(parts.rows),
        percent(parts.rest)
    );
}

fn merge(store: &Store) {
    store.merge(Timestamp::from_millis(START + 2 * 86_400_000)).expect("the disk has room");
}

fn disk(store: &Store) -> f64 {
    let is_logs = |it: &signal::Metric| it.labels.contains(&("kind".into(), "logs".to_owned()));
    let disk = store.metrics().into_iter().find(|it| it.name == "sentinel_store_disk_bytes" && is_logs(it));
    disk.map_or(f64::NAN, |it| it.value)
}

/// Lines of all files below a folder whose names end so.
fn of_incidents(folder: &Path, ending: &str) -> Vec<String> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
    entries.sort();
    let mut lines = vec![];
    for path in entries {
        if path.is_dir() {
            lines.append(&mut of_incidents(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            lines.extend(text_of(&path).lines().map(str::to_owned));
        }
    }
    lines
}

fn text_of(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut text = vec![];
    match flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text) {
        Ok(_) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Lines of the published logs in a folder, file by file.
fn published(folder: &Path) -> Vec<(String, Vec<String>)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(file) = std::fs::File::open(entry.path().join(format!("{name}_2k.log.gz"))) else { continue };
        let mut text = vec![];
        if flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).is_ok() {
            found.push((name, String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()));
        }
    }
    found.sort();
    found
}

fn sizes(_: &mut Criterion) {
    let Ok(folder) = std::env::var("SENTINEL_TEST_DATA") else {
        return println!("published logs: SKIPPED, SENTINEL_TEST_DATA is not set");
    };
    let logs = published(&Path::new(&folder).join("templates"));
    for (name, lines) in &logs {
        let directory = Directory::new(name);
        let store = opened(&directory);
        let lines = lines.iter().enumerate().map(|(idx, line)| (idx as u64, name.clone(), line.clone()));
        let raw = append(&store, lines);
        report(name, &store, raw);
    }
    let directory = Directory::new("all-logs");
    let store = opened(&directory);
    let rows = logs.iter().flat_map(|(name, lines)| lines.iter().map(move |it| (name.clone(), it.clone())));
    let raw = append(&store, rows.enumerate().map(|(idx, (name, line))| (idx as u64, name, line)));
    report("all of them together", &store, raw);
    for (name, ending) in [("nezha-train-ticket", "_log.csv.gz"), ("rootcausebench", "logs.ndjson")] {
        let lines = of_incidents(&Path::new(&folder).join("rca").join(name), ending);
        let directory = Directory::new(name);
        let store = opened(&directory);
        let raw = append(&store, lines.into_iter().enumerate().map(|(idx, line)| (idx as u64, name.to_owned(), line)));
        report(name, &store, raw);
    }
}

fn searches(criterion: &mut Criterion) {
    let directory = Directory::new("million");
    let store = opened(&directory);
    let mut raw = 0;
    for first in (0..LINES).step_by(100_000) {
        raw += append(&store, (first..first + 100_000).map(|it| (it, format!("s{}", it % 8), made(it))));
    }
    assert!(store.flush());
    search(criterion, "search a million lines", &store);
    report("a million made lines", &store, raw);
    search(criterion, "search a million merged lines", &store);
}

fn search(criterion: &mut Criterion, name: &str, store: &Store) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    // The last but one is in no line, so only errors of filters cost; a random identity is in one.
    let identity = format!("{:08x}", 500_003_u64 * 2_654_435_761);
    for text in ["payment 500002", "pool exhausted", "shard", &identity, "0123456789abcdef", ""] {
        let query =
            LogQuery { text: text.to_owned(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 20 };
        let name = if text.is_empty() { "newest" } else { text };
        group.bench_function(name, |bencher| bencher.iter(|| black_box(store.search(&query))));
    }
    group.finish();
}

criterion_group!(benches, sizes, searches);
criterion_main!(benches);
