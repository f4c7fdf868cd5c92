//! Is a question in words answered with the cause, its evidence and what to do, without a language model?

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::encoded;
use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

/// What requests to `/api/v1` of a version of `pay` took at each of these seconds, and a line, as a program sends them: all
/// at once, so that none comes late on a busy machine, where its silence would be the trouble.
fn export(server: &Server, version: &str, seconds: &[i64], latency: impl Fn(i64) -> f64, line: &str) {
    let nanos = |second: &i64| (second * 1_000_000_000).to_string();
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let resource = json!({ "attributes": [attribute("service.name", "pay"), attribute("service.version", version)] });
    let route = attribute("http.route", "/api/v1");
    let point = |it: &i64| json!({ "timeUnixNano": nanos(it), "asDouble": latency(*it), "attributes": [route] });
    let points: Vec<Value> = seconds.iter().map(point).collect();
    let metric = json!({ "name": "request.latency", "unit": "s", "gauge": { "dataPoints": points } });
    let metrics = json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "metrics": [metric] }] }] });
    assert_eq!(server.post_json("/v1/metrics", &metrics).status, 200);
    let record =
        |it: &i64| json!({ "timeUnixNano": nanos(it), "severityText": "INFO", "body": { "stringValue": line } });
    let records: Vec<Value> = seconds.iter().map(record).collect();
    let logs = json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": records }] }] });
    assert_eq!(server.post_json("/v1/logs", &logs).status, 200);
}

fn ask(server: &Server, question: &str) -> Value {
    server.get_json(&format!("/sentinel/v1/ask?q={}", encoded(question)))
}

/// A time of day in UTC, as people write it.
fn clock(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().strftime("%H:%M").to_string()
}

