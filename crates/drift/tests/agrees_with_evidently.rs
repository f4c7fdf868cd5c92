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
        let shape = drift::evidently::metrics_of_07(&report, &Config::default());
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

/// Values were measured with Evidently 0.7.23 on the same columns: what a column is taken for follows from the current
/// data alone, integers with few values are judged by the limits of categories, and names tell what was asked for first.
///
/// Guarantees: MUST 485, MUST 831.
#[test]
fn odd_columns_have_evidently_s_tests_limits_and_names() {
    let table = |columns: [&dyn Fn(usize) -> String; 4], rows: usize| {
        let names = "codes_now,codes_once,halves,words".to_owned();
        let row = |row: usize| columns.map(|it| it(row)).join(",");
        profile(&std::iter::once(names).chain((0..rows).map(row)).collect::<Vec<_>>().join("\n"))
    };
    let word = |it: usize| ["a", "b"][it % 2].to_owned();
    let half = |it: usize| format!("{:.1}", it as f64 / 2.0);
    let reference =
        table([&|it| (it % 40).to_string(), &|it| (it % 6).to_string(), &|it| half(it % 3), &|it| word(it % 2)], 400);
    let current = table(
        [&|it| (it * it % 6).to_string(), &|it| (it * 7 % 40).to_string(), &|it| half(it % 5 % 3), &|it| {
            word(it % 3 % 2)
        }],
        300,
    );
    let scores = |config: &Config| {
        let report = compare(&reference, &current, config);
        let shape = drift::evidently::metrics_of_07(&report, config);
        let all = shape["metrics"].as_array().unwrap().clone();
        let named = |it: &Value| (it["metric_name"].as_str().unwrap().to_owned(), it["value"].clone());
        all.iter().map(named).collect::<std::collections::BTreeMap<String, Value>>()
    };
    let defaults = Config { mode: Mode::Evidently, ..Config::default() };
    let asked = Config {
        cat_threshold: Some(0.2),
        num_threshold: Some(0.01),
        num_method: Some("ed".to_owned()),
        ..defaults.clone()
    };
    for (config, expected) in [
        (
            defaults,
            [
                ("ValueDrift(column=codes_once,method=K-S p_value,threshold=0.05)", 1.006_904_459_099_903_4e-127),
                ("ValueDrift(column=halves,method=chi-square p_value,threshold=0.05)", 7.015_735_840_953_396_6e-6),
                ("ValueDrift(column=codes_now,method=chi-square p_value,threshold=0.05)", 0.0),
                ("ValueDrift(column=words,method=Z-test p_value,threshold=0.05)", 1.035_686_537_020_907_8e-5),
            ],
        ),
        (
            asked,
            [
                ("ValueDrift(column=codes_once,method=ed,threshold=0.01)", 4.379_489_125_457_443),
                ("ValueDrift(column=halves,method=ed,threshold=0.01)", 0.147_584_721_431_454_49),
                ("ValueDrift(column=codes_now,threshold=0.2,method=chi-square p_value)", 0.0),
                ("ValueDrift(column=words,threshold=0.2,method=Z-test p_value)", 1.035_686_537_020_907_8e-5),
            ],
        ),
    ] {
        let found = scores(&config);
        for (name, score) in expected {
            let value = found.get(name).unwrap_or_else(|| panic!("{name} is not in {found:?}")).as_f64().unwrap();
            assert!((value - score).abs() <= 1e-9 * score + 5e-15, "{name}: {value}");
        }
        let limits = config.num_method.is_some();
        let total = if limits {
            "DriftedColumnsCount(drift_share=0.5,num_method=ed,cat_threshold=0.2,num_threshold=0.01)"
        } else {
            "DriftedColumnsCount(drift_share=0.5)"
        };
        assert_eq!(found[total]["count"].as_f64(), Some(4.0));
    }
}

/// Guarantees: MUST 831.
#[test]
fn what_evidently_leaves_out_or_refuses_is_told() {
    let side = |flag: &str| {
        let row = |it: usize| format!("{},u{it},{}", ["True", flag][it % 2], it % 3);
        profile(&std::iter::once("flag,name,code".to_owned()).chain((0..40).map(row)).collect::<Vec<_>>().join("\n"))
    };
    let reason = |current: &Profile, config: &Config, column: &str| {
        let report = compare(&side("False"), current, config);
        report.columns.iter().find(|it| it.name == column).unwrap().not_compared.clone()
    };
    let config = Config { mode: Mode::Evidently, ..Config::default() };
    assert_eq!(reason(&side("False"), &config, "flag"), None);
    assert!(reason(&side(""), &config, "flag").unwrap().contains("leaves out booleans"));
    // Also of few cells: half of them differ.
    assert!(reason(&side("False"), &config, "name").unwrap().contains("classifier of texts is random"));
    let asked = Config { cat_method: Some("ks".to_owned()), ..config };
    assert_eq!(reason(&side("False"), &asked, "code").unwrap(), "kolmogorov_smirnov takes numbers");
}
