//! Does Sentinel go on when its disk is slow or full, does it say so, and is everything there that it acknowledged?
//!
//! A library is loaded before the C library, which makes syncs slow or lets writes fail with ENOSPC as the test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::support::client::send;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::{is_there, skip};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(180);
const POINTS_PER_WRITE: i64 = 10;
const WHOLE_ANSWERS: &str = "serve:\n  max_chart_points: 100000\n";

/// A disk that does as it is told.
struct Disk(PathBuf);

impl Disk {
    /// Builds the library; None if there is no C compiler, which is said.
    fn new(folder: &Folder) -> Option<(Self, Vec<(String, String)>)> {
        let library = folder.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/disk.c");
        let arguments = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"];
        if !is_there("cc", "a disk that is slow or full") {
            return None;
        }
        let built = Command::new("cc").args(arguments).arg(&library).arg(source).arg("-ldl").status();
        assert!(built.is_ok_and(|it| it.success()), "the library can be built");
        let disk = Self(folder.path().join("disk-state"));
        disk.be("well");
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let environment = [
            ("LD_PRELOAD", text(&library)),
            ("TEST_DISK_STATE", text(&disk.0)),
            ("TEST_DISK_FOLDER", text(&folder.path().join("data"))),
        ];
        Some((disk, environment.map(|(name, value)| (name.to_owned(), value)).into()))
    }

    fn be(&self, state: &str) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, state).unwrap();
        // Never half of it.
        std::fs::rename(next, &self.0).unwrap();
    }
}

/// Writes numbered points, each until it is acknowledged.
struct Writer {
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    thread: JoinHandle<i64>,
}