/// All that is cited must be there.
fn assert_grounded(answer: &Value) {
    let known: Vec<&Value> = answer["evidence"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    for cause in answer["causes"].as_array().unwrap() {
        let cited = cause["evidence"].as_array().unwrap();
        assert!(!cited.is_empty() && cited.iter().all(|it| known.contains(&it)), "{cause}");
    }
}

fn usual(second: i64) -> f64 {
    0.040 + (second % 5) as f64 / 1000.0
}

/// Guarantees: MUST 667, 668 and 669 of docs/specs/knowledge.md.
#[test]
fn the_question_of_the_readme_names_the_service_its_evidence_and_an_action() {
    let server = Server::start("ask", QUIET);
    let now = jiff::Timestamp::now().as_second();
    export(&server, "1.4.1", &(now - 420..now - 30).collect::<Vec<_>>(), usual, "paid");
    // Alone, because a deploy has the time of what is newest when it is noticed.
    export(&server, "1.4.2", &[now - 30], usual, "paid");
    let mut next = now - 29;
    let answer = wait_for(Duration::from_secs(240), "the answer names the cause", || {
        let second = jiff::Timestamp::now().as_second();
        let seconds: Vec<i64> = (next..second).collect();
        if !seconds.is_empty() {
            export(&server, "1.4.2", &seconds, |_| 4.0, "cannot reach bank: connection refused");
            next = second;
        }
        let answer = ask(&server, &format!("Analyze spike in /api/v1 latency at {} UTC", clock(now - 29)));
        // What is stored may explain the spike before the incident of it is open.
        (answer["root_cause"]["fault"] == "bad_deploy" && answer["incident"].is_string()).then_some(answer)
    });
    assert_eq!(answer["root_cause"]["service"], "pay", "{answer}");
    assert_eq!(answer["understood"]["endpoint"], "/api/v1");
    assert_eq!(answer["understood"]["signal"], "latency");
    assert!(answer["incident"].as_str().unwrap().starts_with("INC-"), "{answer}");
    assert!(answer["action"]["text"].as_str().unwrap().contains("Roll back"), "{answer}");
    assert!(answer["prose"].is_null());
    assert_grounded(&answer);

    // The other shapes, about the same fault.
    let changed = ask(&server, "What changed in pay in the last 10 minutes?");
    assert!(changed["facts"].to_string().contains("deploy of pay"), "{changed}");
    let healthy = ask(&server, "is pay healthy?");
    assert!(healthy["summary"].as_str().unwrap().starts_with("pay: not healthy"), "{healthy}");
    let worst = ask(&server, "which service is worst?");
    assert!(worst["summary"].as_str().unwrap().starts_with("pay is worst"), "{worst}");
    let fix = ask(&server, "how do I fix pay?");
    assert!(fix["action"]["text"].as_str().unwrap().contains("Roll back"), "{fix}");
    let logs = ask(&server, "show logs like cannot connect to bank in pay");
    assert!(logs["lines"][0]["line"].as_str().unwrap().contains("cannot reach bank"), "{logs}");
    let since = ask(&server, "why is pay slow since the last deploy?");
    assert_eq!(since["root_cause"]["service"], "pay", "{since}");
    let named = ask(&server, &format!("root cause of {}", answer["incident"].as_str().unwrap()));
    assert_eq!(named["root_cause"]["service"], "pay", "{named}");

    // As people see it: command, page, Markdown.
    let url = format!("http://{}", server.address);
    let question = format!("Analyze spike in /api/v1 latency at {} UTC", clock(now - 29));
    let output = Command::new(env!("CARGO_BIN_EXE_sentinel")).args(["ask", &question, "--url", &url]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("bad deploy") && text.contains("## Evidence"), "{text}");
    let page = server.send("GET", &format!("/ask?q={}", encoded(&question)), &[("accept", "text/html")], b"").text();
    assert!(page.contains("Proposed action") && page.contains("bad deploy"), "{page}");
    let posted = server.post_json("/sentinel/v1/ask", &json!({ "question": question, "format": "md" }));
    assert!(posted.text().starts_with("# Analyze spike"), "{}", posted.text());
    assert!(server.metric("sentinel_ask_questions_total", &["why"]) >= 3.0);
}

/// Guarantees: MUST 668 of docs/specs/knowledge.md.
#[test]
fn a_moment_that_nobody_alerted_of_is_explained_by_what_is_stored() {
    let server = Server::start("ask-past", QUIET);
    // Older than what is told of: it is learned, and nobody is woken.
    let now = jiff::Timestamp::now().as_second();
    let spike = now - 2 * 3_600;
    let latency = |second: i64| if (spike..spike + 180).contains(&second) { 3.0 } else { usual(second) };
    export(&server, "1.4.1", &(spike - 600..spike + 600).step_by(5).collect::<Vec<_>>(), latency, "paid");
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 0);
    let answer = ask(&server, &format!("why was pay slow at {} UTC?", clock(spike + 60)));
    assert_eq!(answer["incident"], Value::Null);
    assert_eq!(answer["root_cause"]["service"], "pay", "{answer}");
    assert!(answer["summary"].as_str().unwrap().contains("No incident was open then"), "{answer}");
    assert_grounded(&answer);
    let calm = ask(&server, &format!("why was pay slow at {} UTC?", clock(spike + 1_800)));
    assert!(calm["summary"].as_str().unwrap().contains("Nothing unusual of pay"), "{calm}");
    assert_eq!(server.metric("sentinel_ask_diagnoses_total", &[]), 2.0);
}

/// Guarantees: MUST 671 of docs/specs/knowledge.md.
#[test]
fn what_is_not_understood_is_said_with_examples() {
    let server = Server::start("ask-unclear", QUIET);
    let answer = ask(&server, "make me a sandwich");
    assert_eq!((answer["is_clear"].as_bool(), &answer["understood"]["shape"]), (Some(false), &json!("unclear")));
    assert!(answer["examples"].as_array().unwrap().len() > 3);
    let unknown = ask(&server, "is the billing service healthy");
    assert!(unknown["problems"][0].as_str().unwrap().contains("no service \"billing\""), "{unknown}");
    let calm = ask(&server, "why is it slow?");
    assert_eq!(calm["no_cause_confidence"], 1.0);
    assert!(calm["summary"].as_str().unwrap().contains("Nothing unusual"), "{calm}");
    for (path, field) in [
        ("/sentinel/v1/ask", "question"),
        ("/sentinel/v1/ask?q=why&zone=Mars", "zone"),
        ("/sentinel/v1/ask?q=why&format=pdf", "format"),
    ] {
        let refused = server.get(path);
        assert_eq!(refused.status, 422, "{path}");
        assert!(refused.json()["detail"].as_str().unwrap().starts_with(field), "{}", refused.text());
    }
    let long = server.post_json("/sentinel/v1/ask", &json!({ "question": "why ".repeat(1_000) }));
    assert_eq!(long.status, 422);
    assert_eq!(server.get("/sentinel/v1/ask?q=root+cause+of+INC-99").status, 404);
}
