//! What does `sentinel score` make of users' files? The real binary on good, odd and broken ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::offline::{Folder, sentinel, stderr, stdout};

const HEADING: &str = "timestamp,value,yhat,yhat_lower,yhat_upper,anomaly_score,is_anomaly";
const SPIKE: usize = 300;

/// A quiet series of minutes with a spike at row 300.
fn rows() -> Vec<String> {
    let value = |row: usize| if row == SPIKE { 95.0 } else { 50.0 + (row * 7 % 11) as f64 * 0.2 };
    let row = |row: usize| format!("2024-03-01 {:02}:{:02}:00,{}", row / 60, row % 60, value(row));
    (0..400).map(row).collect()
}

fn csv(rows: &[String]) -> String {
    format!("timestamp,value\n{}\n", rows.join("\n"))
}

/// The cells of a good answer, without the heading.
fn cells(output: &Output) -> Vec<Vec<String>> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let text = stdout(output);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEADING));
    lines.map(|it| it.split(',').map(str::to_owned).collect()).collect()
}

fn scored(folder: &Folder, text: &str) -> Vec<Vec<String>> {
    cells(&sentinel(&["score", &folder.write("series.csv", text.as_bytes())]))
}

fn anomalies(cells: &[Vec<String>]) -> Vec<usize> {
    cells.iter().enumerate().filter(|it| it.1[6] == "true").map(|it| it.0).collect()
}

/// Guarantees: one row out per row in, time and value as they came in, the spike found, the band around the value.
#[test]
fn each_row_gets_a_row_and_the_spike_is_found() {
    let folder = Folder::new("rows");
    let out = scored(&folder, &csv(&rows()));
    assert_eq!(out.len(), 400);
    for (row, cells) in rows().iter().zip(&out) {
        assert_eq!(*row, cells[..2].join(","));
        let number = |idx: usize| cells[idx].parse::<f64>().expect("a number");
        assert!(number(3) <= number(2) && number(2) <= number(4), "{cells:?}");
        assert_eq!(number(5) >= 1.0, cells[6] == "true", "{cells:?}");
    }
    assert_eq!(anomalies(&out), [SPIKE]);
}

/// Guarantees: row n is judged by rows 1 to n only.
#[test]
fn what_comes_later_changes_nothing() {
    let folder = Folder::new("causal");
    let whole = scored(&folder, &csv(&rows()));
    let half = scored(&folder, &csv(&rows()[..310]));
    assert_eq!(whole[..310], half[..]);
}

/// Guarantees: the same rows score the same in every form of file and of time.
#[test]
fn the_form_of_the_file_does_not_matter() {
    let folder = Folder::new("forms");
    let scores = |cells: Vec<Vec<String>>| cells.into_iter().map(|it| it[1..].join(",")).collect::<Vec<_>>();
    let expected = scores(scored(&folder, &csv(&rows())));
    let value = |row: &str| row.split(',').nth(1).expect("a value").to_owned();
    let epoch = |unit: i64| {
        let row = |(idx, it): (usize, &String)| format!("{},{}", (1_709_251_200 + idx as i64 * 60) * unit, value(it));
        rows().iter().enumerate().map(row).collect::<Vec<_>>().join("\n")
    };
    let forms = [
        ("a byte order mark and CRLF", format!("\u{feff}{}", csv(&rows()).replace('\n', "\r\n"))),
        ("no heading", rows().join("\n")),
        ("seconds", format!("ts,y\n{}", epoch(1))),
        ("milliseconds", format!("ts,y\n{}", epoch(1_000))),
        ("nanoseconds", format!("ts,y\n{}", epoch(1_000_000_000))),
        ("a label before the value", {
            let row = |it: &String| it.replace(',', ",1,");
            format!("time,label,cpu\n{}", rows().iter().map(row).collect::<Vec<_>>().join("\n"))
        }),
        ("semicolons", csv(&rows()).replace(',', ";")),
    ];
    for (form, text) in forms {
        assert_eq!(scores(scored(&folder, &text)), expected, "{form}");
    }
}

