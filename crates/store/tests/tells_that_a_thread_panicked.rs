//! Is the store unhealthy at once when one of its threads panics, and do those who wait for it get an answer?
//!
//! The listener of the log events is what panics: it belongs to the program, not to the store, and the store calls it
//! from its threads when the disk refuses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test stops where it fails")]

mod scratch;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use scratch::Scratch;
use signal::{Labels, LogRecord, Meter, SeriesPoints, Timestamp};
use store::{Config, Error, Store, Write};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Panics at every error that a thread of the store tells.
struct Fragile;

impl Subscriber for Fragile {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let thread = thread::current();
        assert!(!thread.name().is_some_and(|it| it.starts_with("store-")), "{event:?}");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn samples(secs: i64) -> Write {
    Write::samples(vec![SeriesPoints::one(Labels::metric("load", &[]), Timestamp::from_secs(secs), 1.5)])
}

fn lines() -> Write {
    Write::Logs(vec![LogRecord::new(NOW, Labels::new([("app", "a")]), "one")])
}

/// Puts a file where the store expects a directory.
fn block(directory: &Path) {
    fs::remove_dir_all(directory).unwrap();
    fs::write(directory, "in the way").unwrap();
}

/// Waits for what another thread is about to do; a minute is far more than it needs.
fn becomes(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() && start.elapsed() < Duration::from_secs(60) {
        thread::yield_now();
    }
    is_so()
}

fn check(directory: &str, act: impl FnOnce(&Arc<Store>)) {
    let scratch = Scratch::new();
    let (store, _) = Store::open(&scratch.path, Config::default()).unwrap();
    assert_eq!(store.complaint(), None);
    block(&scratch.path.join(directory));
    act(&store);
    // Until then it complains of the disk.
    let complaint = Some("one of its threads has panicked; restart Sentinel");
    assert!(becomes(|| store.complaint() == complaint), "{directory}: {:?}", store.complaint());
    let metric = |name: &str| store.metrics().into_iter().find(|it| it.name == name).unwrap().value;
    assert_eq!((metric("sentinel_store_panics_total"), metric("sentinel_store_healthy_ratio")), (1.0, 0.0));
}

/// Scenario: the writer, the flusher and the indexer panic, each in a store of its own.
/// Guarantees: the store complains at once; nobody waits for the thread that is gone.
#[test]
fn a_panic_makes_the_store_unhealthy_at_once() {
    tracing::subscriber::set_global_default(Fragile).unwrap();
    check("wal", |store| {
        assert!(matches!(store.append_and_wait(&samples(1), NOW), Err(Error::Closed)));
        let (sender, receiver) = channel();
        // The queue may take it while the writer is still ending; then it is dropped, and so is the sender.
        let _ = store.append(samples(2), NOW, Box::new(move |result| _ = sender.send(result.is_ok())));
        assert_ne!(receiver.recv(), Ok(true), "nothing is acknowledged any more");
    });
    check("samples", |store| {
        store.append_and_wait(&samples(1), NOW).unwrap();
        assert!(!store.flush());
    });
    check("logs", |store| {
        store.append_and_wait(&lines(), NOW).unwrap();
        assert!(!store.flush());
    });
}
