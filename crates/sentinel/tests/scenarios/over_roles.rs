//! Does spreading the work change what is found? Every scenario again, through a gateway, three partitions that lose their
//! owner every few minutes, and a responder: what they tell each other is written and read as it goes over Kafka.

use std::path::PathBuf;

use crate::support::scenarios::{files, run_all};

#[test]
fn every_scenario_holds_over_roles() {
    // Opinions move no threshold of workers: docs/book/src/scaling.md.
    let is_told = |it: &PathBuf| std::fs::read_to_string(it).unwrap().lines().any(|it| it.starts_with("feedback "));
    let (told, files): (Vec<_>, Vec<_>) = files(&["scenarios"]).into_iter().partition(is_told);
    assert!(told.len() <= 1 && files.len() > 50, "{told:?}");
    run_all(&files, |command| {
        command.arg("--roles");
    });
}
