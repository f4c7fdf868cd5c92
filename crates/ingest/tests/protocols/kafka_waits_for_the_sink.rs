//! Does reading from Kafka wait for a sink that is busy or failing, and commit only what it has taken?
//!
//! Against the brokers that librdkafka simulates in this process; `sentinel` has tests with a real Apache Kafka.

use std::sync::Arc;
use std::time::Duration;

use ingest::{Config, Counts, KafkaConfig, KafkaCounts, KafkaPorts, OtlpConfig, Refused, consume_kafka};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use signal::Meter as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fake::{Recorder, StillClock};

const TOPIC: &str = "app-logs";
const LIMIT: Duration = Duration::from_secs(180);

/// Brokers, a sink, and what reads from the one into the other.
struct Setup {
    brokers: MockCluster<'static, DefaultProducerContext>,
    recorder: Arc<Recorder>,
    kafka: Arc<KafkaCounts>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Setup {
    fn start(recorder: Recorder, config: KafkaConfig) -> Self {
        let brokers = MockCluster::new(1).unwrap();
        brokers.create_topic(TOPIC, 2, 1).unwrap();
        let (recorder, kafka) = (Arc::new(recorder), Arc::new(KafkaCounts::default()));
        let config =
            KafkaConfig { brokers: vec![brokers.bootstrap_servers()], topics: vec![TOPIC.to_owned()], ..config };
        let ports = KafkaPorts {
            sink: Arc::clone(&recorder) as _,
            clock: Arc::new(StillClock),
            otlp: OtlpConfig::default(),
            counts: Arc::new(Counts::default()),
            kafka: Arc::clone(&kafka),
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(consume_kafka(config, Config::default(), ports, stopped));
        Self { brokers, recorder, kafka, stop, task }
    }

    async fn send(&self, texts: &[&str]) {
        let producer: FutureProducer = self.client().create().unwrap();
        for (n, text) in texts.iter().enumerate() {
            let record = FutureRecord::<str, str>::to(TOPIC).partition(i32::try_from(n % 2).unwrap()).payload(text);
            producer.send(record, LIMIT).await.unwrap();
        }
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.brokers.bootstrap_servers());
        client
    }

    /// The sum of the committed offsets of both partitions.
    async fn committed(&self) -> i64 {
        let consumer: BaseConsumer = self.client().set("group.id", "sentinel").create().unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(TOPIC, 0, 1);
        let ask = move || consumer.committed_offsets(partitions, LIMIT).unwrap();
        let committed = tokio::task::spawn_blocking(ask).await.unwrap();
        let offset = |it: Offset| if let Offset::Offset(it) = it { it } else { 0 };
        committed.elements().iter().map(|it| offset(it.offset())).sum()
    }

    async fn wait_for_commit(&self, expected: i64) {
        let wait = async {
            while self.committed().await != expected {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("what the sink has taken is committed");
    }

    fn metric(&self, name: &str) -> f64 {
        self.kafka.metrics().iter().filter(|it| it.name == name).map(|it| it.value).sum()
    }
}

/// MUST 70, 75 of docs/specs/ingest.md.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_busy_sink_refuses_is_offered_again_and_committed_after_it_is_taken() {
    let recorder = Recorder::default();
    let busy = || Refused::Busy { retry_after_secs: 2 };
    // Taken from the end.
    recorder.refusals.lock().unwrap().extend([Refused::Failed("disk full".to_owned()), busy(), busy()]);
    let config = KafkaConfig { batch_messages: 1, ..KafkaConfig::default() };
    let setup = Setup::start(recorder, config);
    setup.send(&["a", "b", "c", "d", "e", "f"]).await;
    // Three batches are under way and a fourth waits: only pausing goes on.
    let wait = async {
        while setup.metric("sentinel_ingest_kafka_pauses_total") == 0.0 {
            assert!(setup.recorder.lines.lock().unwrap().is_empty());
            assert_eq!(setup.committed().await, 0, "nothing is durable yet");
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("partitions are paused while the sink is busy");
    setup.recorder.wait_until(|it| it.lines.lock().unwrap().len() == 6).await;
    setup.wait_for_commit(6).await;
    let mut texts = setup.recorder.texts();
    texts.sort();
    assert_eq!(texts, ["a", "b", "c", "d", "e", "f"], "each once");
    assert_eq!(setup.metric("sentinel_ingest_kafka_in_flight_messages"), 0.0);
}

/// MUST 74.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_skipped_without_a_dead_letter_topic_and_counted() {
    let setup = Setup::start(Recorder::default(), KafkaConfig::default());
    setup.send(&["a", "{\"cut", "b", "[1]"]).await;
    setup.recorder.wait_until(|it| it.lines.lock().unwrap().len() == 2).await;
    setup.wait_for_commit(4).await;
    assert_eq!(setup.metric("sentinel_ingest_kafka_poison_messages_total"), 2.0);
}

/// MUST 76: what was taken is committed when the member leaves, and the next one goes on behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_leaves_commits_what_is_durable() {
    let setup = Setup::start(Recorder::default(), KafkaConfig::default());
    setup.send(&["a", "b"]).await;
    setup.recorder.wait_until(|it| it.lines.lock().unwrap().len() == 2).await;
    setup.stop.send(true).unwrap();
    let Setup { brokers, recorder, kafka, stop, task } = setup;
    tokio::time::timeout(LIMIT, task).await.expect("it stops soon").unwrap();
    let setup = Setup { brokers, recorder, kafka, stop, task: tokio::spawn(async {}) };
    assert_eq!(setup.committed().await, 2);
}
