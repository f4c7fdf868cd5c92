//! Which crate may import which? The table of the architecture, checked against `cargo metadata`.

use serde_json::Value;

use super::Finding;

/// The stages, which `sentinel` and nobody else sees all of.
const ALL: &[&str] = &[
    "signal",
    "learn",
    "ingest",
    "store",
    "detect",
    "forecast",
    "predict",
    "drift",
    "onnx",
    "diagnose",
    "knowledge",
    "agent",
    "act",
    "report",
    "promql",
    "serve",
    "cluster",
    "offline",
    "testkit",
];

/// Each crate with the crates of ours that it may import. A new crate or a new edge needs a decision record.
const MAY_IMPORT: [(&str, &[&str]); 22] = [
    ("signal", &[]),
    ("learn", &[]),
    ("ingest", &["signal"]),
    ("store", &["signal"]),
    ("detect", &["signal", "learn"]),
    ("forecast", &["signal", "learn"]),
    ("predict", &["signal", "learn"]),
    ("drift", &["signal", "learn"]),
    ("onnx", &[]),
    ("diagnose", &["signal", "learn"]),
    ("knowledge", &["signal"]),
    ("agent", &["signal"]),
    ("act", &["signal"]),
    ("report", &["signal"]),
    ("promql", &["signal"]),
    ("serve", &["signal", "promql"]),
    ("cluster", &["signal"]),
    (
        "offline",
        &["signal", "learn", "detect", "forecast", "predict", "drift", "diagnose", "knowledge", "report", "promql"],
    ),
    ("testkit", &["signal", "learn"]),
    ("sentinel", ALL),
    (
        "fuzz",
        &[
            "signal",
            "ingest",
            "store",
            "cluster",
            "testkit",
            "promql",
            "learn",
            "predict",
            "drift",
            "agent",
            "diagnose",
            "knowledge",
        ],
    ),
    ("xtask", &[]),
];

/// Crates whose result depends on their arguments only: time, history and seeds come in from outside.
const PURE: [&str; 9] = ["signal", "learn", "detect", "forecast", "drift", "diagnose", "knowledge", "report", "promql"];

/// What a pure crate does not have: tasks, sockets, the host, randomness without a seed.
const IMPURE: [&str; 8] = ["tokio", "axum", "hyper", "reqwest", "getrandom", "rand", "sysinfo", "fastrand"];

/// Compares the dependencies of the workspace's crates with the table.
pub fn check(metadata: &Value) -> Vec<Finding> {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut findings = Vec::new();
    for package in list(metadata, "packages") {
        let name = text(&package, "name");
        let mut report = |rule: &'static str, problem: String| {
            findings.push(Finding { rule, path: name.clone(), text: problem });
        };
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|it| it.0 == name) else {
            report("layers", "is not in the table of xtask/src/tidy/layers.rs; a new crate needs docs/adr".to_owned());
            continue;
        };
        for dependency in list(&package, "dependencies") {
            let other = text(&dependency, "name");
            let is_ours = dependency.get("path").is_some_and(Value::is_string);
            let is_for_tests = text(&dependency, "kind") == "dev";
            if is_ours && !allowed.contains(&other.as_str()) {
                report(
                    "layers",
                    format!("imports {other}, but may import only {allowed:?}; a new edge needs docs/adr"),
                );
            }
            if PURE.contains(&name.as_str()) && IMPURE.contains(&other.as_str()) && !is_for_tests {
                report("pure", format!("imports {other}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(name: &str, dependency: Value) -> Vec<String> {
        let metadata = json!({"packages": [{"name": name, "dependencies": [dependency]}]});
        check(&metadata).into_iter().map(|it| format!("{} {}", it.rule, it.text)).collect()
    }

    #[test]
    fn edges_of_the_table_pass_and_others_fail() {
        let ours = |name: &str| json!({"name": name, "path": "/somewhere", "kind": null});
        assert!(findings("detect", ours("signal")).is_empty());
        assert!(findings("sentinel", ours("testkit")).is_empty());
        assert!(findings("detect", ours("store"))[0].starts_with("layers imports store"));
        assert!(findings("signal", ours("learn"))[0].starts_with("layers imports learn"));
        assert!(findings("novelty", ours("signal"))[0].starts_with("layers is not in the table"));
    }

    #[test]
    fn pure_crates_have_no_tasks_except_in_tests() {
        assert_eq!(findings("learn", json!({"name": "tokio", "kind": null})), ["pure imports tokio"]);
        assert!(findings("learn", json!({"name": "fastrand", "kind": "dev"})).is_empty());
        assert!(findings("serve", json!({"name": "tokio", "kind": null})).is_empty());
    }
}
