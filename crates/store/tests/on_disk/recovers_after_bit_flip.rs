//! What does a damaged byte cost? In the log one write, in a block or partition that file, never the start.

use std::fs;
use std::path::{Path, PathBuf};

use signal::{History, Labels, Ledger, LogQuery, LogRecord, LogSearch, SeriesPoints, TimeRange, Timestamp};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn series(idx: i64) -> Labels {
    Labels::metric("m", &[("idx", &idx.to_string())])
}

fn n_points(store: &Store, n_series: i64) -> usize {
    (0..n_series).map(|it| store.points(series(it).id(), TimeRange::ALL).unwrap().len()).sum()
}

fn only_file(dir: &Path, extension: &str) -> PathBuf {
    let mut files = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    files.find(|it| it.extension().is_some_and(|it| it == extension)).unwrap()
}

fn flip(file: &Path, offset: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[offset] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

/// Scenario: ten writes of one series each; one bit is flipped, at each byte of the log in turn.
/// Guarantees: at most the one write is lost and it is told; the others are there; opening never fails.
#[test]
fn a_flipped_bit_in_the_log_costs_one_write() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    for idx in 0..10 {
        let write = Write::samples(vec![SeriesPoints::one(series(idx), Timestamp::from_secs(idx), 1.5)]);
        store.append_and_wait(&write, NOW).unwrap();
    }
    drop(store);
    let original = only_file(&scratch.path.join("wal"), "wal");
    let length = fs::metadata(&original).unwrap().len() as usize;
    for offset in (0..length).step_by(5) {
        let copy = Scratch::new();
        fs::create_dir_all(copy.path.join("wal")).unwrap();
        let file = copy.path.join("wal").join(original.file_name().unwrap());
        fs::copy(&original, &file).unwrap();
        flip(&file, offset);
        let (store, recovery) = Store::open(&copy.path, Config::default()).unwrap();
        let expected = if offset < 16 { 10 } else { 9 };
        assert_eq!(n_points(&store, 10), expected, "flipped at {offset}");
        assert_eq!(recovery.cuts.len(), 1, "flipped at {offset}");
    }
}

/// Scenario: a block is damaged in its points, its labels, its index or its footer.
/// Guarantees: points that do not fit their checksum are not shown; a block without an index is set aside; the store
/// opens and takes new points.
#[test]
fn a_damaged_block_is_skipped_or_set_aside() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    for idx in 0..5 {
        let write = Write::samples(vec![SeriesPoints::one(series(idx), Timestamp::from_secs(100), 1.5)]);
        store.append_and_wait(&write, NOW).unwrap();
    }
    assert!(store.flush());
    drop(store);
    let name = only_file(&scratch.path.join("samples"), "block");
    let original = fs::read(&name).unwrap();
    let (mut n_aside, mut n_skipped) = (0, 0);
    for offset in (0..original.len()).step_by(11) {
        fs::write(&name, &original).unwrap();
        flip(&name, offset);
        let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
        let found = n_points(&store, 5);
        match recovery.set_aside.first() {
            Some(aside) => {
                assert!(aside.exists() && found == 0, "flipped at {offset}");
                n_aside += 1;
                fs::remove_file(aside).unwrap();
            }
            None => {
                assert!(found >= 4, "flipped at {offset}: {found}");
                n_skipped += usize::from(found == 4);
            }
        }
        let write = Write::samples(vec![SeriesPoints::one(series(9), Timestamp::from_secs(offset as i64), 1.0)]);
        assert_eq!(store.append_and_wait(&write, NOW).unwrap().stored, 1);
    }
    assert!(n_aside > 5 && n_skipped > 3, "both happen: {n_aside} {n_skipped}");
}

/// Scenario: the databases hold something else than a database.
/// Guarantees: they are set aside and told, and new ones are made; that the ledger is lost stays no secret.
#[test]
fn a_damaged_partition_or_state_is_set_aside() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.path, Config::default()).unwrap().0;
    let record = |line: &str| LogRecord::new(NOW, Labels::new([("app", "a")]), line);
    store.append_and_wait(&Write::Logs(vec![record("old")]), NOW).unwrap();
    Ledger::append(&*store, "a", "b", "c", "d").unwrap();
    assert!(store.flush());
    drop(store);
    for file in [only_file(&scratch.path.join("logs"), "pack"), scratch.path.join("state.sqlite")] {
        fs::write(&file, vec![0x55; 8192]).unwrap();
        fs::remove_file(file.with_extension("sqlite-wal")).ok();
    }
    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert_eq!(recovery.set_aside.len(), 2, "{recovery}");
    store.append_and_wait(&Write::Logs(vec![record("new")]), NOW).unwrap();
    assert!(store.flush());
    let query = LogQuery { text: String::new(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 10 };
    assert_eq!(store.search(&query).unwrap()[0].record.line, "new");
    let verdict = store.verify().unwrap_err().to_string();
    assert_eq!(verdict, "ledger entries after 0 are missing: its anchor names entry 1");
    drop(store);
    let (_, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert!(recovery.set_aside.is_empty());
}
