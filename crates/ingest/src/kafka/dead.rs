//! Where do messages go that cannot be read? To a topic of their own, with the reason, before they count as done.

use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tracing::warn;

use super::client::kafka_client;
use super::config::KafkaConfig;
use super::poison::Poison;
use crate::Error;

/// How long to wait before a letter is sent again.
const RETRY_WAIT: Duration = Duration::from_secs(2);

/// A message that cannot be read, as it was.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) time: signal::Timestamp,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) headers: OwnedHeaders,
    pub(super) poison: Poison,
}

/// Sends dead letters.
pub(super) struct DeadLetters {
    producer: FutureProducer,
    topic: String,
    group: String,
}

impl DeadLetters {
    /// None if no topic is configured.
    pub(super) fn new(config: &KafkaConfig) -> Result<Option<Self>, Error> {
        let Some(topic) = config.dead_letter_topic.clone() else { return Ok(None) };
        let mut client = kafka_client(&config.brokers, &config.security, &config.properties)?;
        client.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "5");
        // The broker knows best what is too large.
        client.set("message.max.bytes", "1000000000");
        let producer = client.create().map_err(|error| Error::Unreachable(format!("Kafka: {error}")))?;
        Ok(Some(Self { producer, topic, group: config.group.clone() }))
    }

    /// Returns when all replicas have all letters; tells of each whether the brokers took it, or never will.
    pub(super) async fn send_all(&self, letters: &[DeadLetter]) -> Vec<bool> {
        join_all(letters.iter().map(|it| self.send(it))).await
    }

    async fn send(&self, letter: &DeadLetter) -> bool {
        loop {
            let Err((error, _)) = self.producer.send(self.record(letter), RETRY_WAIT).await else { return true };
            let place = format!("{}/{}:{}", letter.topic, letter.partition, letter.offset);
            if matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) {
                warn!(place, topic = self.topic, %error, "Dead letter is too large for its topic and is skipped.");
                return false;
            }
            warn!(place, topic = self.topic, %error, "Dead letter was not taken; it is sent again.");
            tokio::time::sleep(RETRY_WAIT).await;
        }
    }

    fn record<'l>(&'l self, letter: &'l DeadLetter) -> FutureRecord<'l, [u8], [u8]> {
        let own = [
            ("sentinel.reason", letter.poison.reason.as_str().to_owned()),
            ("sentinel.detail", letter.poison.detail.clone()),
            ("sentinel.topic", letter.topic.clone()),
            ("sentinel.partition", letter.partition.to_string()),
            ("sentinel.offset", letter.offset.to_string()),
            ("sentinel.time", letter.time.to_string()),
            ("sentinel.group", self.group.clone()),
        ];
        let headers = own
            .iter()
            .fold(letter.headers.clone(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let record = FutureRecord::to(&self.topic).headers(headers);
        let record = if let Some(key) = &letter.key { record.key(key.as_slice()) } else { record };
        if let Some(payload) = &letter.payload { record.payload(payload.as_slice()) } else { record }
    }
}
