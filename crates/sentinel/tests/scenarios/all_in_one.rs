//! Do all scenarios hold, and does the demo show what it promises? The real binary in simulated time.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::scenarios::{files, run_all};

fn sentinel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sentinel")).args(arguments).output().expect("the binary can be started")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Scenario: every shipped scenario and example.
/// Guarantees: each expectation of each file holds on the assembled system.
#[test]
fn every_scenario_holds() {
    run_all(&files(&["scenarios", "examples"]), |_| {});
}

/// Guarantees: a wrong expectation is an exit code of 1 that says what was seen; a wrong file one of 2 that says where.
#[test]
fn wrong_expectations_and_wrong_files_are_told() {
    let folder = std::env::temp_dir().join(format!("sentinel-scenarios-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let run = |text: &str| {
        let file = folder.join("case.scn");
        std::fs::write(&file, text).expect("the scenario is written");
        sentinel(&["test", file.to_str().expect("a printable path")])
    };
    let wrong =
        run("load 1s cpu_usage{service=\"pay\"} 50x60\ndetect\nexpect incident within 10s of 10s: service=\"pay\"\n");
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong));
    assert!(text(&wrong).contains("FAIL"), "{}", text(&wrong));
    let broken = run("load 1s {{{ 50x60\n");
    assert_eq!(broken.status.code(), Some(2), "{}", text(&broken));
    assert!(text(&broken).contains("case.scn:1:"), "{}", text(&broken));
    std::fs::remove_dir_all(&folder).expect("the temporary folder goes");
}

/// Scenario: the whole demo, faster than people would watch it.
/// Guarantees: each of six faults opens one incident and is remedied and verified, at least five causes are right, both
/// decoys open none.
#[test]
fn the_demo_shows_what_it_promises() {
    let output = sentinel(&["demo", "--headless", "--json", "--speed", "50", "--listen", "127.0.0.1:0"]);
    let shown: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    let list = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let (faults, decoys) = (list("faults"), list("decoys"));
    assert_eq!((faults.len(), decoys.len()), (6, 2), "{shown:#}");
    assert!(faults.iter().all(|it| it["incidents"] == 1 && it["verified"] == true), "{shown:#}");
    assert!(faults.iter().all(|it| it["detected_after_seconds"].as_f64().is_some_and(|it| it > 0.0)), "{shown:#}");
    assert!(faults.iter().filter(|it| it["cause_right"] == true).count() >= 5, "{shown:#}");
    assert!(decoys.iter().all(|it| it["incidents"] == 0), "{shown:#}");
    assert!(output.status.success(), "{}", text(&output));
}
