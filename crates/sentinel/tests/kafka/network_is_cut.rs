//! Is anything lost, doubled or told twice when the network between roles and Kafka is cut? Gateway and one worker live in
//! network namespaces of their own, and their cable to Kafka is taken away for a while: first that of the gateway, then that
//! of the worker, in which a service becomes slow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::kafka::Kafka;
use crate::support::load::{CATCH_UP, Found, Sender, look_up, scaling, service};
use crate::support::namespaces::{HUB, Namespace, is_inside};
use crate::support::server::{Launch, QUIET, Server};
use crate::support::wait_for;

const N_PARTITIONS: usize = 4;
/// The service that becomes slow.
const FAULTY: usize = 7;
/// How long the network is away, or until what must happen meanwhile has happened.
const CUT: Duration = Duration::from_secs(20);

#[test]
fn a_network_that_is_cut_loses_nothing_and_tells_nothing_twice() {
    let _alone = crate::support::alone();
    if !Kafka::is_there() || !is_inside("network_is_cut::a_network_that_is_cut_loses_nothing_and_tells_nothing_twice") {
        return;
    }
    let Some(kafka) = Kafka::start_on(HUB, 1) else { return };
    let config = |member: &str| {
        format!(
            "{QUIET}insecure: true\nserve:\n  max_page_size: 100000\n  max_chart_points: 100000\ncluster:\n  brokers: \
             {}\n  partitions: {N_PARTITIONS}\n  member: {member}\n  session_secs: 6\n  state_secs: 8\n  delivery_secs: 5\n",
            kafka.bootstrap()
        )
    };
    let (near_gateway, near_worker) = (Namespace::new("gateway", 1), Namespace::new("worker", 2));
    let start = |place: Option<&Namespace>, role: &'static str, name: &str| {
        let launch = match place {
            Some(it) => Launch { before: it.before(), host: it.host(), ..Launch::role(role) },
            None => Launch::role(role),
        };
        Server::launch(launch, name, &config(name))
    };
    let gateway = start(Some(&near_gateway), "gateway", "gateway");
    let workers = [start(Some(&near_worker), "worker", "worker-0"), start(None, "worker", "worker-1")];
    let responder = start(None, "responder", "responder");
    gateway.wait_until_ready();
    wait_for(CATCH_UP, "all partitions have an owner", || {
        scaling(&responder).filter(|it| it["assigned"] == N_PARTITIONS && it["workers"] == workers.len())
    });
    let sender = Sender::start(gateway.address);
    let n_traces = || sender.acknowledged().n_traces;
    let wait_for_more = |what: &str| {
        let before = n_traces();
        wait_for(CATCH_UP, what, || (n_traces() > before).then_some(()));
    };
    wait_for_more("the history is taken");

    near_gateway.cut();
    let before = (sender.acknowledged().n_refused, n_traces());
    let cut_off = Instant::now();
    let refused = || sender.acknowledged().n_refused - before.0;
    wait_for(CATCH_UP, "the gateway refuses what nobody has", || (refused() > 0).then_some(()));
    std::thread::sleep(CUT.saturating_sub(cut_off.elapsed()));
    assert!(n_traces() <= before.1 + 1, "the gateway acknowledges what nobody has");
    let (refused, cut_off) = (refused(), cut_off.elapsed());
    near_gateway.connect();
    let back = Instant::now();
    wait_for_more("the gateway takes signals again");
    eprintln!(
        "gateway cut off for {cut_off:.1?}: {refused} times 503 with Retry-After, back after {:.1?}",
        back.elapsed()
    );

    near_worker.cut();
    sender.set_slow(Some(FAULTY));
    let away = Instant::now();
    wait_for(CATCH_UP, "the other worker takes over", || {
        scaling(&responder).filter(|it| it["assigned"] == N_PARTITIONS && it["workers"] == 1)
    });
    let taken_over = away.elapsed();
    std::thread::sleep(CUT.saturating_sub(taken_over));
    near_worker.connect();
    let back = Instant::now();
    wait_for(CATCH_UP, "the worker is back", || {
        scaling(&responder).filter(|it| it["assigned"] == N_PARTITIONS && it["workers"] == 2)
    });
    eprintln!(
        "worker cut off for {:.1?}: its partitions answer again after {taken_over:.1?}, it is back after {:.1?}",
        CUT.max(taken_over),
        back.elapsed()
    );
    sender.set_slow(None);
    wait_for_more("signals go on");
    wait_for(CATCH_UP, "there is enough load", || {
        let sent = sender.acknowledged();
        (sent.n_points() > 1000 && sent.n_lines > 30 && sent.n_traces > 30).then_some(())
    });

    let sent = sender.acknowledged();
    let Found { found, doubled } = look_up(&responder, &sent);
    eprintln!("acknowledged {}, found again {found}, duplicates {doubled}", sent.n_all());
    assert_eq!((found, doubled), (sent.n_all(), 0));
    let incidents = responder.list("/sentinel/v1/incidents?limit=100");
    let titles: Vec<&Value> = incidents.iter().map(|it| &it["title"]).collect();
    assert_eq!(incidents.len(), 1, "{titles:?}");
    let services = incidents[0]["services"].as_array().unwrap();
    assert!(services.contains(&json!(service(FAULTY))), "{services:?}");
}
