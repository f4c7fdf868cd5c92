//! Who works on a partition of a worker? One thread: it restores, then stores, judges and tells record after record, and
//! says how far it has come when all of that is durable.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cluster::{Batch, Counts, Finding, NotSent, OnItsWay, Origin, Outlet, Progress, Saved, Shelf, Signals, Topics};
use signal::{Clock, Timestamp};
use store::{Appended, Write};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::roles::feed::Feed;
use crate::roles::gateway::To;
use crate::roles::ledge::{Ledge, LocalState};
use crate::roles::partition::{Partition, Told};
use crate::roles::work;

/// Bytes of records that may wait for one partition.
const WAITING_BYTES: usize = 8 << 20;
/// Records that are stored with one sync of the disk.
const ROUND: usize = 256;
/// How often time passes for a partition.
const TICK: Duration = Duration::from_millis(250);
/// How often retention is applied.
const MAINTAIN: Duration = Duration::from_secs(30);
/// How often progress is made durable.
const CHECKPOINT: Duration = Duration::from_secs(1);
/// A snapshot of this name lies beside the store.
const SNAPSHOT: &str = "partition-state";
/// Time between two tries of what must not be left out.
const AGAIN: Duration = Duration::from_millis(200);

/// What all lanes of a worker share.
pub struct Yard {
    /// Configuration.
    pub config: Arc<Config>,
    /// Topics.
    pub topics: Topics,
    /// The way to the responder and to the changelog.
    pub outlet: Outlet,
    /// Counters.
    pub counts: Arc<Counts>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// For waiting on deliveries.
    pub runtime: Handle,
}

/// Where a lane begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// State in the changelog, if an earlier owner saved some.
    pub shelf: Option<Shelf>,
    /// What lies on our own disk.
    pub ledge: Ledge,
    /// The first record that comes.
    pub position: i64,
    /// From here on records are read again into the store, up to `position`.
    pub refill_from: Option<i64>,
}

/// The thread of a partition, seen from outside.
pub struct Lane {
    sender: Sender<Item>,
    waiting: Arc<AtomicUsize>,
    progress: Arc<Mutex<Option<Progress>>>,
    partition: Arc<OnceLock<Arc<Partition>>>,
    is_abandoned: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

enum Item {
    Record(i64, Vec<u8>),
    CaughtUp,
    /// The end; true with a last state for the next owner.
    Stop(bool),
}

impl Lane {
    /// Starts the thread.
    pub fn start(yard: Arc<Yard>, number: u32, dir: PathBuf, start: Start) -> std::io::Result<Self> {
        let (sender, items) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let progress = Arc::new(Mutex::new(None));
        let partition = Arc::new(OnceLock::new());
        let is_abandoned = Arc::new(AtomicBool::new(false));
        let work = Work {
            yard,
            number,
            dir,
            items,
            waiting: Arc::clone(&waiting),
            progress: Arc::clone(&progress),
            slot: Arc::clone(&partition),
            is_abandoned: Arc::clone(&is_abandoned),
        };
        let name = format!("partition-{number}");
        let thread = std::thread::Builder::new().name(name).spawn(move || work.run(start))?;
        Ok(Self { sender, waiting, progress, partition, is_abandoned, thread })
    }

    /// Takes a record; false if too much waits already.
    pub fn record(&self, offset: i64, bytes: &[u8]) -> bool {
        if self.waiting.load(Ordering::Acquire) > WAITING_BYTES {
            return false;
        }
        self.waiting.fetch_add(bytes.len().max(1), Ordering::AcqRel);
        // A thread that has ended has told why; its records go to the next owner.
        self.sender.send(Item::Record(offset, bytes.to_vec())).is_ok()
    }

    /// There is nothing more for the time being.
    pub fn caught_up(&self) {
        let _ = self.sender.send(Item::CaughtUp);
    }

    /// How far it is.
    pub fn progress(&self) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The partition, once it is restored.
    pub fn partition(&self) -> Option<&Arc<Partition>> {
        self.partition.get()
    }

