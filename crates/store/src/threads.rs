//! Which threads work behind the store, and what if one of them panics? Then the store is unhealthy at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal::Timestamp;
use tracing::error;

use crate::Error;
use crate::counters::count;
use crate::merger;
use crate::store::Shared;
use crate::wal::Wal;
use crate::writer::{FlushJob, Message, Writer};

/// How long the flusher waits after an error.
const RETRY: Duration = Duration::from_secs(5);

type Threads = Vec<JoinHandle<()>>;

/// How the threads are reached.
#[derive(Debug)]
pub struct Doors {
    pub messages: SyncSender<Message>,
    /// Asks for merges, at this time.
    pub merges: SyncSender<Timestamp>,
}

/// Starts the writer, the flusher, the packers and the merger. They end when the doors are dropped, and `logs`,
/// `spans` and `histograms` are closed.
pub fn start(shared: &Arc<Shared>, wal: Wal) -> Result<(Doors, Threads), Error> {
    let (messages, inbox) = sync_channel(shared.config.queue_writes);
    let (merges, wake_ups) = sync_channel(1);
    let (flusher, jobs) = channel();
    let (next_log_id, next_span_id) = (shared.logs.newest_id() + 1, shared.spans.newest_id() + 1);
    let next_histogram_id = shared.histograms.newest_id() + 1;
    let writer = Writer { shared: Arc::clone(shared), wal, next_log_id, next_span_id, next_histogram_id, flusher };
    let [for_flusher, for_logs, for_spans, for_histograms, for_merger] = [(); 5].map(|()| Arc::clone(shared));
    let threads = vec![
        spawn(shared, "store-writer", move || writer.run(&inbox))?,
        spawn(shared, "store-flusher", move || run_flusher(&for_flusher, &jobs))?,
        spawn(shared, "store-logs", move || for_logs.logs.run_packer(&|| for_logs.remove_covered_segments()))?,
        spawn(shared, "store-spans", move || for_spans.spans.run_packer(&|| for_spans.remove_covered_segments()))?,
        spawn(shared, "store-histograms", move || {
            for_histograms.histograms.run_packer(&|| for_histograms.remove_covered_segments());
        })?,
        spawn(shared, "store-merger", move || merger::run(&for_merger, &wake_ups))?,
    ];
    Ok((Doors { messages, merges }, threads))
}

/// A thread whose panic is counted, makes the store unhealthy and wakes those who wait for its work. It is not started
/// again: what it held is half done in memory, while the write-ahead log is whole, so the process must be restarted.
fn spawn(
    shared: &Arc<Shared>,
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let shared = Arc::clone(shared);
    let watched = move || {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            count(&shared.counters.panics, 1);
            shared.logs.wake();
            shared.spans.wake();
            shared.histograms.wake();
            error!(thread = name, "A thread of the store has panicked; restart Sentinel.");
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(watched).map_err(Error::Thread)
}

/// Writes blocks until the writer is gone. A block that cannot be written is tried again: its samples are in memory
/// and in the write-ahead log meanwhile.
fn run_flusher(shared: &Shared, jobs: &Receiver<FlushJob>) {
    let mut failed: Option<FlushJob> = None;
    loop {
        let job = match failed.take() {
            // Waits for the next job only as long as a failed one may rest.
            Some(again) => match jobs.recv_timeout(RETRY) {
                Ok(FlushJob { tell, .. }) => FlushJob { tell, ..again },
                Err(RecvTimeoutError::Timeout) => again,
                Err(RecvTimeoutError::Disconnected) => return,
            },
            None => match jobs.recv() {
                Ok(job) => job,
                Err(_) => return,
            },
        };
        let result = job.frozen.as_ref().map_or(Ok(()), |it| shared.samples.write_block(it));
        shared.counters.is_flush_failing.store(result.is_err(), Relaxed);
        let is_written = result.is_ok();
        match (result, &job.frozen) {
            (Ok(()), Some(frozen)) => {
                shared.samples_through.fetch_max(frozen.wal_through, Relaxed);
                shared.remove_covered_segments();
            }
            (Ok(()), None) => {}
            (Err(error), _) => {
                error!(%error, cause = ?std::error::Error::source(&error), "Block not written; trying again.");
                count(&shared.counters.flushes_failed, 1);
                failed = Some(FlushJob { frozen: job.frozen.clone(), tell: None });
            }
        }
        if let Some(tell) = job.tell {
            // Nobody waits any more: fine.
            let _ = tell.send(is_written);
        }
    }
}
