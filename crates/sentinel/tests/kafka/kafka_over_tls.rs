//! Does a build with TLS read from a broker that encrypts and wants a login, and does it say what is wrong if it may not?
//!
//! `cargo test --workspace --features sentinel/kafka-tls --test kafka kafka_over_tls`; without the feature there is nothing to test.

#![cfg(feature = "kafka-tls")]

use std::path::Path;
use std::time::Duration;

use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::json;

use crate::support::kafka::{Kafka, LOGIN, Secured};
use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const LINES: usize = 2000;
const LIMIT: Duration = Duration::from_secs(180);

fn configuration(secured: &Secured, password: &str, ca_file: Option<&Path>) -> String {
    let authority = ca_file.map_or(String::new(), |it| format!(", ca_file: {}", it.display()));
    let security = format!(
        "{{protocol: sasl_ssl, mechanism: SCRAM-SHA-256, username: {}, password: {password}{authority}}}",
        LOGIN.0
    );
    let brokers = &secured.bootstrap;
    format!(
        "{QUIET}otlp: {{grpc: null, http: null}}
kafka:
  - {{brokers: [{brokers}], topics: [app-logs], group: tls, security: {security}}}
kafka_out: {{brokers: [{brokers}], topic: incidents, security: {security}}}
"
    )
}

#[test]
fn a_login_over_tls_reads_and_writes_and_a_wrong_one_is_told() {
    let Some((kafka, secured)) = Kafka::start_secured() else { return };
    kafka.create_topic("app-logs", 2);
    kafka.create_topic("incidents", 1);
    let producer: ThreadedProducer<DefaultProducerContext> = kafka.client().create().unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    for idx in 0..LINES {
        let time = jiff::Timestamp::from_millisecond(now - 60_000 + idx as i64).unwrap().to_string();
        let line =
            json!({ "timestamp": time, "service": "pay", "level": "INFO", "message": format!("paid order {idx}") });
        producer.send(BaseRecord::<(), str>::to("app-logs").payload(&line.to_string())).unwrap();
    }
    producer.flush(LIMIT).unwrap();

    // Neither a wrong password nor an unknown authority gets anything, and both are told.
    for (name, password, ca_file, told) in [
        ("tls-password", "wrong", Some(secured.ca_file.as_path()), "uthentication"),
        ("tls-authority", LOGIN.1, None, "certificate"),
    ] {
        let server = Server::start(name, &configuration(&secured, password, ca_file));
        wait_for(LIMIT, "the reason is in the log", || server.log().contains(told).then_some(()));
        assert_eq!(server.metric("sentinel_ingest_kafka_messages_total", &[]), 0.0);
    }

    let server = Server::start("tls", &configuration(&secured, LOGIN.1, Some(&secured.ca_file)));
    let stored = || server.metric("sentinel_store_lines_stored_total", &[]);
    wait_for(LIMIT, "all lines are stored", || (stored() == LINES as f64).then_some(()));
    wait_for(LIMIT, "all is committed", || {
        (kafka.committed("tls", "app-logs") == kafka.ends("app-logs")).then_some(())
    });
    let body = json!({ "timestamp": "10:00", "service_name": "PaymentGateway", "cpu_usage": 900 });
    assert_eq!(server.post_json("/monitor", &body).json()["status"], "CRITICAL");
    wait_for(LIMIT, "the incident is told", || (!kafka.read_all("incidents").is_empty()).then_some(()));
    eprintln!("over TLS and SCRAM-SHA-256: sent {LINES}, stored {}", stored());
}
