//! Do merged blocks hold what their parts held? After a merge, a crash at any moment of it, and damage (570 to 574).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use signal::{History as _, Labels, LogRecord, Meter as _, Point, SeriesId, SeriesPoints, TimeRange, Timestamp};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

const START: i64 = 1_795_000_000;
const HOUR: i64 = 3600;
/// A merge takes so many blocks.
const FAN_IN: i64 = 8;

type Content = BTreeMap<String, Vec<(Timestamp, u64)>>;

fn opened(path: &Path) -> Arc<Store> {
    let (store, recovery) = Store::open(path, Config::default()).unwrap();
    assert!(recovery.set_aside.is_empty(), "{recovery:?}");
    store
}

fn series(idx: i64) -> Labels {
    Labels::metric("cpu", &[("host", &format!("h{idx}"))])
}

/// Stale markers, sums of decimals, counters, floats with all their digits, and points that come late.
fn value(series: i64, idx: i64) -> f64 {
    match series % 4 {
        0 if idx % 50 == 49 => f64::from_bits(0x7ff0_0000_0000_0002),
        0 => [0.066, 0.1, 0.134, 0.2][(idx % 4) as usize] * 3.0,
        1 => (idx * 17 + idx % 5) as f64,
        2 => (idx as f64).sin() * 1e-3,
        _ => -0.0,
    }
}

/// Hours with a block each; the fourth series is there in some of them only, and each hour brings a late point of the hour
/// before, some of them with the time of one that is stored.
fn fill(store: &Store, hours: std::ops::Range<i64>) {
    for hour in hours {
        let from = START + hour * HOUR;
        let point = |series: i64, secs: i64| Point {
            time: Timestamp::from_secs(secs),
            value: value(series, (secs - START) / 30),
        };
        let one = |idx: i64| SeriesPoints {
            labels: series(idx),
            points: (0..120).map(|it| point(idx, from + it * 30)).collect(),
        };
        let mut batch: Vec<SeriesPoints> = (0..4).filter(|it| *it < 3 || hour % 3 == 0).map(one).collect();
        batch.push(SeriesPoints { labels: series(1), points: vec![point(1, from - 15 * (1 + hour % 2))] });
        let now = Timestamp::from_secs(from + HOUR);
        store.append_and_wait(&Write::samples(batch), now).unwrap();
        assert!(store.flush());
    }
}

fn content(store: &Store, range: TimeRange) -> Content {
    let points = |idx: i64| store.points(series(idx).id(), range).unwrap();
    let bits = |points: Vec<Point>| points.into_iter().map(|it| (it.time, it.value.to_bits())).collect();
    let read = (0..4).map(|it| (series(it).to_string(), bits(points(it))));
    read.collect()
}

fn blocks(path: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(path.join("samples")).unwrap();
    let mut found: Vec<PathBuf> = folder.map(|it| it.unwrap().path()).collect();
    found.sort();
    found
}

fn metric(store: &Store, name: &str) -> f64 {
    store.metrics().iter().filter(|it| it.name == name).map(|it| it.value).sum()
}

/// Guarantees (570, 571): every bit is there after merges of merges, in whole and in parts, also after the next
/// start; and it takes less.
#[test]
fn all_points_are_there_after_merges() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..FAN_IN * FAN_IN + 3);
    let ranges =
        [(0, i64::MAX / 2), (5 * HOUR - 30, 5 * HOUR + 60), (7 * HOUR, 20 * HOUR), (-9, 0), (500 * HOUR, 501 * HOUR)];
    let ranges = ranges.map(|(from, to)| {
        TimeRange::new(Timestamp::from_secs(START + from), Timestamp::from_millis(to.saturating_mul(1000)))
    });
    let before = ranges.map(|it| content(&store, it));
    assert!(before[0].values().all(|it| it.len() > 2000), "{:?}", before[0].keys());
    let bytes = metric(&store, "sentinel_store_disk_bytes");
    assert_eq!(store.merge(Timestamp::MIN).unwrap(), FAN_IN as usize + 1);
    assert_eq!(blocks(&scratch.path).len(), 4);
    assert!(metric(&store, "sentinel_store_disk_bytes") < bytes);
    assert_eq!(metric(&store, "sentinel_store_blocks_merged_total"), (FAN_IN * FAN_IN + FAN_IN) as f64);
    assert!(ranges.map(|it| content(&store, it)) == before);
    drop(store);
    let store = opened(&scratch.path);
    assert!(ranges.map(|it| content(&store, it)) == before);
    let ids: Vec<SeriesId> = {
        let mut ids: Vec<SeriesId> = (0..4).map(|it| series(it).id()).collect();
        ids.sort();
        ids
    };
    let mut scanned = 0;
    store.scan(&ids, ranges[0], &mut |_, points| scanned += points.len());
    assert_eq!(scanned, before[0].values().map(Vec::len).sum::<usize>());
    // What comes again is a duplicate, and what comes new goes on.
    fill(&store, 70..71);
    assert!(metric(&store, "sentinel_store_blocks_count") == 5.0);
}

