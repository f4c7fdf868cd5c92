//! How many bytes does a sample of published series take, as it comes and merged, with labels and index?
//!
//! `SENTINEL_TEST_DATA` names the folder; in it, `nab` (Numenta Anomaly Benchmark) and `wsd` (indicators of web services)
//! are looked through for tables with the columns `timestamp` and `value`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use signal::{Labels, Meter as _, Point, SeriesPoints, Timestamp};
use store::{Config, Store, Write};

/// Blocks are as those after a first merge: a server would write them hour by hour of its own time.
const BLOCK_MILLIS: i64 = 8 * 3_600_000;

fn main() {
    let Ok(folder) = std::env::var("SENTINEL_TEST_DATA") else {
        return println!("published series: SKIPPED, SENTINEL_TEST_DATA is not set");
    };
    for set in ["nab", "wsd"] {
        let mut files = vec![];
        find(&Path::new(&folder).join(set), &mut files);
        files.sort();
        measure(set, &files);
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { find(&path, files) } else { files.push(path) }
    }
}

fn measure(set: &str, files: &[PathBuf]) {
    let directory = std::env::temp_dir().join(format!("sentinel-bench-{set}-{}", std::process::id()));
    let (store, _) = Store::open(&directory, Config::default()).expect("the directory is new");
    let mut blocks: BTreeMap<i64, Vec<SeriesPoints>> = BTreeMap::new();
    let mut samples = 0;
    for file in files {
        let points = points(file).unwrap_or_default();
        samples += points.len();
        let labels = Labels::metric("value", &[("series", &file.display().to_string())]);
        let block_of = |it: &Point| it.time.millis().div_euclid(BLOCK_MILLIS);
        for part in points.chunk_by(|a, b| block_of(a) == block_of(b)) {
            let one = SeriesPoints { labels: labels.clone(), points: part.to_vec() };
            blocks.entry(part.first().map_or(0, block_of)).or_default().push(one);
        }
    }
    let now = Timestamp::from_secs(1_800_000_000);
    let mut largest = 0.0_f64;
    for (number, (_, batch)) in blocks.into_iter().enumerate() {
        store.append_and_wait(&Write::samples(batch), now).expect("the disk has room");
        assert!(store.flush());
        if number % 64 == 63 {
            largest += merged(&store, now);
        }
    }
    largest += merged(&store, now);
    let bytes = disk(&store);
    let of = |bytes: f64| bytes / samples as f64;
    println!(
        "{set}: {samples} samples, merging saved {:.2} of {:.2} bytes each: {:.2}",
        of(largest),
        of(largest + bytes),
        of(bytes)
    );
    drop(store);
    let _ = std::fs::remove_dir_all(&directory);
}

/// What it saves.
fn merged(store: &Store, now: Timestamp) -> f64 {
    let before = disk(store);
    store.merge(now).expect("the disk has room");
    before - disk(store)
}

fn disk(store: &Store) -> f64 {
    let is_samples = |it: &signal::Metric| it.labels.contains(&("kind".into(), "samples".to_owned()));
    let disk = store.metrics().into_iter().find(|it| it.name == "sentinel_store_disk_bytes" && is_samples(it));
    disk.map_or(f64::NAN, |it| it.value)
}

/// In order of time, none twice; None if it is no such table.
fn points(file: &Path) -> Option<Vec<Point>> {
    let bytes = std::fs::read(file).ok()?;
    let mut text = String::new();
    if file.extension().is_some_and(|it| it == "gz") {
        flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text).ok()?;
    } else {
        bytes.as_slice().read_to_string(&mut text).ok()?;
    }
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.trim().split(',').collect();
    let place = |name: &str| names.iter().position(|it| *it == name);
    let (time, value) = (place("timestamp")?, place("value")?);
    let point = |line: &str| {
        let cells: Vec<&str> = line.trim().split(',').collect();
        Some(Point { time: instant(cells.get(time)?)?, value: cells.get(value)?.parse().ok()? })
    };
    let mut points: Vec<Point> = lines.filter_map(point).collect();
    points.sort_by_key(|it| it.time);
    points.dedup_by_key(|it| it.time);
    Some(points)
}

/// Seconds, or date and time in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    match text.parse() {
        Ok(secs) => Some(Timestamp::from_secs(secs)),
        Err(_) => format!("{}Z", text.replace(' ', "T")).parse().ok(),
    }
}
