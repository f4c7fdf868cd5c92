//! Can a `config.json` of SentinelOps be used as it is, against a real Apache Kafka? Row C1 of the acceptance list.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::kafka::Kafka;
use crate::support::server::Server;
use crate::support::services::python_with;
use crate::support::wait_for;

/// MUST 72 and 77 of docs/specs/ingest.md. The seed's times have no zone and are those of the machine.
#[test]
fn c1_a_config_json_of_the_seed_reads_its_topic_from_the_beginning() {
    let Some(kafka) = Kafka::start(1) else { return };
    let Some(python) = python_with("kafka-producer", &["kafka-python==3.0.12"]) else { return };
    ["logs-topic", "app-logs"].iter().for_each(|it| kafka.create_topic(it, 1));
    let zone = jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/kafka_producer.py");
    let sent = Command::new(python)
        .args([script, &kafka.bootstrap(), "0", "100", &zone])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(sent.is_ok_and(|it| it.success()), "the producer sends its events");
    let config = json!({
        "kafka": {
            "bootstrap_servers": [kafka.bootstrap()],
            "topic": "logs-topic",
            "group_id": "loki-group",
            "auto_offset_reset": "earliest",
        },
        "loki": {"url": "http://localhost:3100/loki/api/v1/push"},
        "log_stream": {"default_level": "INFO", "default_component": "unknown"},
    });
    let server = Server::start("seed-config", &config.to_string());
    let lines = wait_for(Duration::from_secs(180), "the events of the topic", || {
        let found = server.list("/sentinel/v1/logs?q=part0&from=-2h&limit=200");
        (found.len() >= 50).then_some(found)
    });
    // Of the hundred events every other one is of this topic.
    assert_eq!(lines.len(), 50);
    for line in &lines {
        assert_eq!(line["labels"]["component"], "RMContainerAllocator", "{line}");
        assert_eq!(
            (&line["labels"]["level"], &line["labels"]["job"]),
            (&json!("ERROR"), &json!("logs-topic")),
            "{line}"
        );
    }
}
