//! Seed 3 as a user: train, serve, ask, shift two inputs by a quarter; the drift is measured, told on /metrics, becomes an
//! incident that names both, proposes a retraining, survives a kill, and ends when the inputs are as they were.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::offline::{sentinel, stderr};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

/// So many rows are compared.
const WINDOW: usize = 600;
/// Columns and, of words, what they may be.
const WORDS: [(&str, &[&str]); 4] = [
    ("workclass", &["Private", "Self-emp", "State-gov"]),
    ("education", &["HS-grad", "Bachelors", "Masters", "Some-college"]),
    ("sex", &["Male", "Female"]),
    ("native-country", &["United-States", "Mexico", "India"]),
];
const NUMBERS: [&str; 4] = ["age", "education-num", "capital-gain", "hours-per-week"];

/// Rows that look like those of the census: the same for the same seed.
struct Rows(fastrand::Rng);

impl Rows {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A bell around a mean.
    fn bell(&mut self, mean: f64, deviation: f64, low: f64, high: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.0.f64()).sum::<f64>() - 6.0;
        (mean + deviation * sum).clamp(low, high).round()
    }

    /// Features, and the truth of them; age and hours are `factor` times what they were.
    fn next(&mut self, factor: f64) -> (Value, bool) {
        let age = self.bell(38.5, 12.0, 17.0, 90.0);
        let education = self.bell(10.0, 2.5, 1.0, 16.0);
        let hours = self.bell(40.0, 10.0, 5.0, 99.0);
        let gain = if self.0.f64() < 0.1 { self.0.u32(1000..20_000) } else { 0 };
        let score = (age - 38.0) / 12.0 + (education - 10.0) / 2.0 + (hours - 40.0) / 20.0 + f64::from(gain) / 8000.0;
        let truth = score + self.bell(0.0, 10.0, -30.0, 30.0) / 10.0 > 1.0;
        let mut row = json!({
            "age": (age * factor).round(), "education-num": education, "capital-gain": gain,
            "hours-per-week": (hours * factor).round(),
        });
        for (name, words) in WORDS {
            row[name] = words[self.0.usize(0..words.len())].into();
        }
        (row, truth)
    }

    fn csv(&mut self, n: usize) -> String {
        let names: Vec<&str> = NUMBERS.into_iter().chain(WORDS.iter().map(|it| it.0)).collect();
        let mut text = format!("{},income\n", names.join(","));
        for _ in 0..n {
            let (row, truth) = self.next(1.0);
            for name in &names {
                text.push_str(&format!("{},", row[name].to_string().trim_matches('"')));
            }
            text.push_str(if truth { ">50K\n" } else { "<=50K\n" });
        }
        text
    }
}

fn trained(folder: &Folder, data: &Path) {
    let out = folder.path().join("model");
    let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
    let trained =
        sentinel(&["train", "--data", data, "--target", "income", "--name", "income", "--out", out, "--trees", "30"]);
    assert!(trained.status.success(), "{}", stderr(&trained));
}

