//! Is anything that came through Kafka lost or doubled when Sentinel or the broker is killed?
//!
//! A producer in pure Python (kafka-python) sends both schemas of SentinelOps and broken events to a real Apache Kafka.
//! Afterwards every acknowledged event is looked up, and every broken one is sought in the dead-letter topic.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::kafka::Kafka;
use crate::support::server::{QUIET, Server};
use crate::support::services::python_with;
use crate::support::wait_for;

const N_KILLS: usize = 3;
const N_BROKERS: usize = 3;
/// Every so-manieth event is broken.
const BROKEN_EVERY: u64 = 37;
const TOPICS: [&str; 2] = ["logs-topic", "app-logs"];
/// A killed member is missed after ten seconds, and the machine may be busy.
const CATCH_UP: Duration = Duration::from_secs(240);

#[test]
fn nothing_from_kafka_is_lost_or_doubled_over_kills_of_either_side() {
    let _alone = crate::support::alone();
    let Some(mut kafka) = Kafka::start(N_BROKERS) else { return };
    let Some(python) = python_with("kafka-producer", &["kafka-python==3.0.12"]) else { return };
    TOPICS.iter().for_each(|it| kafka.create_topic(it, 3));
    kafka.create_topic("dead-letters", 1);
    let seed = std::env::var("TEST_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = Server::start("kafka-kill", &configuration(&kafka));
    let producer = Producer::start(&python, &kafka);
    for _ in 0..N_KILLS {
        // Killed while it reads: some of it is durable, some committed, some neither.
        let messages = || server.metric("sentinel_ingest_kafka_messages_total", &[]);
        wait_for(CATCH_UP, "messages are read", || (messages() > 100.0).then_some(()));
        std::thread::sleep(Duration::from_millis(random.u64(0..1500)));
        server.kill();
        let committed: i64 = TOPICS.iter().flat_map(|it| kafka.committed("sentinel-test", it)).sum();
        server.restart();
        server.wait_until_ready();
        eprintln!("killed; {committed} messages were committed");
    }
    wait_for(CATCH_UP, "messages are read", || {
        (server.metric("sentinel_ingest_kafka_messages_total", &[]) > 0.0).then_some(())
    });
    // One broker away: the others go on. All away: everything waits for them.
    kafka.kill(1);
    producer.wait_for_more();
    kafka.restart(1);
    kafka.wait_until_ready();
    (0..N_BROKERS).for_each(|it| kafka.kill(it));
    (0..N_BROKERS).for_each(|it| kafka.restart(it));
    kafka.wait_until_ready();
    producer.wait_for_more();
    let acknowledged = producer.stop();
    wait_until_all_is_committed(&kafka);
    check_lines(&server, &acknowledged);
    check_dead_letters(&kafka, &acknowledged);
    let lag = || server.metric("sentinel_ingest_kafka_lag_messages", &["sentinel-test"]);
    wait_for(CATCH_UP, "no lag is told", || (lag() == 0.0).then_some(()));
    // Guarantees: MUST 860 of docs/specs/ingest.md.
    let intake = server.get_json("/sentinel/v1/intake");
    let topics = intake["kafka"]["topics"].as_array().unwrap();
    let names: Vec<&Value> = topics.iter().map(|it| &it["topic"]).collect();
    assert_eq!(names, ["app-logs", "logs-topic"], "{intake}");
    assert!(topics.iter().all(|it| it["lag"] == 0 && it["partitions"].is_array()), "{intake}");
    assert!(intake["kafka"]["poison"].to_string().contains("dead_letter: "), "{intake}");
}

fn configuration(kafka: &Kafka) -> String {
    format!(
        "{QUIET}kafka:
  - brokers: [{}]
    topics: [logs-topic, app-logs]
    group: sentinel-test
    time_zone: Europe/Berlin
    dead_letter_topic: dead-letters
",
        kafka.bootstrap()
    )
}

fn wait_until_all_is_committed(kafka: &Kafka) {
    wait_for(CATCH_UP, "everything is committed", || {
        TOPICS.iter().all(|it| kafka.committed("sentinel-test", it) == kafka.ends(it)).then_some(())
    });
}

/// Each acknowledged event is there exactly once, with its own time, level and labels.
fn check_lines(server: &Server, acknowledged: &Acknowledged) {
    let lines = &acknowledged.lines;
    let n_parts = lines.last().unwrap() / 100;
    assert!(lines.len() > 500, "too little load: {} events", lines.len());
    let mut wrong = vec![];
    for part in 0..=n_parts {
        let hits = server.list(&format!("/sentinel/v1/logs?q=part{part}&from=-2h&limit=1000"));
        for number in lines.range(part * 100..part * 100 + 100) {
            let wanted = format!("event {number} part{part} of the run");
            let found: Vec<&Value> = hits.iter().filter(|it| it["line"] == wanted.as_str()).collect();
            match found.as_slice() {
                [hit] => wrong.extend(fault(*number, hit)),
                found => wrong.push(format!("{wanted:?} found {} times", found.len())),
            }
        }
    }
    let shown: Vec<_> = wrong.iter().take(10).collect();
    assert!(wrong.is_empty(), "{} of {} acknowledged events: {shown:?}", wrong.len(), lines.len());
    eprintln!("{} acknowledged events found exactly once", lines.len());
}

/// What is not as it was sent.
fn fault(number: u64, hit: &Value) -> Option<String> {
    let expected = if number.is_multiple_of(2) {
        [("level", "ERROR"), ("service", "RMContainerAllocator"), ("component", "RMContainerAllocator")]
    } else {
        [("level", "WARN"), ("service", "payment-service"), ("region", "us-east-1")]
    };
    let wrong = expected.iter().find(|(name, value)| hit["labels"][name] != *value);
    // Both schemas have whole seconds; a zone that was read wrongly is an hour or two away.
    let time = hit["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let is_late = jiff::Timestamp::now().duration_since(time).as_secs() > 1800;
    (wrong.is_some() || is_late).then(|| format!("{number} has other labels or another time: {hit}"))
}

/// Each broken event is in the dead-letter topic with the reason and the place it came from.
fn check_dead_letters(kafka: &Kafka, acknowledged: &Acknowledged) {
    let letters = kafka.read_all("dead-letters");
    let mut places = BTreeSet::new();
    for letter in &letters {
        let header = |name: &str| letter.headers.get(name).unwrap_or_else(|| panic!("{name} in {letter:?}")).as_str();
        assert_eq!(header("sentinel.reason"), "malformed", "{letter:?}");
        assert!(header("sentinel.detail").starts_with("not JSON"), "{letter:?}");
        assert!(header("sentinel.time").parse::<jiff::Timestamp>().is_ok(), "{letter:?}");
        assert!(TOPICS.contains(&header("sentinel.topic")), "{letter:?}");
        let is_the_message = letter.payload.starts_with(b"{\"timestamp\"");
        assert!(is_the_message, "the message as it was: {letter:?}");
        places.insert((
            header("sentinel.topic").to_owned(),
            header("sentinel.partition").to_owned(),
            header("sentinel.offset").to_owned(),
        ));
    }
    let n_broken = acknowledged.broken.len();
    // A letter may come twice over a kill, and the producer may have sent again what was there already.
    assert!(n_broken > 10 && places.len() >= n_broken, "{} letters for {n_broken} broken events", places.len());
    eprintln!("{} dead letters from {} places for {n_broken} broken events", letters.len(), places.len());
}

#[derive(Default)]
struct Acknowledged {
    lines: BTreeSet<u64>,
    broken: BTreeSet<u64>,
}

/// A running Python program that sends events.
struct Producer {
    child: Child,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Producer {
    fn start(python: &std::path::Path, kafka: &Kafka) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/kafka_producer.py");
        let mut child = Command::new(python)
            .args([script, &kafka.bootstrap(), &BROKEN_EVERY.to_string(), "0", "Europe/Berlin"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let noted = Arc::clone(&acknowledged);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut words = line.split(' ');
                let (kind, number) = (words.next(), words.next().and_then(|it| it.parse().ok()));
                let mut noted = noted.lock().unwrap();
                match (kind, number) {
                    (Some("line"), Some(number)) => _ = noted.lines.insert(number),
                    (Some("broken"), Some(number)) => _ = noted.broken.insert(number),
                    _ => eprintln!("the producer says: {line}"),
                }
            }
        });
        Self { child, acknowledged }
    }

    /// Waits until the brokers have acknowledged more than those that were under way.
    fn wait_for_more(&self) {
        let n_acknowledged = || self.acknowledged.lock().unwrap().lines.len();
        let before = n_acknowledged();
        wait_for(CATCH_UP, "events flow again", || (n_acknowledged() > before + 200).then_some(()));
    }

    /// Stops it; what was acknowledged.
    fn stop(self) -> Acknowledged {
        let acknowledged = Arc::clone(&self.acknowledged);
        drop(self);
        std::mem::take(&mut *acknowledged.lock().unwrap())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}
