//! Do the seed's own flow and real clients of model servers work: train, serve, `curl`, Triton's client, `CloudEvents`?

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{QUIET, Server};
use crate::support::services::python_with;
use crate::support::wait_for;

/// Rows in which hours and education decide, with columns and texts as in the seed.
fn table() -> String {
    let mut text = "age,education,hours-per-week,income\n".to_owned();
    for idx in 0..2000_u32 {
        let education = ["Bachelors", "HS-grad", "PhD"][(idx / 3 % 3) as usize];
        let (age, hours) = (18 + idx * 7 % 47, 20 + idx * 11 % 40);
        let income = if hours > 45 || education == "PhD" { ">50K" } else { "<=50K" };
        text.push_str(&format!("{age},{education},{hours},{income}\n"));
    }
    text
}

/// A folder with a trained model.
fn train() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("real-model-clients-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rows.csv"), table()).unwrap();
    let args = ["train", "--data", "rows.csv", "--target", "income", "--trees", "50"];
    let output = Command::new(env!("CARGO_BIN_EXE_sentinel")).args(args).current_dir(&folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let accuracy = told.lines().find_map(|it| it.strip_prefix("accuracy")).unwrap().trim().parse::<f64>().unwrap();
    assert!(accuracy > 0.95, "{told}");
    let reference = std::fs::read_to_string(folder.join("model/reference_data.csv")).unwrap();
    assert_eq!(
        (reference.lines().count(), reference.lines().next()),
        (1601, Some("age,education,hours-per-week,target"))
    );
    folder
}

/// Guarantees: MUST 500 to 527 of docs/specs/predict.md, through the real binary.
#[test]
fn a_trained_model_is_served_to_real_clients() {
    let folder = train();
    let csv = folder.join("live.csv");
    let settings = format!(
        "{QUIET}\npredict:\n  models: [{{name: income, path: {:?}}}]\n  log: {{csv: [{{path: {:?}, model: income}}]}}\n",
        folder.join("model"),
        csv
    );
    let server = Server::start("models", &settings);
    let body = json!({"age": 39, "education": "Bachelors", "hours_per_week": 40});
    let answer = server.post_json("/predict", &body).json();
    assert_eq!((&answer["prediction"], &answer["version"]), (&json!(0), &json!("1")), "{answer}");
    let id = answer["id"].as_str().unwrap().to_owned();
    wait_for(Duration::from_secs(120), "the row is in the CSV file", || {
        std::fs::read_to_string(&csv).ok().filter(|it| it.contains(&id))
    });
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(
        text.starts_with("age,education,hours-per-week,prediction,probability,timestamp,id\n39,Bachelors,40,0,"),
        "{text}"
    );

    let packages = ["tritonclient[http]==2.59.0", "cloudevents==1.12.0", "numpy"];
    let Some(python) = python_with("model-client", &packages) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/model_client.py");
    let output = Command::new(python).args([script, &server.address.to_string()]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "live True ready True model True",
        "inputs age,education,hours-per-week",
        "predict [1, 0] shape (2, 2) sum 2.0",
        "unknown model: True",
        "events 0 [202, 202]",
        "events 1 [202, 202]",
    ] {
        assert!(told.lines().any(|it| it == expected), "{expected:?} in\n{told}");
    }
    let rows: Vec<Value> = server
        .get("/sentinel/v1/inferences?model=iris")
        .text()
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(rows.iter().map(|it| it["id"].as_str().unwrap()).collect::<Vec<_>>(), ["kserve-0", "kserve-1"]);
    assert!(server.metric("model_infer_request_success_total", &["\"income\""]) >= 3.0);
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}
