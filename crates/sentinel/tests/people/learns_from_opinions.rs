//! What becomes of what people say? It moves a threshold, stands in the ledger and on a page, is kept over a crash, can be
//! taken back, and nobody says anything without the token where there is one.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::server::{QUIET, Server};

const TOKEN: &str = "a-token-of-this-test";

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("content-type", "application/json"), ("accept", "*/*"), ("authorization", authorization.as_str())];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.send(method, path, &headers, body.as_bytes())
}

/// `sentinel feedback ...` against the server.
fn command(server: &Server, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sentinel"))
        .arg("feedback")
        .args(words)
        .args(["--url", &format!("http://{}", server.address), "--token", TOKEN])
        .env("USER", "alice")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Guarantees: MUST 745, 746 and 747 of docs/specs/feedback.md.
#[test]
// Long because it is one story: said, kept, shown, taken back.
fn opinions_need_the_token_survive_a_crash_and_can_be_taken_back() {
    let config = format!("{QUIET}token: {TOKEN}\nfeedback: {{most_threshold: 10}}\n");
    let mut server = Server::start("opinions", &config);
    let body = json!({"timestamp": "10:00", "service_name": "PaymentGateway", "cpu_usage": 900});
    let answer = ask(&server, "POST", "/monitor", &body).json();
    let id = answer["incident_id"].as_str().unwrap().to_owned();
    let path = format!("/sentinel/v1/incidents/{id}/feedback");

    // ## Nobody without the token
    for (method, path) in
        [("POST", path.as_str()), ("GET", "/sentinel/v1/feedback"), ("POST", "/sentinel/v1/feedback/1/undo")]
    {
        let headers = [("content-type", "application/json")];
        assert_eq!(server.send(method, path, &headers, br#"{"opinion":"noise"}"#).status, 401, "{method} {path}");
    }

    // ## An opinion moves a threshold, and says so; secrets in comments go
    let secret = format!("gh{}_{}", "p", "a1B2".repeat(9));
    let told = command(&server, &[&id, "noise", "--comment", &format!("a test with {secret}")]);
    assert!(told.contains("alice said: noise. Lesson 1: 2 values moved."), "{told}");
    let wrong = command(&server, &[&id, "wrong", "--cause", "payments-db"]);
    assert!(wrong.contains("Lesson 2"), "the last word of a person counts: {wrong}");
    let said = json!({"opinion": "noise", "actor": "bob", "cause": "payments-db"});
    assert_eq!(ask(&server, "POST", &path, &said).json()["feedback"], "noise");
    let foreign = json!({"opinion": "wrong", "action": "PLAN-9"});
    assert_eq!(ask(&server, "POST", &path, &foreign).status, 409);
    let lessons = ask(&server, "GET", "/sentinel/v1/feedback", &Value::Null).json();
    let lesson = &lessons["items"][0];
    let effect = &lesson["effects"][0];
    let target = json!({"kind": "threshold", "metric": "cpu_usage", "owner": "PaymentGateway", "direction": "above"});
    assert_eq!(effect["target"], target);
    assert!(effect["to"].as_f64().unwrap() > 1.1, "{lesson}");
    assert!(!lessons.to_string().contains(&secret) && lessons.to_string().contains("[redacted:key]"), "{lessons}");

    // ## Kept over a crash, shown on a page
    server.kill();
    server.restart();
    server.wait_until_ready();
    let again = ask(&server, "GET", "/sentinel/v1/feedback", &Value::Null).json();
    assert_eq!(again["items"].as_array().unwrap().len(), 3);
    let page = ask(&server, "GET", "/feedback", &Value::Null).text();
    assert!(page.contains("threshold of cpu_usage of PaymentGateway"), "{page}");
    let metrics = ask(&server, "GET", "/metrics", &Value::Null).text();
    assert!(metrics.contains("sentinel_detect_learned_thresholds 1"), "what was learned counts after a restart");

    // ## Taken back, in the ledger
    let list = command(&server, &["list"]);
    assert!(list.contains("threshold of cpu_usage of PaymentGateway 1.00 to") && list.contains("bob"), "{list}");
    assert!(command(&server, &["undo", "3"]).contains("Lesson 3"));
    let metrics = ask(&server, "GET", "/metrics", &Value::Null).text();
    assert!(metrics.contains("sentinel_detect_learned_thresholds 0"), "nothing is left of it");
    assert_eq!(ask(&server, "POST", "/sentinel/v1/feedback/3/undo", &json!({})).status, 409);
    let ledger = ask(&server, "GET", "/sentinel/v1/audit?limit=1000", &Value::Null).text();
    for part in ["incident.feedback.noise", "incident.feedback.wrong", "feedback.undone", "alice", "bob"] {
        assert!(ledger.contains(part), "{part}: {ledger}");
    }
    assert!(!ledger.contains(&secret));
    let intact = ask(&server, "GET", "/sentinel/v1/audit/verify", &Value::Null).json();
    assert_eq!(intact["is_intact"], true, "{intact}");
}
