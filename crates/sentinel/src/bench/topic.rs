//! Where are samples put for a measurement of reading from Kafka? Into a topic of its own, which goes when it ends.

use std::time::Duration;

use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use signal::{Clock as _, SystemClock, Timestamp};

use super::server::Server;

/// Partitions of the topic. All points of a series are in the same one.
pub(super) const PARTITIONS: usize = 4;
/// How long the brokers may take for one answer, or for all that was sent to them.
pub(super) const ANSWER: Duration = Duration::from_secs(60);
/// How long to wait for room in the producer's queue.
const LOOK: Duration = Duration::from_millis(10);

/// A topic of the measurement's own.
pub(super) struct Topic {
    pub name: String,
    pub client: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
}

impl Topic {
    pub async fn create(brokers: &[String]) -> anyhow::Result<Self> {
        let security = ingest::KafkaSecurity::default();
        let client = ingest::kafka_client(brokers, &security, &std::collections::BTreeMap::new())?;
        let admin: AdminClient<DefaultClientContext> = client.create().context("cannot make a Kafka client")?;
        let now: Timestamp = SystemClock.now();
        let name = format!("sentinel-bench-{}-{}", std::process::id(), now.millis());
        let topic = NewTopic::new(&name, PARTITIONS as i32, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
        let made = admin.create_topics([&topic], &options).await;
        let made = made.with_context(|| format!("cannot reach Kafka at {}", brokers.join(", ")))?;
        for result in made {
            result.map_err(|(name, error)| anyhow::anyhow!("cannot make the topic {name}: {error}"))?;
        }
        Ok(Self { name, client, admin })
    }

    pub async fn delete(&self) -> anyhow::Result<()> {
        let deleted = self.admin.delete_topics(&[&self.name], &AdminOptions::new()).await;
        deleted.with_context(|| format!("cannot delete the topic {}", self.name)).map(drop)
    }

    /// A server that reads it. The series of this host would be counted among those that are read.
    pub async fn server(&self, brokers: &[String]) -> anyhow::Result<Server> {
        let entry = serde_json::json!([{
            "brokers": brokers, "topics": [self.name], "group": self.name, "format": "remote_write",
        }]);
        Server::start(&[("SENTINEL_HOST__ENABLED", "false"), ("SENTINEL_KAFKA", &*entry.to_string())]).await
    }
}

/// Sends a message of this time (milliseconds since 1970); waits while the producer's queue is full.
pub(super) fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    partition: i32,
    time: Timestamp,
    body: &[u8],
) -> anyhow::Result<()> {
    let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(body);
    let mut record = record.timestamp(time.millis());
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                std::thread::sleep(LOOK);
                record = back;
            }
            Err((error, _)) => return Err(error).context("cannot send to Kafka"),
        }
    }
}
