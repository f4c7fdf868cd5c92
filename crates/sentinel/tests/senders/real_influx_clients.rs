//! Do the real clients of `InfluxDB` 1 and 2 find their way, and is every point they wrote stored with its value?

use std::process::Command;

use crate::support::server::{QUIET, Server};
use crate::support::services::python_with;

const N_POINTS: i64 = 50;

/// Guarantees: MUST 100 to 104 of docs/specs/ingest.md, by clients that are not ours.
#[test]
fn points_of_both_clients_are_stored() {
    let packages = ["influxdb-client==1.50.0", "influxdb==5.3.2"];
    let Some(python) = python_with("influx-client", &packages) else { return };
    let server = Server::start("influx", QUIET);
    let begin = jiff::Timestamp::now().as_millisecond() - N_POINTS * 1000;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/senders/influx_client.py");
    let (host, port) = (server.address.ip().to_string(), server.address.port().to_string());
    let output =
        Command::new(python).args([script, &host, &port, &begin.to_string(), &N_POINTS.to_string()]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "ping True",
        "v2 written",
        "v2 partial 400 partial write: line 2: unable to parse 'bad value=': missing field value dropped=1",
        "v1 version 1.8.10",
        "v1 written True",
    ] {
        assert!(told.lines().any(|it| it == expected), "{expected:?} in\n{told}");
    }

    let series = server.list("/sentinel/v1/series?limit=1000");
    let values = |name: &str, labels: &[(&str, &str)]| -> Vec<f64> {
        let is_it = |it: &&serde_json::Value| {
            it["labels"]["__name__"] == name && labels.iter().all(|(key, value)| it["labels"][*key] == *value)
        };
        let found = series.iter().find(is_it).unwrap_or_else(|| panic!("{name} {labels:?} in {series:#?}"));
        let answer =
            server.get_json(&format!("/sentinel/v1/series/{}/points?from=-10m", found["id"].as_str().unwrap()));
        answer["points"].as_array().unwrap().iter().map(|it| it["value"].as_f64().unwrap()).collect()
    };
    let numbers = |plus: f64| -> Vec<f64> { (0..N_POINTS).map(|it| it as f64 + plus).collect() };
    let labels = [("host", "web=1"), ("path", "C:\\a b"), ("db", "metrics")];
    assert_eq!(values("shop_pay__v2_latency", &labels), numbers(0.5));
    assert_eq!(values("shop_pay__v2_requests", &labels), numbers(0.0));
    assert_eq!(values("shop_pay__v2_ok", &labels), vec![1.0; N_POINTS as usize]);
    assert_eq!(values("good", &[("db", "metrics")]), [1.0]);
    let labels = [("host", "web-1"), ("db", "telegraf")];
    assert_eq!(values("cpu_idle", &labels), numbers(0.0));
    assert_eq!(values("cpu_n", &labels), numbers(0.0));
    let dropped = |reason| server.metric("sentinel_ingest_signals_dropped_total", &["\"influx\"", reason]);
    assert_eq!((dropped("\"text\""), dropped("\"malformed\"")), (N_POINTS as f64, 1.0));
}
