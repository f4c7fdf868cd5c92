//! A retraining by Airflow: one run per plan, with the right credentials, waited for, and ended when it does not help.

use act::{Config, Desk};
use signal::{Plan, PlanDesk, PlanState};
use std::sync::Arc;

use crate::fake_airflow::{Airflow, DAG, TOKEN, USER};
use crate::world::{World, simple};

struct Shop {
    world: World,
    airflow: Arc<Airflow>,
    folder: std::path::PathBuf,
}

impl Shop {
    async fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sentinel-airflow-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("v2"), format!("{TOKEN}\n")).unwrap();
        std::fs::write(folder.join("v1"), USER).unwrap();
        Self { world: World::new().await, airflow: Airflow::start().await, folder }
    }

    fn config(&self, api: &str, dag: &str, wait_secs: u64) -> Config {
        let url = &self.airflow.address;
        let run = |kind: &str| serde_json::json!({"type": kind, "url": url, "api": api, "dag": dag});
        let mut action = run("airflow_run");
        action["conf"] = serde_json::json!({"model": "{service}", "incident": "{incident}"});
        action["wait_secs"] = serde_json::json!(wait_secs);
        serde_json::from_value(serde_json::json!({
            "enabled": true, "dry_run": false,
            "allowed_webhook_prefixes": [format!("{url}/api/")],
            "webhook_token_files": {format!("{url}/api/"): self.folder.join(api)},
            "playbooks": [{
                "name": "retrain", "when": {"fault": ["cpu_hog"]},
                "steps": [{"action": action, "undo": run("airflow_stop")}],
                "verify": {"hold_secs": 5, "timeout_secs": 60},
            }],
        }))
        .unwrap()
    }

    fn state_of_run(&self) -> Option<String> {
        let runs = self.airflow.runs.lock().unwrap();
        runs.get("sentinel-INC-7").map(|it| it["state"].as_str().unwrap().to_owned())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn carried_out(shop: &Shop, desk: &Arc<Desk>) -> Plan {
    let plan = desk.consider(&simple(7, "pay")).unwrap().plans.remove(0);
    assert_eq!(*shop.airflow.requests.lock().unwrap(), Vec::<String>::new(), "nothing happens before the approval");
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    shop.world.advance(desk).await;
    desk.plan(plan.id).unwrap()
}

/// Guarantees: MUST 600 of docs/specs/remedy.md.
#[tokio::test]
async fn both_versions_start_one_run_and_its_failure_to_help_ends_it() {
    for api in ["v2", "v1"] {
        let shop = Shop::new(api).await;
        let desk = shop.world.open(shop.config(api, DAG, 0));
        let plan = carried_out(&shop, &desk).await;
        assert_eq!(plan.state, PlanState::Verifying, "{api}: {}", plan.reason);
        assert_eq!(shop.state_of_run().as_deref(), Some("queued"));
        let conf = shop.airflow.runs.lock().unwrap()["sentinel-INC-7"]["conf"].clone();
        assert_eq!(conf, serde_json::json!({"model": "pay", "incident": "INC-7"}));
        shop.world.pass(60, 95.0);
        shop.world.advance(&desk).await;
        assert_eq!(desk.plan(plan.id).unwrap().state, PlanState::Undone);
        assert_eq!(shop.state_of_run().as_deref(), Some("failed"), "the run was ended");
        let secrets = format!("{plan:?} {:?}", shop.world.actions());
        assert!(!secrets.contains(TOKEN) && !secrets.contains("secret"));
    }
}

/// Guarantees: MUST 601 of docs/specs/remedy.md: a step that is sent again finds its run and starts no other one.
#[tokio::test]
async fn a_run_that_is_there_is_found_again() {
    let shop = Shop::new("again").await;
    let conf = serde_json::json!({"model": "pay", "incident": "INC-7"});
    for (state, conf, expected) in [
        ("running", conf.clone(), PlanState::Verifying),
        ("failed", conf, PlanState::Failed),
        ("running", serde_json::json!({}), PlanState::Failed),
    ] {
        let world = World::new().await;
        let desk = world.open(shop.config("v2", DAG, 0));
        let run = serde_json::json!({"dag_run_id": "sentinel-INC-7", "state": state, "conf": conf});
        shop.airflow.runs.lock().unwrap().insert("sentinel-INC-7".to_owned(), run);
        let plan = desk.consider(&simple(7, "pay")).unwrap().plans.remove(0);
        desk.approve(plan.id, &plan.digest, "ann").unwrap();
        world.advance(&desk).await;
        let plan = desk.plan(plan.id).unwrap();
        assert_eq!(plan.state, expected, "{state}: {}", plan.reason);
        assert_eq!(shop.airflow.runs.lock().unwrap().len(), 1);
    }
}

/// Guarantees: MUST 602 of docs/specs/remedy.md.
#[tokio::test]
async fn a_run_is_waited_for_and_its_failure_fails_the_step() {
    for (state, expected) in
        [("success", PlanState::Verifying), ("failed", PlanState::Failed), ("running", PlanState::Failed)]
    {
        let shop = Shop::new(&format!("wait-{state}")).await;
        state.clone_into(&mut shop.airflow.begins_as.lock().unwrap());
        let desk = shop.world.open(shop.config("v2", DAG, 1));
        let plan = carried_out(&shop, &desk).await;
        assert_eq!(plan.state, expected, "{state}: {}", plan.reason);
        let ended = if state == "running" { "failed" } else { state };
        assert_eq!(shop.state_of_run().as_deref(), Some(ended), "what is not waited for any longer is ended");
    }
}

#[tokio::test]
async fn what_airflow_refuses_is_told() {
    let shop = Shop::new("refused").await;
    let desk = shop.world.open(shop.config("v2", "other", 0));
    let plan = carried_out(&shop, &desk).await;
    assert_eq!(plan.state, PlanState::Failed);
    assert!(plan.reason.contains("404") && plan.reason.contains("not found"), "{}", plan.reason);
    std::fs::write(shop.folder.join("v2"), "stale").unwrap();
    let world = World::new().await;
    let desk = world.open(shop.config("v2", DAG, 0));
    let plan = desk.consider(&simple(7, "pay")).unwrap().plans.remove(0);
    desk.approve(plan.id, &plan.digest, "ann").unwrap();
    world.advance(&desk).await;
    assert!(desk.plan(plan.id).unwrap().reason.contains("401"), "{}", desk.plan(plan.id).unwrap().reason);
}

#[test]
fn every_mistake_of_a_run_is_told() {
    let config: Config = serde_json::from_value(serde_json::json!({
        "allowed_webhook_prefixes": ["https://airflow.example.com/api/v2/dags/"],
        "playbooks": [{"name": "a", "when": {"fault": ["data_drift"]}, "steps": [
            {"action": {"type": "airflow_run", "url": "https://airflow.example.com", "dag": "retrain"},
             "undo": {"type": "airflow_stop", "url": "https://airflow.example.com", "dag": "retrain"}},
            {"action": {"type": "airflow_run", "url": "https://other.example.com", "dag": "retrain"}},
            {"action": {"type": "airflow_run", "url": "https://airflow.example.com", "api": "v1", "dag": "retrain"}},
            {"action": {"type": "airflow_run", "url": "https://airflow.example.com", "dag": "a/b", "run_id": "x y",
                        "conf": [1], "wait_secs": 100_000}},
            {"action": {"type": "train", "data": "a.csv", "target": "", "folder": "/models", "trees": 0}},
        ]}],
        "train_data": ["a.csv"], "train_folders": ["/"],
    }))
    .unwrap();
    expect_test::expect![[r#"
        act.train_data[0]: "a.csv" must be an absolute path without ..
        act.train_folders[0]: "/" must be an absolute path without ..
        act.playbooks[0].steps[1].action.url: "https://other.example.com/api/v2/dags/retrain/dagRuns" is below no address of act.allowed_webhook_prefixes
        act.playbooks[0].steps[2].action.url: "https://airflow.example.com/api/v1/dags/retrain/dagRuns" is below no address of act.allowed_webhook_prefixes
        act.playbooks[0].steps[3].action.dag: "a/b" is no plain name
        act.playbooks[0].steps[3].action.run_id: must be made of letters, digits and . _ : - +
        act.playbooks[0].steps[3].action.conf: must be an object
        act.playbooks[0].steps[3].action.wait_secs: must be at most 86400
        act.playbooks[0].steps[4].action.data: "a.csv" is not in act.train_data
        act.playbooks[0].steps[4].action.folder: "/models" is not at or below a folder of act.train_folders
        act.playbooks[0].steps[4].action.target: name a column
        act.playbooks[0].steps[4].action.trees: must be from 1 to 10000"#]]
    .assert_eq(&config.validate().join("\n"));
}
