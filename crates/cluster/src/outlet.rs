//! How does a record get to the brokers? Idempotent, confirmed by all replicas in sync, and bounded while it waits.

use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

use crate::topics::client;
use crate::{Config, Error};

/// Sends records.
#[derive(Clone)]
pub struct Outlet {
    producer: FutureProducer,
}

/// Why a record was not sent.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// As much waits for the brokers as may, or they did not confirm in time: send it later.
    #[error("the brokers are behind or away")]
    Busy,
    /// It will not be sent.
    #[error(transparent)]
    Failed(Error),
}

/// A record on its way.
pub struct OnItsWay(DeliveryFuture);

impl Outlet {
    /// Connects when the first record is sent. `linger` is how long a record waits for others to go with it.
    ///
    /// # Errors
    /// The settings are wrong.
    pub fn open(config: &Config, linger: Duration) -> Result<Self, Error> {
        let mut client = client(config);
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", linger.as_millis().to_string())
            .set("queue.buffering.max.kbytes", (config.queue_megabytes << 10).to_string())
            .set("delivery.timeout.ms", (config.delivery_secs * 1000).to_string());
        // Ours to choose, but the operator may know the network better.
        for (key, value) in
            [("compression.type", "lz4"), ("batch.size", "1000000"), ("socket.keepalive.enable", "true")]
        {
            if !config.settings.contains_key(key) {
                client.set(key, value);
            }
        }
        let producer = client.create().map_err(Error::kafka("make a producer"))?;
        Ok(Self { producer })
    }

    /// Queues a record; it is there when [`OnItsWay::arrived`] says so.
    ///
    /// # Errors
    /// The queue is full, or the record is refused.
    pub fn send(&self, topic: &str, partition: u32, key: &str, value: &[u8]) -> Result<OnItsWay, NotSent> {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let record = FutureRecord::to(topic).partition(partition).key(key).payload(value);
        self.producer.send_result(record).map(OnItsWay).map_err(|(error, _)| not_sent(error))
    }

    /// Waits until everything that was queued has arrived or failed.
    ///
    /// # Errors
    /// It took longer.
    pub fn flush(&self, patience: Duration) -> Result<(), Error> {
        self.producer.flush(patience).map_err(Error::kafka("send what waits"))
    }
}

impl OnItsWay {
    /// The offset of the record, once the brokers have it.
    ///
    /// # Errors
    /// They have not confirmed it. It may be there all the same, so whoever sends it again must expect it twice.
    pub async fn arrived(self) -> Result<i64, NotSent> {
        match self.0.await {
            Ok(Ok(delivery)) => Ok(delivery.offset),
            Ok(Err((error, _))) => Err(not_sent(error)),
            Err(_) => Err(NotSent::Busy),
        }
    }
}

fn not_sent(error: KafkaError) -> NotSent {
    let is_passing = matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::QueueFull
                | RDKafkaErrorCode::MessageTimedOut
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::NotEnoughReplicas
                | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::OperationTimedOut
        )
    );
    if is_passing { NotSent::Busy } else { NotSent::Failed(Error::Kafka { operation: "send a record", source: error }) }
}
