//! How do the roles run in simulated time? Gateway, partitions and responder in one process, every record written and read
//! as it would be; and partitions change their owner all the time, as if workers died.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use cluster::{Batch, Counts, Finding};
use futures_util::future::BoxFuture;
use ingest::{Refused, Sink as _, Source};
use signal::{Clock, Timestamp};

use crate::assemble::System;
use crate::config::Config;
use crate::roles::elsewhere::{Answered, Asker};
use crate::roles::gateway::{Carrier, Gateway, To};
use crate::roles::hearing::Hearing;
use crate::roles::partition::{Partition, Told};
use crate::roles::question::{Answer, Question};
use crate::roles::work;
use crate::simulated::Incoming;

/// Partitions of a simulation.
const PARTITIONS: u32 = 3;
/// A partition saves its state this often.
const SAVE: Duration = Duration::from_secs(45);
/// So often the owner of one partition dies.
const DIE: Duration = Duration::from_secs(400);
/// What the next owner reads again into its store.
const WINDOW: Duration = Duration::from_secs(3600);

/// Workers and a gateway in this process.
pub struct Roles {
    gateway: Gateway,
    topics: Arc<Topics>,
    workers: Arc<Workers>,
    hearing: Hearing,
    counts: Counts,
    config: Config,
    directory: PathBuf,
    deaths: Mutex<Deaths>,
}

#[derive(Default)]
struct Deaths {
    count: u32,
    next: Option<Timestamp>,
}

/// Records that were written and not yet read.
#[derive(Default)]
struct Topics(Mutex<VecDeque<(To, Vec<u8>)>>);

impl Carrier for Topics {
    fn carry(&self, records: Vec<(To, Vec<u8>)>) -> BoxFuture<'_, Result<(), Refused>> {
        lock(&self.0).extend(records);
        Box::pin(async { Ok(()) })
    }
}

/// The partitions, each with what its next owner will need.
struct Workers(Mutex<Vec<Owned>>);

struct Owned {
    partition: Arc<Partition>,
    state: Vec<u8>,
    saved_at: Timestamp,
    /// Records of the window with their offsets, and how many of the newest are not in the state.
    log: VecDeque<(i64, Vec<u8>)>,
    since_saved: usize,
    next_offset: i64,
}

impl Asker for Workers {
    fn ask(&self, question: &Question) -> Answered {
        let partitions: Vec<Arc<Partition>> = lock(&self.0).iter().map(|it| Arc::clone(&it.partition)).collect();
        // Questions and answers go over a wire.
        let travel = |it: &Answer| -> Option<Answer> { serde_json::from_str(&serde_json::to_string(it).ok()?).ok() };
        let answers: Vec<Answer> = partitions.iter().filter_map(|it| travel(&it.answer(question))).collect();
        Answered { is_complete: answers.len() == partitions.len(), answers }
    }

    fn tell(self: Arc<Self>, news: Question) {
        self.ask(&news);
    }

    fn gaps(&self) -> Vec<String> {
        vec![]
    }
}

impl Roles {
    /// Builds them, and the responder's system.
    pub fn start(config: &Config, directory: PathBuf, clock: Arc<dyn Clock>) -> anyhow::Result<(Self, System)> {
        let workers = Arc::new(Workers(Mutex::default()));
        let asker = Arc::clone(&workers) as Arc<dyn Asker>;
        let system =
            System::assemble_with(config.clone(), &directory.join("responder"), Arc::clone(&clock), Some(asker))?;
        let topics = Arc::new(Topics::default());
        let roles = Self {
            gateway: Gateway::new(Arc::clone(&topics) as _, PARTITIONS, Arc::clone(&clock)),
            topics,
            workers,
            hearing: Hearing::resume(&system)?,
            counts: Counts::default(),
            config: config.clone(),
            directory,
            deaths: Mutex::default(),
        };
        for number in 0..PARTITIONS {
            let partition = Arc::new(roles.open(number, 0)?);
            let state = partition.save().flatten().collect();
            let log = VecDeque::new();
            let owned = Owned { partition, state, saved_at: clock.now(), log, since_saved: 0, next_offset: 0 };
            lock(&roles.workers.0).push(owned);
        }
        Ok((roles, system))
    }

    /// Signals go through the gateway and are stored, judged and told when this returns.
    pub async fn feed(&self, system: &System, signals: Incoming) -> anyhow::Result<()> {
        let Incoming { samples, logs, spans, changes } = signals;
        let refused = |it: Refused| anyhow::anyhow!("the gateway refused simulated signals: {it:?}");
        if !changes.is_empty() {
            self.gateway.changes(changes).await.map_err(refused)?;
        }
        if !logs.is_empty() {
            self.gateway.logs(Source::Api, logs).await.map_err(refused)?;
        }
        if !spans.is_empty() {
            self.gateway.spans(Source::Api, spans).await.map_err(refused)?;
        }
        if !samples.is_empty() {
            self.gateway.samples(Source::Api, samples).await.map_err(refused)?;
        }
        self.deliver(system)
    }

