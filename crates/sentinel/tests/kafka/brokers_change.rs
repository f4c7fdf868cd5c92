//! What if somebody adds partitions while a cluster is at work, gives no rights, or takes the topic away? Nothing is lost,
//! and what is wrong is told: in the log, and by a readiness that says why.

use std::time::Duration;

use crate::support::client::send;
use crate::support::kafka::Kafka;
use crate::support::load::{CATCH_UP, Found, Sender, look_up, scaling};
use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const N_WORKERS: usize = 3;
const LIMIT: Duration = Duration::from_secs(180);

fn config(brokers: &str, member: &str) -> String {
    format!(
        "{QUIET}serve:\n  max_page_size: 100000\n  max_chart_points: 100000\ncluster:\n  brokers: {brokers}\n  \
         partitions: {N_WORKERS}\n  member: {member}\n  session_secs: 6\n  state_secs: 8\n  settings:\n    \
         topic.metadata.refresh.interval.ms: \"1000\"\n    allow.auto.create.topics: \"false\"\n"
    )
}

/// Why a process is not ready; none if it is, or does not answer.
fn complaint(server: &Server) -> Option<String> {
    let answer = send(server.address, "GET", "/readyz", &[], b"").ok()?;
    (answer.status == 503).then(|| answer.text())
}

/// Scenario: three workers have a partition each; three more are added while signals come in. Then every process is started
/// again, so that all of them use the new ones.
/// Guarantees: MUST 879 of docs/specs/ingest.md.
#[test]
fn partitions_are_added_while_all_work() {
    let _alone = crate::support::alone();
    let Some(kafka) = Kafka::start(1) else { return };
    let config = |member: &str| config(&kafka.bootstrap(), member);
    let mut gateway = Server::start_role("gateway", "growing-gateway", &config("gateway"));
    let mut workers: Vec<Server> = (0..N_WORKERS)
        .map(|it| Server::start_role("worker", &format!("growing-{it}"), &config(&format!("worker-{it}"))))
        .collect();
    let mut responder = Server::start_role("responder", "growing-responder", &config("responder"));
    gateway.wait_until_ready();
    let owned = |wanted: usize, responder: &Server| {
        wait_for(CATCH_UP, "all partitions have an owner", || {
            let now = scaling(responder)?;
            (now["assigned"] == wanted && now["partitions"] == wanted).then_some(())
        });
    };
    owned(N_WORKERS, &responder);
    let sender = Sender::start(gateway.address);
    let more = |than: usize| {
        wait_for(CATCH_UP, "signals come in", || Some(sender.acknowledged().n_all()).filter(|it| *it > than + 400))
    };
    let before = more(0);

    kafka.add_partitions("sentinel-signals", 2 * N_WORKERS);
    wait_for(CATCH_UP, "the workers have the new partitions, and say what is to be done", || {
        let n_owned: f64 = workers.iter().map(|it| it.metric("sentinel_cluster_partitions", &[])).sum();
        let is_told = workers.iter().any(|it| it.log().contains("more partitions than when this process began"));
        (n_owned == (2 * N_WORKERS) as f64 && is_told).then_some(())
    });
    let between = more(before);
    workers.iter_mut().for_each(Server::stop);
    workers.iter_mut().for_each(Server::restart);
    for it in [&mut gateway, &mut responder] {
        it.stop();
        it.restart();
    }
    gateway.wait_until_ready();
    owned(2 * N_WORKERS, &responder);
    more(between);
    // It goes on: services that fall silent would be incidents of their own.
    let sent = sender.acknowledged();
    let Found { found, doubled } = look_up(&responder, &sent);
    eprintln!("acknowledged {}, found again {found}, duplicates {doubled}", sent.n_all());
    assert_eq!((found, doubled), (sent.n_all(), 0));
    let new: i64 = kafka.ends("sentinel-signals").iter().skip(N_WORKERS).sum();
    assert!(new > 0, "the new partitions have signals");
    assert_eq!(kafka.ends("sentinel-state").len(), 2 * N_WORKERS, "each has its place of state");
}

/// Scenario: the topic of the signals is taken away under a worker and a gateway.
/// Guarantees: MUST 878 of docs/specs/ingest.md.
#[test]
fn a_topic_that_is_taken_away_is_told() {
    let _alone = crate::support::alone();
    let Some(kafka) = Kafka::start(1) else { return };
    let gateway = Server::start_role("gateway", "bereft-gateway", &config(&kafka.bootstrap(), "gateway"));
    let worker = Server::start_role("worker", "bereft-worker", &config(&kafka.bootstrap(), "worker"));
    gateway.wait_until_ready();
    worker.wait_until_ready();
    wait_for(LIMIT, "the worker has its partitions", || {
        (worker.metric("sentinel_cluster_partitions", &[]) == N_WORKERS as f64).then_some(())
    });
    kafka.remove_topic("sentinel-signals");
    for (it, told) in [(&worker, "refuse reading sentinel-signals as sentinel-workers"), (&gateway, "refuse records")] {
        let reason = wait_for(LIMIT, "readiness says why", || complaint(it).filter(|it| it.contains(told)));
        // "Unknown topic", or "unknown partition" where the topic was known a moment ago.
        assert!(reason.to_lowercase().contains("unknown") && it.log().contains("Unknown"), "{reason}");
    }
}

/// Scenario: a broker that gives no rights to whoever has none; a worker, and a process that reads a topic by itself.
/// Guarantees: MUST 878.
#[cfg(feature = "kafka-tls")]
#[test]
fn missing_rights_are_told() {
    use crate::support::kafka::LOGIN;
    let Some((kafka, secured)) = Kafka::start_guarded() else { return };
    kafka.create_topic("app-logs", 1);
    let (user, password) = LOGIN;
    let (brokers, authority) = (&secured.bootstrap, secured.ca_file.display());
    let security = format!(
        "{{protocol: sasl_ssl, mechanism: SCRAM-SHA-256, username: {user}, password: {password}, ca_file: {authority}}}"
    );
    let reads = format!(
        "{QUIET}kafka:\n  - {{brokers: [\"{brokers}\"], topics: [app-logs], group: readers, security: {security}}}\n"
    );
    let all = Server::start("no-rights-all", &reads);
    wait_for(LIMIT, "the log says what is missing", || {
        let log = all.log();
        (log.contains("uthorizationFailed") || log.contains("uthorization failed")).then_some(())
    });
    assert!(all.metric("sentinel_ingest_errors_total", &["kafka", "unreachable"]) > 0.0);
    let settings = format!(
        "    security.protocol: sasl_ssl\n    sasl.mechanism: SCRAM-SHA-256\n    sasl.username: {user}\n    \
         sasl.password: {password}\n    ssl.ca.location: {authority}\n"
    );
    let worker = Server::start_role("worker", "no-rights-worker", &(config(brokers, "worker") + &settings));
    wait_for(LIMIT, "the worker says what is missing and ends", || {
        worker.log().contains("topic sentinel-signals is not there for us and cannot be made").then_some(())
    });
    // The same topics, made by somebody who may: they are there, but nobody may read them.
    assert!(worker.log().contains("uthorization"), "{}", worker.log());
}
