//! Does a budget hold in a running server, is it told everywhere, and does it survive a restart? And does a back-test on
//! the command line say the same?

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const CONFIG: &str = "
detect:
  policies:
    - metric: oven_temperature
      sigma: 3
      min_relative_deviation: 0.1
  budgets:
    - service: pay
      budget: 1 per day
";
/// Seconds ago at which the story begins: within what a server replays after a restart.
const BEGIN: i64 = 560;
/// Calm before each burst, and its length, in seconds.
const CALM: i64 = 95;
const BURST: i64 = 15;
/// Heights of the bursts: the first is the highest.
const BURSTS: [f64; 5] = [40.0, 24.0, 22.0, 21.0, 20.0];

/// One calm stretch and the burst after it, sent as a batch.
fn stretch(begin: jiff::Timestamp, idx: usize, height: f64) -> Value {
    let first = i64::try_from(idx).unwrap() * (CALM + BURST);
    let one = |second: i64| {
        let noise = [0.0, 1.4, -1.3, 0.7, -2.1, 2.2, 0.3][usize::try_from(second).unwrap() % 7];
        let burst = if second < CALM { 0.0 } else { height };
        let time = begin + jiff::SignedDuration::from_secs(first + second);
        json!({"timestamp": time.to_string(), "service_name": "pay", "metrics": {"oven_temperature": 100.0 + noise + burst}})
    };
    (0..CALM + BURST).map(one).collect()
}

fn budget(server: &Server) -> Value {
    server.list("/sentinel/v1/budgets").remove(0)
}

fn sentinel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sentinel")).args(arguments).output().unwrap()
}

/// Asks the server to stop, as a service manager does, and waits until it has.
fn stop(server: &mut Server) {
    let pid = server.pid().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    wait_for(Duration::from_secs(120), "the server has stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    server.kill();
}

/// Scenario: five bursts, each of which 3 sigma would tell, under a budget of one alert a day.
/// Guarantees: one is told, the others are counted and listed, and a restart forgets neither.
#[test]
fn a_budget_holds_is_told_and_survives_a_restart() {
    let mut server = Server::start("budget", &format!("{QUIET}{CONFIG}"));
    assert_eq!(budget(&server)["multiplier"], 1.0);
    let begin = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(BEGIN);
    for (idx, height) in BURSTS.into_iter().enumerate() {
        let answer = server.post_json("/monitor", &stretch(begin, idx, height));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let status = wait_for(Duration::from_secs(120), "the bursts are held", || {
        Some(budget(&server)).filter(|it| it["held_total"].as_u64() >= Some(3))
    });
    assert_eq!(server.list("/sentinel/v1/incidents").len(), 1, "{status}");
    assert_eq!(
        (&status["name"], &status["budget"], &status["alerts_last_day"]),
        (&"pay".into(), &"1 per day".into(), &1.into())
    );
    assert_eq!(status["alerts_by_day"], json!([0, 0, 0, 0, 0, 0, 1]));
    let multiplier = status["multiplier"].as_f64().unwrap();
    assert!(multiplier > 1.0 && status["held"][0]["series"].as_str().unwrap().contains("oven_temperature"), "{status}");
    let metric = |name: &str| server.metric(name, &[r#"budget="pay""#]);
    assert_eq!(metric("sentinel_detect_alerts_per_day"), 1.0);
    assert_eq!(metric("sentinel_detect_alert_budget_per_day"), 1.0);
    assert!((metric("sentinel_detect_threshold_multiplier") - multiplier).abs() < 1e-9);
    assert!(metric("sentinel_detect_alerts_held_total") >= 3.0);

    let url = format!("http://{}", server.address);
    let series = r#"oven_temperature{service="pay"}"#;
    let words = ["backtest", series, "--url", &url, "--from", "-1h", "--budget", "1 per day", "-o", "json"];
    let told = sentinel(&words);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let counts: Vec<usize> =
        told["outcomes"].as_array().unwrap().iter().map(|it| it["alerts"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [5, 1], "as configured every burst alerts, under the budget one: {told}");
    assert_eq!(told["outcomes"][0]["alerts_per_day"], Value::Null, "an hour says nothing about a day");
    let table = sentinel(&["backtest", series, "--url", &url, "--from", "-1h", "--budget", "1 per day"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("HELD BACK") && table.contains("Under 1 per day:"), "{table}");
    let wrong = sentinel(&["backtest", "nothing_like_it", "--url", &url]);
    let message = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && message.contains("selector: no stored series"), "{message}");

    stop(&mut server);
    server.restart();
    server.wait_until_ready();
    let after = budget(&server);
    assert_eq!((&after["multiplier"], &after["alerts_last_day"]), (&status["multiplier"], &1.into()), "{after}");
    let feedback = server.post_json("/sentinel/v1/incidents/INC-1/feedback", &json!({"opinion": "right"}));
    assert_eq!(feedback.status, 200, "{}", feedback.text());
    assert!(budget(&server)["expected_per_day"].as_f64() < after["expected_per_day"].as_f64());
}

/// Guarantees: a file is back-tested without a server, and what is wrong with it is told with its place.
#[test]
fn a_file_is_back_tested_without_a_server() {
    let folder = crate::support::server::Folder::new("backtest-file");
    let mut text = "timestamp,queue_depth\n".to_owned();
    for minute in 0..2000_u32 {
        let value = if (1500..1530).contains(&minute) { 900 } else { 100 + minute * 7 % 5 };
        text.push_str(&format!("{},{value}\n", 1_767_571_200 + minute * 60));
    }
    let file = folder.write("queue.csv", &text);
    let told = sentinel(&["backtest", "--file", file.to_str().unwrap(), "--sigma", "3", "-o", "json"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    for outcome in told["outcomes"].as_array().unwrap() {
        let alerts = outcome["alerts"].as_array().unwrap();
        assert_eq!(alerts.len(), 1, "{outcome}");
        assert_eq!((&alerts[0]["onset"], &alerts[0]["value"]), (&"2026-01-06T01:00:00.000Z".into(), &900.0.into()));
    }
    let bad = folder.write("bad.csv", "timestamp,value\n1767571200,1\nnoon,2\n");
    let wrong = sentinel(&["backtest", "--file", bad.to_str().unwrap()]);
    let message = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(2) && message.contains("line 3, column 1 (timestamp)"), "{message}");
}
