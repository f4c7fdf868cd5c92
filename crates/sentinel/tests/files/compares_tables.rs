//! `sentinel drift` on files: exit codes, files that appear whole or not at all, and clear words for bad input.

use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr, stdout};

/// Rows of a number, a word, a time and a flag; shifted by so much.
fn rows(n: usize, seed: u64, shift: f64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text = "amount,color,when,flag\n".to_owned();
    for row in 0..n {
        let amount = (0..12).map(|_| random.f64()).sum::<f64>() + shift;
        let color = ["red", "green", "blue"][random.usize(0..3)];
        text += &format!("{amount},{color},2026-01-{:02}T{:02}:00:00Z,{}\n", 1 + row * 10 / n, row % 24, random.bool());
    }
    text
}

fn drift(folder: &Folder, reference: &str, current: &str, more: &[&str]) -> (i32, String, String) {
    let (reference, current) = (folder.path(reference), folder.path(current));
    let arguments = [&["drift", "--reference", &reference, "--current", &current], more].concat();
    let output = sentinel(&arguments);
    (output.status.code().unwrap(), stdout(&output), stderr(&output))
}

#[test]
fn exit_codes_and_files_tell_the_verdict() {
    let folder = Folder::new("drift-codes");
    folder.write("reference.csv", rows(2_000, 1, 0.0).as_bytes());
    folder.write("same.csv", rows(1_000, 2, 0.0).as_bytes());
    folder.write("moved.csv", rows(1_000, 3, 0.8).as_bytes());
    let (html, json) = (folder.path("r.html"), folder.path("r.json"));
    let (code, out, error) = drift(&folder, "reference.csv", "same.csv", &["--html", &html, "--json", &json]);
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.starts_with("No drift: none of 3 columns drifted."), "{out}");
    let (code, out, _) = drift(&folder, "reference.csv", "moved.csv", &["--html", &html, "--json", &json]);
    assert_eq!(code, 1, "{out}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["verdict"]["drifted"], 1);
    assert_eq!(
        (&report["columns"][0]["name"], &report["columns"][0]["finding"]["drifted"]),
        (&"amount".into(), &true.into())
    );
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("1 of 3") && page.len() < 150_000);
    let (code, out, _) = drift(&folder, "reference.csv", "moved.csv", &["--json", "-", "--ignore", "amount"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["verdict"]["drift"]), (0, &false.into()));
}

