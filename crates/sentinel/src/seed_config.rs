//! What does a `config.json` of SentinelOps mean? A Kafka topic to read, with defaults for its events.
//!
//! The file: `{"kafka": {"bootstrap_servers": [..], "topic": "..", "group_id": "..", "auto_offset_reset": ".."},
//! "loki": {"url": ".."}, "log_stream": {"default_level": "INFO", "default_component": "unknown"}}`.

use serde_json::{Map, Value, json};

/// The file's keys beside those of Kafka.
const FURTHER: [&str; 2] = ["loki", "log_stream"];
/// The keys of its section `kafka`, and ours.
const KEYS: [(&str, &str); 4] = [
    ("bootstrap_servers", "brokers"),
    ("topic", "topics"),
    ("group_id", "group"),
    ("auto_offset_reset", "auto_offset_reset"),
];
/// The keys of its section `log_stream`, and ours under `fields`.
const DEFAULTS: [(&str, &str); 2] = [("default_level", "default_level"), ("default_component", "default_component")];

/// Turns such a file into our own keys; leaves every other one alone.
pub fn translate(tree: &mut Map<String, Value>, problems: &mut Vec<String>) {
    let Some(Value::Object(kafka)) = tree.get("kafka").cloned() else { return };
    let further: Vec<Option<Value>> = FURTHER.iter().map(|it| tree.remove(*it)).collect();
    let [loki, log_stream] = further.as_slice() else { return };
    let mut entry = renamed("kafka", &kafka, &KEYS, problems);
    // The file has one server as a text, or several; and one topic.
    for key in ["brokers", "topics"] {
        if let Some(value) = entry.get_mut(key).filter(|it| !it.is_array()) {
            *value = json!([value.take()]);
        }
    }
    // Its producer writes local times without a zone, and runs on the same machine.
    entry.insert("time_zone".to_owned(), json!("system"));
    if let Some(Value::Object(defaults)) = log_stream {
        let defaults = renamed("log_stream", defaults, &DEFAULTS, problems);
        entry.insert("fields".to_owned(), Value::Object(defaults));
    }
    if let Some(url) = loki.as_ref().and_then(|it| it.get("url")) {
        tracing::info!(%url, "The configuration names a Loki; Sentinel keeps the lines itself and does not need it.");
    }
    tree.insert("kafka".to_owned(), json!([entry]));
}

fn renamed(
    section: &str,
    values: &Map<String, Value>,
    names: &[(&str, &str)],
    problems: &mut Vec<String>,
) -> Map<String, Value> {
    let mut found = Map::new();
    for (key, value) in values {
        match names.iter().find(|it| it.0 == key) {
            Some((_, ours)) => _ = found.insert((*ours).to_owned(), value.clone()),
            None => problems.push(format!(
                "{section}.{key}: not a key of SentinelOps' config.json; for Sentinel's own keys `kafka` is a list"
            )),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_config_json_of_the_seed_is_understood() {
        let text = r#"{"kafka": {"bootstrap_servers": ["localhost:9092"], "topic": "logs-topic",
            "group_id": "loki-group", "auto_offset_reset": "earliest"},
            "loki": {"url": "http://localhost:3100/loki/api/v1/push"},
            "log_stream": {"default_level": "INFO", "default_component": "unknown"}}"#;
        let config = Config::parse(text, std::iter::empty()).unwrap();
        let [kafka] = config.kafka.as_slice() else { panic!("one entry") };
        assert_eq!(
            (kafka.brokers.as_slice(), kafka.topics.as_slice()),
            (&["localhost:9092".to_owned()][..], &["logs-topic".to_owned()][..])
        );
        assert_eq!((kafka.group.as_str(), kafka.auto_offset_reset), ("loki-group", ingest::KafkaStart::Earliest));
        assert_eq!(kafka.time_zone, "system");
        assert_eq!(kafka.fields.default_level.as_deref(), Some("INFO"));
        assert_eq!(kafka.fields.default_component.as_deref(), Some("unknown"));
        assert_eq!(kafka.fields.message, ingest::KafkaFields::default().message);
    }

    #[test]
    fn what_is_neither_the_seeds_nor_ours_is_named() {
        let problems = Config::parse("kafka:\n  topic: a\n  grupp: b\n", std::iter::empty()).unwrap_err();
        assert!(problems.iter().any(|it| it.starts_with("kafka.grupp")), "{problems:?}");
        assert!(Config::parse("kafka:\n  - topics: [a]\n", std::iter::empty()).is_ok());
        let problems = Config::parse("kafka:\n  - topic: a\n", std::iter::empty()).unwrap_err();
        assert!(problems.iter().any(|it| it.contains("topics")), "{problems:?}");
    }
}
