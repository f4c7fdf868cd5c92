//! Does it find a real CPU hog on this machine, without any configuration? One incident that names the process, and
//! that closes when the process has ended.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::server::Server;
use crate::support::services::skip;
use crate::support::wait_for;

/// Warm-up of the detectors, and then some quiet.
const QUIET_TIME: Duration = Duration::from_secs(40);
/// Measurements after which the hog is found, one each second; the promise is 10.
const DETECTION: usize = 15;
/// How long a busy machine may take for them, and until the incident is resolved.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a busy machine is waited for.
const CALM_TIME: Duration = Duration::from_secs(180);
/// A machine that is busier than this before the hog starts is no place for this test.
const BUSY_PERCENT: f64 = 45.0;

/// A busy loop that ends with the test.
struct Hog(Child);

impl Hog {
    fn start() -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done # sentinel-hog"]).stdin(Stdio::null());
        Self(command.spawn().expect("there is a shell"))
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            let _ = self.0.wait();
        }
    }
}

#[test]
fn a_busy_loop_is_one_incident_that_names_the_process() {
    let _alone = crate::support::alone();
    let server = Server::start_unconfigured("host-hog");
    std::thread::sleep(QUIET_TIME);
    let before = calm(&server);
    if before > BUSY_PERCENT {
        return skip(&format!("this machine is busy already: {before:.0} % CPU"));
    }
    let open_before = open(&server);
    let hog = Hog::start();
    let pid = hog.0.id();
    let (start, begin) = (Instant::now(), jiff::Timestamp::now());
    let incident = wait_for(LIMIT, "an incident that names the process", || {
        open(&server).into_iter().filter(|it| !open_before.contains(it)).find_map(|id| {
            let incident = server.get_json(&format!("/sentinel/v1/incidents/{id}"));
            blamed(&incident, pid).then_some(incident)
        })
    });
    let n_measured = cpu_points(&server).iter().filter(|it| it.0 > begin).count();
    eprintln!("found after {:.1} s, {n_measured} measurements: {}", start.elapsed().as_secs_f64(), incident["title"]);
    assert!(n_measured <= DETECTION, "found after {n_measured} measurements");
    let id = incident["id"].as_str().unwrap();
    let text = incident["diagnosis"].to_string();
    assert!(text.contains("sentinel-hog"), "the command line is named: {text}");
    // It goes on as the same incident.
    std::thread::sleep(Duration::from_secs(10));
    let now: Vec<String> = open(&server).into_iter().filter(|it| !open_before.contains(it)).collect();
    assert_eq!(now, [id], "one incident for one fault");
    drop(hog);
    wait_for(LIMIT, "the incident is closed after the hog has ended", || {
        (server.get_json(&format!("/sentinel/v1/incidents/{id}"))["status"] == "resolved").then_some(())
    });
}

/// The CPU use once the machine is calm, or when it has not become calm in time.
fn calm(server: &Server) -> f64 {
    let start = Instant::now();
    loop {
        let percent = cpu_percent(server);
        if percent <= BUSY_PERCENT || start.elapsed() > CALM_TIME {
            return percent;
        }
        std::thread::sleep(Duration::from_secs(5));
    }
}

fn open(server: &Server) -> Vec<String> {
    let list = server.list("/sentinel/v1/incidents?status=open&limit=100");
    list.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// True if the first cause cites the process.
fn blamed(incident: &Value, pid: u32) -> bool {
    let diagnosis = &incident["diagnosis"];
    let cited = diagnosis["causes"][0]["evidence"].as_array().cloned().unwrap_or_default();
    let evidence = diagnosis["evidence"].as_array().cloned().unwrap_or_default();
    evidence.iter().any(|it| cited.contains(&it["id"]) && it["source"]["pid"] == pid)
}

/// The median of the last points of host_cpu_percent.
fn cpu_percent(server: &Server) -> f64 {
    let mut values: Vec<f64> = cpu_points(server).iter().rev().take(30).map(|it| it.1).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().expect("there are points")
}

/// All points of host_cpu_percent.
fn cpu_points(server: &Server) -> Vec<(jiff::Timestamp, f64)> {
    let list = server.list("/sentinel/v1/series?match=host_cpu_percent&limit=1000");
    let series = list.iter().find(|it| it["labels"]["__name__"] == "host_cpu_percent").expect("the host is watched");
    let answer = server.get_json(&format!("/sentinel/v1/series/{}/points?from=-10m", series["id"].as_str().unwrap()));
    let points = answer["points"].as_array().expect("points");
    let point = |it: &Value| Some((it["time"].as_str()?.parse().ok()?, it["value"].as_f64()?));
    points.iter().filter_map(point).collect()
}
