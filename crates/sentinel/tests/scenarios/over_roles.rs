//! Does spreading the work change what is found? Every scenario again, through a gateway, three partitions that lose their
//! owner every few minutes, and a responder: what they tell each other is written and read as it goes over Kafka.

use crate::support::scenarios::{files, run_all};

/// Guarantees: MUST 809 of docs/specs/feedback.md, too: one of them is about opinions.
#[test]
fn every_scenario_holds_over_roles() {
    run_all(&files(&["scenarios"]), |command| {
        command.arg("--roles");
    });
}