/// Guarantees: `-` is standard input and gzip is noticed, also there.
#[test]
fn standard_input_and_gzip_are_read() {
    let folder = Folder::new("stdin");
    let expected = scored(&folder, &csv(&rows()));
    let plain = PathBuf::from(folder.write("series.csv", csv(&rows()).as_bytes()));
    let packed = Command::new("gzip").arg("-c").arg(&plain).output().expect("gzip runs").stdout;
    let packed = PathBuf::from(folder.write("packed", &packed));
    for file in [&plain, &packed] {
        let input = std::fs::File::open(file).expect("the file is there");
        let command =
            Command::new(env!("CARGO_BIN_EXE_sentinel")).args(["score", "-"]).stdin(Stdio::from(input)).output();
        assert_eq!(cells(&command.expect("the binary can be started")), expected, "{}", file.display());
    }
    assert_eq!(cells(&sentinel(&["score", packed.to_str().expect("a printable path")])), expected);
}

/// Guarantees: duplicates, late rows and missing values get their row and do not disturb the others.
#[test]
fn odd_rows_survive() {
    let folder = Folder::new("odd");
    let mut odd = rows();
    odd.insert(200, odd[199].clone());
    odd.insert(220, "2024-03-01 00:10:00,50.4".to_owned());
    odd[250] = "2024-03-01 04:08:00,".to_owned();
    odd[260] = "2024-03-01 04:18:00,NaN".to_owned();
    let out = scored(&folder, &csv(&odd));
    assert_eq!(out.len(), odd.len());
    assert_eq!(anomalies(&out), [SPIKE + 2]);
    assert_eq!((out[250][1].as_str(), out[250][5].as_str()), ("", "NaN"));
    assert_eq!((out[260][1].as_str(), out[260][5].as_str()), ("NaN", "NaN"));
}

/// Guarantees: exit code 2, file, line and column in the message, nothing on standard output and no file.
#[test]
fn broken_files_are_told_and_nothing_is_written() {
    let folder = Folder::new("broken");
    let broken = |row: &str| {
        let mut rows = rows();
        rows[350] = row.to_owned();
        csv(&rows)
    };
    let cases = [
        (broken("2024-03-01 05:50:00,high"), "line 352, column 2 (value): found \"high\" where a number is expected"),
        (broken("yesterday,50"), "line 352, column 1 (timestamp): found \"yesterday\" where a time is expected"),
        (broken("2024-03-01 05:50:00"), "line 352: found 1 cells where the first line has 2"),
        (broken("2024-03-01 05:50:00,\"50,5\""), "write decimals with a point"),
        (String::new(), "it has no rows"),
        ("name,kind\na,b\n".to_owned(), "line 2, column 1 (name): found \"a\" where a number is expected"),
    ];
    for (text, message) in cases {
        let file = folder.write("series.csv", text.as_bytes());
        let out = folder.path("out.csv");
        let output = sentinel(&["score", &file, "--out", &out]);
        assert_eq!(output.status.code(), Some(2), "{message}: {}", stderr(&output));
        assert!(stderr(&output).contains(message) && stderr(&output).contains(&file), "{message}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !Path::new(&out).exists(), "{message}");
    }
    let output = sentinel(&["score", &folder.path("absent.csv")]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(folder.names(), ["series.csv"], "nothing half-written is left");
}

/// Guarantees: `--out` holds what standard output would, and the columns can be named.
#[test]
fn options_are_followed() {
    let folder = Folder::new("options");
    let row = |it: &String| format!("web,{it},7");
    let text = format!("host,when,load,other\n{}\n", rows().iter().map(row).collect::<Vec<_>>().join("\n"));
    let file = folder.write("series.csv", text.as_bytes());
    let shown = sentinel(&["score", &file, "--timestamp", "when", "--value", "load"]);
    assert_eq!(anomalies(&cells(&shown)), [SPIKE]);
    let out = folder.path("out.csv");
    let written = sentinel(&["score", &file, "--timestamp", "2", "--value", "3", "--out", &out]);
    assert!(written.status.success() && written.stdout.is_empty(), "{}", stderr(&written));
    assert_eq!(std::fs::read(&out).expect("the result is there"), shown.stdout);
    let unknown = sentinel(&["score", &file, "--value", "lod"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("the columns are: host, when, load, other"), "{}", stderr(&unknown));
    assert_eq!(sentinel(&["score", &file, "--sigma", "0"]).status.code(), Some(2));
}
