//! What a running server tells between comparisons and before labels: a live stream that leaves its reference, in one
//! country only; accuracy that is expected to fall; and a retraining that leaves what serves as it is.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::predictions::{self, label};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

/// Predictions of a reference.
const REFERENCE: usize = 1500;

/// Predictions of a model that is served elsewhere.
struct Asked {
    random: fastrand::Rng,
    next: usize,
}

impl Asked {
    fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), next: 0 }
    }

    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0
    }

    /// A prediction and its label; in Germany ages are older by `shift`. `sure` is how far from even probabilities lie.
    fn one(&mut self, shift: f64, sure: f64) -> (Value, Value) {
        self.next += 1;
        let country = ["DE", "FR", "US"][self.random.usize(0..3)];
        let age = 40.0 + 10.0 * self.bell() + if country == "DE" { shift } else { 0.0 };
        let side = if self.random.bool() { 0.5 } else { -0.5 };
        let probability = 0.5 + side * sure * (0.7 + 0.3 * self.random.f64());
        let answer = u8::from(probability > 0.5);
        let truth = u8::from(self.random.f64() < probability);
        let id = format!("p{}", self.next);
        let row = json!({
            "id": id, "model": "credit", "version": "1",
            "features": {"age": age, "income": 3000.0 + 800.0 * self.bell(), "country": country},
            "prediction": answer, "probability": probability,
        });
        (row, json!({"id": id, "label": truth}))
    }

    fn send(&mut self, server: &Server, n: usize, shift: f64, sure: f64) -> Vec<Value> {
        let (rows, labels): (Vec<Value>, Vec<Value>) = (0..n).map(|_| self.one(shift, sure)).unzip();
        predictions::log(server, &rows);
        labels
    }
}

fn followed(server: &Server, name: &str, n: usize) {
    wait_for(Duration::from_secs(180), name, || (server.metric(name, &["model=\"credit\""]) >= n as f64).then_some(()));
}

fn config(alert: &str) -> String {
    format!(
        "{QUIET}
model_watches:
  - model: credit
    owner: credit team
    reference: {{first: {REFERENCE}}}
    window: {{count: 800, min_count: 200}}
    schedule: \"\"
    segments: [country]
    recover_after_runs: 1
    alert: {alert}
    online: {{expected_samples_between_false_alarms: 50000, recover_after_samples: 400}}
"
    )
}

fn incident(server: &Server, is_fit: impl Fn(&Value) -> bool) -> Value {
    wait_for(Duration::from_secs(180), "the incident is as it should be", || {
        server.list("/sentinel/v1/incidents").into_iter().find(|it| is_fit(it))
    })
}

