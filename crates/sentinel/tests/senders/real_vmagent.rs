//! Does VictoriaMetrics' vmagent find its way in, and is anything lost or doubled while the server is killed under it?
//!
//! A vmagent from Debian scrapes the test and writes to Sentinel. Each scrape sees the next number, so that every number
//! up to the newest must be found exactly once.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::{free_port, is_there};
use crate::support::wait_for;

const N_KILLS: u64 = 5;
/// Charts are answered whole: eight minutes in steps of 5 ms, less than between two scrapes.
const WHOLE_ANSWERS: &str = "serve:\n  max_chart_points: 100000\n";
/// Scrapes between two kills.
const SCRAPES: u64 = 8;
/// How long anything may take; generous because the machine may be busy.
const AT_MOST: Duration = Duration::from_secs(60);

/// Scenario: the server is killed five times while vmagent writes.
/// Guarantees: every scrape that vmagent made is found once.
#[test]
fn no_scrape_of_vmagent_is_lost_or_doubled() {
    if !is_there("vmagent", "remote write by a real vmagent") {
        return;
    }
    let mut server = Server::start("vmagent", &format!("{QUIET}{WHOLE_ANSWERS}"));
    let folder = Folder::new("vmagent");
    let (target, scrapes) = exposition();
    let _agent = Agent::start(&folder, target, server.address);
    for _ in 0..N_KILLS {
        wait_for_scrapes(&scrapes, SCRAPES);
        server.kill();
        server.restart();
    }
    server.wait_until_ready();
    // Once more after the last kill, and then the end, so that there is a newest number.
    wait_for_scrapes(&scrapes, SCRAPES);
    let newest = scrapes.load(Ordering::SeqCst);
    let found = wait_for(AT_MOST, "the newest scrape is stored", || {
        let found = numbers(&server);
        found.keys().next_back().is_some_and(|it| *it >= newest).then_some(found)
    });
    let wrong: Vec<String> = (1..=newest)
        .filter(|it| found.get(it) != Some(&1))
        .map(|it| format!("{it} is found {:?} times", found.get(&it)))
        .collect();
    assert!(wrong.is_empty(), "of {newest} scrapes: {wrong:?}");
}

fn wait_for_scrapes(scrapes: &AtomicU64, more: u64) {
    let wanted = scrapes.load(Ordering::SeqCst) + more;
    wait_for(AT_MOST, "vmagent scrapes", || (scrapes.load(Ordering::SeqCst) >= wanted).then_some(()));
}

/// The numbers that are stored, and how often.
fn numbers(server: &Server) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    for series in server.list("/sentinel/v1/series?match=scrape_number&limit=10") {
        let answer =
            server.get_json(&format!("/sentinel/v1/series/{}/points?from=-8m", series["id"].as_str().unwrap()));
        for number in answer["points"].as_array().unwrap().iter().filter_map(|it| it["value"].as_f64()) {
            *found.entry(number as u64).or_default() += 1;
        }
    }
    found
}

/// A running vmagent.
struct Agent(Child);

impl Agent {
    fn start(folder: &Folder, target: SocketAddr, server: SocketAddr) -> Self {
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: load
    static_configs: [{{targets: [\"{target}\"]}}]
"
        );
        let config = folder.write("scrape.yml", &config);
        let child = Command::new("vmagent")
            .arg(format!("-promscrape.config={}", config.display()))
            .arg(format!("-remoteWrite.url=http://{server}/api/v1/write"))
            .arg(format!("-remoteWrite.tmpDataPath={}", folder.path().join("queue").display()))
            .arg("-remoteWrite.flushInterval=200ms")
            .arg(format!("-httpListenAddr=127.0.0.1:{}", free_port()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("vmagent.log")).unwrap())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            let _ = self.0.wait();
        }
    }
}

/// Serves `scrape_number`, which counts the scrapes that were answered.
fn exposition() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let scrapes = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&scrapes);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let number = count.load(Ordering::SeqCst) + 1;
            let body = format!("# TYPE scrape_number gauge\nscrape_number {number}\n");
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let mut request = [0; 2048];
            let is_read = stream.read(&mut request).is_ok_and(|it| it > 0);
            if is_read && stream.write_all(format!("{head}{body}").as_bytes()).is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (address, scrapes)
}
