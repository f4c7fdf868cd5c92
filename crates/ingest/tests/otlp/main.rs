//! Is OTLP read and answered as its specification says, whatever comes?

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers shared by tests may panic")]

#[path = "../fake/mod.rs"]
mod fake;
#[path = "../fake/otlp_wire.rs"]
mod otlp_wire;

mod otlp_answers_as_the_specification_says;
mod otlp_becomes_signals;
mod otlp_survives_any_bytes;
