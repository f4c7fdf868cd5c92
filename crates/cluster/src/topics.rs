//! Which topics are there? They are made by whoever comes first, and looked at by everybody.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::{Config, Error};

/// How long brokers may take to answer about topics.
const PATIENCE: Duration = Duration::from_secs(20);

/// The topics of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Signals from gateways to workers.
    pub signals: String,
    /// State of the detectors, by partition.
    pub state: String,
    /// What was found, from workers to the responder.
    pub findings: String,
    /// The book of incidents, from one responder to the next.
    pub book: String,
    /// Partitions of the signals.
    pub partitions: u32,
}

/// What every client of the brokers is told.
pub(crate) fn client(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    // By default a client that has lost its brokers waits up to ten seconds before it tries again.
    client.set("reconnect.backoff.max.ms", "1000");
    for (key, value) in &config.settings {
        client.set(key, value);
    }
    client.set("bootstrap.servers", &config.brokers).set("client.id", "sentinel");
    client
}

impl Topics {
    /// Makes the topics that are not there yet and reads how many partitions there are.
    ///
    /// # Errors
    /// The brokers cannot be reached or refuse, or the topics do not fit each other.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let admin: AdminClient<DefaultClientContext> =
            client(config).create().map_err(Error::kafka("make a client of the brokers"))?;
        let name = |what: &str| format!("{}-{what}", config.prefix);
        let (signals, state, findings) = (name("signals"), name("state"), name("anomalies"));
        let book = name("book");
        let partitions = i32::try_from(config.partitions).unwrap_or(i32::MAX);
        let copies = || TopicReplication::Fixed(i32::try_from(config.replication).unwrap_or(1));
        let in_sync = config.replication.saturating_sub(1).max(1).to_string();
        let wanted = [
            NewTopic::new(&signals, partitions, copies()).set("min.insync.replicas", &in_sync),
            // The newest two generations of each piece are all that is needed.
            NewTopic::new(&state, partitions, copies())
                .set("min.insync.replicas", &in_sync)
                .set("cleanup.policy", "compact")
                .set("segment.ms", "600000")
                .set("min.cleanable.dirty.ratio", "0.3"),
            NewTopic::new(&findings, 1, copies()).set("min.insync.replicas", &in_sync),
            NewTopic::new(&book, 1, copies()).set("min.insync.replicas", &in_sync).set("cleanup.policy", "compact"),
        ];
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let made = admin.create_topics(&wanted, &options).await.map_err(Error::kafka("make the topics"))?;
        for (topic, code) in made.into_iter().filter_map(Result::err) {
            if code != RDKafkaErrorCode::TopicAlreadyExists {
                return Err(Error::Unfit(format!("topic {topic} cannot be made: {code}")));
            }
        }
        let count = |topic: &str| partitions_of(&admin, topic);
        let (n_signals, n_states, n_findings) = (count(&signals)?, count(&state)?, count(&findings)?);
        if n_states < n_signals || n_findings != 1 {
            return Err(Error::Unfit(format!(
                "{signals} has {n_signals} partitions, {state} {n_states} and {findings} {n_findings}; the first two \
                 must have the same number, and the last one"
            )));
        }
        Ok(Self { signals, state, findings, book, partitions: n_signals })
    }
}

fn partitions_of(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<u32, Error> {
    // A topic that was just made may take a moment to be known to the broker that is asked.
    let mut last = None;
    for _ in 0..50 {
        let metadata = admin.inner().fetch_metadata(Some(topic), PATIENCE).map_err(Error::kafka("read the topics"))?;
        let found = metadata.topics().iter().find(|it| it.name() == topic);
        match found.map(|it| (it.error(), it.partitions().len())) {
            Some((None, count)) if count > 0 => return Ok(u32::try_from(count).unwrap_or(u32::MAX)),
            other => last = other.and_then(|it| it.0),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(Error::Unfit(format!("topic {topic} has no partitions: {last:?}")))
}
