//! Is anything lost, doubled or told twice when workers of a cluster are killed again and again? A gateway, three workers
//! and a responder as processes of their own over a real Apache Kafka.
//!
//! Points, numbered lines and traces are sent; what the gateway has acknowledged is looked up one by one through the
//! responder. In the middle one service becomes slow: that is one incident.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::kafka::Kafka;
use crate::support::load::{CATCH_UP, Found, Sender, look_up, scaling, service};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

const N_WORKERS: usize = 3;
const N_PARTITIONS: usize = 6;
/// The service that becomes slow.
const FAULTY: usize = 7;
/// Lines of a followed file, before and after the gateway is started again.
const N_FOLLOWED: usize = 20;
/// Time of the killing; SENTINEL_TEST_CHAOS_SECS makes it longer. With SENTINEL_TEST_BROKERS=3 there are three copies of
/// everything, and one broker is away for half of the time.
const CHAOS_SECS: u64 = 75;
/// Time between two kills.
const BETWEEN_KILLS: Duration = Duration::from_secs(5);
/// A worker that is away longer than its session loses its partitions; one that is back before keeps them.
const AWAY_SECS: [u64; 4] = [1, 9, 3, 12];

#[test]
fn killed_workers_lose_nothing_and_one_fault_stays_one_incident() {
    let _alone = crate::support::alone();
    let n_brokers = number("SENTINEL_TEST_BROKERS").map_or(1, |it| it as usize);
    let Some(mut kafka) = Kafka::start(n_brokers) else { return };
    let brokers = kafka.bootstrap();
    let config = |member: &str| {
        format!(
            "{QUIET}serve:\n  max_page_size: 100000\n  max_chart_points: 100000\ncluster:\n  brokers: {}\n  \
             partitions: {N_PARTITIONS}\n  replication: {n_brokers}\n  member: {member}\n  session_secs: 6\n  state_secs: 8\n",
            brokers
        )
    };
    let followed = Followed::new();
    let mut gateway = Server::start_role("gateway", "gateway", &(config("gateway") + &followed.config()));
    followed.write(0..N_FOLLOWED);
    let mut workers: Vec<Server> = (0..N_WORKERS)
        .map(|it| Server::start_role("worker", &format!("worker-{it}"), &config(&format!("worker-{it}"))))
        .collect();
    let mut responder = Server::start_role("responder", "responder", &config("responder"));
    gateway.wait_until_ready();
    wait_for(CATCH_UP, "the responder serves and all partitions have an owner", || {
        (scaling(&responder)?["assigned"] == N_PARTITIONS).then_some(())
    });
    // Guarantees: MUST 860 of docs/specs/ingest.md.
    wait_for(CATCH_UP, "the page of intake shows who has which partition", || {
        let page = responder.get("/intake").text();
        let n_shown = page.matches("data-testid=\"worker\"").count();
        (n_shown > 0 && n_shown <= N_WORKERS && !page.contains("No worker answers for")).then_some(())
    });

    let chaos = number("SENTINEL_TEST_CHAOS_SECS").unwrap_or(CHAOS_SECS);
    let sender = Sender::start(gateway.address);
    let mut is_broker_away = false;
    let n_kills = kill_and_restart(&mut workers, Duration::from_secs(chaos), |share| {
        // From a third of the time on the service is slow, for a quarter of it.
        sender.set_slow(Some(FAULTY).filter(|_| (0.33..0.58).contains(&share)));
        let shall_be_away = n_brokers > 1 && (0.2..0.7).contains(&share);
        if shall_be_away != is_broker_away {
            is_broker_away = shall_be_away;
            if shall_be_away { kafka.kill(1) } else { kafka.restart(1) }
        }
    });
    // One is asked to stop and leaves in order; one is asked whether it waits.
    workers[0].stop();
    assert!(workers[0].log().contains("is_orderly=true"), "{}", workers[0].log());
    workers[0].restart();
    let standby = Server::start_role("responder", "standby", &config("standby"));
    wait_for(CATCH_UP, "the second responder waits", || {
        let answer = send(standby.address, "GET", "/readyz", &[], b"").ok()?;
        (answer.status == 503 && answer.text().contains("standing by")).then_some(())
    });
    // It goes on: services that fall silent would be incidents of their own.
    let sent = wait_for(CATCH_UP, "there is enough load", || {
        let sent = sender.acknowledged();
        (sent.n_points() > 1000 && sent.n_lines > 50 && sent.n_traces > 50).then_some(sent)
    });

    // Partitions of the last victim may still be on their way to somebody.
    let Found { found, doubled } = look_up(&responder, &sent);
    let sum = |of: &str| workers.iter().map(|it| it.metric(of, &[])).sum::<f64>();
    eprintln!(
        "{n_kills} kills of {N_WORKERS} workers in {chaos} s; {} rebalances, {} anomalies absorbed, last restore {:.2} s",
        sum("sentinel_cluster_rebalances_total"),
        responder.metric("sentinel_cluster_anomalies_absorbed_total", &[]),
        workers.iter().map(|it| it.metric("sentinel_cluster_last_restore_seconds", &[])).fold(0.0, f64::max),
    );
    eprintln!("acknowledged {}, found again {found}, duplicates {doubled}", sent.n_all());
    assert_eq!((found, doubled), (sent.n_all(), 0));

    let incidents = responder.list("/sentinel/v1/incidents?limit=100");
    let titles: Vec<&Value> = incidents.iter().map(|it| &it["title"]).collect();
    assert_eq!(incidents.len(), 1, "{titles:?}");
    let services = incidents[0]["services"].as_array().unwrap();
    assert!(services.contains(&json!(service(FAULTY))), "{services:?}");
    check_alert(&gateway, &responder);
    // The gateway knows how far it has read, though it has no store.
    gateway.stop();
    followed.write(N_FOLLOWED..2 * N_FOLLOWED);
    gateway.restart();
    gateway.wait_until_ready();
    followed.check(&responder);
    check_takeover(&gateway, &mut responder, &standby);
}

