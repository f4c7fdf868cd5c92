//! Which playbooks does the demo run with? The shop's control interface, as `act` is configured.

use serde_json::{Value, json};

/// The `act` section of the demo's configuration. `control_url` is where the demo listens for remedies, for example
/// `http://127.0.0.1:18080`; the paths below it are `/control/restart/{service}`, `/control/rollback/{service}`,
/// `/control/clean-disk/{host or service}` and `/control/failover/{service}`.
///
/// A person approves each plan. None has an undo: to bring a leak, a bad version or a full disk back would be no help.
pub fn playbooks(control_url: &str) -> Value {
    let base = control_url.trim_end_matches('/');
    let webhook = |path: &str| {
        let url = format!("{base}/control/{path}/{{service}}");
        json!({"type": "webhook", "method": "POST", "url": url, "body": {"incident": "{incident}"}})
    };
    let playbook = |name: &str, fault: &str, action: Value| {
        json!({
            "name": name,
            "when": {"fault": [fault], "min_confidence": 0.3},
            "steps": [{"action": action}],
            "approval": "required",
            "verify": {"hold_secs": 5, "timeout_secs": 60},
        })
    };
    json!({
        "enabled": true,
        "dry_run": false,
        "cool_down_secs": 1,
        "max_executions_per_hour": 100,
        "terminate_grace_secs": 2,
        "allowed_webhook_prefixes": [format!("{base}/control/")],
        "playbooks": [
            playbook("end_process", "cpu_hog", json!({"type": "terminate_process"})),
            playbook("restart_leaking", "memory_leak", webhook("restart")),
            playbook("restart_exhausted", "pool_exhaustion", webhook("restart")),
            playbook("roll_back", "bad_deploy", webhook("rollback")),
            playbook("clean_disk", "disk_filling", webhook("clean-disk")),
            playbook("fail_over", "dependency_timeout", webhook("failover")),
        ],
    })
}
