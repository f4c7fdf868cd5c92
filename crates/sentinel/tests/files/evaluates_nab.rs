//! Does `sentinel eval nab` compute the published metric? On a small benchmark made here, and on the published files.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr, stdout};

const ROWS: usize = 200;

/// Two families of one file each; the window of the second one begins at row 100 and ends at row 109.
fn benchmark(name: &str) -> Folder {
    let folder = Folder::new(name);
    let time = |row: usize| format!("2024-03-01 {:02}:{:02}:00", row / 12, row % 12 * 5);
    let series = |spike_at: usize| {
        let value = |row: usize| if row == spike_at { 500.0 } else { 50.0 + (row % 5) as f64 };
        (0..ROWS).map(|row| format!("{},{}\n", time(row), value(row))).collect::<String>()
    };
    // A detector that is right at the first row of the window, and says nothing else.
    let result = |detection: usize| {
        let score = |row: usize| if row == detection { 0.9 } else { 0.1 };
        (0..ROWS).map(|row| format!("{},1,{}\n", time(row), score(row))).collect::<String>()
    };
    let with = |heading: &str, rows: String| format!("{heading}\n{rows}").into_bytes();
    folder.write("nab/data/quiet/a.csv", &with("timestamp,value", series(ROWS)));
    folder.write("nab/data/spiky/b.csv", &with("timestamp,value", series(101)));
    folder.write("nab/results/oracle/quiet/oracle_a.csv", &with("timestamp,value,anomaly_score", result(ROWS)));
    folder.write("nab/results/oracle/spiky/oracle_b.csv", &with("timestamp,value,anomaly_score", result(100)));
    let labels = format!("{{\"quiet/a.csv\": [], \"spiky/b.csv\": [[\"{}\", \"{}.000000\"]]}}", time(100), time(109));
    folder.write("nab/labels/combined_windows.json", labels.as_bytes());
    let published = r#"{"oracle": {"standard": 100.0, "reward_low_FP_rate": 100.0, "reward_low_FN_rate": 100.0}}"#;
    folder.write("nab/results/final_results.json", published.as_bytes());
    folder
}

fn evaluated(folder: &str, more: &[&str]) -> Value {
    let output = sentinel(&[&["eval", "nab", folder, "--json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(&output)))
}

/// Guarantees: the promised shape, both thresholds, the families, and the peers' values beside.
#[test]
fn ours_stands_beside_the_peers() {
    let folder = benchmark("nab-ours");
    let report = evaluated(&folder.path("nab"), &[]);
    assert_eq!(report["name"], "nab");
    let ours = &report["ours"];
    // The spike is one row into a window of ten: (2 / (1 + exp(-4.5)) - 1) / (2 / (1 + exp(-5)) - 1) = 0.9912.
    let score = |of: &Value| of["standard"].as_f64().expect("a score");
    assert!((score(ours) - 100.0 * (1.0 + 0.9912) / 2.0).abs() < 0.01, "{report:#}");
    assert!(score(&ours["frozen"]) <= score(ours), "{report:#}");
    assert_eq!(score(&ours["frozen"]), score(&ours["families"]["spiky"]), "{report:#}");
    assert_eq!((&ours["frozen"]["windows_hit"], &ours["families"]["spiky"]["windows_hit"]), (&1.0.into(), &1.0.into()));
    assert_eq!(report["peers"]["oracle"]["standard"], 100.0, "{report:#}");
    assert_eq!(report["peers"]["oracle"]["windows_hit"], 1.0, "{report:#}");
    let table = stdout(&sentinel(&["eval", "nab", &folder.path("nab")]));
    assert!(table.contains("2 files, 400 rows, 1 windows") && table.contains("\noracle"), "{table}");
}

/// Guarantees: a detector's published result files are scored in place of ours.
#[test]
fn published_results_can_be_scored() {
    let folder = benchmark("nab-oracle");
    let report = evaluated(&folder.path("nab"), &["--detector", "oracle"]);
    assert_eq!(report["ours"]["standard"], 100.0, "{report:#}");
    let absent = sentinel(&["eval", "nab", &folder.path("nab"), "--detector", "nobody"]);
    assert_eq!(absent.status.code(), Some(2), "{}", stderr(&absent));
}

/// Guarantees: a folder that is something else is told with exit code 2.
#[test]
fn another_folder_is_told() {
    let folder = Folder::new("nab-other");
    folder.write("x.csv", b"a\n1\n");
    let output = sentinel(&["eval", "nab", &folder.path("")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("it has no labels/combined_windows.json"), "{}", stderr(&output));
}

/// Scenario: the published result files of three detectors.
/// Guarantees: our scorer gives what the official one published, for each profile, to 0.01.
#[test]
fn the_scorer_agrees_with_the_official_one() {
    let data = std::env::var_os("SENTINEL_TEST_DATA").map(|it| PathBuf::from(it).join("nab"));
    let Some(data) = data.filter(|it| it.is_dir()) else {
        eprintln!("SKIPPED: no benchmark files; set SENTINEL_TEST_DATA to a folder that has `nab`");
        let must_run =
            std::env::var("CI").is_ok_and(|it| it == "true") && std::env::var_os("SENTINEL_TEST_DATA").is_some();
        assert!(!must_run, "SENTINEL_TEST_DATA is set and has no `nab`");
        return;
    };
    let folder = data.to_str().expect("a printable path");
    for detector in ["contextOSE", "knncad", "windowedGaussian"] {
        let report = evaluated(folder, &["--detector", detector]);
        for profile in ["standard", "reward_low_FP_rate", "reward_low_FN_rate"] {
            let score = |of: &Value| of[profile].as_f64().expect("a score");
            let (computed, published) = (score(&report["ours"]), score(&report["peers"][detector]));
            assert!((computed - published).abs() < 0.01, "{detector} {profile}: {computed}, published {published}");
        }
    }
}
