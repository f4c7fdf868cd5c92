//! How do the tests drive the real binary? They start it, talk HTTP to it, kill it and start it again.

// Each test file is a crate of its own and uses only a part of this.
#![allow(dead_code, unused_imports)]

pub mod browser;
pub mod client;
pub mod kafka;
pub mod kafka_files;
pub mod load;
pub mod model;
pub mod namespaces;
pub mod offline;
pub mod predictions;
pub mod prometheus;
pub mod remote_write;
pub mod scenarios;
pub mod server;
pub mod services;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Held by a test that no other one of its program may disturb that holds it, too: those that watch, measure or fill the
/// machine, and those that keep it so busy that signals come late, which is told as missing data.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `check` gives something; panics with what `waiting_for` tells when the time is up.
pub fn wait_for<T>(limit: Duration, waiting_for: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {waiting_for}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
