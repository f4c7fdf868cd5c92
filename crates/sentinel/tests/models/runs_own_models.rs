//! Do models of the user's own train and answer by the contract, and are those that hang, flood, print nonsense or fail
//! contained and told?

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{Folder, Server};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(240);

/// Learns the largest value of all, and scores the newest by it.
const RETRAIN: &str = r#"
import csv, json, os
rows = list(csv.DictReader(open(os.path.join(os.environ["SNAPSHOT_PATH"], "host_cpu_percent.csv"))))
assert rows and json.loads(rows[0]["labels"])["host"]
assert os.environ["SENTINEL_SERVICE_NAME"] and os.environ["SENTINEL_RUN_ID"].startswith("v")
assert "HOME" not in os.environ and "SENTINEL_TOKEN" not in os.environ
json.dump({"largest": max(float(it["value"]) for it in rows), "run": os.environ["SENTINEL_RUN_ID"]},
          open(os.environ["MODEL_OUTPUT_PATH"], "w"))
"#;
const INFER: &str = r#"
import csv, json, os
model = json.load(open(os.environ["MODEL_PATH"]))
rows = list(csv.DictReader(open(os.path.join(os.environ["SNAPSHOT_PATH"], "host_cpu_percent.csv"))))
score = min(1.0, float(rows[-1]["value"]) / max(model["largest"], 1.0))
print(json.dumps([{"service": "host \"one\"", "metric": "host_cpu_percent", "score": score, "horizon_seconds": 600,
                   "metadata": {"run": model["run"]}}]))
"#;

fn model(folder: &Path, name: &str, retrain: &str, infer: &str) {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!("name: {name}\nversion: '1'\nrequires:\n  metrics: [host_cpu_percent]\n");
    std::fs::write(folder.join("manifest.yaml"), manifest).unwrap();
    std::fs::write(folder.join("retrain.py"), retrain).unwrap();
    std::fs::write(folder.join("infer.py"), infer).unwrap();
}

fn status(server: &Server, name: &str) -> Value {
    let all = server.list(&format!("/sentinel/v1/models?match={name}&limit=100"));
    all.into_iter().find(|it| it["metric_key"] == name).unwrap_or_else(|| panic!("{name} is listed"))
}

/// Guarantees: MUST 416 to 418 of docs/specs/forecast.md.
#[test]
fn own_models_live_and_bad_ones_are_contained() {
    let folder = Folder::new("own-models");
    let models = folder.path().join("models");
    model(&models, "good", RETRAIN, INFER);
    model(&models, "hangs", RETRAIN, "import time\ntime.sleep(600)\n");
    model(&models, "floods", RETRAIN, "while True: print('x' * 1000)\n");
    model(&models, "nonsense", RETRAIN, "print('all is well')\n");
    model(&models, "fails", "import sys\nsys.exit('no such column')\n", INFER);
    // Only the one that hangs runs out of time, however busy the machine is.
    let one = |name: &str| {
        let timeout = if name == "hangs" { 3 } else { 90 };
        format!(
            "  - name: {name}
    path: {}
    wait: {{strategy: rows, rows: 5}}
    retrain: {{min_rows: 5}}
    inference: {{interval_seconds: 1, timeout_seconds: {timeout}, max_output_bytes: 100000}}
",
            models.join(name).display()
        )
    };
    let list: String = ["good", "hangs", "floods", "nonsense", "fails"].map(one).concat();
    let mut server = Server::start("own-models", &format!("forecast: {{training_threads: 5}}\nmodels:\n{list}"));
    wait_for(LIMIT, "the good model answers", || {
        let it = status(&server, "good");
        (it["state"] == "inferring" && it["ready"] == true).then_some(())
    });
    let text = server.get("/metrics").text();
    let line =
        text.lines().find(|it| it.starts_with("predictivex_failure_probability{") && it.contains("model=\"good\""));
    let line = line.unwrap_or_else(|| panic!("its score is on /metrics"));
    for part in [r#"service="host \"one\"""#, r#"horizon="600s""#, r#"run="v1""#, r#"metric="host_cpu_percent""#] {
        assert!(line.contains(part), "{line}");
    }
    for (name, told) in [
        ("hangs", "took longer than 3s"),
        ("floods", "printed more than 100000 bytes"),
        ("nonsense", "no JSON array of scores"),
        ("fails", "no such column"),
    ] {
        wait_for(LIMIT, &format!("{name} is told"), || {
            let it = status(&server, name);
            let error = it["error"].as_str().unwrap_or("").to_owned();
            (it["state"] == "error" && error.contains(told)).then_some(())
        });
        assert_eq!(status(&server, name)["active_version"], Value::Null, "{name}");
    }

    // A person trains it again and takes that back.
    let answer = server.send("POST", "/manage/retrain/good", &[], b"").json();
    assert_eq!((answer["status"].as_str(), answer["model"].as_str()), (Some("triggered"), Some("good")), "{answer}");
    let run = answer["run_id"].as_str().unwrap().to_owned();
    wait_for(LIMIT, "the new version serves", || (status(&server, "good")["active_version"] == run).then_some(()));
    let answer = server.post_json("/manage/rollback/good", &json!({"run_id": "v1"})).json();
    assert_eq!(answer["status"], "rolled_back", "{answer}");
    assert!(answer["artifact_path"].as_str().unwrap().ends_with("good/v1/model"), "{answer}");
    server.kill();
    server.restart();
    server.wait_until_ready();
    wait_for(LIMIT, "it serves after a crash", || {
        let it = status(&server, "good");
        (it["active_version"] == "v1" && it["ready"] == true).then_some(())
    });
}
