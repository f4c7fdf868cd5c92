//! Is what clients send taken, also what is wrong or hostile, and is none of it lost when the server is killed?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod exemplars_lead_to_traces;
mod opentelemetry_sdk;
mod otlp_ports;
mod real_clients_survive_kill;
mod real_influx_clients;
mod real_mqtt_broker;
mod real_syslog_senders;
mod real_vmagent;
