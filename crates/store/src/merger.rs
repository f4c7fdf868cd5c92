//! When are small files on disk merged into few dense ones? About once a minute if there are enough of them, by a thread
//! that gives way to writes.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use signal::Timestamp;
use tracing::{error, info};

use crate::Error;
use crate::counters::count;
use crate::samples::merge::Limits;
use crate::store::Shared;

/// While writes wait, the merger rests this long between two series or packs, which take it some milliseconds.
const REST: Duration = Duration::from_millis(5);
/// A merged block spans at most this part of what is kept: retention removes whole ones.
const PARTS: u32 = 10;

/// Merges whenever it is asked to, until the store closes; it is told the time.
pub fn run(shared: &Shared, wake_ups: &Receiver<Timestamp>) {
    while let Ok(now) = wake_ups.recv() {
        match merge_all(shared, now) {
            Ok(0) | Err(Error::Closed) => {}
            Ok(n_merges) => info!(n_merges, "Files were merged."),
            Err(error) => {
                error!(%error, cause = ?std::error::Error::source(&error), "Files not merged; trying again later.");
                count(&shared.counters.merges_failed, 1);
            }
        }
    }
}

/// Merges until nothing is ready any more; says how often.
pub fn merge_all(shared: &Shared, now: Timestamp) -> Result<usize, Error> {
    let _alone = shared.merging.lock().unwrap_or_else(PoisonError::into_inner);
    let retention = &shared.config.samples;
    let limits = Limits { span: retention.age() / PARTS, bytes: retention.bytes() / u64::from(PARTS) };
    let go_on = || {
        if shared.queued_items.load(Relaxed) > 0 {
            thread::sleep(REST);
        }
        !shared.is_closing.load(Relaxed)
    };
    let kinds: [&dyn Fn() -> Result<bool, Error>; 4] = [
        &|| shared.samples.merge_next(limits, &go_on),
        &|| shared.logs.merge_next(now, &go_on),
        &|| shared.spans.merge_next(now, &go_on),
        &|| shared.histograms.merge_next(now, &go_on),
    ];
    // What cannot be merged of one kind does not hold up the others.
    let outcomes = kinds.map(|merge_next| -> Result<usize, Error> {
        let mut n_merges = 0;
        while merge_next()? {
            n_merges += 1;
        }
        Ok(n_merges)
    });
    outcomes.into_iter().sum()
}
