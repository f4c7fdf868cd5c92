//! Do merged packs hold what they held? After a merge, a crash in it, damage, and while lines come in and are looked for
//! (575 to 578).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use signal::{Labels, LogHit, LogQuery, LogRecord, LogSearch as _, Meter as _, TimeRange, Timestamp};
use store::{Config, Store, Write};

use crate::scratch::Scratch;

const START: i64 = 1_795_000_000_000;
const DAY: i64 = 86_400_000;

fn opened(path: &Path) -> Arc<Store> {
    let (store, recovery) = Store::open(path, Config::default()).unwrap();
    assert!(recovery.set_aside.is_empty(), "{recovery:?}");
    store
}

fn line(number: u64) -> LogRecord {
    let hex = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let text = match number % 5 {
        0 => format!("GET /orders/{number} 200 in {} ms trace={hex:016x}", number * 7919 % 97),
        1 => format!("Failed password for {} from 10.0.3.{} port {number}", name(hex), number % 250),
        2 => format!("stored block {number} at 007:{:03}", number % 1000),
        3 => "all is well, \u{fc}ber\nand out".to_owned(),
        _ => format!("session {hex:X} closed"),
    };
    let mut record = LogRecord::new(
        Timestamp::from_millis(START + number as i64),
        Labels::new([("app", format!("a{}", number % 3))]),
        text,
    );
    if number.is_multiple_of(4) {
        record.metadata = Labels::new([("trace_id", format!("{hex:032x}")), ("note", format!("a\n{number}"))]);
    }
    record
}

fn name(hex: u64) -> String {
    (0..8).map(|it| char::from(b'a' + (hex >> (it * 8)) as u8 % 26)).collect()
}

/// Lines that arrive on a day, in packs of a hundred.
fn fill(store: &Store, numbers: std::ops::Range<u64>, day: i64) {
    for first in numbers.clone().step_by(100) {
        let records = (first..(first + 100).min(numbers.end)).map(line).collect();
        store.append_and_wait(&Write::Logs(records), Timestamp::from_millis(START + day * DAY)).unwrap();
        assert!(store.flush());
    }
}

fn search(store: &Store, text: &str) -> Vec<LogHit> {
    let query =
        LogQuery { text: text.to_owned(), matchers: vec![], min_level: None, range: TimeRange::ALL, limit: 5000 };
    let mut hits = store.search(&query).unwrap();
    hits.sort_by_key(|it| it.id);
    hits.iter_mut().for_each(|it| it.relevance = 0.0);
    hits
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path.join("logs")).unwrap().map(|it| it.unwrap().path()).collect();
    found.sort();
    found
}

fn metric(store: &Store, name: &str) -> f64 {
    store.metrics().iter().filter(|it| it.name == name).map(|it| it.value).sum()
}

/// Guarantees (575): every line with its id, labels, metadata and time is there after a merge, by any of its words, also
/// after the next start; and it takes less. The file that is written to stays as it is.
#[test]
fn all_lines_are_there_after_a_merge() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..1000, 0);
    fill(&store, 1000..1500, 1);
    let texts = ["", "stored block 1007", "007", "7", "session", "\u{fc}ber", "password from 10", "nothing like it"];
    let (trace, user) = (
        format!("{:016x}", 505_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        name(506_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    );
    let texts: Vec<&str> = texts.into_iter().chain([trace.as_str(), user.as_str()]).collect();
    let before: Vec<Vec<LogHit>> = texts.iter().map(|it| search(&store, it)).collect();
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [1500, 1, 300, 4, 300, 300, 300, 0, 1, 1]);
    let bytes = metric(&store, "sentinel_store_disk_bytes");
    let now = Timestamp::from_millis(START + DAY + 1);
    assert_eq!(store.merge(now).unwrap(), 1, "the second day is not over");
    assert_eq!(store.merge(now).unwrap(), 0);
    assert!(metric(&store, "sentinel_store_disk_bytes") < bytes);
    let after: Vec<Vec<LogHit>> = texts.iter().map(|it| search(&store, it)).collect();
    assert!(after == before);
    drop(store);
    let store = opened(&scratch.path);
    let after: Vec<Vec<LogHit>> = texts.iter().map(|it| search(&store, it)).collect();
    assert!(after == before);
    assert_eq!(store.line(before[0][700].id).unwrap().unwrap(), before[0][700].record);
    // What comes again is known.
    fill(&store, 900..1000, 1);
    assert_eq!(search(&store, "").len(), 1500);
}

/// Guarantees (576): a crash before the rename leaves the old file in use, and what was begun is removed.
#[test]
fn a_crash_during_a_merge_changes_nothing() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..300, 0);
    let before = search(&store, "");
    drop(store);
    let paths = files(&scratch.path);
    fs::write(paths[0].with_extension("merging"), b"SNTLPAK2half of a file").unwrap();
    let store = opened(&scratch.path);
    assert_eq!(files(&scratch.path), paths);
    assert!(search(&store, "") == before);
}

/// Guarantees (577): while files are merged, lines come in, none is lost, and a search finds all that were there.
#[test]
fn lines_come_and_are_found_while_files_are_merged() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..1500, 0);
    let before = search(&store, "session");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut n_reads = 0;
            while !is_over.load(Relaxed) || n_reads == 0 {
                let found = search(&store, "session");
                assert!(before.iter().all(|it| found.contains(it)));
                n_reads += 1;
            }
        });
        // The day is over, so the file is merged, and still some lines of that day arrive.
        let writer = scope.spawn(|| fill(&store, 1500..2000, 0));
        let mut n_merges = 0;
        while !writer.is_finished() {
            n_merges += store.merge(Timestamp::from_millis(START + 2 * DAY)).unwrap();
        }
        writer.join().unwrap();
        n_merges += store.merge(Timestamp::from_millis(START + 2 * DAY)).unwrap();
        is_over.store(true, Relaxed);
        reader.join().unwrap();
        assert!(n_merges > 0);
    });
    let texts = |store: &Store| search(store, "").into_iter().map(|it| it.record.line).collect::<Vec<_>>();
    let expected: Vec<String> = (0..2000).map(|it| line(it).line).collect();
    assert!(texts(&store) == expected);
    drop(store);
    assert!(texts(&opened(&scratch.path)) == expected);
}

/// Guarantees (578): a file of which a pack cannot be read is not merged, so what can be read of it stays.
#[test]
fn a_damaged_file_is_left_as_it_is() {
    let scratch = Scratch::new();
    let store = opened(&scratch.path);
    fill(&store, 0..300, 0);
    drop(store);
    let paths = files(&scratch.path);
    let mut bytes = fs::read(&paths[0]).unwrap();
    bytes[300] ^= 0x55;
    fs::write(&paths[0], bytes).unwrap();
    let store = opened(&scratch.path);
    let before = search(&store, "");
    assert_eq!(before.len(), 200);
    let now = Timestamp::from_millis(START + 2 * DAY);
    assert!(store.merge(now).is_err());
    assert_eq!(store.merge(now).unwrap(), 0, "it is not tried again and again");
    assert_eq!(files(&scratch.path), paths);
    assert!(search(&store, "") == before);
}
