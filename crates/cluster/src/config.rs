//! What can the operator set about roles? Where Kafka is, and how much is kept for a change of owner.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The section `cluster` of the configuration. It only counts for the roles gateway, worker and responder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses of some of the brokers, as `host:port` with commas between. Default: 127.0.0.1:9092.
    pub brokers: String,
    /// What the names of the topics and of the consumer groups begin with. Default: sentinel.
    pub prefix: String,
    /// Partitions of the signals' topic when it is made; later the topic's own number counts. There are never more
    /// workers with work than partitions. Default: 12.
    pub partitions: u32,
    /// Copies of each topic when it is made, of which one less must be in sync for a write. Default: 1.
    pub replication: u32,
    /// A name that stays the same over restarts and is unique among the members of a role. With it a worker that is back
    /// within `session_secs` goes on with the partitions it had. Default: none, every restart is a new member, and gateways
    /// are known by machine and port.
    pub member: Option<String>,
    /// Address at which the responder asks this worker, as `http://host:port`. Default: the address it listens on.
    pub address: Option<String>,
    /// A worker that was silent for so long loses its partitions to the others (seconds, 6 to 300). Default: 10.
    pub session_secs: u64,
    /// Signals of so long ago are read again into the store of a worker that takes a partition over, so that charts and
    /// diagnoses see them (seconds). Default: 3600.
    pub window_secs: u64,
    /// State of the detectors goes to the changelog this often (seconds). Default: 60.
    pub state_secs: u64,
    /// Signals that wait in a gateway for the brokers; more are answered "busy" (megabytes). Default: 64.
    pub queue_megabytes: usize,
    /// A write that the brokers have not confirmed after so long is answered "busy" (seconds). Default: 15.
    pub delivery_secs: u64,
    /// The responder waits so long for a worker's answer (milliseconds). Default: 2000.
    pub answer_ms: u64,
    /// Further settings of librdkafka, for example `security.protocol` and `sasl.username`. Default: none.
    pub settings: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            prefix: "sentinel".to_owned(),
            partitions: 12,
            replication: 1,
            member: None,
            address: None,
            session_secs: 10,
            window_secs: 3600,
            state_secs: 60,
            queue_megabytes: 64,
            delivery_secs: 15,
            answer_ms: 2000,
            settings: BTreeMap::new(),
        }
    }
}

/// Settings that the promises of this program rest on.
const OURS: [&str; 8] = [
    "bootstrap.servers",
    "group.id",
    "group.instance.id",
    "enable.auto.commit",
    "enable.idempotence",
    "acks",
    "enable.partition.eof",
    "partition.assignment.strategy",
];

impl Config {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let mut must = |is_good: bool, problem: &str| {
            if !is_good {
                problems.push(problem.to_owned());
            }
        };
        must(!self.brokers.trim().is_empty(), "brokers: at least one address is needed");
        let is_name = |it: &str| {
            (1..=200).contains(&it.len()) && it.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
        };
        must(is_name(&self.prefix), "prefix: 1 to 200 letters, digits, `.`, `_` or `-`");
        must(self.member.as_deref().is_none_or(is_name), "member: 1 to 200 letters, digits, `.`, `_` or `-`");
        must((1..=4096).contains(&self.partitions), "partitions: must lie between 1 and 4096");
        must((1..=7).contains(&self.replication), "replication: must lie between 1 and 7");
        must((6..=300).contains(&self.session_secs), "session_secs: must lie between 6 and 300");
        must(self.state_secs >= 1, "state_secs: at least 1");
        must((1..=4096).contains(&self.queue_megabytes), "queue_megabytes: must lie between 1 and 4096");
        must((1..=300).contains(&self.delivery_secs), "delivery_secs: must lie between 1 and 300");
        must((10..=60_000).contains(&self.answer_ms), "answer_ms: must lie between 10 and 60000");
        let is_url = |it: &str| it.starts_with("http://") || it.starts_with("https://");
        must(self.address.as_deref().is_none_or(is_url), "address: begin it with http:// or https://");
        for key in self.settings.keys().filter(|it| OURS.contains(&it.as_str())) {
            problems.push(format!("settings.{key}: is set by Sentinel; use the keys beside `settings`"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_good_and_every_problem_names_its_key() {
        assert_eq!(Config::default().validate(), [""; 0]);
        let bad = Config {
            brokers: " ".to_owned(),
            prefix: "a b".to_owned(),
            partitions: 0,
            session_secs: 1,
            address: Some("10.0.0.1:80".to_owned()),
            settings: [("acks".to_owned(), "1".to_owned())].into(),
            ..Config::default()
        };
        let keys: Vec<String> = bad.validate().iter().map(|it| it.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(keys, ["brokers", "prefix", "partitions", "session_secs", "address", "settings.acks"]);
    }
}
