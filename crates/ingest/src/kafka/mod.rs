//! Kafka topics, read as a member of a consumer group: every message at least once, its offset committed after its
//! signals are durable.
//!
//! A thread fetches and decodes (`reader`), a task stores (`writer`); between them is a queue of two batches. Messages
//! that cannot be read (`poison`) go to a dead-letter topic (`dead`) before they count as done.

mod client;
mod config;
mod counts;
mod dead;
mod decode;
mod delay;
mod event;
mod moment;
mod poison;
mod reader;
mod security;
mod writer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use signal::Clock;

use self::client::{Flight, Group};
use self::dead::DeadLetters;
use self::reader::{Fatal, Reader};
use self::writer::Writer;
use crate::{Config, Counts, Error, ErrorKind, OtlpConfig, Sink, Source};

pub use self::client::kafka_client;
pub use self::config::{KafkaConfig, KafkaFields, KafkaFormat, KafkaStart, kafka_client_problems};
pub use self::counts::KafkaCounts;
pub use self::decode::{KafkaDecoder, KafkaMessage, KafkaSignals};
pub use self::poison::{Poison, PoisonReason};
pub use self::security::{KafkaProtocol, KafkaSecurity};

/// Batches between the thread that reads and the task that stores.
const QUEUED_BATCHES: usize = 2;
/// How long to wait before a new client is made.
const RESTART_WAIT: Duration = Duration::from_secs(5);

/// Where signals go and what is counted on the way.
#[derive(Clone)]
pub struct KafkaPorts {
    /// Takes the signals.
    pub sink: Arc<dyn Sink>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// How bodies of OpenTelemetry are read.
    pub otlp: OtlpConfig,
    /// What all protocols count.
    pub counts: Arc<Counts>,
    /// What only Kafka counts.
    pub kafka: Arc<KafkaCounts>,
}

/// Reads the topics of a configuration entry until `shutdown` becomes true.
pub async fn consume(config: KafkaConfig, limits: Config, ports: KafkaPorts, mut shutdown: watch::Receiver<bool>) {
    loop {
        match session(&config, &limits, &ports, &shutdown).await {
            Ok(()) if *shutdown.borrow() => return,
            Ok(()) => warn!(group = config.group, "Reading from Kafka ended; a new client is made."),
            Err(error) => {
                ports.counts.error(Source::Kafka, ErrorKind::Failed);
                warn!(group = config.group, %error, "Kafka client failed; a new one is made.");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RESTART_WAIT) => {}
            _ = shutdown.wait_for(|it| *it) => return,
        }
    }
}

/// The life of one client.
async fn session(
    config: &KafkaConfig,
    limits: &Config,
    ports: &KafkaPorts,
    shutdown: &watch::Receiver<bool>,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Unreachable(format!("Kafka: {error}"));
    let group = Group {
        name: config.group.clone(),
        counts: Arc::clone(&ports.counts),
        kafka: Arc::clone(&ports.kafka),
        flight: Arc::new(Flight::default()),
        revoked: Mutex::default(),
    };
    let consumer = Arc::new(client::consumer(config, group)?);
    let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(|error| failed(&error))?;
    info!(group = config.group, topics = topics.join(" "), "Kafka topics are read.");
    let writer = Writer {
        consumer: Arc::clone(&consumer),
        dead_letters: DeadLetters::new(config)?,
        sink: Arc::clone(&ports.sink),
        counts: Arc::clone(&ports.counts),
        kafka: Arc::clone(&ports.kafka),
        told: Mutex::default(),
        clock: Arc::clone(&ports.clock),
    };
    let (batches, received) = mpsc::channel(QUEUED_BATCHES);
    let reader = Reader {
        consumer,
        decoder: KafkaDecoder::new(config.clone(), limits.clone(), &ports.otlp),
        batch_messages: config.batch_messages,
        batch_wait: Duration::from_millis(config.batch_wait_ms),
        clock: Arc::clone(&ports.clock),
        counts: Arc::clone(&ports.counts),
        kafka: Arc::clone(&ports.kafka),
        batches,
        runtime: Handle::current(),
        shutdown: shutdown.clone(),
    };
    let outcome = start(reader).map_err(|error| failed(&error))?;
    writer.run(received).await;
    // Leaving the group commits what was stored and waits for the brokers.
    let closed = tokio::task::spawn_blocking(move || drop(writer)).await;
    closed.map_err(|error| failed(&error))?;
    match outcome.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Fatal(error))) => Err(failed(&error)),
        Err(_) => Err(failed(&"the reading thread panicked")),
    }
}

/// Starts the reading thread; what is returned tells how it ended.
fn start(reader: Reader) -> std::io::Result<oneshot::Receiver<Result<(), Fatal>>> {
    let (done, outcome) = oneshot::channel();
    let read = move || {
        let result = reader.run();
        // Nobody listens only if the whole of the program ends.
        let _ = done.send(result);
    };
    std::thread::Builder::new().name("kafka-reader".to_owned()).spawn(read)?;
    Ok(outcome)
}
