//! Do other programs hear of incidents through Kafka, also of those that opened while the broker was away?

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::kafka::Kafka;
use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const HEARD: Duration = Duration::from_secs(180);

#[test]
fn incidents_come_as_json_by_their_id_and_survive_a_broker_that_is_away() {
    let Some(mut kafka) = Kafka::start(1) else { return };
    kafka.create_topic_with("incidents", 1, &[("cleanup.policy", "compact")]);
    let config = format!("{QUIET}kafka_out:\n  brokers: [{}]\n  topic: incidents\n", kafka.bootstrap());
    let mut server = Server::start("kafka-out", &config);
    open_incident(&server, "PaymentGateway");
    let first = heard(&kafka, "INC-1");
    assert_eq!(first["services"], json!(["PaymentGateway"]));
    assert_eq!(first["status"], "open");

    // The second one opens while nobody can hear of it, and the process that knows of it is killed.
    kafka.kill(0);
    open_incident(&server, "Checkout");
    wait_for(HEARD, "the incident is kept", || (server.list("/sentinel/v1/incidents").len() == 2).then_some(()));
    server.kill();
    kafka.restart(0);
    kafka.wait_until_ready();
    server.restart();
    server.wait_until_ready();
    assert_eq!(heard(&kafka, "INC-2")["services"], json!(["Checkout"]));
    wait_for(HEARD, "deliveries are counted", || {
        (server.metric("sentinel_outbox_kafka_messages_total", &["delivered"]) >= 2.0).then_some(())
    });

    // What was heard last is what the API tells.
    let answer = server.post_json("/sentinel/v1/incidents/INC-2/acknowledge", &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let acknowledged = wait_for(HEARD, "the acknowledgement is heard", || {
        Some(heard(&kafka, "INC-2")).filter(|it| it["status"] == "acknowledged")
    });
    assert_eq!(acknowledged["title"], server.get_json("/sentinel/v1/incidents/INC-2")["title"]);
}

/// A share of processor time that cannot be, which is critical at once.
fn open_incident(server: &Server, service: &str) {
    let body = json!({"timestamp": "10:00", "service_name": service, "cpu_usage": 900});
    let answer = server.post_json("/monitor", &body);
    assert_eq!(answer.json()["status"], "CRITICAL", "{}", answer.text());
}

/// The newest message of an incident.
fn heard(kafka: &Kafka, id: &str) -> Value {
    wait_for(HEARD, "the incident is heard", || {
        let newest = kafka.read_all("incidents").into_iter().rfind(|it| it.key == id.as_bytes())?;
        Some(serde_json::from_slice(&newest.payload).expect("JSON"))
    })
}
