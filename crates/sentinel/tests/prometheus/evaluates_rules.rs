//! Do rules in files of Prometheus' format record, alert, become incidents, reach an Alertmanager, and go on over a crash?

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::client::encoded;
use crate::support::remote_write::{Row, write};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(180);
const RULES: &str = r#"
groups:
  - name: queues
    interval: 1s
    rules:
      - record: job:queue_depth:sum
        expr: sum by (job) (queue_depth)
        labels: {team: shop}
      - alert: QueueIsLong
        expr: job:queue_depth:sum > 100
        for: 2s
        labels: {severity: critical, service: "{{ $labels.job }}"}
        annotations:
          summary: "{{ $value | humanize }} jobs of {{ $labels.job }} wait"
          others: '{{ range query "job:queue_depth:sum" | sortByLabel "job" }}{{ .Labels.job }}={{ .Value }} {{ end }}'
"#;

/// Alerts, each with the time at which it was heard.
type Heard = Arc<Mutex<Vec<(jiff::Timestamp, Value)>>>;

/// Hears alerts as an Alertmanager does.
fn alertmanager() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(vec![]));
    let all = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut bytes, mut buffer) = (vec![], [0; 4096]);
            let body = loop {
                let n_read = stream.read(&mut buffer).unwrap_or(0);
                bytes.extend_from_slice(&buffer[..n_read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let parsed = text.split_once("\r\n\r\n").and_then(|(_, it)| serde_json::from_str::<Value>(it).ok());
                if parsed.is_some() || n_read == 0 {
                    break parsed;
                }
            };
            let alerts = body.iter().flat_map(|it| it.as_array().unwrap().clone());
            let now = jiff::Timestamp::now();
            all.lock().unwrap().extend(alerts.map(|it| (now, it)));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (address, heard)
}

/// One sample of the queue of each job, now.
fn send(server: &Server, depth: f64) {
    let now = jiff::Timestamp::now().as_millisecond();
    let row = |job: &str, value: f64| Row::new("queue_depth", &[("job", job), ("queue", "a")], vec![(now, value)]);
    write(server.address, &[row("pay", depth), row("cart", 3.0)]);
}

fn query(server: &Server, expression: &str) -> Vec<Value> {
    let answer = server.get_json(&format!("/api/v1/query?query={}", encoded(expression)));
    answer["data"]["result"].as_array().unwrap().clone()
}

/// Guarantees: MUST 362 of docs/specs/query-api.md.
#[test]
fn samples_of_the_future_are_answered_when_asked_for() {
    let server = Server::start("future", QUIET);
    let ahead = jiff::Timestamp::now().as_second() + 240;
    write(server.address, &[Row::new("ahead", &[("job", "pay")], vec![(ahead * 1000, 7.0)])]);
    assert!(query(&server, "ahead").is_empty(), "now there is none");
    let path = format!("/api/v1/query_range?query=ahead&start={}&end={}&step=30", ahead - 120, ahead + 60);
    let found = server.get_json(&path)["data"]["result"][0]["values"].clone();
    assert_eq!(found, serde_json::json!([[ahead, "7"], [ahead + 30, "7"], [ahead + 60, "7"]]));
}

/// Guarantees: MUST 374 to 376 and 378 of docs/specs/query-api.md.
#[test]
fn rules_record_and_alert_and_go_on_over_a_crash() {
    let (address, heard) = alertmanager();
    let folder = Folder::new("rules-files");
    let file = folder.write("queues.rules.yaml", RULES);
    let files = file.with_file_name("*.rules.yaml");
    let config = format!(
        "{QUIET}rules:\n  files: ['{}']\n  alertmanagers: ['http://{address}']\n  external_labels: {{region: north}}\n",
        files.display()
    );
    let mut server = Server::start("rules", &config);
    send(&server, 17.0);
    wait_for(LIMIT, "the sum is recorded", || {
        let found = query(&server, "job:queue_depth:sum{team=\"shop\"}");
        (found.len() == 2 && found.iter().any(|it| it["value"][1] == "17")).then_some(())
    });
    assert_eq!(server.get_json("/api/v1/alerts")["data"]["alerts"], serde_json::json!([]));

    send(&server, 2500.0);
    let alert = wait_for(LIMIT, "the alert fires", || {
        let alerts = server.get_json("/api/v1/alerts")["data"]["alerts"].clone();
        alerts.as_array().unwrap().iter().find(|it| it["state"] == "firing").cloned()
    });
    assert_eq!(alert["annotations"]["summary"], "2.5k jobs of pay wait");
    assert_eq!(alert["annotations"]["others"], "cart=3 pay=2500 ", "a template queries what was recorded");
    assert_eq!((&alert["labels"]["service"], &alert["value"]), (&"pay".into(), &"2.5e+03".into()));
    let rules = server.get_json("/api/v1/rules")["data"]["groups"][0]["rules"].clone();
    assert_eq!((&rules[0]["health"], &rules[1]["state"]), (&"ok".into(), &"firing".into()));
    let sent = wait_for(LIMIT, "the Alertmanager hears of it", || {
        heard.lock().unwrap().iter().map(|it| it.1.clone()).find(|it| it["labels"]["alertname"] == "QueueIsLong")
    });
    assert_eq!((&sent["labels"]["region"], &sent["labels"]["service"]), (&"north".into(), &"pay".into()));
    let text = wait_for(LIMIT, "it is an incident", || {
        let incidents = server.list("/sentinel/v1/incidents");
        incidents.iter().map(ToString::to_string).find(|it| it.contains("QueueIsLong"))
    });
    assert!(text.contains("pay"), "{text}");
    wait_for(LIMIT, "ALERTS is a series", || {
        (query(&server, "ALERTS{alertname=\"QueueIsLong\",alertstate=\"firing\"}").len() == 1).then_some(())
    });

    // It goes on where it was: nothing is pending anew.
    server.kill();
    server.restart();
    server.wait_until_ready();
    let again = wait_for(LIMIT, "the alert is still there", || {
        let alerts = server.get_json("/api/v1/alerts")["data"]["alerts"].clone();
        alerts.as_array().unwrap().first().cloned()
    });
    assert_eq!((&again["state"], &again["activeAt"]), (&"firing".into(), &alert["activeAt"]));

    send(&server, 5.0);
    wait_for(LIMIT, "its end is told", || {
        // One that goes on ends some evaluations after it is told, unless it is told again.
        let ends = |it: &Value| it["endsAt"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        heard.lock().unwrap().iter().find(|(at, it)| ends(it) <= *at).map(drop)
    });
    wait_for(LIMIT, "the series of the alert ends", || query(&server, "ALERTS").is_empty().then_some(()));
}

/// Guarantees: MUST 377 of docs/specs/query-api.md: changed files take effect as a whole or not at all, and what is firing
/// goes on.
#[test]
fn changed_files_take_effect_when_they_are_good() {
    let folder = Folder::new("rules-reload");
    let file = folder.write("rules.yaml", RULES);
    let server = Server::start("rules-reloaded", &format!("{QUIET}rules: {{files: ['{}']}}\n", file.display()));
    let now = || jiff::Timestamp::now().as_millisecond();
    write(server.address, &[Row::new("queue_depth", &[("job", "pay")], vec![(now(), 200.0)])]);
    let since = wait_for(LIMIT, "it fires", || {
        let alerts = server.get("/api/v1/alerts").json()["data"]["alerts"].clone();
        let is_firing = alerts[0]["state"] == "firing";
        is_firing.then(|| alerts[0]["activeAt"].clone())
    });
    let names = |server: &Server| server.get("/api/v1/rules").text();

    // One bad file: nothing changes, and the answer says why.
    std::fs::write(&file, RULES.replace("sum by (job)", "sum by (job")).unwrap();
    let refused = server.post_json("/-/reload", &Value::Null);
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert!(refused.text().contains("the rules stay as they are"), "{}", refused.text());
    assert!(names(&server).contains("job:queue_depth:sum"));

    let more = RULES.replace(
        "      - alert: QueueIsLong",
        "      - record: newly\n        expr: vector(7)\n      - alert: QueueIsLong",
    );
    std::fs::write(&file, &more).unwrap();
    let taken = server.post_json("/-/reload", &Value::Null);
    assert_eq!((taken.status, taken.text().as_str()), (200, "3 rules\n"));
    wait_for(LIMIT, "the new rule records", || {
        let answer = server.get("/api/v1/query?query=newly").text();
        answer.contains("\"7\"").then_some(())
    });
    let alerts = server.get("/api/v1/alerts").json()["data"]["alerts"].clone();
    assert_eq!((&alerts[0]["state"], &alerts[0]["activeAt"]), (&Value::from("firing"), &since), "{alerts}");

    // A rule that is gone ends its series at once.
    std::fs::write(&file, RULES).unwrap();
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
    wait_for(LIMIT, "the series has ended", || {
        let answer = server.get("/api/v1/query?query=newly").text();
        answer.contains("\"result\":[]").then_some(())
    });
}
