//! Are rows of many numbers judged by the real binary as the manual says? `POST /detect` and `sentinel outliers`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::offline::{Folder, sentinel, stderr, stdout};
use crate::support::server::{QUIET, Server};

/// Rows before the odd one.
const N_USUAL: usize = 300;

/// CPU follows requests; the last row has the CPU of a busy hour with the requests of a calm one.
fn table() -> String {
    let row = |idx: usize| {
        let requests = 100 + idx * 37 % 100;
        format!("{},{},{}\n", requests, requests / 2 + idx % 3, 20 + idx % 5)
    };
    let usual: String = (0..N_USUAL).map(row).collect();
    format!("requests,cpu,latency\n{usual}105,300,22\n")
}

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().take(4).collect::<Vec<_>>(),
        ["row", "score", "is_anomaly", "top_feature"]
    );
    reader.records().map(|it| it.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// Guarantees: each method finds the odd row, names the column to blame, and gives shares that sum up to 1.
#[test]
fn each_method_finds_the_odd_row_and_the_column_to_blame() {
    let folder = Folder::new("outliers");
    let file = folder.write("rows.csv", table().as_bytes());
    for method in ["isolation_forest", "one_class_svm", "nearest_neighbors", "autoencoder", "tcn"] {
        let output = sentinel(&["outliers", &file, "--method", method]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let rows = rows(&stdout(&output));
        assert_eq!(rows.len(), N_USUAL + 1);
        let odd = &rows[N_USUAL];
        assert_eq!((&odd[2][..], &odd[3][..]), ("true", "cpu"), "{method}: {odd:?}");
        let shares: Value = serde_json::from_str(&odd[4]).unwrap();
        let sum: f64 = shares.as_object().unwrap().values().map(|it| it.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{shares}");
        let n_told = rows.iter().filter(|it| it[2] == "true").count();
        assert!(n_told <= 1 + (N_USUAL + 1) / 20, "{method}: {n_told} rows at a contamination of 0.05");
    }
}

/// Guarantees: `--train` judges by another file, `-` reads standard input, and a word among numbers is told with its place.
#[test]
fn another_file_standard_input_and_bad_input() {
    let folder = Folder::new("outliers-more");
    let train = folder.write("train.csv", table().as_bytes());
    let mut child = Command::new(env!("CARGO_BIN_EXE_sentinel"))
        .args(["outliers", "-", "--train", &train, "--contamination", "0.01"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"requests,cpu,latency\n120,60,22\n120,60,900\n").unwrap();
    let rows = rows(&stdout(&child.wait_with_output().unwrap()));
    let told: Vec<(&str, &str)> = rows.iter().map(|it| (&it[2][..], &it[3][..])).collect();
    assert_eq!((told[0].0, told[1]), ("false", ("true", "latency")), "{rows:?}");
    let bad = folder.write("bad.csv", b"a,b\n1,2\n3,4\n5,many\n");
    let output = sentinel(&["outliers", &bad]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("bad.csv, line 4, column 2 (b)"), "{}", stderr(&output));
}

/// Guarantees: the server's answer to the manual's example, from the first call on, and later calls judged by earlier ones.
#[test]
fn a_server_judges_rows_from_the_first_call_on() {
    let server = Server::start("rows", QUIET);
    let usual = |n: u32| json!({"latency": 115 + n % 4 * 5, "error_rate": 0.01, "cpu": 39 + n % 4});
    let first: Vec<Value> = (0..4).map(usual).chain([json!({"latency": 2500, "error_rate": 0.4, "cpu": 95})]).collect();
    let answer = server.post_json("/detect", &json!(first));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["score"], json!([1, 1, 1, 1, -1]), "{}", answer.text());
    assert_eq!(answer.json()["anomalies"], json!([first[4]]));
    let later: Vec<Value> = (0..60).map(usual).collect();
    server.post_json("/detect", &json!(later));
    let answer = server.post_json("/detect", &json!([{"latency": 120, "error_rate": 0.01, "cpu": 99}])).json();
    assert_eq!((&answer["score"], &answer["top_feature"]), (&json!([-1]), &json!(["cpu"])), "{answer}");
    assert_eq!(server.metric("sentinel_detect_rows_total", &[]), 66.0);
}
