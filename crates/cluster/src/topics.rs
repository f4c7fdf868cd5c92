//! Which topics are there? They are made by whoever comes first, and looked at by everybody.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
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
            // Whoever may not make topics can use those that somebody else has made.
            if code != RDKafkaErrorCode::TopicAlreadyExists && partitions_of(&admin, &topic).is_err() {
                return Err(Error::Unfit(format!("topic {topic} is not there for us and cannot be made: {code}")));
            }
        }
        let count = |topic: &str| partitions_of(&admin, topic);
        let (n_signals, mut n_states, n_findings) = (count(&signals)?, count(&state)?, count(&findings)?);
        if n_states < n_signals {
            // Somebody has added partitions to the signals; each has its place of state.
            grow(&admin, &state, n_signals, &options).await?;
            n_states = n_signals;
        }
        if n_findings != 1 {
            return Err(Error::Unfit(format!(
                "{signals} has {n_signals} partitions, {state} {n_states} and {findings} {n_findings}; the last must \
                 have one"
            )));
        }
        Ok(Self { signals, state, findings, book, partitions: n_signals })
    }
}

async fn grow(
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
    partitions: u32,
    options: &AdminOptions,
) -> Result<(), Error> {
    let wanted = NewPartitions::new(topic, usize::try_from(partitions).unwrap_or(usize::MAX));
    let grown = admin.create_partitions([&wanted], options).await.map_err(Error::kafka("add partitions"))?;
    // Another process of ours may have been faster.
    match grown.into_iter().find_map(Result::err).filter(|_| partitions_of(admin, topic).ok() != Some(partitions)) {
        None => Ok(()),
        Some((topic, code)) => Err(Error::Unfit(format!("topic {topic} needs {partitions} partitions: {code}"))),
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
