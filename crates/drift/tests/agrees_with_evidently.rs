//! Are Evidently's values reproduced on seed 3's data, from the files to the report? The values were measured with 0.7.23.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::path::PathBuf;

use drift::{Budget, ColumnBuilder, Config, Kind, Mode, Profile, Report, cell_number, compare};
use serde_json::Value;

/// The folder with the data; a visible skip without it.
fn folder() -> Option<PathBuf> {
    let Some(data) = std::env::var_os("SENTINEL_TEST_DATA") else {
        eprintln!("SKIPPED: SENTINEL_TEST_DATA is not set, so seed 3's data is not compared");
        return None;
    };
    let folder = PathBuf::from(data).join("golden");
    if folder.join("seed3_reference.csv").is_file() {
        return Some(folder);
    }
    assert!(std::env::var("CI").is_err(), "{} lacks seed 3's data", folder.display());
    eprintln!("SKIPPED: {} lacks seed 3's data", folder.display());
    None
}

/// The files have plain cells: no quotes, no separators in cells.
fn profile(text: &str) -> Profile {
    let rows: Vec<Vec<&str>> = text.lines().map(|it| it.split(',').collect()).collect();
    let column = |idx: usize| {
        let cells = || rows.iter().skip(1).map(|it| it[idx]);
        let kind = if cells().all(|it| cell_number(it).is_some()) { Kind::Number } else { Kind::Category };
        let mut column = ColumnBuilder::new(rows[0][idx], kind, Budget::default());
        cells().for_each(|it| column.cell(it));
        column.finish()
    };
    let columns = (0..rows[0].len()).map(column).collect();
    Profile { name: "seed 3".to_owned(), rows: rows.len() as u64 - 1, duplicates: None, columns }
}

fn report(folder: &std::path::Path, current: &str, mode: Mode) -> Report {
    let read = |name: &str| profile(&std::fs::read_to_string(folder.join(name)).unwrap());
    compare(&read("seed3_reference.csv"), &read(current), &Config { mode, ..Config::default() })
}

/// MUST 485.
#[test]
fn seed_3_has_evidently_s_scores_and_verdicts() {
    let Some(folder) = folder() else { return };
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("seed3_evidently_0.7.23.json")).unwrap()).unwrap();
    for (file, case) in [("seed3_current.csv", "no_shift"), ("seed3_current_shift25.csv", "shift_plus_25pct")] {
        let report = report(&folder, file, Mode::Evidently);
        let mut compared = 0;
        for (name, expected) in golden[case].as_object().unwrap().iter().filter(|it| it.1.is_array()) {
            let column = report.columns.iter().find(|it| it.name == *name).unwrap();
            let finding = column.finding.as_ref().unwrap();
            let score = expected[1].as_f64().unwrap();
            assert!((finding.score - score).abs() <= 1e-9 * score, "{case} {name}: {} for {score}", finding.score);
            compared += 1;
        }
        assert!(compared >= 2, "{case} has values");
        assert_eq!(report.verdict.drifted as f64, golden[case]["drifted"]["count"].as_f64().unwrap(), "{case}");
        assert!((report.verdict.share - golden[case]["drifted"]["share"].as_f64().unwrap()).abs() < 1e-12);
        assert!(!report.verdict.dataset_drift, "half of the columns would have to drift");
        let shape = drift::evidently::metrics_of_07(&report);
        assert_eq!(shape["metrics"][0]["value"]["count"].as_f64(), golden[case]["drifted"]["count"].as_f64());
        let age = shape["metrics"].as_array().unwrap().iter().find(|it| it["config"]["column"] == "age").unwrap();
        assert_eq!(age["metric_name"], "ValueDrift(column=age,method=Wasserstein distance (normed),threshold=0.1)");
        let legacy = drift::evidently::legacy(&report);
        let age = &legacy["metrics"][1]["result"]["drift_by_columns"]["age"];
        assert_eq!(
            (&age["column_type"], &age["stattest_name"]),
            (&"num".into(), &"Wasserstein distance (normed)".into())
        );
    }
}

#[test]
fn seed_3_s_shift_is_found_and_nothing_else() {
    let Some(folder) = folder() else { return };
    assert!(!report(&folder, "seed3_current.csv", Mode::Calibrated).verdict.drift);
    let shifted = report(&folder, "seed3_current_shift25.csv", Mode::Calibrated);
    let mut names: Vec<&str> = shifted
        .columns
        .iter()
        .filter(|it| it.finding.as_ref().is_some_and(|it| it.drifted))
        .map(|it| it.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["age", "hours-per-week"]);
    assert!(shifted.verdict.drift);
}
