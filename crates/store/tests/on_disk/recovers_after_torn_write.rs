//! Does a write that was under way when the process died do any harm? The log is cut at every byte of its last frames.

use std::fs;
use std::path::{Path, PathBuf};

use signal::{History, Labels, LogQuery, LogRecord, LogSearch, Point, SeriesPoints, TimeRange, Timestamp};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn series() -> Labels {
    Labels::metric("m", &[("host", "a")])
}

fn write(idx: i64) -> Write {
    if idx % 2 == 0 {
        let points = vec![Point { time: Timestamp::from_secs(idx), value: idx as f64 }];
        Write::samples(vec![SeriesPoints { labels: series(), points }])
    } else {
        let labels = Labels::new([("app", "a")]);
        Write::Logs(vec![LogRecord::new(Timestamp::from_secs(idx), labels, format!("line {idx}"))])
    }
}

/// Only the log: the index may hold what the test takes away.
fn copy_of_wal(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to.join("wal")).unwrap();
    let entry = fs::read_dir(from.join("wal")).unwrap().next().unwrap().unwrap();
    let target = to.join("wal").join(entry.file_name());
    fs::copy(entry.path(), &target).unwrap();
    target
}

fn count(store: &Store) -> usize {
    let query = LogQuery { text: String::new(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 1000 };
    store.points(series().id(), TimeRange::ALL).unwrap().len() + store.search(&query).unwrap().len()
}

/// Scenario: six writes, one frame each; the file is cut at each byte of the last three.
/// Guarantees: what stands before the cut is there, the cut part is told to the byte, and new writes go on.
#[test]
fn a_cut_at_any_byte_loses_only_what_was_cut() {
    let scratch = Scratch::new();
    let mut ends = vec![];
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    for idx in 0..6 {
        store.append_and_wait(&write(idx), NOW).unwrap();
        let segment = fs::read_dir(scratch.path.join("wal")).unwrap().next().unwrap().unwrap();
        ends.push(segment.metadata().unwrap().len());
    }
    drop(store);
    for length in ends[2]..=ends[5] {
        let copy = Scratch::new();
        let file = copy_of_wal(&scratch.path, &copy.path);
        fs::File::options().write(true).open(&file).unwrap().set_len(length).unwrap();
        let whole = ends.iter().filter(|it| **it <= length).count();
        let (store, recovery) = Store::open(&copy.path, Config::default()).unwrap();
        assert_eq!(count(&store), whole, "cut at {length}");
        assert_eq!(recovery.cut_bytes(), length - ends[whole - 1], "cut at {length}");
        assert!(recovery.cuts.iter().all(|it| it.file == file && it.offset == ends[whole - 1]));
        if length % 10 != 0 {
            continue;
        }
        store.append_and_wait(&write(100), NOW).unwrap();
        drop(store);
        let (store, recovery) = Store::open(&copy.path, Config::default()).unwrap();
        assert_eq!((count(&store), recovery.cut_bytes()), (whole + 1, 0), "a cut is told once");
    }
}

/// Scenario: after a power failure the file has zeros behind its last frame.
/// Guarantees: zeros are no frame.
#[test]
fn zeros_at_the_end_are_cut() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    store.append_and_wait(&write(0), NOW).unwrap();
    drop(store);
    let copy = Scratch::new();
    let file = copy_of_wal(&scratch.path, &copy.path);
    let length = fs::metadata(&file).unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(length + 5000).unwrap();
    let (store, recovery) = Store::open(&copy.path, Config::default()).unwrap();
    assert_eq!((count(&store), recovery.cut_bytes()), (1, 5000));
    assert!(recovery.to_string().contains("5000 bytes"), "{recovery}");
}