/// The owner of the incidents is killed while another alert comes: the one who waits, on a disk of
/// its own, goes on with the same incidents.
fn check_takeover(gateway: &Server, responder: &mut Server, standby: &Server) {
    let ids = |of: &Server| {
        let list = of.list("/sentinel/v1/incidents?limit=100");
        list.iter().map(|it| (it["id"].to_string(), it["services"].to_string())).collect::<BTreeMap<_, _>>()
    };
    let before = ids(responder);
    let start = Instant::now();
    responder.kill();
    let labels = json!({ "alertname": "StockIsWrong", "service": "stock", "severity": "critical" });
    assert_eq!(gateway.post_json("/api/v2/alerts", &json!([{ "labels": labels }])).status, 200);
    standby.wait_until_ready();
    let took = start.elapsed();
    let after = wait_for(CATCH_UP, "the alert that came in between is an incident", || {
        let after = ids(standby);
        (after.len() > before.len()).then_some(after)
    });
    eprintln!(
        "responder killed: the standby serves after {took:.1?}, {} incidents before, {} after",
        before.len(),
        after.len()
    );
    assert!(before.iter().all(|(id, services)| after.get(id) == Some(services)), "{before:?} {after:?}");
    assert_eq!(after.len(), before.len() + 1, "{after:?}");
    // Nobody tells the same again later.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(ids(standby), after);
}

/// A file that the gateway follows.
struct Followed {
    folder: Folder,
}

impl Followed {
    fn new() -> Self {
        Self { folder: Folder::new("followed") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("billing.log")
    }

    fn config(&self) -> String {
        format!("tail:\n  - paths: [\"{}\"]\n    service: billing\n    read_existing: true\n", self.path().display())
    }

    fn write(&self, numbers: Range<usize>) {
        let mut file = File::options().create(true).append(true).open(self.path()).unwrap();
        numbers.for_each(|it| writeln!(file, "invoice{it} was followed").unwrap());
    }

    /// Each line is there once.
    fn check(&self, responder: &Server) {
        let wanted: Vec<String> = (0..2 * N_FOLLOWED).map(|it| format!("invoice{it} was followed")).collect();
        wait_for(CATCH_UP, "the lines of the file", || {
            let hits = responder.list("/sentinel/v1/logs?q=followed&from=-2h&limit=1000");
            let mut found: Vec<&str> = hits.iter().map(|it| it["line"].as_str().unwrap()).collect();
            let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            found.sort_unstable();
            wanted.sort_unstable();
            (found == wanted).then_some(())
        });
    }
}

/// An alert of another system that comes to the gateway is an incident of the responder; when it ends, so does the incident.
fn check_alert(gateway: &Server, responder: &Server) {
    let alert = |ends_at: Option<jiff::Timestamp>| {
        let labels = json!({ "alertname": "InvoicesFail", "service": "billing", "severity": "critical" });
        let body = json!([{ "labels": labels, "endsAt": ends_at.map(|it| it.to_string()) }]);
        let answer = gateway.post_json("/api/v2/alerts", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let incident = || {
        let incidents = responder.list("/sentinel/v1/incidents?limit=100");
        incidents.into_iter().find(|it| it["services"] == json!(["billing"]))
    };
    alert(None);
    wait_for(CATCH_UP, "the alert is an incident", || incident().filter(|it| it["status"] == "open"));
    alert(Some(jiff::Timestamp::now()));
    wait_for(CATCH_UP, "its incident ends", || incident().filter(|it| it["status"] == "resolved"));
}

/// What the environment says, to make the test longer or larger.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One worker after the other is killed and comes back, sooner or later.
/// `progress` is told how much of the time is over.
fn kill_and_restart(workers: &mut [Server], lasts: Duration, mut progress: impl FnMut(f64)) -> usize {
    let start = Instant::now();
    let mut away: BTreeMap<usize, Instant> = BTreeMap::new();
    let mut n_kills = 0;
    // The first ones see the whole history before anybody dies.
    let mut next_kill = start + BETWEEN_KILLS;
    while start.elapsed() < lasts || !away.is_empty() {
        let now = Instant::now();
        progress(start.elapsed().as_secs_f64() / lasts.as_secs_f64());
        let back: Vec<usize> = away.iter().filter(|(_, at)| now >= **at).map(|(idx, _)| *idx).collect();
        for idx in back {
            workers[idx].restart();
            away.remove(&idx);
        }
        let victim = n_kills % workers.len();
        if now >= next_kill && start.elapsed() < lasts && !away.contains_key(&victim) {
            workers[victim].kill();
            away.insert(victim, now + Duration::from_secs(AWAY_SECS[n_kills % AWAY_SECS.len()]));
            n_kills += 1;
            next_kill = now + BETWEEN_KILLS;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    n_kills
}
