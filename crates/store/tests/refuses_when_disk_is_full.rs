//! What happens when the disk refuses? The write is answered with an error, and later ones succeed by themselves.
//!
//! The test starts itself under a limit for the size of files (`ulimit -f`), which refuses like a full disk.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

mod scratch;

use std::env;
use std::path::Path;
use std::process::Command;

use scratch::Scratch;
use signal::{History, Labels, Meter, Point, SeriesPoints, TimeRange, Timestamp};
use store::{Config, Error, Store, Write};

const DIRECTORY: &str = "SENTINEL_STORE_TEST_DIRECTORY";
const NAME: &str = "an_error_is_no_acknowledgement";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const BATCHES: i64 = 60;

fn series() -> Labels {
    Labels::metric("m", &[])
}

fn write(batch: i64) -> Write {
    let points = (0..1000).map(|it| Point { time: Timestamp::from_millis(batch * 1000 + it), value: it as f64 });
    Write::samples(vec![SeriesPoints { labels: series(), points: points.collect() }])
}

/// The child: every write until it is stored, with what it saw on standard error.
fn write_all(directory: &Path) {
    let (store, _) = Store::open(directory, Config::default()).unwrap();
    let mut n_refused = 0;
    for batch in 0..BATCHES {
        let appended = loop {
            match store.append_and_wait(&write(batch), NOW) {
                Ok(appended) => break appended,
                Err(error) => {
                    assert!(matches!(error, Error::NotStored(_)), "{error}");
                    assert!(store.complaint().is_some(), "a store that cannot write says so");
                    n_refused += 1;
                }
            }
        };
        assert_eq!((appended.stored, appended.duplicates), (1000, 0), "what was refused is no duplicate later");
        assert_eq!(store.complaint(), None, "it has recovered by itself");
    }
    let failed = store.metrics().into_iter().find(|it| it.name == "sentinel_store_writes_failed_total").unwrap();
    assert!(n_refused > 3 && failed.value as i32 == n_refused, "{n_refused} refused");
}

/// Scenario: no file may grow above 128 KiB, so the log's segment is refused again and again in the middle of a write.
/// Guarantees: an error for the caller, no panic; the same write sent again is stored; all of it is there afterwards.
#[test]
fn an_error_is_no_acknowledgement() {
    if let Ok(directory) = env::var(DIRECTORY) {
        return write_all(Path::new(&directory));
    }
    let scratch = Scratch::new();
    // 512-byte blocks; without the trap the limit's signal would end the process.
    let script = format!("trap '' XFSZ; ulimit -f 256; exec \"$0\" --exact {NAME} --nocapture");
    let program = env::current_exe().unwrap();
    let output = Command::new("sh").args(["-c", &script]).arg(program).env(DIRECTORY, &scratch.path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (store, recovery) = Store::open(&scratch.path, Config::default()).unwrap();
    assert_eq!(store.points(series().id(), TimeRange::ALL).unwrap().len() as i64, BATCHES * 1000);
    assert_eq!(recovery.cut_bytes(), 0, "refused writes were cut at once");
}
