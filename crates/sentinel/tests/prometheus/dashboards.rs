//! Do the dashboards for Grafana ask for what is there, and do the files that start all together fit each other?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::client::encoded;
use crate::support::server::{QUIET, Server};

/// The dashboards of seed 1b keep their identities, so that links to them go on working.
const UIDS: [&str; 3] = ["sentinel-cpu-exhaustion", "sentinel-latency-spikes", "sentinel-memory-saturation"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Name and content of each dashboard.
fn dashboards() -> Vec<(String, Value)> {
    let files = fs::read_dir(root().join("dashboards")).unwrap().map(|it| it.unwrap().path());
    let named = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    let mut all: Vec<(String, Value)> = files.map(named).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn panels(board: &Value) -> &[Value] {
    board["panels"].as_array().unwrap()
}

/// Queries of all panels, and those of the variables.
fn queries(board: &Value) -> Vec<String> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let targets = panels(board).iter().flat_map(|it| it["targets"].as_array().cloned().unwrap_or_default());
    targets.map(|it| text(&it["expr"])).collect()
}

/// A query as Grafana sends it: with values in place of its variables.
fn filled(query: &str, board: &Value) -> String {
    let mut query = query.replace("$__rate_interval", "1m0s").replace("$__range", "1h");
    for variable in board["templating"]["list"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        query = query.replace(&format!("${{{name}}}"), "x").replace(&format!("${name}"), "x");
    }
    assert!(!query.contains('$'), "a variable that the dashboard does not have: {query}");
    query
}

/// What stands in quotes in our sources: among it is the name of every metric that we can print.
fn literals() -> BTreeSet<String> {
    let mut folders = vec![root().join("crates")];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs")
                && !path.starts_with(root().join("crates/sentinel/tests"))
            {
                found.extend(fs::read_to_string(path).unwrap().split('"').map(str::to_owned));
            }
        }
    }
    found
}

/// Names of metrics of ours in a query.
fn names(query: &str) -> BTreeSet<String> {
    let words = query.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|it| it.starts_with("sentinel_") || it.starts_with("predictivex_")).map(str::to_owned).collect()
}

#[test]
fn every_dashboard_can_be_imported() {
    let all = dashboards();
    assert!(UIDS.iter().all(|uid| all.iter().any(|it| it.0 == *uid)));
    for (name, board) in &all {
        assert_eq!(board["uid"], name.as_str());
        assert!(board["schemaVersion"].as_u64().unwrap() >= 38 && board["id"].is_null(), "{name}");
        assert_eq!(board["templating"]["list"][0]["type"], "datasource", "{name}");
        let ids: BTreeSet<u64> = panels(board).iter().map(|it| it["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels(board).len(), "{name}: two panels have the same id");
        let mut cells = BTreeSet::new();
        for panel in panels(board) {
            let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{name}: {}", panel["title"]);
            let places = (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)));
            assert!(places.into_iter().all(|it| cells.insert(it)), "{name}: {} covers another", panel["title"]);
        }
    }
}

#[test]
fn every_query_is_answered_and_names_what_is_there() {
    let server = Server::start("dashboards", QUIET);
    let printed = literals();
    for (name, board) in dashboards() {
        for query in queries(&board) {
            for metric in names(&query) {
                assert!(printed.contains(&metric), "{name} asks for {metric}, which nobody prints");
            }
            let query = filled(&query, &board);
            let answer = server.get(&format!("/api/v1/query?query={}", encoded(&query)));
            assert_eq!((answer.status, &answer.json()["status"]), (200, &"success".into()), "{name}: {query}");
        }
    }
}

#[test]
fn files_that_start_all_together_name_each_other() {
    let folder = root().join("deploy/compose");
    let text = fs::read_to_string(folder.join("compose.yaml")).unwrap();
    let compose: Value = serde_saphyr::from_str(&text).unwrap();
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let is_named = compose["volumes"].get(source).is_some();
            assert!(is_named || folder.join(source).exists(), "{name}: there is no {source}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port} is open to other machines");
        }
    }
    for file in ["prometheus.yaml", "grafana/provisioning/datasources/sentinel.yaml"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(services.contains_key("sentinel") && text.contains("http://sentinel:8080"), "{file}");
    }
    let check = Command::new(env!("CARGO_BIN_EXE_sentinel"))
        .args(["check", "-c"])
        .arg(folder.join("sentinel.yaml"))
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