fn config(folder: &Path, data: &Path, target: &str) -> String {
    let binary = env!("CARGO_BIN_EXE_sentinel");
    let (model, live) = (folder.join("model"), folder.join("live_predictions.csv"));
    let (data, model, live) = (data.display(), model.display(), live.display());
    format!(
        "{QUIET}
predict:
  models: [{{name: income, path: \"{model}\"}}]
  log: {{csv: [{{path: \"{live}\"}}]}}
model_watches:
  - model: income
    reference: {{file: \"{data}\"}}
    compare: {{target: {target}}}
    window: {{count: {WINDOW}, min_count: 200}}
    schedule: \"\"
    segments: [sex]
    recover_after_runs: 1
    alert: data_drift_score > 0.1
act:
  enabled: true
  allowed_commands: [\"{binary}\"]
  playbooks:
    - name: retrain
      when: {{fault: [data_drift]}}
      steps:
        - action: {{type: command, argv: [\"{binary}\", train, --data, \"{data}\", --target, income, --name, \"{{service}}\", --out, \"{model}\", --force]}}
"
    )
}

/// Asks for so many rows and answers the ids.
fn ask(server: &Server, rows: &[Value]) -> Vec<String> {
    let answer = server.post_json("/predict/batch", &json!(rows));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let all = answer["predictions"].as_array().unwrap_or_else(|| answer.as_array().unwrap());
    all.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn wait_for_rows(server: &Server, n: f64) {
    wait_for(Duration::from_secs(120), "the log was read", || {
        (server.metric("sentinel_model_predictions_total", &["model=\"income\""]) >= n).then_some(())
    });
}

fn compare(server: &Server) -> Value {
    let answer = server.post_json("/sentinel/v1/drift/income/run", &json!({"actor": "test"}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn drifted(run: &Value) -> Vec<&str> {
    let all = run["features"].as_array().unwrap().iter().filter(|it| it["drifted"] == true);
    let mut names: Vec<&str> = all.map(|it| it["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

fn incident(server: &Server, is_fit: impl Fn(&Value) -> bool) -> Value {
    wait_for(Duration::from_secs(120), "the incident is as it should be", || {
        server.list("/sentinel/v1/incidents").into_iter().find(|it| is_fit(it))
    })
}

/// Guarantees: MUST 530 to 548 of docs/specs/model-watch.md, and D1, D2, D4 and D5 of seed 3.
#[test]
// Long because it is the whole way of a user.
fn two_shifted_inputs_become_one_incident_that_names_both() {
    let folder = Folder::new("watches-models");
    let data = folder.write("reference_data.csv", &Rows::new(1).csv(3000));
    trained(&folder, &data);
    let config = config(folder.path(), &data, "income");
    let live = folder.path().join("live_predictions.csv");
    let mut server = Server::start_in(folder, &config, vec![]);

    // The body of the README, with another spelling and without most features.
    let readme = json!({"age": 39, "education": "Bachelors", "hours_per_week": 40});
    let answer = server.post_json("/predict", &readme);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["probability"].is_number() && answer.json()["prediction"].is_number());

    // Too little was asked to say anything.
    let early = server.post_json("/sentinel/v1/drift/income/run", &json!({}));
    assert!((400..500).contains(&early.status) && early.text().contains("min_count"), "{}", early.text());

    // Inputs as they were: nothing is told, and answers are measured by labels that come later.
    let mut rows = Rows::new(5);
    let (same, truth): (Vec<Value>, Vec<bool>) = (0..WINDOW).map(|_| rows.next(1.0)).unzip();
    let ids = ask(&server, &same);
    let label = |(id, truth): (&String, &bool)| json!({"id": id, "label": if *truth { 1 } else { 0 }});
    let labels: Vec<Value> = ids.iter().zip(&truth).map(label).collect();
    let answer = server.post_json("/feedback", &json!(labels));
    assert!(answer.status < 300, "{}", answer.text());
    wait_for_rows(&server, WINDOW as f64 + 1.0);
    let run = compare(&server);
    assert_eq!(drifted(&run), Vec::<&str>::new(), "{run:#}");
    assert_eq!(run["measures"]["data_drift_score"], 0.0);
    let accuracy = run["measures"]["accuracy"].as_f64().unwrap();
    assert!((0.6..=1.0).contains(&accuracy), "{accuracy}");
    assert_eq!(server.metric("data_drift_score", &["model=\"income\""]), 0.0);
    assert!(server.list("/sentinel/v1/incidents").is_empty());
    let written = fs::read_to_string(&live).unwrap();
    assert!(written.lines().count() > WINDOW && written.starts_with("age,"), "{}", &written[..200]);

    // A quarter more of age and of hours.
    let shifted: Vec<Value> = (0..WINDOW).map(|_| rows.next(1.25).0).collect();
    ask(&server, &shifted);
    wait_for_rows(&server, 2.0 * WINDOW as f64 + 1.0);
    let run = compare(&server);
    assert_eq!(drifted(&run), ["age", "hours-per-week"], "{run:#}");
    let score = server.metric("data_drift_score", &["model=\"income\""]);
    assert_eq!(score, 2.0 / 8.0);
    assert!(server.metric("sentinel_data_drift_score", &["feature=\"age\""]) > 0.1);

    // One incident, whose cause names both and says since when; a retraining is proposed, as a dry run.
    let told = incident(&server, |it| it["diagnosis"]["causes"][0]["fault"] == "data_drift");
    let cause = &told["diagnosis"]["causes"][0];
    let text = cause["summary"].as_str().unwrap();
    assert!(text.contains("age: mean") && text.contains("hours-per-week: mean") && text.contains("since"), "{text}");
    assert!(told["title"].as_str().unwrap().starts_with("income: 2 of 8 features drifted"), "{}", told["title"]);
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 1);
    let plan = wait_for(Duration::from_secs(120), "a retraining is proposed", || {
        server.list("/sentinel/v1/plans").into_iter().find(|it| it["playbook"] == "retrain")
    });
    assert_eq!((&plan["is_dry_run"], &plan["state"]), (&json!(true), &json!("proposed")), "{plan}");
    assert!(plan.to_string().contains("\"train\"") && plan.to_string().contains("\"income\""), "{plan}");

    // Reports: JSON and a page of its own; what differs from the run before.
    let latest = server.get("/sentinel/v1/drift/income/latest?format=html");
    assert!(latest.status == 200 && latest.text().contains("hours-per-week"), "{}", latest.status);
    assert!(server.get_json("/sentinel/v1/drift/income/latest")["columns"].is_array());
    let runs = server.get_json("/sentinel/v1/drift/income")["runs"]["items"].as_array().unwrap().clone();
    let path = format!(
        "/sentinel/v1/drift/income/{}?against={}",
        runs[0]["id"].as_str().unwrap(),
        runs[1]["id"].as_str().unwrap()
    );
    assert_eq!(server.get_json(&path)["features"].as_array().unwrap().len(), 8);
    assert_eq!(server.get("/sentinel/v1/drift/nobody").status, 404);

    // PromQL sees the same numbers.
    let asked = server.get_json("/api/v1/query?query=data_drift_score%20%3E%200.1");
    assert_eq!(asked["data"]["result"].as_array().unwrap().len(), 1, "{asked}");

    // A sudden end: alarm and incident go on.
    server.kill();
    server.restart();
    server.wait_until_ready();
    assert_eq!(server.metric("data_drift_score", &["model=\"income\""]), 2.0 / 8.0);
    assert_eq!(server.get_json("/sentinel/v1/drift/income")["state"], "drift");
    wait_for_rows(&server, WINDOW as f64);
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 1);

    // Inputs as they were: it is over.
    let again: Vec<Value> = (0..WINDOW).map(|_| rows.next(1.0).0).collect();
    ask(&server, &again);
    let before = server.metric("sentinel_model_predictions_total", &["model=\"income\""]);
    wait_for(Duration::from_secs(120), "the log was read", || {
        let now = server.metric("sentinel_model_predictions_total", &["model=\"income\""]);
        (now >= before.max(2.0 * WINDOW as f64)).then_some(())
    });
    let run = compare(&server);
    assert_eq!(drifted(&run), Vec::<&str>::new(), "{run:#}");
    incident(&server, |it| it["status"] == "resolved");
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 1, "the same one");
    server.stop();
}

/// The same with the file that seed 3 gives.
#[test]
fn the_given_census_file_drifts_when_it_is_shifted() {
    let data = std::env::var_os("SENTINEL_TEST_DATA").map(|it| Path::new(&it).join("seed3/adult.csv"));
    let Some(data) = data.filter(|it| it.exists()) else {
        let is_expected = std::env::var_os("CI").is_some() && std::env::var_os("SENTINEL_TEST_DATA").is_some();
        assert!(!is_expected, "SENTINEL_TEST_DATA has no seed3/adult.csv");
        eprintln!("SKIPPED: no census file; set SENTINEL_TEST_DATA to a folder that has `seed3/adult.csv`");
        return;
    };
    let folder = Folder::new("watches-census");
    trained(&folder, &data);
    let config = config(folder.path(), &data, "income");
    let text = fs::read_to_string(&data).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').map(str::trim).collect();
    let value = |name: &str, cell: &str| match cell.trim().parse::<f64>() {
        Ok(it) if name == "age" || name == "hours-per-week" => json!((it * 1.25).round()),
        Ok(it) => json!(it),
        Err(_) => json!(cell.trim()),
    };
    let row = |line: &str| {
        let cells = names.iter().zip(line.split(',')).filter(|it| *it.0 != "income");
        Value::Object(cells.map(|(name, cell)| ((*name).to_owned(), value(name, cell))).collect())
    };
    let rows: Vec<Value> = lines.take(WINDOW).map(row).collect();
    let n = rows.len() as f64;
    let mut server = Server::start_in(folder, &config, vec![]);
    ask(&server, &rows);
    wait_for_rows(&server, n);
    let run = compare(&server);
    let names = drifted(&run);
    assert!(names.contains(&"age") && names.contains(&"hours-per-week"), "{run:#}");
    server.stop();
}