/// Guarantees: MUST 590, 591, 593 and 594 of docs/specs/model-watch.md: one group drifts, is told without a comparison,
/// by name, place and time, over a kill; and it ends.
#[test]
// Long because it is the whole life of an alarm.
fn an_alarm_names_feature_group_and_time_and_survives_a_kill() {
    let mut server = Server::start("live-stream", &config("data_drift_score > 0.1"));
    let mut asked = Asked::new(3);
    asked.send(&server, REFERENCE + 1000, 0.0, 0.8);
    followed(&server, "sentinel_online_drift_predictions_total", 1000);
    assert_eq!(server.metric("sentinel_online_drift_alarms_total", &["model=\"credit\""]), 0.0);
    assert!(server.metric("sentinel_online_drift_streams", &["model=\"credit\""]) >= 8.0);
    assert!(server.list("/sentinel/v1/incidents").is_empty());

    server.kill();
    server.restart();
    server.wait_until_ready();
    asked.send(&server, 150, 25.0, 0.8);
    let told = incident(&server, |it| it["diagnosis"]["causes"][0]["fault"] == "data_drift");
    let text = told["diagnosis"]["causes"][0]["summary"].as_str().unwrap();
    assert!(text.contains("age: mean") && text.contains("most in country=DE") && text.contains("since"), "{text}");
    assert_eq!(told["services"], json!(["credit"]));
    let model = server.get_json("/sentinel/v1/drift/credit");
    assert_eq!((&model["state"], &model["owner"]), (&json!("drift"), &json!("credit team")), "{model}");
    let targets = model["live"]["targets"].as_array().unwrap();
    let age = targets.iter().find(|it| it["name"] == "age").unwrap();
    assert!(age["since"].is_string() && age["said"].as_str().unwrap().contains("country=DE"), "{age}");
    assert!(server.metric("sentinel_online_drift_score", &["feature=\"age\""]) >= 1.0);
    let asked_for = server.get_json("/api/v1/query?query=sentinel_online_drift_score%20%3E%3D%201");
    assert_eq!(asked_for["data"]["result"].as_array().unwrap().len(), 1, "{asked_for}");
    let page = server.get("/model-watch/credit").text();
    assert!(page.contains("Live stream") && page.contains("most in country=DE"), "{page}");

    // The comparison joins the same incident, and names the group as well.
    asked.send(&server, 800, 25.0, 0.8);
    followed(&server, "sentinel_online_drift_predictions_total", 1000 + 950);
    let run = server.post_json("/sentinel/v1/drift/credit/run", &json!({"actor": "test"})).json();
    let age = run["features"].as_array().unwrap().iter().find(|it| it["name"] == "age").unwrap();
    assert_eq!((&age["drifted"], &age["segment"]), (&json!(true), &json!("country=DE")), "{run:#}");
    assert_eq!(run["drifted_segments"], json!(["country=DE: age"]));
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 1);

    server.kill();
    server.restart();
    server.wait_until_ready();
    let model = server.get_json("/sentinel/v1/drift/credit");
    assert_eq!(model["state"], "drift");
    asked.send(&server, 1600, 0.0, 0.8);
    wait_for(Duration::from_secs(180), "the live stream has recovered", || {
        let model = server.get_json("/sentinel/v1/drift/credit");
        let targets = model["live"]["targets"].as_array()?.clone();
        (!targets.is_empty() && targets.iter().all(|it| it["since"].is_null())).then_some(())
    });
    let run = server.post_json("/sentinel/v1/drift/credit/run", &json!({"actor": "test"})).json();
    assert_eq!(run["measures"]["data_drift_score"], 0.0, "{run:#}");
    incident(&server, |it| it["status"] == "resolved");
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 1, "the same one");
    server.stop();
}

/// Guarantees: MUST 594 of docs/specs/model-watch.md: labels that say that the model is wrong are told as they come.
#[test]
fn errors_are_told_as_labels_come() {
    let mut server = Server::start("live-errors", &config("data_drift_score > 0.1"));
    let mut asked = Asked::new(4);
    asked.send(&server, REFERENCE, 0.0, 0.8);
    wait_for(Duration::from_secs(180), "the reference is there", || {
        let model = server.get_json("/sentinel/v1/drift/credit");
        model["live"]["targets"].as_array().filter(|it| !it.is_empty()).map(|_| ())
    });
    let labels = asked.send(&server, 900, 0.0, 0.8);
    followed(&server, "sentinel_online_drift_predictions_total", 900);
    label(&server, &labels);
    followed(&server, "sentinel_online_drift_labels_total", 900);
    assert!(server.list("/sentinel/v1/incidents").is_empty());
    let wrong: Vec<Value> = asked.send(&server, 300, 0.0, 0.8);
    followed(&server, "sentinel_online_drift_predictions_total", 1200);
    let turned = |it: &Value| json!({"id": it["id"], "label": 1 - it["label"].as_u64().unwrap()});
    label(&server, &wrong.iter().map(turned).collect::<Vec<_>>());
    let told = incident(&server, |it| it["diagnosis"]["causes"][0]["fault"] == "concept_drift");
    assert!(told["diagnosis"]["causes"][0]["summary"].as_str().unwrap().contains("mean loss"), "{told}");
    server.stop();
}