/// Guarantees (572): after a crash before the rename the parts are used, after a crash behind it the merged block is,
/// and what is left over is removed.
#[test]
fn a_crash_during_a_merge_changes_nothing() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..FAN_IN);
    let before = content(&store, TimeRange::ALL);
    let parts: Vec<(PathBuf, Vec<u8>)> =
        blocks(&scratch.path).into_iter().map(|it| (it.clone(), fs::read(it).unwrap())).collect();
    assert_eq!(store.merge(Timestamp::MIN).unwrap(), 1);
    drop(store);
    let merged = blocks(&scratch.path);
    assert_eq!(merged, [parts[7].0.clone()]);
    let merged_bytes = fs::read(&merged[0]).unwrap();
    // Any number of parts was removed.
    for n_left in [1, 4, 7] {
        for (path, bytes) in parts.iter().skip(7 - n_left).take(n_left) {
            fs::write(path, bytes).unwrap();
        }
        let store = opened(&scratch.path);
        assert!(content(&store, TimeRange::ALL) == before);
        assert_eq!(blocks(&scratch.path), merged, "with {n_left} left");
    }
    // The merged block was written in part.
    parts.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let half = parts[7].0.with_extension("merging");
    fs::write(&half, &merged_bytes[..merged_bytes.len() / 2]).unwrap();
    let store = opened(&scratch.path);
    assert!(content(&store, TimeRange::ALL) == before);
    assert_eq!(blocks(&scratch.path).len(), 8);
    assert_eq!(store.merge(Timestamp::MIN).unwrap(), 1);
    assert_eq!(fs::read(&merged[0]).unwrap(), merged_bytes);
}

/// Guarantees (573): whoever reads while blocks are merged finds every point at every moment.
#[test]
fn readers_find_everything_while_blocks_are_merged() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..3 * FAN_IN);
    let before = content(&store, TimeRange::ALL);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut n_reads = 0;
                    while !is_over.load(Relaxed) || n_reads == 0 {
                        assert!(content(&store, TimeRange::ALL) == before);
                        n_reads += 1;
                    }
                })
            })
            .collect();
        let merged = store.merge(Timestamp::MIN);
        is_over.store(true, Relaxed);
        readers.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(merged.unwrap(), 3);
    });
    assert_eq!(metric(&store, "sentinel_store_reads_failed_total"), 0.0);
}

/// Guarantees (574): a block of which a part cannot be read is not merged, so what can be read of it stays.
#[test]
fn a_damaged_block_is_left_as_it_is() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..FAN_IN);
    drop(store);
    let paths = blocks(&scratch.path);
    let mut bytes = fs::read(&paths[3]).unwrap();
    // In the points of the first series, behind the magic.
    bytes[20] ^= 0x55;
    fs::write(&paths[3], &bytes).unwrap();
    let store = opened(&scratch.path);
    let before = content(&store, TimeRange::ALL);
    assert!(store.merge(Timestamp::MIN).is_err());
    assert_eq!(store.merge(Timestamp::MIN).unwrap(), 0, "it is not tried again and again");
    assert_eq!(blocks(&scratch.path), paths);
    assert!(content(&store, TimeRange::ALL) == before);
}

/// Guarantees: what cannot be merged of one kind of signal does not hold up the others.
#[test]
fn lines_are_merged_although_a_block_is_damaged() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..FAN_IN);
    let line = LogRecord::new(Timestamp::from_secs(START), Labels::new([("app", "a")]), "all is well".to_owned());
    store.append_and_wait(&Write::Logs(vec![line]), Timestamp::from_secs(START)).unwrap();
    assert!(store.flush());
    drop(store);
    let block = &blocks(&scratch.path)[3];
    let mut bytes = fs::read(block).unwrap();
    bytes[20] ^= 0x55;
    fs::write(block, &bytes).unwrap();
    let store = opened(&scratch.path);
    assert!(store.merge(Timestamp::from_secs(START + 48 * HOUR)).is_err());
    let file = fs::read_dir(scratch.path.join("logs")).unwrap().next().unwrap().unwrap().path();
    assert!(fs::read(file).unwrap().starts_with(b"SNTLPAK2"));
}