#[test]
fn segments_and_spans_say_where_and_when() {
    let folder = Folder::new("drift-parts");
    folder.write("reference.csv", rows(4_000, 1, 0.0).as_bytes());
    let early = rows(1_000, 2, 0.0);
    let moved = rows(1_000, 3, 1.0).replace("2026-01-", "2026-02-").replace(",green,", ",red,");
    let current = early + &moved.lines().skip(1).map(|it| format!("{it}\n")).collect::<String>();
    folder.write("current.csv", current.as_bytes());
    let more = ["--json", "-", "--segment", "color", "--window", "30d"];
    let (code, out, error) = drift(&folder, "reference.csv", "current.csv", &more);
    assert_eq!(code, 1, "{error}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let amount = report["columns"].as_array().unwrap().iter().find(|it| it["name"] == "amount").unwrap();
    let spans: Vec<(&Value, bool)> =
        amount["over_time"].as_array().unwrap().iter().map(|it| (&it["name"], it["drifted"] == 1)).collect();
    // Spans begin at the epoch, not at the first row: January lies in two of them.
    assert_eq!(spans.iter().map(|it| it.1).collect::<Vec<bool>>(), [false, true, true], "{spans:?}");
    assert_eq!(amount["segments"].as_array().unwrap().len(), 3, "{}", amount["segments"]);
    assert_eq!(report["segments"].as_array().unwrap().len(), 3);
}

#[test]
fn a_stored_profile_stands_for_the_reference() {
    let folder = Folder::new("drift-profile");
    folder.write("reference.csv", rows(3_000, 1, 0.0).as_bytes());
    folder.write("same.csv", rows(1_000, 2, 0.0).as_bytes());
    folder.write("moved.csv", rows(1_000, 3, 0.8).as_bytes());
    let profile = folder.path("reference.profile");
    let output = sentinel(&["drift", "--reference", &folder.path("reference.csv"), "--save-profile", &profile]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(drift(&folder, "reference.profile", "same.csv", &[]).0, 0);
    let (code, out, _) = drift(&folder, "reference.profile", "moved.csv", &[]);
    assert_eq!(code, 1);
    assert!(out.contains("note: Reference: 1 of 4 columns are sketches"), "{out}");
    let whole = std::fs::read(&profile).unwrap();
    folder.write("half.profile", &whole[..whole.len() / 2]);
    let (code, _, error) = drift(&folder, "half.profile", "moved.csv", &[]);
    assert!(code == 2 && error.contains("the profile is damaged"), "{code} {error}");
}

#[test]
fn expectations_decide_the_exit_code() {
    let folder = Folder::new("drift-expect");
    folder.write("reference.csv", rows(2_000, 1, 0.0).as_bytes());
    folder.write("same.csv", rows(1_000, 2, 0.0).as_bytes());
    let suite = "
expectations:
  - {metric: share_of_drifted_columns, lt: 0.3}
  - {column: amount, metric: mean, gte: 5, lte: {relative: 0.1}}
  - {column: color, metric: unique, eq: 3}
  - {column: color, metric: new_category_share, eq: 0}
";
    let config = folder.write("good.yaml", suite.as_bytes());
    let (code, out, error) = drift(&folder, "reference.csv", "same.csv", &["--config", &config]);
    assert_eq!(code, 0, "{out}{error}");
    let failing = format!(
        "{suite}  - {{column: amount, metric: max, lt: 6}}\n  - {{column: amount, metric: min, gt: 6, is_critical: false}}\n"
    );
    let config = folder.write("bad.yaml", failing.as_bytes());
    let (code, out, _) = drift(&folder, "reference.csv", "same.csv", &["--config", &config]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("expectation failed: max(amount) lt 6: max(amount) is "), "{out}");
    assert!(out.contains("expectation warning: min(amount) gt 6"), "{out}");
    for (yaml, says) in [
        ("expectations:\n  - {column: amount, metric: meen, lt: 6}\n", "meen"),
        ("colums: [amount]\n", "colums"),
        ("num_method: kss\n", "kss"),
        ("alpha: 2\n", "alpha must be from 0 to 1"),
        ("columns: [amount, no_such]\n", "no_such"),
    ] {
        let config = folder.write("wrong.yaml", yaml.as_bytes());
        let (code, out, error) = drift(&folder, "reference.csv", "same.csv", &["--config", &config]);
        assert!(code == 2 && error.contains(says) && out.is_empty(), "{yaml}: {code} {error}");
    }
}

/// MUST 495: what cannot be used is told with its place, and nothing is written.
#[test]
fn bad_input_is_told_and_nothing_is_written() {
    let folder = Folder::new("drift-bad");
    folder.write("good.csv", rows(200, 1, 0.0).as_bytes());
    let mut torn = rows(50, 1, 0.0).into_bytes();
    torn.extend_from_slice(b"1.5,\xff\xfe,2026-01-01T00:00:00Z,true\n");
    let cases: [(&str, &[u8], &[&str]); 12] = [
        ("empty.csv", b"", &["empty"]),
        ("heading.csv", b"amount,color\n", &["no rows"]),
        ("ragged.csv", b"amount,color\n1,red\n2\n", &["line 3", "1 cells"]),
        ("twice.csv", b"amount,amount\n1,2\n", &["two columns are called amount"]),
        ("numbers.csv", b"1,2\n3,4\n", &["heading"]),
        ("latin.csv", &torn, &["line 52", "column 2 (color)", "UTF-8"]),
        ("wide.csv", b"\xff\xfea\0,\0b\0\n\0", &["UTF-16"]),
        ("other.csv", b"x,y\n1,2\n", &["no column of", "amount"]),
        ("torn.parquet", b"PAR1 and nothing else", &["Parquet"]),
        ("book.csv", b"PK\x03\x04\x14\0\x06\0", &["Excel", "CSV or Parquet"]),
        ("lines.csv", b"{\"amount\": 1}\n{\"amount\": 2}\n", &["it is JSON"]),
        ("zero.csv", b"a\0m\0o\0u\0n\0t\0\n\x001\0\n\0", &["zero bytes", "UTF-16"]),
    ];
    for (name, bytes, says) in cases {
        folder.write(name, bytes);
        let (html, json) = (folder.path("r.html"), folder.path("r.json"));
        let (code, out, error) = drift(&folder, "good.csv", name, &["--html", &html, "--json", &json]);
        assert!(code == 2 && out.is_empty(), "{name}: {code} {out}");
        for part in says.iter().chain(&[name]) {
            assert!(error.contains(part), "{name}: {part:?} is not in {error}");
        }
        folder.names().iter().for_each(|it| assert!(!it.contains("r.html") && !it.contains("r.json"), "{name}: {it}"));
    }
    let (code, _, error) = drift(&folder, "good.csv", "no_such.csv", &[]);
    assert!(code == 2 && error.contains("no_such.csv"), "{error}");
    let (code, _, error) = drift(&folder, "good.csv", "good.csv", &["--segment", "no_such"]);
    assert!(code == 2 && error.contains("no column no_such"), "{error}");
}

/// MUST 489: that nothing could be compared is no verdict.
#[test]
fn nothing_to_compare_is_no_verdict() {
    let folder = Folder::new("drift-nothing");
    folder.write("reference.csv", b"when\n2026-01-01\n2026-01-02\n");
    let (code, out, error) = drift(&folder, "reference.csv", "reference.csv", &["--json", &folder.path("r.json")]);
    assert_eq!(code, 2, "{out}{error}");
    assert!(out.starts_with("No verdict: no column could be compared."), "{out}");
    assert!(error.contains("no column could be compared (when: times move on by themselves)"), "{error}");
    assert!(folder.names().iter().any(|it| it.ends_with("r.json")), "the report tells more");
}

/// MUST 887, 888: what pandas, spreadsheets and databases write of the same values is the same; zstd is unpacked.
#[test]
fn the_same_values_in_another_spelling_are_the_same() {
    let folder = Folder::new("drift-spelling");
    let reference = rows(1_000, 1, 0.0);
    folder.write("reference.csv", reference.as_bytes());
    let german = reference.replace(',', ";").replace('.', ",").replace("true", "TRUE").replace("false", "False");
    folder.write("current.csv", &zstd::encode_all(german.as_bytes(), 3).unwrap());
    let (code, out, error) = drift(&folder, "reference.csv", "current.csv", &["--json", "-"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{error}"));
    assert_eq!(
        (code, &report["verdict"]["compared"], &report["schema_changes"]),
        (0, &3.into(), &serde_json::json!([]))
    );
    for column in report["columns"].as_array().unwrap().iter().filter(|it| !it["finding"].is_null()) {
        assert_eq!(column["finding"]["effect"].as_f64(), Some(0.0), "{column}");
    }
    assert!(
        report["notes"][0].as_str().unwrap().ends_with("with a decimal comma were read as such: amount"),
        "{report}"
    );
    // As pandas reads it: words.
    let (code, out, _) = drift(&folder, "reference.csv", "current.csv", &["--compat", "evidently"]);
    assert!(code == 1 && out.contains("it was number and is"), "{out}");
}

#[test]
fn odd_cells_are_counted_and_told() {
    let folder = Folder::new("drift-odd");
    folder.write("reference.csv", rows(500, 1, 0.0).as_bytes());
    let mut text = rows(500, 2, 0.0);
    text += "oops,red,2026-01-01T00:00:00Z,true\ninf,red,2026-01-01T00:00:00Z,true\n-Infinity,red,,true\n,NA,2026-01-01T00:00:00Z,true\n";
    text += "123456789012345678901234567890,red,2026-01-01T00:00:00Z,true\n";
    folder.write("current.csv", text.as_bytes());
    let (_, out, error) = drift(&folder, "reference.csv", "current.csv", &["--json", "-"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{error}"));
    let column =
        |name: &str| report["columns"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    let amount = &column("amount")["current"];
    assert_eq!(
        (&amount["mixed"], &amount["infinite"], &amount["missing"]),
        (&1.into(), &2.into(), &1.into()),
        "{amount}"
    );
    assert_eq!(column("color")["current"]["missing"], 1);
    let checks: Vec<&str> = report["issues"].as_array().unwrap().iter().filter_map(|it| it["check"].as_str()).collect();
    for check in ["mixed", "infinite", "inexact"] {
        assert!(checks.contains(&check), "{check}: {checks:?}");
    }
}