/// Guarantees: MUST 597 to 599 of docs/specs/model-watch.md: a model that is less sure is told before any label comes.
#[test]
fn a_fall_of_accuracy_is_told_before_labels_come() {
    let mut server = Server::start("estimates", &config("[estimated_accuracy_drop > 0.05]"));
    let mut asked = Asked::new(5);
    let labels = asked.send(&server, REFERENCE, 0.0, 0.9);
    asked.send(&server, 400, 0.0, 0.9);
    let compare = |server: &Server| server.post_json("/sentinel/v1/drift/credit/run", &json!({"actor": "test"})).json();
    let run = compare(&server);
    assert!(run["no_estimate"].as_str().unwrap().starts_with("0 of the 300 labels"), "{run:#}");
    label(&server, &labels);
    // No label of the window has come.
    let run = compare(&server);
    let accuracy = |run: &Value| {
        run["estimated"].as_array().unwrap().iter().find(|it| it["metric"] == "accuracy").unwrap().clone()
    };
    let usual = accuracy(&run);
    assert!(
        usual["lower"].as_f64() <= usual["value"].as_f64() && usual["value"].as_f64() <= usual["upper"].as_f64(),
        "{usual}"
    );
    assert!(server.list("/sentinel/v1/incidents").is_empty());

    let hidden = asked.send(&server, 800, 0.0, 0.3);
    let run = compare(&server);
    let fallen = accuracy(&run);
    assert!(fallen["value"].as_f64() < fallen["lower"].as_f64(), "{fallen}");
    // The live stream of answers may have opened it before.
    let told = incident(&server, |it| it["symptoms"].to_string().contains("accuracy is expected to be"));
    assert_eq!(told["services"], json!(["credit"]));
    let expected = server.metric("sentinel_model_estimated_performance", &["metric=\"accuracy\""]);
    assert_eq!(Some(expected), fallen["value"].as_f64());
    assert!(server.get("/model-watch/credit").text().contains("Expected performance"));

    // Labels come, and say much the same.
    label(&server, &hidden);
    let run = compare(&server);
    let real = run["measures"]["accuracy"].as_f64().unwrap();
    assert!((real - expected).abs() < 0.06, "{real} {expected}");
    server.stop();
}

/// Guarantees: MUST 603 and 604 of docs/specs/remedy.md: the new version lies beside, and what serves is the same.
#[test]
fn a_retraining_is_a_new_version_that_does_not_serve() {
    let folder = Folder::new("train-remedy");
    let mut random = fastrand::Rng::with_seed(8);
    let mut csv = "age,hours,income\n".to_owned();
    for _ in 0..600 {
        let (age, hours) = (random.u32(18..80), random.u32(10..60));
        csv.push_str(&format!("{age},{hours},{}\n", if age + hours > 85 { ">50K" } else { "<=50K" }));
    }
    let data = folder.write("data.csv", &csv);
    let versions = folder.path().join("versions");
    std::fs::create_dir_all(&versions).unwrap();
    let config = format!(
        "{}act:
  enabled: true
  dry_run: false
  train_data: [\"{data}\"]
  train_folders: [\"{versions}\"]
  playbooks:
    - name: retrain
      when: {{fault: [data_drift], min_confidence: 0.3}}
      steps:
        - action: {{type: train, data: \"{data}\", target: income, folder: \"{versions}/credit\", trees: 20}}
",
        config("data_drift_score > 0.1"),
        data = data.display(),
        versions = versions.display()
    );
    let mut server = Server::start_in(folder, &config, vec![]);
    let mut asked = Asked::new(6);
    asked.send(&server, REFERENCE + 100, 0.0, 0.8);
    followed(&server, "sentinel_online_drift_predictions_total", 100);
    asked.send(&server, 200, 40.0, 0.8);
    let plan = wait_for(Duration::from_secs(180), "a retraining is proposed", || {
        server.list("/sentinel/v1/plans").into_iter().find(|it| it["playbook"] == "retrain")
    });
    assert_eq!(plan["steps"][0]["action"]["type"], "train", "{plan}");
    assert!(!versions.join("credit").exists(), "nothing happens before the approval");
    let approval = json!({"digest": plan["digest"], "actor": "ann"});
    let path = format!("/sentinel/v1/plans/{}/approve", plan["id"].as_str().unwrap());
    let answer = server.post_json(&path, &approval);
    assert!(answer.status < 300, "{}", answer.text());
    let done = wait_for(Duration::from_secs(240), "the training ends", || {
        let all = server.list("/sentinel/v1/plans");
        all.into_iter().find(|it| it["id"] == plan["id"] && it["state"] == "succeeded")
    });
    let out = done["steps"][0]["action"]["out"].as_str().unwrap().to_owned();
    let model = std::path::Path::new(&out);
    assert!(model.join("model.trees").exists() && model.join("card.json").exists(), "{out}");
    assert!(model.starts_with(versions.join("credit")));
    let actions: Vec<String> = server
        .list("/sentinel/v1/audit?limit=1000")
        .iter()
        .map(|it| it["action"].as_str().unwrap().to_owned())
        .collect();
    for action in ["plan.proposed", "plan.approved", "step.intent", "step.done", "plan.verified"] {
        assert!(actions.iter().any(|it| it == action), "{action}: {actions:?}");
    }
    server.stop();
}