impl Writer {
    fn start(address: SocketAddr, number: usize, begin: i64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (acknowledged, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (over, stored, failed) = (Arc::clone(&is_over), Arc::clone(&acknowledged), Arc::clone(&refused));
        let thread = std::thread::spawn(move || {
            let mut next = 0;
            while !over.load(Ordering::Relaxed) {
                let lines: String = (next..next + POINTS_PER_WRITE)
                    .map(|it| format!("written,writer=w{number} value={it} {}\n", begin + it))
                    .collect();
                let answer = send(address, "POST", "/write?precision=ms", &[], lines.as_bytes()).unwrap();
                match answer.status {
                    204 => {
                        next += POINTS_PER_WRITE;
                        stored.fetch_add(POINTS_PER_WRITE as u64, Ordering::Relaxed);
                    }
                    500 | 503 => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    other => panic!("{other}: {}", answer.text()),
                }
            }
            next
        });
        Self { is_over, acknowledged, refused, thread }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn wait_for_more(&self, count: u64, what: &str) {
        let before = self.acknowledged();
        wait_for(LIMIT, what, || (self.acknowledged() >= before + count).then_some(()));
    }

    fn stop(self) -> i64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn influx(server: &Server, lines: &str) -> u16 {
    server.send("POST", "/write?precision=s", &[], lines.as_bytes()).status
}

/// Values of one writer's series by time.
fn stored(server: &Server, number: usize, begin: i64) -> BTreeMap<String, i64> {
    let series = server.list(&format!("/sentinel/v1/series?match=written%20w{number}"));
    let id = series[0]["id"].as_str().unwrap();
    let at = |millis| jiff::Timestamp::from_millisecond(millis).unwrap();
    let range = format!("from={}&to={}", at(begin), at(begin + 100_000));
    let answer = server.get_json(&format!("/sentinel/v1/series/{id}/points?{range}"));
    let rows = answer["points"].as_array().unwrap();
    let mut found = BTreeMap::new();
    for row in rows {
        let value = row["value"].as_f64().unwrap() as i64;
        let before = found.insert(row["time"].to_string(), value);
        assert_eq!(before, None, "a time twice: {row}");
    }
    found
}

/// Guarantees: MUST 176 of docs/specs/ingest.md.
#[test]
fn it_goes_on_and_nothing_acknowledged_is_lost() {
    let _alone = crate::support::alone();
    let folder = Folder::new("disk");
    let Some((disk, environment)) = Disk::new(&folder) else { return skip("a disk that is slow or full") };
    let mut server = Server::start_in(folder, &format!("{QUIET}{WHOLE_ANSWERS}"), environment);
    let now = jiff::Timestamp::now().as_second();
    let calm: String =
        (0..600).map(|it| format!("queue,service=pay depth={} {}\n", 40 + it % 7, now - 10 * (599 - it))).collect();
    assert_eq!(influx(&server, &calm), 204);
    let begin = (now - 3600) * 1000;
    let writers: Vec<_> = (0..4).map(|it| Writer::start(server.address, it, begin)).collect();
    writers.iter().for_each(|it| it.wait_for_more(100, "writes on a disk that is well"));

    disk.be("slow");
    writers.iter().for_each(|it| it.wait_for_more(50, "writes on a slow disk"));
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 200);
    assert!(!server.list("/sentinel/v1/series?match=written").is_empty());

    disk.be("full");
    let refused: Vec<_> = writers.iter().map(Writer::refused).collect();
    for (it, before) in writers.iter().zip(refused) {
        wait_for(LIMIT, "refusals of a full disk", || (it.refused() > before + 5).then_some(()));
    }
    let at_full: Vec<_> = writers.iter().map(Writer::acknowledged).collect();
    let ready = server.send("GET", "/readyz", &[], b"");
    assert!(ready.status == 503 && ready.text().contains("writes to the log on disk fail"), "{}", ready.text());
    assert_eq!(server.metric("sentinel_store_healthy_ratio", &[]), 0.0);
    // What cannot be stored is judged all the same.
    for point in 1..=10 {
        assert_eq!(influx(&server, &format!("queue,service=pay depth=900 {}\n", now + 10 * point)), 500);
    }
    wait_for(LIMIT, "an incident while the disk is full", || {
        server.list("/sentinel/v1/incidents").iter().any(|it| it["title"].to_string().contains("pay")).then_some(())
    });
    assert_eq!(server.get("/incidents").status, 200);
    assert!(!server.list("/sentinel/v1/series?match=written").is_empty());
    let later: Vec<_> = writers.iter().map(Writer::acknowledged).collect();
    assert_eq!(at_full, later, "nothing is acknowledged while nothing can be stored");

    disk.be("well");
    writers.iter().for_each(|it| it.wait_for_more(100, "writes after the disk was full"));
    wait_for(LIMIT, "it is ready again", || (server.send("GET", "/readyz", &[], b"").status == 200).then_some(()));
    let sent: Vec<i64> = writers.into_iter().map(Writer::stop).collect();
    wait_for(LIMIT, "the incident is written", || (server.metric("sentinel_store_backlog", &[]) == 0.0).then_some(()));
    let incidents = server.list("/sentinel/v1/incidents");
    server.kill();
    server.restart();
    server.wait_until_ready();
    let mut n_found = 0;
    for (number, n_sent) in sent.iter().enumerate() {
        let found: Vec<i64> = stored(&server, number, begin).into_values().collect();
        let lost = (0..*n_sent).find(|it| found.binary_search(it).is_err());
        assert_eq!((lost, found.len() as i64), (None, *n_sent), "writer {number}");
        n_found += found.len();
    }
    let segments = std::fs::read_dir(server.data_dir().join("wal")).unwrap().count();
    assert!(segments < 10, "a full disk leaves no heap of files behind: {segments}");
    let ids = |incidents: &[Value]| incidents.iter().map(|it| it["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&server.list("/sentinel/v1/incidents")), ids(&incidents), "incidents of the full disk are there");
    let opened = server.list("/sentinel/v1/audit").iter().filter(|it| it["action"] == "incident.opened").count();
    assert_eq!(opened, incidents.len(), "each is in the ledger, once");
    assert_eq!(server.send("GET", "/sentinel/v1/audit/verify", &[], b"").status, 200);
    let n_sent: i64 = sent.iter().sum();
    eprintln!("acknowledged {n_sent}, found again {n_found}, duplicates {}", n_found as i64 - n_sent);
}
