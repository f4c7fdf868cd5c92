//! Does `sentinel eval series` count what it should on labeled series made here?

use std::process::Command;

use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr};

/// Minutes with spikes at the given rows; rows 300 to 302 are labeled.
fn series(spikes: &[usize]) -> String {
    let value = |row: usize| if spikes.contains(&row) { 200.0 } else { 50.0 + (row * 7 % 11) as f64 * 0.2 };
    let label = |row: usize| usize::from((300..=302).contains(&row));
    let row = |row: usize| format!("{},{},{}\n", 1_709_251_200 + row * 60, value(row), label(row));
    format!("timestamp,value,label\n{}", (0..500).map(row).collect::<String>())
}

/// Guarantees: windows hit and false alarms are counted over files, and a missed window lowers the ranking.
#[test]
fn windows_and_false_alarms_are_counted() {
    let folder = Folder::new("series");
    folder.write("hit.csv", series(&[300, 301, 302]).as_bytes());
    folder.write("missed.csv", series(&[200]).as_bytes());
    folder.write("notes.txt", b"not a series");
    let output = sentinel(&["eval", "series", &folder.path(""), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours = &report["ours"];
    assert_eq!((&report["name"], &ours["windows"], &ours["windows_hit"]), (&"series".into(), &2.0.into(), &1.0.into()));
    // The spike outside of the window; two files of 424 minutes after probation.
    let false_alarms = ours["false_alarms_per_series_day"].as_f64().unwrap() * 2.0 * 424.0 / 1440.0;
    assert!((false_alarms - 1.0).abs() < 1e-9, "{report:#}");
    assert!(ours["files"]["hit.csv"]["false_alarms_per_series_day"] == 0.0, "{report:#}");
    let auc = ours["auc_pr"].as_f64().unwrap();
    assert!(auc > 0.3 && auc < 0.9, "{report:#}");
    assert!(report["peers"]["z-score"]["vus_pr"].is_f64(), "{report:#}");
}

/// Guarantees: with `--sigma` the band of that width alone decides.
#[test]
fn the_band_alone_can_be_evaluated() {
    let folder = Folder::new("series-sigma");
    folder.write("hit.csv", series(&[300, 301, 302]).as_bytes());
    let hit = |sigma: &str| {
        let output = sentinel(&["eval", "series", &folder.path(""), "--json", "--sigma", sigma]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["ours"]["windows_hit"].clone()
    };
    assert_eq!((hit("5.5"), hit("5000")), (1.0.into(), 0.0.into()));
    let refused = sentinel(&["eval", "series", &folder.path(""), "--sigma", "0"]);
    assert!(refused.status.code() == Some(2) && stderr(&refused).contains("must be above 0"), "{}", stderr(&refused));
}

/// Guarantees: a reader that has gone (`| head`) is no failure, of `eval`, `score` and `templates`.
#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = Folder::new("gone");
    let file = folder.write("a.csv", series(&[300]).as_bytes());
    let folder_path = folder.path("");
    for arguments in [["eval", "series", &folder_path].as_slice(), &["score", &file], &["templates", &file]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_sentinel")).args(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// Guarantees: a file without labels is told.
#[test]
fn a_file_without_labels_is_told() {
    let folder = Folder::new("unlabeled");
    folder.write("a.csv", b"timestamp,value\n1,2\n");
    let output = sentinel(&["eval", "series", &folder.path("")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a.csv: there is no column of labels"), "{}", stderr(&output));
}
