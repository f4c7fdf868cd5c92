//! What if a detector panics? What it was about is left out, counted and told, and everything else is judged on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use signal::Metric;

/// Counts what could not be judged.
#[derive(Debug, Default)]
pub struct Panics(AtomicU64);

impl Panics {
    /// Does the work. A panic is counted and told with what `about` says; then nothing comes back.
    ///
    /// What the work has changed until then stays: the locks of detectors do not ask for more.
    pub fn caught<T>(&self, about: impl FnOnce() -> String, work: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(work)).ok();
        if done.is_none() {
            let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            // A series that cannot be judged fails with every point: it is told ever more seldom.
            if count.is_power_of_two() {
                tracing::error!(about = about(), count, "A fault in the program: not judged. Please report it.");
            }
        }
        done
    }

    /// How much was not judged.
    pub fn metric(&self) -> Metric {
        const HELP: &str = "Pieces of work of detectors, such as the points of a series, that ended by a panic.";
        Metric::counter("sentinel_detect_panics_total", HELP, self.0.load(Ordering::Relaxed))
    }
}
