//! What can the operator set for Kafka? Brokers, topics, the form of messages, and which fields mean what.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::security::KafkaSecurity;

/// Settings of librdkafka that decide whether something is lost; they are ours.
const OURS: [&str; 7] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "statistics.interval.ms",
];

/// Topics to read as one member of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Brokers to begin with, as `host:port`. Default: localhost:9092.
    pub brokers: Vec<String>,
    /// Topics; one that begins with `^` is a pattern. Default: none.
    pub topics: Vec<String>,
    /// Consumer group; several Sentinels of one group share the partitions. Default: "sentinel".
    pub group: String,
    /// Form of the messages. Default: auto.
    pub format: KafkaFormat,
    /// Which fields of a JSON event mean what.
    pub fields: KafkaFields,
    /// Time zone of event times that name none, for example "Europe/Berlin", or "system" for that of this machine.
    /// Default: "UTC".
    pub time_zone: String,
    /// Where a group begins that has read nothing yet: earliest or latest. Default: earliest.
    pub auto_offset_reset: KafkaStart,
    /// Topic for messages that cannot be read, with the reason in their headers. Default: none; they are counted, logged
    /// and skipped.
    pub dead_letter_topic: Option<String>,
    /// Further labels of every line that was read as JSON or text. Default: none.
    pub labels: BTreeMap<String, String>,
    /// Encryption and login.
    pub security: KafkaSecurity,
    /// Most messages that are passed on at once, 1 to 10000: what may come twice after a crash must be fewer
    /// than `store.log_duplicate_lines`. Default: 4000.
    pub batch_messages: usize,
    /// How long a batch waits for more messages, in milliseconds, at most 5000. A message waits as long for its
    /// verdict; the shorter, the more often the disk is synced. Default: 5.
    pub batch_wait_ms: u64,
    /// Further settings of librdkafka, by its own names. Default: none.
    pub properties: BTreeMap<String, String>,
}

/// The form of a topic's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaFormat {
    /// A JSON event if it begins with `{` or `[`, else plain text.
    #[default]
    Auto,
    /// One JSON event, or an array of them.
    Json,
    /// One event of plain text.
    Text,
    /// `prometheus.WriteRequest`, with or without snappy.
    RemoteWrite,
    /// Influx line protocol with times in nanoseconds, as Telegraf sends it.
    Influx,
    /// OpenTelemetry's `ExportMetricsServiceRequest`, as protobuf or JSON.
    OtlpMetrics,
    /// OpenTelemetry's `ExportLogsServiceRequest`, as protobuf or JSON.
    OtlpLogs,
    /// OpenTelemetry's `ExportTraceServiceRequest`, as protobuf or JSON.
    OtlpTraces,
}

/// Where a new group begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaStart {
    /// With the oldest message.
    #[default]
    Earliest,
    /// With what comes from now on.
    Latest,
}

/// Names of fields, best first. A dot leads into an object: `log.level`. The first that is there counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaFields {
    /// When it happened: RFC 3339, a date and time without zone, or a Unix number.
    /// Default: timestamp, @timestamp, time, ts.
    pub time: Vec<String>,
    /// How bad it is. Default: level, severity, log.level, lvl.
    pub level: Vec<String>,
    /// What is said. Default: message, msg, log, body.
    pub message: Vec<String>,
    /// Who says it; the label `service`. Default: service, service_name, service.name, app_name, app, component.
    pub service: Vec<String>,
    /// Where it runs; the label `instance`. Default: instance, instance_id, host, hostname, pod.
    pub instance: Vec<String>,
    /// Further fields that become labels; an object gives one label per entry. What is named nowhere is kept beside the
    /// line. Default: component, tags.
    pub labels: Vec<String>,
    /// Value of `level` where the event has none. Default: none; it is guessed from the line.
    pub default_level: Option<String>,
    /// Value of `service` where the event has none. Default: none.
    pub default_service: Option<String>,
    /// Value of `component` where the event has none. Default: none.
    pub default_component: Option<String>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            topics: vec![],
            group: "sentinel".to_owned(),
            format: KafkaFormat::Auto,
            fields: KafkaFields::default(),
            time_zone: "UTC".to_owned(),
            auto_offset_reset: KafkaStart::Earliest,
            dead_letter_topic: None,
            labels: BTreeMap::new(),
            security: KafkaSecurity::default(),
            batch_messages: 4000,
            batch_wait_ms: 5,
            properties: BTreeMap::new(),
        }
    }
}

