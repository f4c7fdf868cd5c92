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

use crate::support::client::send;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::{free_port, is_there};
use crate::support::wait_for;

const N_KILLS: u64 = 5;
/// Scrapes between two kills.
const SCRAPES: u64 = 8;
/// How long anything may take; generous because the machine may be busy.
const AT_MOST: Duration = Duration::from_secs(240);

/// Scenario: the server is killed five times while vmagent writes.
/// Guarantees: every scrape that vmagent made is found once.
#[test]
fn no_scrape_of_vmagent_is_lost_or_doubled() {
    if !is_there("vmagent", "remote write by a real vmagent") {
        return;
    }
    let mut server = Server::start("vmagent", QUIET);
    let folder = Folder::new("vmagent");
    let (target, scrapes) = exposition();
    let agent = Agent::start(&folder, target, server.address);
    for _ in 0..N_KILLS {
        wait_for_scrapes(&scrapes, SCRAPES);
        server.kill();
        server.restart();
    }
    server.wait_until_ready();
    // Once more after the last kill, and then the end, so that there is a newest number.
    wait_for_scrapes(&scrapes, SCRAPES);
    let newest = scrapes.load(Ordering::SeqCst);
    // vmagent writes over several connections, so that the newest number may come before others.
    let found = wait_for(AT_MOST, "every scrape is stored", || {
        let found = numbers(&server);
        let n_missing = (1..=newest).filter(|it| !found.contains_key(it)).count() as u64;
        // What was answered too late for vmagent it never had. Asked last, so that it counts all that were answered.
        (n_missing <= agent.scrapes_given_up()).then_some(found)
    });
    let doubled: Vec<(&u64, &u64)> = found.iter().filter(|it| *it.1 != 1).collect();
    assert!(doubled.is_empty(), "of {newest} scrapes are found several times (number, times): {doubled:?}");
}

fn wait_for_scrapes(scrapes: &AtomicU64, more: u64) {
    let wanted = scrapes.load(Ordering::SeqCst) + more;
    wait_for(AT_MOST, "vmagent scrapes", || (scrapes.load(Ordering::SeqCst) >= wanted).then_some(()));
}

/// The numbers that are stored, and how often.
fn numbers(server: &Server) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    let answer = server.get_json("/api/v1/query?query=scrape_number%5B2h%5D");
    for series in answer["data"]["result"].as_array().unwrap() {
        for sample in series["values"].as_array().unwrap() {
            *found.entry(sample[1].as_str().unwrap().parse().unwrap()).or_default() += 1;
        }
    }
    found
}

/// A running vmagent.
struct Agent {
    child: Child,
    address: SocketAddr,
}

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
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("vmagent")
            .arg(format!("-promscrape.config={}", config.display()))
            .arg(format!("-remoteWrite.url=http://{server}/api/v1/write"))
            .arg(format!("-remoteWrite.tmpDataPath={}", folder.path().join("queue").display()))
            .arg("-remoteWrite.flushInterval=200ms")
            .arg(format!("-httpListenAddr={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("vmagent.log")).unwrap())
            .spawn();
        Self { child: child.unwrap(), address }
    }

    /// How many scrapes it asked for without taking the answer, by its own count.
    fn scrapes_given_up(&self) -> u64 {
        let metrics = send(self.address, "GET", "/metrics", &[], &[]).unwrap().text();
        let count = metrics.lines().find_map(|it| it.strip_prefix("vm_promscrape_scrapes_failed_total "));
        count.unwrap().parse().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
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
