//! What do devices say over MQTT? Topics become series, payloads points; a message is acknowledged when it is durable.
//!
//! Specifications: <https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html>,
//! <https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html>. The session is kept by the broker: what it holds for us
//! while we are away, and what was not acknowledged, comes when we are back.

mod client;
mod payload;
mod topic;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use signal::{Clock, SeriesPoints};

use crate::mqtt::client::{Client, Connection, Happened, Message};
use crate::mqtt::topic::Template;
use crate::when::Arrivals;
use crate::{Config, Counts, ErrorKind, MqttConfig, MqttTopic, Problems, Reason, Refused, Sink, Source, host};
pub use payload::{Message as MqttMessage, decode};

/// Messages that may wait for the sink; the connection is not read while so many do.
const QUEUE: usize = 1000;
/// Messages of one batch.
const BATCH: usize = 1000;
/// The first and the longest wait before a new try to connect.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// How long to wait after the sink has failed.
const FAILED_WAIT: Duration = Duration::from_secs(2);

/// Takes messages of a broker until `shutdown` becomes true.
pub async fn mqtt(
    config: MqttConfig,
    limits: Config,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    mut shutdown: watch::Receiver<bool>,
) {
    let client_id = config.client_id.clone().unwrap_or_else(|| format!("sentinel-{}", host::name()));
    let opened = client::open(&config, &client_id, limits.max_body_bytes);
    let topics: Result<Vec<Topic>, String> = config.topics.iter().map(Topic::new).collect();
    let ((client, connection), topics) = match opened.and_then(|it| Ok((it, topics?))) {
        Ok(it) => it,
        Err(error) => {
            counts.error(Source::Mqtt, ErrorKind::Unreachable);
            warn!(broker = config.broker, error, "Reading from MQTT cannot begin.");
            return;
        }
    };
    let (queue, waiting) = mpsc::channel(QUEUE);
    let reader = Reader {
        broker: config.broker.clone(),
        client: client.clone(),
        topics: topics.clone(),
        counts: Arc::clone(&counts),
    };
    let writer = Writer { client, topics, limits, sink, clock, counts, arrivals: Arrivals::default() };
    tokio::select! {
        () = reader.run(connection, queue) => {}
        () = writer.run(waiting) => {}
        _ = shutdown.wait_for(|it| *it) => {}
    }
}

#[derive(Clone)]
struct Topic {
    template: Template,
    config: MqttTopic,
}

impl Topic {
    fn new(config: &MqttTopic) -> Result<Self, String> {
        Ok(Self { template: Template::parse(&config.topic)?, config: config.clone() })
    }
}

impl MqttTopic {
    /// What is wrong with the topic, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        Template::parse(&self.topic).err()
    }
}

/// Keeps the connection.
struct Reader {
    broker: String,
    client: Client,
    topics: Vec<Topic>,
    counts: Arc<Counts>,
}

impl Reader {
    async fn run(&self, mut connection: Connection, queue: mpsc::Sender<Message>) {
        let mut wait = WAITS.0;
        loop {
            match connection.next().await {
                Ok(Happened::Connected) => {
                    info!(broker = self.broker, "Connected to MQTT.");
                    wait = WAITS.0;
                    self.subscribe().await;
                }
                // While the queue is full the broker keeps what comes.
                Ok(Happened::Message(message)) => {
                    if queue.send(*message).await.is_err() {
                        return;
                    }
                }
                Ok(Happened::Other) => {}
                Err(error) => {
                    self.counts.error(Source::Mqtt, ErrorKind::Unreachable);
                    warn!(broker = self.broker, error, seconds = wait.as_secs_f64(), "MQTT is tried again.");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(WAITS.1);
                }
            }
        }
    }

    async fn subscribe(&self) {
        for topic in &self.topics {
            if let Err(error) = self.client.subscribe(&topic.template.filter(), topic.config.qos).await {
                warn!(broker = self.broker, topic = topic.config.topic, error, "A topic cannot be asked for.");
            }
        }
    }
}

/// Hands messages to the sink and acknowledges them.
struct Writer {
    client: Client,
    topics: Vec<Topic>,
    limits: Config,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    arrivals: Arrivals,
}

impl Writer {
    async fn run(&self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = vec![];
        while waiting.recv_many(&mut messages, BATCH).await > 0 {
            let batch = messages.iter().flat_map(|it| self.series(it)).collect();
            self.offer(batch).await;
            for message in messages.drain(..) {
                if let Err(error) = self.client.acknowledge(&message).await {
                    // The broker sends it again; the store knows it by its time if that is in the payload.
                    debug!(error, "A message could not be acknowledged.");
                }
            }
        }
    }

    fn series(&self, message: &Message) -> Vec<SeriesPoints> {
        let mut problems = Problems::default();
        let found = self.topics.iter().find_map(|it| Some((it, it.template.labels(&message.topic)?)));
        let batch = match found {
            None => {
                problems.add(Reason::UnknownField, 1, String::new);
                vec![]
            }
            Some((topic, labels)) => {
                let known = MqttMessage {
                    labels: &labels,
                    further: &topic.config.labels,
                    name: topic.config.name.as_deref().unwrap_or(""),
                    time_key: topic.config.time_key.as_deref().unwrap_or(""),
                    arrival: self.arrivals.next(&*self.clock),
                };
                let (batch, found) = decode(&message.payload, known, &self.limits);
                problems = found;
                batch
            }
        };
        self.counts.problems(Source::Mqtt, &problems);
        if let Some(mistake) = problems.mistake() {
            debug!(topic = message.topic, mistake, "A part of a message is left out.");
        }
        batch
    }

    /// Offers a batch until it is taken, or refused as wrong.
    async fn offer(&self, batch: Vec<SeriesPoints>) {
        if batch.is_empty() {
            return;
        }
        let n_points = batch.iter().map(|it| it.points.len() as u64).sum();
        self.counts.received(Source::Mqtt, n_points);
        loop {
            let outcome = self.sink.samples(Source::Mqtt, batch.clone()).await;
            self.counts.outcome(Source::Mqtt, &outcome);
            let wait = match outcome {
                Ok(_) => return,
                Err(Refused::Invalid(error)) => {
                    self.counts.dropped(Source::Mqtt, Reason::Refused, n_points);
                    warn!(error, "Points of MQTT were refused.");
                    return;
                }
                Err(Refused::Busy { retry_after_secs } | Refused::TooFast { retry_after_secs, .. }) => {
                    Duration::from_secs(retry_after_secs)
                }
                Err(Refused::Failed(error)) => {
                    warn!(error, "Points of MQTT wait for the store.");
                    FAILED_WAIT
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}
