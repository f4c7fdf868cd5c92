//! Does every query of Prometheus' own test scripts have the expected outcome? They lie outside the repository.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::path::PathBuf;

/// The folder of the scripts: `promqltest` in `SENTINEL_TEST_DATA`.
fn scripts() -> Option<PathBuf> {
    let data = PathBuf::from(std::env::var_os("SENTINEL_TEST_DATA")?);
    let folder = data.join("promqltest");
    let must_be_there = std::env::var("CI").is_ok_and(|it| it == "true");
    assert!(folder.is_dir() || !must_be_there, "SENTINEL_TEST_DATA has no folder `promqltest`");
    folder.is_dir().then_some(folder)
}

/// Guarantees: MUST 300 of docs/specs/promql.md.
#[test]
fn every_evaluation_has_the_expected_outcome() {
    let Some(folder) = scripts() else {
        eprintln!("SKIPPED: no promqltest files; set SENTINEL_TEST_DATA to a folder that has `promqltest`");
        return;
    };
    let mut failures = vec![];
    let mut total = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "test") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let evaluations = promql::script::run(&std::fs::read_to_string(&path).unwrap()).unwrap();
        total += evaluations.len();
        failures.extend(evaluations.into_iter().filter_map(|it| {
            let problem = it.problem?;
            Some(format!("{name}:{}: {}: {problem}", it.line, it.query))
        }));
    }
    println!("{total} evaluations, {} with another outcome", failures.len());
    assert!(total > 0);
    assert_eq!(failures, Vec::<String>::new());
}

/// Scripts of our own, for what is new or seldom.
const OWN: [(&str, &str); 8] = [
    ("functions", include_str!("scripts/functions.test")),
    ("matching", include_str!("scripts/matching.test")),
    ("histograms", include_str!("scripts/histograms.test")),
    ("names", include_str!("scripts/names.test")),
    ("fill", include_str!("scripts/fill.test")),
    ("info", include_str!("scripts/info.test")),
    ("start_times", include_str!("scripts/start_times.test")),
    ("ranges", include_str!("scripts/ranges.test")),
];

/// Guarantees: MUST 301 to 308 of docs/specs/promql.md.
#[test]
fn scripts_of_our_own_have_the_expected_outcome() {
    let mut failures = vec![];
    for (name, script) in OWN {
        let evaluations = promql::script::run(script).unwrap_or_else(|error| panic!("{name}: {error}"));
        failures.extend(evaluations.into_iter().filter_map(|it| {
            let problem = it.problem?;
            Some(format!("{name}:{}: {}: {problem}", it.line, it.query))
        }));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
