//! When is a message done with? When all that it held is durable, or its dead letter is; then its offset is committed.

use std::future::Future;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use signal::Clock;

use super::client::Group;
use super::counts::KafkaCounts;
use super::dead::{DeadLetter, DeadLetters};
use super::reader::Batch;
use crate::{Accepted, Counts, Reason, Refused, Sink, Source};

/// How long to wait after the sink has failed.
const FAILED_WAIT: Duration = Duration::from_secs(2);
/// How often skipped messages are told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Offers batches to the sink, one after the other.
pub(super) struct Writer {
    pub(super) consumer: Arc<BaseConsumer<Group>>,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) counts: Arc<Counts>,
    pub(super) kafka: Arc<KafkaCounts>,
    pub(super) told: Mutex<Option<Instant>>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Writer {
    /// Works until the reader has gone and everything is done.
    pub(super) async fn run(&self, mut batches: mpsc::Receiver<Batch>) {
        while let Some(batch) = batches.recv().await {
            let n_messages = batch.n_messages;
            self.settle(batch).await;
            self.kafka.in_flight.fetch_sub(n_messages, Relaxed);
            self.consumer.context().flight.end();
        }
    }

    async fn settle(&self, batch: Batch) {
        let signals = batch.signals;
        self.counts.problems(Source::Kafka, &signals.problems);
        let n_points = signals.points.iter().map(|it| it.points.len() as u64).sum();
        self.deliver(signals.lines.len() as u64, || self.sink.logs(Source::Kafka, signals.lines.clone())).await;
        self.deliver(n_points, || self.sink.samples(Source::Kafka, signals.points.clone())).await;
        if !signals.exemplars.is_empty() {
            let offered = signals.exemplars.len() as u64;
            let outcome = self.sink.exemplars(Source::Kafka, signals.exemplars).await;
            self.counts.exemplars(Source::Kafka, &outcome, offered);
        }
        let n_spans = signals.spans.len() as u64;
        self.deliver(n_spans, || self.sink.spans(Source::Kafka, signals.spans.clone())).await;
        self.bury(&batch.dead_letters).await;
        let now = self.clock.now();
        batch.times.iter().for_each(|it| self.kafka.delays.add(*it, now));
        let mut offsets = TopicPartitionList::with_capacity(batch.offsets.len());
        for ((topic, partition), next) in &batch.offsets {
            // The list only refuses offsets below 0, which no message has.
            let _ = offsets.add_partition_offset(topic, *partition, rdkafka::Offset::Offset(*next));
        }
        if let Err(error) = self.consumer.store_offsets(&offsets) {
            // A partition was revoked meanwhile: its new reader gets these messages again, and the store knows them.
            debug!(%error, "Kafka offsets cannot be stored.");
        }
    }

    /// Offers until it is taken: Kafka can wait. Only what is refused as wrong is dropped.
    async fn deliver<F>(&self, n_signals: u64, offer: impl Fn() -> F)
    where
        F: Future<Output = Result<Accepted, Refused>>,
    {
        if n_signals == 0 {
            return;
        }
        self.counts.received(Source::Kafka, n_signals);
        loop {
            let outcome = offer().await;
            self.counts.outcome(Source::Kafka, &outcome);
            match outcome {
                Ok(_) => return,
                Err(Refused::Busy { retry_after_secs } | Refused::TooFast { retry_after_secs, .. }) => {
                    tokio::time::sleep(Duration::from_secs(retry_after_secs)).await;
                }
                Err(Refused::Failed(error)) => {
                    warn!(error, "Signals from Kafka could not be stored; they are offered again.");
                    tokio::time::sleep(FAILED_WAIT).await;
                }
                Err(Refused::Invalid(error)) => {
                    self.counts.dropped(Source::Kafka, Reason::Refused, n_signals);
                    warn!(error, "Signals from Kafka were refused.");
                    return;
                }
            }
        }
    }

    /// Sends what cannot be read to its topic, or skips it; counts both.
    async fn bury(&self, letters: &[DeadLetter]) {
        let Some(topic) = &self.dead_letters else {
            for letter in letters {
                self.kafka.skipped(letter.poison.reason);
                self.tell(letter);
            }
            return;
        };
        for (letter, is_taken) in letters.iter().zip(topic.send_all(letters).await) {
            let reason = letter.poison.reason;
            if is_taken { self.kafka.dead_letter(reason) } else { self.kafka.skipped(reason) }
        }
    }

    fn tell(&self, letter: &DeadLetter) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|it| it.elapsed() < TELL_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        let (topic, partition, offset) = (&letter.topic, letter.partition, letter.offset);
        let reason = &letter.poison;
        warn!(
            topic,
            partition,
            offset,
            %reason,
            "Kafka message cannot be read and is skipped; set dead_letter_topic to keep such messages."
        );
    }
}
