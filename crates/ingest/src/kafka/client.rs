//! How do we speak to the brokers? Settings that lose nothing, and what librdkafka tells us while it works.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{ClientConfig, ClientContext, Statistics, TopicPartitionList};
use tracing::{debug, info, warn};

use super::config::{KafkaConfig, KafkaStart};
use super::counts::KafkaCounts;
use super::security::KafkaSecurity;
use crate::{Counts, Error, ErrorKind, Source};

/// How long a revocation waits for what is on its way to the disk. Another member reads on after it.
const REVOKE_WAIT: Duration = Duration::from_secs(5);

/// What every client of ours sets; reads the password's file.
pub fn kafka_client(
    brokers: &[String],
    security: &KafkaSecurity,
    properties: &BTreeMap<String, String>,
) -> Result<ClientConfig, Error> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers.join(",")).set("client.id", "sentinel");
    // A broker that is back is used at once.
    client.set("reconnect.backoff.max.ms", "2000");
    // A topic that is made later is found soon.
    client.set("topic.metadata.refresh.interval.ms", "10000");
    security.apply(&mut client).map_err(|error| Error::Unreachable(format!("the password's file: {error}")))?;
    for (name, value) in properties {
        client.set(name, value);
    }
    Ok(client)
}

/// A member of a consumer group that commits only what it is told to, a tenth of a second later.
pub(super) fn consumer(config: &KafkaConfig, group: Group) -> Result<BaseConsumer<Group>, Error> {
    let mut client = kafka_client(&config.brokers, &config.security, &BTreeMap::new())?;
    let reset = match config.auto_offset_reset {
        KafkaStart::Earliest => "earliest",
        KafkaStart::Latest => "latest",
    };
    client
        .set("group.id", &config.group)
        .set("auto.offset.reset", reset)
        // Partitions that stay are read on during a rebalance.
        .set("partition.assignment.strategy", "cooperative-sticky")
        // What is stored is what the sink has acknowledged; the library commits it, also at revocation and at the end.
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "100")
        // After a crash the partitions are free again soon.
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "2000")
        // What is fetched ahead, of all partitions together.
        .set("queued.max.messages.kbytes", "32768")
        .set("statistics.interval.ms", "1000");
    for (name, value) in &config.properties {
        client.set(name, value);
    }
    client.create_with_context(group).map_err(|error| Error::Unreachable(format!("Kafka: {error}")))
}

/// What the library's callbacks share with the reader.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) counts: Arc<Counts>,
    pub(super) kafka: Arc<KafkaCounts>,
    pub(super) flight: Arc<Flight>,
    /// Partitions that were taken away since the reader last looked.
    pub(super) revoked: Mutex<Vec<(String, i32)>>,
}

/// Batches on their way to the disk.
#[derive(Default)]
pub(super) struct Flight {
    n_batches: Mutex<usize>,
    landed: Condvar,
}

impl Flight {
    pub(super) fn begin(&self) {
        *self.n_batches.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(super) fn end(&self) {
        let mut n_batches = self.n_batches.lock().unwrap_or_else(PoisonError::into_inner);
        *n_batches = n_batches.saturating_sub(1);
        self.landed.notify_all();
    }

    /// Waits until nothing is on its way; false if it takes longer.
    fn wait(&self, limit: Duration) -> bool {
        let n_batches = self.n_batches.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.landed.wait_timeout_while(n_batches, limit, |it| *it > 0);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Group {
    /// Partitions that were taken away since the last call.
    pub(super) fn take_revoked(&self) -> Vec<(String, i32)> {
        std::mem::take(&mut *self.revoked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        match level {
            RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
                debug!(group = self.name, facility, text, "Kafka client.");
            }
            _ => warn!(group = self.name, facility, text, "Kafka client."),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.counts.error(Source::Kafka, ErrorKind::Unreachable);
        warn!(group = self.name, %error, reason, "Kafka is in trouble; the client goes on trying.");
    }

    fn stats(&self, statistics: Statistics) {
        // Partition -1 stands for messages without one; -1 as lag for "not known yet".
        let lags = statistics.topics.values().flat_map(|topic| {
            let partitions = topic.partitions.values().filter(|it| it.partition >= 0 && it.consumer_lag >= 0);
            partitions.map(|it| (topic.topic.clone(), it.partition, it.consumer_lag))
        });
        self.kafka.lags(&self.name, lags);
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                self.kafka.rebalances.fetch_add(1, Relaxed);
                info!(group = self.name, partitions = names(partitions), "Kafka partitions were assigned.");
            }
            Rebalance::Revoke(partitions) => {
                self.kafka.rebalances.fetch_add(1, Relaxed);
                // What is durable by the end of this call is committed before another member reads on.
                let is_durable = self.flight.wait(REVOKE_WAIT);
                info!(group = self.name, partitions = names(partitions), is_durable, "Kafka partitions were revoked.");
                let gone = partitions.elements().into_iter().map(|it| (it.topic().to_owned(), it.partition()));
                self.revoked.lock().unwrap_or_else(PoisonError::into_inner).extend(gone);
            }
            Rebalance::Error(error) => warn!(group = self.name, %error, "Kafka rebalance failed."),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        // A partition that was paused when it was taken away is still paused when it comes back.
        if let Rebalance::Assign(partitions) = rebalance
            && let Err(error) = consumer.resume(partitions)
        {
            warn!(group = self.name, %error, "Kafka partitions cannot be resumed.");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                self.kafka.commit_failures.fetch_add(1, Relaxed);
                warn!(group = self.name, %error, "Kafka offsets were not committed; they are committed with the next.");
            }
        }
    }
}

fn names(partitions: &TopicPartitionList) -> String {
    let names = partitions.elements().into_iter().map(|it| format!("{}/{}", it.topic(), it.partition()));
    names.collect::<Vec<_>>().join(" ")
}
