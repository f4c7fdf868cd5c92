//! Does each protocol become signals, is it answered as its senders expect, and does nothing that comes do harm?

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers shared by tests may panic")]

#[path = "../fake/mod.rs"]
mod fake;
#[path = "../secrets/kinds.rs"]
mod kinds;
#[path = "../fake/otlp_wire.rs"]
mod otlp_wire;
#[path = "../secrets/places.rs"]
mod places;
#[path = "../fake/wire.rs"]
mod wire;

mod a_million_labels;
mod alertmanager_takes_alerts;
mod follows_kubernetes;
mod follows_log_files;
mod hides_secrets;
mod influx_takes_what_telegraf_sends;
mod kafka_waits_for_the_sink;
mod keeps_exemplars;
mod loki_takes_json_and_protobuf;
mod monitor_answers_in_the_shape_of_the_seed;
mod reads_the_openmetrics_conformance_suite;
mod redacts_little_of_real_logs;
mod remote_write_takes_what_prometheus_sends;
mod scrapes_exposition_targets;
mod survives_any_bytes;
mod tenants_are_limited;