    /// True if the thread has panicked: nothing is taken in any more.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the thread after the records that wait, with a last state if it is orderly; else at once.
    pub fn stop(self, is_orderly: bool) -> Option<Progress> {
        self.is_abandoned.store(!is_orderly, Ordering::Release);
        let _ = self.sender.send(Item::Stop(is_orderly));
        if self.thread.join().is_err() {
            tracing::error!("The thread of a partition panicked; the next owner does its work again.");
        }
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread's own.
struct Work {
    yard: Arc<Yard>,
    number: u32,
    dir: PathBuf,
    items: Receiver<Item>,
    waiting: Arc<AtomicUsize>,
    progress: Arc<Mutex<Option<Progress>>>,
    slot: Arc<OnceLock<Arc<Partition>>>,
    is_abandoned: Arc<AtomicBool>,
}

/// What changes as the work goes on.
struct Course {
    partition: Arc<Partition>,
    position: i64,
    ledge: Ledge,
    shelf: Option<Shelf>,
    generation: u64,
    /// The newest time of arrival.
    time: Timestamp,
    is_caught_up: bool,
    feed: Feed,
    /// Gateways are away, and that was told.
    is_held: bool,
    told: Vec<(To, Vec<u8>, OnItsWay)>,
    refill: Option<JoinHandle<bool>>,
    next_tick: Instant,
    next_maintenance: Instant,
    next_checkpoint: Instant,
    next_state: Instant,
}

impl Work {
    fn run(self, start: Start) {
        let mut course = match self.begin(start) {
            Ok(it) => it,
            Err(error) => {
                tracing::error!(partition = self.number, error = format!("{error:#}"), "Partition cannot be opened.");
                // Nothing is committed; the process must not pretend to work.
                std::process::exit(1);
            }
        };
        loop {
            let stop = self.round(&mut course);
            if let Some(is_orderly) = stop {
                self.end(&mut course, is_orderly);
                return;
            }
        }
    }

    /// Opens and restores.
    fn begin(&self, start: Start) -> anyhow::Result<Course> {
        let began = Instant::now();
        let partition = Arc::new(Partition::open(self.number, &self.dir, &self.yard.config)?);
        let origin = self.restore(&partition, &start);
        self.yard.counts.restored(origin, began.elapsed());
        let millis = began.elapsed().as_millis();
        let Start { position, refill_from, .. } = start;
        tracing::info!(partition = self.number, ?origin, millis, position, ?refill_from, "Partition taken over.");
        let refill = start.refill_from.map(|from| self.refill(&partition, from, start.position)).transpose()?;
        let generations =
            start.shelf.map(|it| it.generation).into_iter().chain(start.ledge.state.map(|it| it.generation));
        // No partition without its slot: it is filled once.
        let _ = self.slot.set(Arc::clone(&partition));
        let now = Instant::now();
        Ok(Course {
            partition,
            position: start.position,
            ledge: start.ledge,
            shelf: start.shelf,
            generation: generations.max().unwrap_or(0),
            time: Timestamp::MIN,
            is_caught_up: false,
            feed: Feed::default(),
            is_held: false,
            told: vec![],
            refill,
            next_tick: now + TICK,
            next_maintenance: now + MAINTAIN,
            next_checkpoint: now,
            next_state: now + Duration::from_secs(self.yard.config.cluster.state_secs),
        })
    }

    fn restore(&self, partition: &Partition, start: &Start) -> Origin {
        let local = start.ledge.state.map(|it| it.as_of);
        let shelf = start.shelf.filter(|it| local.is_none_or(|local| local < it.as_of));
        let (origin, found) = match shelf {
            Some(shelf) => {
                let Yard { config, topics, .. } = &*self.yard;
                let read = cluster::read_state(&config.cluster, topics, self.number, &shelf);
                (Origin::Changelog, read.map_err(anyhow::Error::from))
            }
            None if local.is_some() => {
                (Origin::Local, partition.store.get_snapshot(SNAPSHOT).map_err(anyhow::Error::from))
            }
            None => return Origin::Nothing,
        };
        let restored = found.and_then(|it| it.map(|it| partition.restore(&it)).transpose());
        match restored {
            Ok(Some(series)) => {
                tracing::debug!(partition = self.number, series, "State restored.");
                origin
            }
            Ok(None) => {
                tracing::warn!(partition = self.number, "Saved state is not there in full; detectors learn anew.");
                Origin::Nothing
            }
            Err(error) => {
                tracing::warn!(partition = self.number, error = format!("{error:#}"), "Saved state is not used.");
                Origin::Nothing
            }
        }
    }

    /// Reads what others have stored into our store, beside the work.
    fn refill(&self, partition: &Arc<Partition>, from: i64, to: i64) -> std::io::Result<JoinHandle<bool>> {
        let (yard, partition, number) = (Arc::clone(&self.yard), Arc::clone(partition), self.number);
        let is_abandoned = Arc::clone(&self.is_abandoned);
        std::thread::Builder::new().name(format!("refill-{number}")).spawn(move || {
            let mut is_good = true;
            let mut n_records = 0;
            let Yard { config, topics, .. } = &*yard;
            let read = cluster::read_from(&config.cluster, &topics.signals, number, from, &mut |offset, record| {
                if offset >= to || is_abandoned.load(Ordering::Acquire) {
                    return std::ops::ControlFlow::Break(());
                }
                n_records += 1;
                if let Ok(batch) = Batch::decode(record) {
                    let received = batch.received;
                    is_good &= partition.store.append_and_wait(&Partition::write_of(batch), received).is_ok();
                }
                std::ops::ControlFlow::Continue(())
            });
            match &read {
                Ok(()) => tracing::info!(partition = number, from, to, n_records, "The store's window is read again."),
                Err(error) => tracing::warn!(partition = number, %error, "The store's window is not complete."),
            }
            read.is_ok() && is_good
        })
    }

    /// Some records, and what is due. Says how to stop if it shall.
    fn round(&self, course: &mut Course) -> Option<bool> {
        let mut stop = None;
        let mut records = vec![];
        match self.items.recv_timeout(TICK) {
            Ok(first) => {
                let mut next = Some(first);
                while let Some(item) = next {
                    match item {
                        Item::Record(offset, bytes) => {
                            course.is_caught_up = false;
                            records.push((offset, bytes));
                        }
                        Item::CaughtUp => course.is_caught_up = true,
                        Item::Stop(is_orderly) => stop = Some(is_orderly),
                    }
                    let is_full = records.len() >= ROUND || stop.is_some();
                    next = if is_full { None } else { self.items.try_recv().ok() };
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => stop = Some(false),
        }
        self.work(course, records);
        self.pass_time(course);
        stop
    }

    /// Stores and judges at once; both are done when this returns.
    fn work(&self, course: &mut Course, records: Vec<(i64, Vec<u8>)>) {
        let Some((last, _)) = records.last() else { return };
        let position = last + 1;
        let bytes: usize = records.iter().map(|(_, it)| it.len().max(1)).sum();
        let mut batches = vec![];
        for (offset, record) in records {
            match Batch::decode(&record) {
                Ok(batch) => {
                    course.time = course.time.max(batch.received);
                    if let Signals::Beat(beat) = &batch.signals {
                        course.feed.hear(beat, Instant::now());
                    }
                    batches.push((offset, batch));
                }
                Err(error) => {
                    self.yard.counts.unreadable();
                    tracing::warn!(partition = self.number, offset, %error, "A record is passed over.");
                }
            }
        }
        // What the store has already is only judged.
        let unstored = batches.iter().filter(|(offset, _)| *offset >= course.ledge.stored);
        let writes = writes_of(unstored.map(|it| &it.1));
        let stored = self.append(course, &writes);
        for (offset, batch) in &batches {
            let told = course.partition.judge(batch, *offset);
            self.tell(course, told, batch.received);
        }
        self.wait_until_stored(course, stored, &writes);
        course.position = position;
        self.waiting.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// The gateway's clock may be ahead of ours, or ours of the gateway's: nothing is refused for that.
    fn latest(&self, course: &Course) -> Timestamp {
        course.time.max(self.yard.clock.latest())
    }

    fn append(&self, course: &Course, writes: &[Write]) -> Vec<Receiver<Result<Appended, store::Error>>> {
        writes
            .iter()
            .map(|write| {
                let (sender, receiver) = channel();
                // A receiver without a sender counts as not stored.
                let done = Box::new(move |result| _ = sender.send(result));
                if !write.is_empty() {
                    let _ = course.partition.store.append(write.clone(), self.latest(course), done);
                } else {
                    done(Ok(Appended::default()));
                }
                receiver
            })
            .collect()
    }

    /// What is not stored is tried until it is: a record that is passed over here would be lost.
    fn wait_until_stored(
        &self,
        course: &Course,
        stored: Vec<Receiver<Result<Appended, store::Error>>>,
        writes: &[Write],
    ) {
        for (receiver, write) in stored.into_iter().zip(writes) {
            let mut outcome = receiver.recv().ok();
            while !matches!(outcome, Some(Ok(_))) && !self.is_abandoned.load(Ordering::Acquire) {
                if let Some(Err(error)) = &outcome {
                    tracing::error!(partition = self.number, %error, "Records not stored; trying again.");
                    std::thread::sleep(AGAIN);
                }
                outcome = Some(course.partition.store.append_and_wait(write, self.latest(course)));
            }
        }
    }

    fn tell(&self, course: &mut Course, told: Told, now: Timestamp) {
        for finding in &told.findings {
            if let Finding::Anomalies(it) = finding {
                self.yard.counts.told(it.len() as u64);
            }
            for record in finding.encode() {
                self.send(course, To::Responder, record);
            }
        }
        for (to, record) in work::records(told.work, now, self.yard.topics.partitions) {
            self.send(course, to, record);
        }
    }

    fn send(&self, course: &mut Course, to: To, record: Vec<u8>) {
        let topics = &self.yard.topics;
        let (topic, partition) = match to {
            To::Partition(number) => (&topics.signals, number),
            To::Responder => (&topics.findings, 0),
        };
        while !self.is_abandoned.load(Ordering::Acquire) {
            match self.yard.outlet.send(topic, partition, "", &record) {
                Ok(way) => {
                    course.told.push((to, record, way));
                    return;
                }
                Err(NotSent::Busy) => std::thread::sleep(AGAIN),
                Err(NotSent::Failed(error)) => {
                    tracing::error!(partition = self.number, %error, "Findings not sent; trying again.");
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    /// Waits until the brokers have everything that was told; what they do not confirm is told again.
    fn settle(&self, course: &mut Course) {
        while !course.told.is_empty() && !self.is_abandoned.load(Ordering::Acquire) {
            for (to, record, way) in std::mem::take(&mut course.told) {
                if let Err(error) = self.yard.runtime.block_on(way.arrived()) {
                    tracing::warn!(partition = self.number, %error, "Findings are told again.");
                    self.send(course, to, record);
                }
            }
        }
    }

    fn pass_time(&self, course: &mut Course) {
        let now = Instant::now();
        if now >= course.next_tick {
            course.next_tick = now + TICK;
            // Whoever is behind must not take others for silent.
            if course.is_caught_up {
                course.time = course.time.max(self.yard.clock.now());
            }
            if course.time > Timestamp::MIN && !self.is_held(course, now) {
                let told = course.partition.tick(course.time);
                self.tell(course, told, course.time);
            }
        }
        if now >= course.next_maintenance {
            course.next_maintenance = now + MAINTAIN;
            if let Err(error) = course.partition.store.maintain(course.time) {
                tracing::error!(partition = self.number, %error, "Retention failed.");
            }
        }
        if now >= course.next_state {
            course.next_state = now + Duration::from_secs(self.yard.config.cluster.state_secs);
            self.save(course);
        }
        if now >= course.next_checkpoint {
            course.next_checkpoint = now + CHECKPOINT;
            self.checkpoint(course);
        }
    }

    /// True while a gateway is away: time stands still then, and when it is back everybody gets the time to follow.
    fn is_held(&self, course: &mut Course, now: Instant) -> bool {
        let away = course.feed.away(now);
        let is_held = !away.is_empty();
        if is_held && !course.is_held {
            tracing::warn!(partition = self.number, ?away, "Gateways are not heard; silence is not judged meanwhile.");
        } else if !is_held && course.is_held {
            tracing::info!(partition = self.number, "All gateways are heard, or gone for good.");
            course.partition.shard().listen_anew(course.time);
        }
        course.is_held = is_held;
        is_held
    }

    /// What was worked on is durable and told: others may go on from here.
    fn checkpoint(&self, course: &mut Course) {
        self.settle(course);
        if self.is_abandoned.load(Ordering::Acquire) {
            return;
        }
        if let Some(refill) = course.refill.take_if(|it| it.is_finished())
            && !refill.join().unwrap_or(false)
        {
            tracing::warn!(partition = self.number, "Older points and lines are missing in the store.");
        }
        if course.refill.is_none() {
            course.ledge.stored = course.ledge.stored.max(course.position);
        }
        if let Err(error) = course.ledge.write(&self.dir) {
            tracing::warn!(partition = self.number, %error, "Position not written; more is read again later.");
        }
        let note = course.shelf.map(|it| it.to_string()).unwrap_or_default();
        self.yard.counts.position(self.number, course.position);
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Progress { position: course.position, note });
    }

    /// State goes to the changelog and to our own disk, piece by piece.
    fn save(&self, course: &mut Course) {
        self.settle(course);
        let generation = course.generation + 1;
        let as_of = course.position;
        let mut saved = Saved::new(generation);
        let mut ways = vec![];
        let mut n_bytes = 0;
        let partition = Arc::clone(&course.partition);
        let mut is_sent = true;
        let mut pieces = partition.save().inspect(|bytes| {
            n_bytes += bytes.len() as u64;
            for piece in saved.add(bytes) {
                is_sent &= self.put(&piece, &mut ways);
            }
        });
        let kept = partition.store.put_snapshot(SNAPSHOT, &mut pieces);
        drop(pieces);
        let (last, count, sum) = saved.finish();
        is_sent &= self.put(&last, &mut ways);
        if let Err(error) = &kept {
            tracing::warn!(partition = self.number, %error, "State not written to the disk.");
        } else {
            course.ledge.state = Some(LocalState { as_of, generation });
        }
        let offsets: Result<Vec<i64>, NotSent> =
            ways.into_iter().map(|it| self.yard.runtime.block_on(it.arrived())).collect();
        match offsets {
            Ok(offsets) if is_sent && kept.is_ok() => {
                let first = offsets.first().copied().unwrap_or(0);
                course.shelf = Some(Shelf { generation, as_of, first, pieces: count, sum });
                course.generation = generation;
                self.yard.counts.saved(n_bytes);
            }
            Ok(_) | Err(_) => tracing::warn!(partition = self.number, "State not in the changelog; tried again later."),
        }
    }

    fn put(&self, piece: &cluster::Piece, ways: &mut Vec<OnItsWay>) -> bool {
        loop {
            match self.yard.outlet.send(&self.yard.topics.state, self.number, &piece.key, &piece.value) {
                Ok(way) => {
                    ways.push(way);
                    return true;
                }
                Err(NotSent::Busy) if !self.is_abandoned.load(Ordering::Acquire) => std::thread::sleep(AGAIN),
                Err(_) => return false,
            }
        }
    }

    fn end(&self, course: &mut Course, is_orderly: bool) {
        if is_orderly {
            self.save(course);
            self.checkpoint(course);
        }
        self.is_abandoned.store(true, Ordering::Release);
        if let Some(refill) = course.refill.take() {
            // It ends at the next record; what it did not do is done again by whoever opens this directory.
            let _ = refill.join();
        }
    }
}

/// Samples together, lines and spans of each record apart: what a sender pushed a second time, because its first push
/// was not answered, is known as such by the store only if it comes as a write of its own.
fn writes_of<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<Write> {
    let (mut samples, mut writes) = (vec![], vec![]);
    for batch in batches {
        match Partition::write_of(batch.clone()) {
            Write::Samples(it) => samples.extend(Arc::unwrap_or_clone(it)),
            apart => writes.push(apart),
        }
    }
    writes.push(Write::samples(samples));
    writes
}

#[cfg(test)]
mod tests {
    use signal::{Labels, LogRecord};

    use super::*;

    /// Two records with the same line, as a push and the push again, are two writes; in one they would be two lines.
    #[test]
    fn a_push_that_comes_again_is_a_write_of_its_own() {
        let received = Timestamp::from_secs(1_700_000_000);
        let labels = Labels::metric("", &[("service", "pay")]);
        let line = || LogRecord::new(received, labels.clone(), "paid");
        let batch = || Batch { received, signals: Signals::Logs(vec![line()]) };
        let writes = writes_of([batch(), batch()].iter());
        let lines = |it: &&Write| matches!(it, Write::Logs(lines) if lines.len() == 1);
        assert_eq!(writes.iter().filter(lines).count(), 2);
    }
}
