//! Who else hears of incidents? A Kafka topic: each incident as JSON under its id, whenever it changes.
//!
//! A topic that is compacted by key holds the newest state of every incident.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, error::KafkaError};
use serde::{Deserialize, Serialize};
use signal::{Incident, Meter, Metric, Outbox};
use tracing::warn;

/// Incidents that may wait for the brokers.
const MAX_WAITING: &str = "10000";
/// How long the end of the program waits for the brokers.
const FLUSH: Duration = Duration::from_secs(3);

/// Where incidents are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaOutConfig {
    /// Topic for incidents as JSON, by their id. Default: none; nothing is sent.
    pub topic: Option<String>,
    /// Brokers to begin with, as `host:port`. Default: localhost:9092.
    pub brokers: Vec<String>,
    /// Encryption and login.
    pub security: ingest::KafkaSecurity,
    /// Further settings of librdkafka, by its own names. Default: none.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaOutConfig {
    fn default() -> Self {
        Self {
            topic: None,
            brokers: vec!["localhost:9092".to_owned()],
            security: ingest::KafkaSecurity::default(),
            properties: BTreeMap::new(),
        }
    }
}

impl KafkaOutConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = ingest::kafka_client_problems(&self.brokers, &self.properties);
        if self.topic.as_deref() == Some("") {
            problems.push("topic: must not be empty; leave it out to send nothing".to_owned());
        }
        problems.extend(self.security.validate().into_iter().map(|it| format!("security.{it}")));
        problems
    }
}

/// Sends incidents; every replica has them before they count as delivered, each once and in order.
pub struct KafkaOutbox {
    producer: ThreadedProducer<Deliveries>,
    topic: String,
    counts: Arc<OutCounts>,
}

/// What became of incidents that were to be told.
#[derive(Debug, Default)]
struct OutCounts {
    delivered: AtomicU64,
    failed: AtomicU64,
    /// More waited than there is room for.
    dropped: AtomicU64,
}

struct Deliveries(Arc<OutCounts>);

impl KafkaOutbox {
    /// None if no topic is configured.
    pub fn open(config: &KafkaOutConfig) -> anyhow::Result<Option<Self>> {
        let Some(topic) = config.topic.clone() else { return Ok(None) };
        let mut client = ingest::kafka_client(&config.brokers, &config.security, &config.properties)?;
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            // Before compression; the broker has its own limit of what is left.
            .set("message.max.bytes", "10000000")
            .set("queue.buffering.max.messages", MAX_WAITING)
            // Brokers may be away for long: incidents wait for them.
            .set("message.timeout.ms", "0");
        let counts = Arc::new(OutCounts::default());
        let deliveries = Deliveries(Arc::clone(&counts));
        let producer = client.create_with_context(deliveries).context("cannot make the Kafka producer of kafka_out")?;
        Ok(Some(Self { producer, topic, counts }))
    }
}

impl Outbox for KafkaOutbox {
    fn post(&self, incident: &Incident) {
        let key = incident.id.to_string();
        let body = match serde_json::to_vec(incident) {
            Ok(it) => it,
            Err(error) => {
                self.counts.failed.fetch_add(1, Relaxed);
                warn!(incident = key, %error, "Incident cannot be written as JSON.");
                return;
            }
        };
        let record = BaseRecord::to(&self.topic).key(&key).payload(&body);
        if let Err((error, _)) = self.producer.send(record) {
            self.counts.dropped.fetch_add(1, Relaxed);
            warn!(incident = key, topic = self.topic, %error, "Incident was not told: too many wait for Kafka.");
        }
    }
}

impl Drop for KafkaOutbox {
    fn drop(&mut self) {
        if let Err(error) = self.producer.flush(FLUSH) {
            warn!(topic = self.topic, %error, "Some incidents were not told before the end; open ones are told again.");
        }
    }
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, reason, "Kafka is in trouble; incidents wait for it.");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => _ = self.0.delivered.fetch_add(1, Relaxed),
            Err((error, _)) => {
                self.0.failed.fetch_add(1, Relaxed);
                warn!(%error, "Incident was not taken by Kafka.");
            }
        }
    }
}

impl Meter for KafkaOutbox {
    fn metrics(&self) -> Vec<Metric> {
        let OutCounts { delivered, failed, dropped } = &*self.counts;
        let counter = |outcome, value: &AtomicU64| {
            let help = "Incidents that were to be told to Kafka.";
            Metric::counter("sentinel_outbox_kafka_messages_total", help, value.load(Relaxed)).label("outcome", outcome)
        };
        vec![counter("delivered", delivered), counter("failed", failed), counter("dropped", dropped)]
    }
}
