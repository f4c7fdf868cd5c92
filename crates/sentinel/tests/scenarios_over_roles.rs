//! Does spreading the work change what is found? Every scenario again, through a gateway, three partitions that lose their
//! owner every few minutes, and a responder: what they tell each other is written and read as it goes over Kafka.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use std::path::Path;

/// Memory in place of a disk, where there is one: what is tried here is what is told, not what is durable.
const MEMORY: &str = "/dev/shm";

#[test]
fn every_scenario_holds_over_roles() {
    support::scenarios::run_all(&support::scenarios::files(&["scenarios"]), |command| {
        command.arg("--roles");
        if Path::new(MEMORY).is_dir() {
            command.env("TMPDIR", MEMORY);
        }
    });
}
