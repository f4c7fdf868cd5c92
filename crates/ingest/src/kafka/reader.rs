//! How are messages fetched? A thread polls the library, decodes whole batches and hands them to the writer.
//!
//! It goes on polling while the writer is busy, with all partitions paused: a member that does not poll is thrown out
//! of its group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
use rdkafka::message::{BorrowedMessage, OwnedHeaders};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use signal::{Clock, Timestamp};

use super::client::Group;
use super::counts::KafkaCounts;
use super::dead::DeadLetter;
use super::decode::{KafkaDecoder, KafkaMessage, KafkaSignals};
use super::poison::Poison;
use crate::{Counts, ErrorKind, Source};

/// How long one poll waits, and so how long a stop may take to be seen.
const POLL: Duration = Duration::from_millis(100);
/// How long the writer may be busy before partitions are paused.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes at which a batch is full.
const BATCH_BYTES: usize = 8 << 20;

/// Messages that are done with when their signals are durable.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) signals: KafkaSignals,
    pub(super) dead_letters: Vec<DeadLetter>,
    /// The next offset of each partition.
    pub(super) offsets: BTreeMap<(String, i32), i64>,
    pub(super) n_messages: u64,
    /// When the messages were written, of those that say it.
    pub(super) times: Vec<Timestamp>,
}

/// Polls until it is told to stop.
pub(super) struct Reader {
    pub(super) consumer: Arc<BaseConsumer<Group>>,
    pub(super) decoder: KafkaDecoder,
    pub(super) batch_messages: usize,
    pub(super) batch_wait: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counts: Arc<Counts>,
    pub(super) kafka: Arc<KafkaCounts>,
    pub(super) batches: mpsc::Sender<Batch>,
    pub(super) runtime: Handle,
    pub(super) shutdown: watch::Receiver<bool>,
}

/// The library cannot go on; a new client has to be made.
#[derive(Debug)]
pub(super) struct Fatal(pub(super) KafkaError);

impl Reader {
    /// Returns when it was told to stop, or when the client is of no use any more.
    pub(super) fn run(&self) -> Result<(), Fatal> {
        let mut carried = vec![];
        while !*self.shutdown.borrow() {
            let messages = self.gather(std::mem::take(&mut carried))?;
            if messages.is_empty() {
                continue;
            }
            let batch = self.decode(&messages);
            drop(messages);
            let Some(meanwhile) = self.hand_over(batch)? else { return Ok(()) };
            carried = meanwhile;
        }
        Ok(())
    }

    /// Messages until the batch is full or its time is up.
    fn gather<'s>(&'s self, mut messages: Vec<BorrowedMessage<'s>>) -> Result<Vec<BorrowedMessage<'s>>, Fatal> {
        let mut deadline = (!messages.is_empty()).then(|| Instant::now() + self.batch_wait);
        let mut n_bytes: usize = messages.iter().map(BorrowedMessage::payload_len).sum();
        while messages.len() < self.batch_messages && n_bytes < BATCH_BYTES {
            let wait = deadline.map_or(POLL, |it| it.saturating_duration_since(Instant::now()));
            let polled = self.poll(wait)?;
            let is_empty = polled.is_none();
            if let Some(message) = polled {
                n_bytes += message.payload_len();
                messages.push(message);
                deadline.get_or_insert_with(|| Instant::now() + self.batch_wait);
            }
            // Another member reads them again from the last commit.
            let revoked = self.consumer.context().take_revoked();
            if !revoked.is_empty() {
                messages.retain(|it| !revoked.iter().any(|(topic, n)| topic == it.topic() && *n == it.partition()));
            }
            let is_due = deadline.is_none_or(|it| it <= Instant::now());
            if is_empty && (is_due || *self.shutdown.borrow()) {
                break;
            }
        }
        Ok(messages)
    }

    fn poll(&self, wait: Duration) -> Result<Option<BorrowedMessage<'_>>, Fatal> {
        match self.consumer.poll(wait) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(Fatal(error)),
            Some(Err(error)) => {
                // That brokers are away is told by the client itself.
                if !matches!(error.rdkafka_error_code(), Some(AllBrokersDown | BrokerTransportFailure)) {
                    // For example a topic that does not exist yet.
                    self.counts.error(Source::Kafka, ErrorKind::Unreachable);
                    warn!(%error, "Kafka messages cannot be read; reading goes on.");
                }
                Ok(None)
            }
        }
    }

    fn decode(&self, messages: &[BorrowedMessage<'_>]) -> Batch {
        let mut batch = Batch { n_messages: messages.len() as u64, ..Batch::default() };
        let now = self.clock.now();
        for message in messages {
            let time = message.timestamp().to_millis().map(Timestamp::from_millis);
            let time = time.filter(|it| it.is_plausible());
            batch.times.extend(time);
            let time = time.unwrap_or(now);
            let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
            let payload = message.payload().unwrap_or_default();
            let read = KafkaMessage { topic, partition, offset, time, payload };
            if let Err(poison) = self.decoder.decode(&read, &mut batch.signals) {
                batch.dead_letters.push(dead_letter(message, time, poison));
            }
            match batch.offsets.get_mut(&(topic.to_owned(), partition)) {
                Some(next) => *next = (*next).max(offset + 1),
                None => _ = batch.offsets.insert((topic.to_owned(), partition), offset + 1),
            }
        }
        self.kafka.messages.fetch_add(batch.n_messages, Relaxed);
        batch
    }

    /// Gives the batch to the writer; messages that came meanwhile are returned, None if it is time to stop.
    fn hand_over(&self, batch: Batch) -> Result<Option<Vec<BorrowedMessage<'_>>>, Fatal> {
        let mut meanwhile = vec![];
        let mut is_paused = false;
        loop {
            let patience = if is_paused { Duration::ZERO } else { PATIENCE };
            let permit = self.runtime.block_on(async { tokio::time::timeout(patience, self.batches.reserve()).await });
            match permit {
                Ok(Ok(permit)) => {
                    self.consumer.context().flight.begin();
                    self.kafka.in_flight.fetch_add(batch.n_messages, Relaxed);
                    permit.send(batch);
                    break;
                }
                // The writer has gone.
                Ok(Err(_)) => return Ok(None),
                Err(_) if *self.shutdown.borrow() => return Ok(None),
                Err(_) => {}
            }
            if !is_paused {
                self.kafka.pauses.fetch_add(1, Relaxed);
            }
            // Again and again, because a rebalance brings partitions that are not paused.
            self.all_partitions(|it, partitions| it.pause(partitions));
            is_paused = true;
            meanwhile.extend(self.poll(POLL)?);
        }
        if is_paused {
            self.all_partitions(|it, partitions| it.resume(partitions));
        }
        Ok(Some(meanwhile))
    }

    fn all_partitions(
        &self,
        change: impl FnOnce(&BaseConsumer<Group>, &rdkafka::TopicPartitionList) -> rdkafka::error::KafkaResult<()>,
    ) {
        let changed = self.consumer.assignment().and_then(|it| change(&self.consumer, &it));
        if let Err(error) = changed {
            // Fetching goes on, bounded by the library's own queue.
            warn!(%error, "Kafka partitions cannot be paused or resumed.");
        }
    }
}

fn dead_letter(message: &BorrowedMessage<'_>, time: Timestamp, poison: Poison) -> DeadLetter {
    DeadLetter {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        time,
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map_or_else(OwnedHeaders::new, rdkafka::message::BorrowedHeaders::detach),
        poison,
    }
}