    /// Every record to its reader, and what readers say to each other, until nothing is left.
    fn deliver(&self, system: &System) -> anyhow::Result<()> {
        loop {
            let next = lock(&self.topics.0).pop_front();
            match next {
                None => return Ok(()),
                Some((To::Responder, record)) => self.hear(system, &record)?,
                Some((To::Partition(number), record)) => self.work(system, number, record)?,
            }
        }
    }

    /// The second is over for all partitions; now and then one of them loses its owner.
    pub fn advance(&self, system: &System, now: Timestamp) -> anyhow::Result<()> {
        for number in 0..PARTITIONS {
            let partition = self.partition(number)?;
            self.tell(system, partition.tick(now), now)?;
            self.save(number, now);
        }
        self.deliver(system)?;
        self.die(system, now)?;
        self.deliver(system)
    }

    fn work(&self, system: &System, number: u32, record: Vec<u8>) -> anyhow::Result<()> {
        let partition = self.partition(number)?;
        let batch = Batch::decode(&record)?;
        let received = batch.received;
        let offset = self.offset(number)?;
        let told = partition.judge(&batch, offset);
        partition.store.append_and_wait(&Partition::write_of(batch), received)?;
        if let Some(owned) = lock(&self.workers.0).get_mut(number as usize) {
            owned.log.push_back((offset, record));
            owned.next_offset = offset + 1;
            owned.since_saved += 1;
        }
        self.tell(system, told, received)
    }

    fn offset(&self, number: u32) -> anyhow::Result<i64> {
        Ok(lock(&self.workers.0).get(number as usize).context("there is no such partition")?.next_offset)
    }

    fn tell(&self, system: &System, told: Told, now: Timestamp) -> anyhow::Result<()> {
        lock(&self.topics.0).extend(work::records(told.work, now, PARTITIONS));
        told.findings.iter().flat_map(Finding::encode).try_for_each(|it| self.hear(system, &it))
    }

    fn hear(&self, system: &System, record: &[u8]) -> anyhow::Result<()> {
        self.hearing.hear(system, Finding::decode(record)?, &self.counts);
        Ok(())
    }

    fn partition(&self, number: u32) -> anyhow::Result<Arc<Partition>> {
        let workers = lock(&self.workers.0);
        Ok(Arc::clone(&workers.get(number as usize).context("there is no such partition")?.partition))
    }

    fn save(&self, number: u32, now: Timestamp) {
        let mut workers = lock(&self.workers.0);
        let Some(owned) = workers.get_mut(number as usize).filter(|it| now.since(it.saved_at) >= SAVE) else { return };
        owned.state = owned.partition.save().flatten().collect();
        (owned.saved_at, owned.since_saved) = (now, 0);
        let oldest = now.minus(WINDOW);
        while owned.log.front().is_some_and(|it| Batch::decode(&it.1).is_ok_and(|it| it.received < oldest)) {
            owned.log.pop_front();
        }
    }

    fn die(&self, system: &System, now: Timestamp) -> anyhow::Result<()> {
        let number = {
            let mut deaths = lock(&self.deaths);
            let next = *deaths.next.get_or_insert(now.plus(DIE));
            if now < next {
                return Ok(());
            }
            deaths.next = Some(now.plus(DIE));
            deaths.count += 1;
            deaths.count % PARTITIONS
        };
        self.replace(system, number)
    }

    /// Another worker takes over with an empty disk: the saved state, what came since, and the window for its store.
    fn replace(&self, system: &System, number: u32) -> anyhow::Result<()> {
        let count = lock(&self.deaths).count;
        let partition = Arc::new(self.open(number, count)?);
        let (state, log, since_saved) = {
            let workers = lock(&self.workers.0);
            let owned = workers.get(number as usize).context("there is no such partition")?;
            (owned.state.clone(), owned.log.clone(), owned.since_saved)
        };
        partition.restore(&state)?;
        let known = log.len().saturating_sub(since_saved);
        for (idx, (offset, record)) in log.iter().enumerate() {
            let batch = Batch::decode(record)?;
            let received = batch.received;
            if idx >= known {
                self.tell(system, partition.judge(&batch, *offset), received)?;
            }
            partition.store.append_and_wait(&Partition::write_of(batch), received)?;
        }
        if let Some(owned) = lock(&self.workers.0).get_mut(number as usize) {
            owned.partition = partition;
        }
        Ok(())
    }

    fn open(&self, number: u32, owner: u32) -> anyhow::Result<Partition> {
        Partition::open(number, &self.directory.join(format!("partition-{number}-{owner}")), &self.config)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
