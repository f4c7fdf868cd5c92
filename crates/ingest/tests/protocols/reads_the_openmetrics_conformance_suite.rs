//! Are the cases of the OpenMetrics project judged as they should be? They lie outside the repository.

use std::path::PathBuf;

use ingest::{Config, Format};

/// The directory of the cases: `openmetrics` in `SENTINEL_TEST_DATA`.
fn cases() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("SENTINEL_TEST_DATA")?).join("openmetrics"))
}

/// Guarantees: MUST 40 and 41 of docs/specs/ingest.md.
#[test]
fn every_case_is_judged_as_it_should_be() {
    let Some(cases) = cases().filter(|it| it.is_dir()) else {
        eprintln!("SKIPPED: no OpenMetrics cases; set SENTINEL_TEST_DATA to a folder that has `openmetrics`");
        return;
    };
    let entries = std::fs::read_dir(&cases).unwrap();
    let (mut n_good, mut n_bad) = (0, 0);
    let mut wrong = vec![];
    for directory in entries.filter_map(|it| Some(it.ok()?.path())).filter(|it| it.join("test.json").exists()) {
        let test: serde_json::Value =
            serde_json::from_slice(&std::fs::read(directory.join("test.json")).unwrap()).unwrap();
        let should_parse = test["shouldParse"].as_bool().unwrap();
        let body = std::fs::read(directory.join("metrics")).unwrap();
        let parsed = ingest::parse_exposition(&body, Format::OpenMetrics, &Config::default());
        *(if should_parse { &mut n_good } else { &mut n_bad }) += 1;
        if parsed.is_ok() != should_parse {
            let outcome = parsed.map_or_else(|it| it.to_string(), |it| format!("{} samples", it.0.len()));
            wrong.push(format!("{}: {outcome}", directory.file_name().unwrap().to_string_lossy()));
        }
    }
    wrong.sort();
    println!("{n_good} that must parse, {n_bad} that must not, {} judged wrongly", wrong.len());
    assert!(n_good > 0 && n_bad > 0);
    assert_eq!(wrong, Vec::<String>::new());
}
