//! Does it work with a real Apache Kafka: as a source, between roles, and as a place to tell incidents to?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod brokers_change;
mod kafka_config_of_the_seed;
mod kafka_over_tls;
mod kafka_survives_kill;
mod network_is_cut;
mod roles_over_kafka;
mod tells_kafka_of_incidents;