impl Default for KafkaFields {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        Self {
            time: names(&["timestamp", "@timestamp", "time", "ts"]),
            level: names(&["level", "severity", "log.level", "lvl"]),
            message: names(&["message", "msg", "log", "body"]),
            service: names(&["service", "service_name", "service.name", "app_name", "app", "component"]),
            instance: names(&["instance", "instance_id", "host", "hostname", "pod"]),
            labels: names(&["component", "tags"]),
            default_level: None,
            default_service: None,
            default_component: None,
        }
    }
}

impl KafkaConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = kafka_client_problems(&self.brokers, &self.properties);
        if self.topics.is_empty() || self.topics.iter().any(String::is_empty) {
            problems.push("topics: at least one is needed, for example `logs-topic`".to_owned());
        }
        if self.group.is_empty() {
            problems.push("group: must not be empty".to_owned());
        }
        if let Some(topic) = self.dead_letter_topic.as_ref().filter(|it| it.is_empty() || self.topics.contains(it)) {
            problems.push(format!("dead_letter_topic: {topic:?} must be a topic that is not read here"));
        }
        if self.zone().is_none() {
            problems.push(format!("time_zone: {:?} is not known here; UTC always is", self.time_zone));
        }
        if !(1..=10_000).contains(&self.batch_messages) {
            problems.push(format!("batch_messages: {} is not in 1..10000", self.batch_messages));
        }
        if self.batch_wait_ms > 5000 {
            problems.push(format!("batch_wait_ms: {} is more than 5000", self.batch_wait_ms));
        }
        problems.extend(self.security.validate().into_iter().map(|it| format!("security.{it}")));
        problems
    }

    /// The zone of times that name none.
    pub(super) fn zone(&self) -> Option<TimeZone> {
        match self.time_zone.as_str() {
            "UTC" => Some(TimeZone::UTC),
            // UTC where the machine does not say.
            "system" => Some(TimeZone::system()),
            name => TimeZone::get(name).ok(),
        }
    }
}

/// Problems of what consumers and producers have in common, each naming its key.
pub fn kafka_client_problems(brokers: &[String], properties: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = vec![];
    if brokers.is_empty() {
        problems.push("brokers: at least one is needed, for example `localhost:9092`".to_owned());
    }
    for (idx, broker) in brokers.iter().enumerate() {
        let port = broker.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
        if port.is_none_or(|it| it.parse::<u16>().is_err()) {
            problems.push(format!("brokers[{idx}]: {broker:?} is not host:port"));
        }
    }
    for name in properties.keys().filter(|it| OURS.contains(&it.as_str())) {
        problems.push(format!("properties.{name}: is set by Sentinel, so that nothing is lost"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_names_its_key() {
        let good = KafkaConfig { topics: vec!["a".to_owned()], ..KafkaConfig::default() };
        assert_eq!(good.validate(), Vec::<String>::new());
        let bad = KafkaConfig {
            brokers: vec!["localhost".to_owned(), ":1".to_owned(), "a:b".to_owned()],
            topics: vec!["a".to_owned()],
            group: String::new(),
            dead_letter_topic: Some("a".to_owned()),
            time_zone: "Europe/Atlantis".to_owned(),
            batch_messages: 0,
            batch_wait_ms: 6000,
            properties: BTreeMap::from([("group.id".to_owned(), "x".to_owned())]),
            ..KafkaConfig::default()
        };
        let problems = bad.validate();
        let keys = ["brokers[0]", "brokers[1]", "brokers[2]", "group", "dead_letter_topic", "time_zone"];
        for key in keys.into_iter().chain(["batch_messages", "batch_wait_ms", "properties.group.id"]) {
            assert!(problems.iter().any(|it| it.starts_with(key)), "{key} in {problems:?}");
        }
        assert!(KafkaConfig::default().validate().iter().any(|it| it.starts_with("topics")));
    }
}
