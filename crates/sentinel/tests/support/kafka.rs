//! How does a test use a real Apache Kafka? One broker or three (KRaft mode, no ZooKeeper), started by `java` from the
//! jars of Maven Central, on free loopback ports, with data in a folder of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::kafka_files::{CLUSTER_ID, VERSION, project, settings};
use super::server::Folder;
use super::services::{free_port, is_there, skip};
use super::wait_for;

const LOOPBACK: &str = "127.0.0.1";
/// How long brokers may take to start; generous because the machine may be busy.
const START: Duration = Duration::from_secs(240);
/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long they may take until they can answer it: one may just be away.
const ANSWERS: Duration = Duration::from_secs(120);

/// A running Kafka. Every broker is ended with it.
pub struct Kafka {
    host: &'static str,
    brokers: Vec<Broker>,
    jars: PathBuf,
    folder: Folder,
}

/// A message as a test sees it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where it was.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// The key, empty if there is none.
    pub key: Vec<u8>,
    /// The body, empty if there is none.
    pub payload: Vec<u8>,
    /// The headers, as text.
    pub headers: BTreeMap<String, String>,
}

/// How strangers reach a broker: with TLS and a name and password.
pub struct Secured {
    /// Address of the listener.
    pub bootstrap: String,
    /// Certificate of the authority that signed the broker's.
    pub ca_file: PathBuf,
    keystore: PathBuf,
    port: u16,
}

/// Who may log in to a secured listener, by SCRAM-SHA-256.
pub const LOGIN: (&str, &str) = ("sentinel", "open-sesame");

struct Broker {
    properties: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Kafka {
    /// Starts one broker, or three for tests that kill one of them; None (and a skip) where Java or Maven is missing.
    pub fn start(n_brokers: usize) -> Option<Self> {
        Self::start_on(LOOPBACK, n_brokers)
    }

    /// True if brokers can be started; what they need is got now. False (and a skip) where Java or Maven is missing.
    pub fn is_there() -> bool {
        let purpose = "reading from and writing to a real Apache Kafka";
        is_there("java", purpose) && is_there("mvn", purpose) && jars().is_some()
    }

    /// The same on another address of this machine.
    pub fn start_on(host: &'static str, n_brokers: usize) -> Option<Self> {
        if !Self::is_there() {
            return None;
        }
        let jars = jars()?;
        let folder = Folder::new("kafka");
        let ports: Vec<(u16, u16)> = (0..n_brokers).map(|_| (free_port(), free_port())).collect();
        let make = |idx: usize| Broker::make(&jars, folder.path(), host, idx, &ports);
        let mut kafka = Self { host, brokers: (0..n_brokers).map(make).collect(), jars, folder };
        for idx in 0..n_brokers {
            kafka.restart(idx);
        }
        kafka.wait_until_ready();
        Some(kafka)
    }

    /// One broker that has, besides the plain listener, one with TLS and a login; None (and a skip) where Java, Maven or
    /// `openssl` is missing.
    pub fn start_secured() -> Option<(Self, Secured)> {
        Self::start_secured_with("")
    }

    /// The same, where whoever logs in has no right to anything; the plain listener may do all.
    pub fn start_guarded() -> Option<(Self, Secured)> {
        let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
        Self::start_secured_with(&format!("authorizer.class.name={authorizer}\nsuper.users=User:ANONYMOUS\n"))
    }

    fn start_secured_with(further: &str) -> Option<(Self, Secured)> {
        if !Self::is_there() || !is_there("openssl", "a broker of Kafka with TLS") {
            return None;
        }
        let jars = jars()?;
        let folder = Folder::new("kafka-tls");
        let secured = Secured::make(&folder);
        let ports = [(free_port(), free_port())];
        let text = settings(&folder.path().join("data-0"), LOOPBACK, 0, &ports);
        let text = secured.settings(&text) + further;
        let broker = Broker::format(&jars, folder.path(), 0, &text, ports[0].0, &Secured::login());
        let mut kafka = Self { host: LOOPBACK, brokers: vec![broker], jars, folder };
        kafka.restart(0);
        kafka.wait_until_ready();
        Some((kafka, secured))
    }

    /// Addresses of all brokers, as clients take them.
    pub fn bootstrap(&self) -> String {
        self.brokers.iter().map(|it| format!("{}:{}", self.host, it.port)).collect::<Vec<_>>().join(",")
    }

    /// Waits until all brokers have joined and answer.
    pub fn wait_until_ready(&self) {
        let consumer = self.consumer("readiness");
        wait_for(START, "all brokers of Kafka are ready", || {
            let metadata = consumer.fetch_metadata(None, Duration::from_secs(1)).ok()?;
            (metadata.brokers().len() == self.brokers.len()).then_some(())
        });
    }

    /// `kill -9` of one broker.
    pub fn kill(&mut self, idx: usize) {
        if let Some(mut child) = self.brokers[idx].child.take() {
            child.kill().expect("the broker was running");
            child.wait().expect("a killed process can be waited for");
        }
    }

    /// Starts one broker (again) on its folder and port; does not wait until it is ready.
    pub fn restart(&mut self, idx: usize) {
        let log = fs::File::options().create(true).append(true).open(self.log_of(idx)).expect("a folder of its own");
        let broker = &mut self.brokers[idx];
        // Small and quick to start: a test's broker lives for seconds.
        let flags = ["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        let child = Command::new("java")
            .args(flags)
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg("kafka.Kafka")
            .arg(&broker.properties)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file"))
            .stderr(log)
            .spawn();
        broker.child = Some(child.expect("java was there a moment ago"));
    }

    /// Makes a topic, on all brokers.
    pub fn create_topic(&self, name: &str, n_partitions: i32) {
        self.create_topic_with(name, n_partitions, &[]);
    }

    /// Makes a topic with settings, on all brokers.
    pub fn create_topic_with(&self, name: &str, n_partitions: i32, settings: &[(&str, &str)]) {
        let n_replicas = i32::try_from(self.brokers.len()).expect("few brokers");
        let topic = NewTopic::new(name, n_partitions, TopicReplication::Fixed(n_replicas));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let options = AdminOptions::new().operation_timeout(Some(ANSWER));
        let runtime = runtime();
        // An answer may be lost where the topic was made.
        let is_made = |it: &Result<String, (String, RDKafkaErrorCode)>| {
            it.as_ref().err().is_none_or(|it| it.1 == RDKafkaErrorCode::TopicAlreadyExists)
        };
        wait_for(ANSWERS, &format!("the topic {name} is made"), || {
            let made = runtime.block_on(admin.create_topics([&topic], &options)).ok()?;
            made.iter().all(is_made).then_some(())
        });
    }

    /// Adds partitions to a topic until it has so many.
    pub fn add_partitions(&self, name: &str, n_partitions: usize) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let wanted = NewPartitions::new(name, n_partitions);
        let added = runtime().block_on(admin.create_partitions([&wanted], &AdminOptions::new()));
        assert!(added.as_ref().is_ok_and(|it| it.iter().all(Result::is_ok)), "{added:?}");
    }

    /// Takes a topic away.
    pub fn remove_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let removed = runtime().block_on(admin.delete_topics(&[name], &AdminOptions::new()));
        assert!(removed.as_ref().is_ok_and(|it| it.iter().all(Result::is_ok)), "{removed:?}");
    }

    /// Committed offset of each partition; 0 where nothing was committed.
    pub fn committed(&self, group: &str, topic: &str) -> Vec<i64> {
        let consumer = self.consumer(group);
        let partitions = self.partitions(&consumer, topic);
        let committed =
            wait_for(ANSWERS, "the committed offsets", || consumer.committed_offsets(partitions.clone(), ANSWER).ok());
        let offset = |it: Offset| if let Offset::Offset(offset) = it { offset } else { 0 };
        committed.elements().iter().map(|it| offset(it.offset())).collect()
    }

    /// Offset of each partition's end.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        let consumer = self.consumer("ends");
        let partitions = self.partitions(&consumer, topic);
        let end = |partition: i32| {
            wait_for(ANSWERS, "the end of a partition", || {
                consumer.fetch_watermarks(topic, partition, ANSWER).ok().map(|it| it.1)
            })
        };
        partitions.elements().iter().map(|it| end(it.partition())).collect()
    }

    /// All messages of a topic up to its end of now, in the order of each partition.
    pub fn read_all(&self, topic: &str) -> Vec<Received> {
        let n_expected: i64 = self.ends(topic).iter().sum();
        let consumer = self.consumer("read-all");
        let mut partitions = self.partitions(&consumer, topic);
        partitions.set_all_offsets(Offset::Beginning).expect("beginning is a valid offset");
        consumer.assign(&partitions).expect("partitions that exist");
        let mut found = Vec::new();
        wait_for(ANSWERS, "all messages of the topic", || {
            while let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                found.push(Received::of(&message));
            }
            (i64::try_from(found.len()).expect("few messages") >= n_expected).then_some(())
        });
        found
    }

    /// What a client needs to reach it.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        // Brokers come and go in tests; the tests say what matters.
        config.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        config
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        self.client().set("group.id", group).set("enable.auto.commit", "false").create().expect("a consumer")
    }

    fn partitions(&self, consumer: &BaseConsumer, topic: &str) -> TopicPartitionList {
        let n_partitions = wait_for(ANSWERS, "the topic's partitions", || {
            let metadata = consumer.fetch_metadata(Some(topic), ANSWER).ok()?;
            metadata.topics().first().map(|it| it.partitions().len()).filter(|it| *it > 0)
        });
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, i32::try_from(n_partitions).expect("few partitions") - 1);
        list
    }

    fn log_of(&self, idx: usize) -> PathBuf {
        self.folder.path().join(format!("broker-{idx}.log"))
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for idx in 0..self.brokers.len() {
            if let Some(mut child) = self.brokers[idx].child.take() {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
            }
            if std::thread::panicking() {
                eprintln!("log of broker {idx}:\n{}", fs::read_to_string(self.log_of(idx)).unwrap_or_default());
            }
        }
    }
}

impl Secured {
    /// Makes an authority and a certificate of the broker that it signed.
    fn make(folder: &Folder) -> Self {
        let openssl = |arguments: &str| {
            let status = Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(status.is_ok_and(|it| it.success()), "openssl {arguments}");
        };
        openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
        openssl(
            "req -newkey rsa:2048 -nodes -subj /CN=broker -addext subjectAltName=IP:127.0.0.1 -keyout broker.key -out \
             broker.csr",
        );
        openssl("x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out broker.pem");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("openssl has written it");
        let keystore = folder.write("keystore.pem", &(read("broker.key") + &read("broker.pem")));
        let port = free_port();
        Self { bootstrap: format!("{LOOPBACK}:{port}"), ca_file: folder.path().join("ca.pem"), keystore, port }
    }

    /// Settings of a broker with one more listener.
    fn settings(&self, plain: &str) -> String {
        let listener = format!(",SECURE://{LOOPBACK}:{}", self.port);
        let mut text: String = plain
            .lines()
            .map(|line| match line.split('=').next() {
                Some("listeners" | "advertised.listeners") => format!("{line}{listener}\n"),
                Some("listener.security.protocol.map") => format!("{line},SECURE:SASL_SSL\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        text.push_str(&format!(
            "sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={}
",
            self.keystore.display()
        ));
        text
    }

    /// What the storage tool is told of who may log in.
    fn login() -> Vec<String> {
        let (name, password) = LOGIN;
        vec!["--add-scram".to_owned(), format!("SCRAM-SHA-256=[name={name},password={password}]")]
    }
}

impl Broker {
    /// Writes its settings and formats its folder.
    fn make(jars: &Path, folder: &Path, host: &str, idx: usize, ports: &[(u16, u16)]) -> Self {
        let settings = settings(&folder.join(format!("data-{idx}")), host, idx, ports);
        Self::format(jars, folder, idx, &settings, ports[idx].0, &[])
    }

    fn format(jars: &Path, folder: &Path, idx: usize, settings: &str, port: u16, arguments: &[String]) -> Self {
        let properties = folder.join(format!("broker-{idx}.properties"));
        fs::write(&properties, settings).expect("a folder of its own");
        let status = Command::new("java")
            .arg("-cp")
            .arg(jars.join("*"))
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
            .arg(&properties)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok_and(|it| it.success()), "Kafka can format the folder of broker {idx}");
        Self { properties, port, child: None }
    }
}

impl Received {
    fn of(message: &rdkafka::message::BorrowedMessage<'_>) -> Self {
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        let headers = message.headers().map(|it| it.iter().map(|it| (it.key.to_owned(), text(it.value))).collect());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().unwrap_or_default().to_vec(),
            payload: message.payload().unwrap_or_default().to_vec(),
            headers: headers.unwrap_or_default(),
        }
    }
}

/// The folder with Kafka's jars, kept in the target folder between runs; None (and a skip) if Maven cannot get them.
fn jars() -> Option<PathBuf> {
    // Tests of one binary run side by side, and one download is enough.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{VERSION}"));
    let jars = folder.join("jars");
    let marker = folder.join("complete.txt");
    if marker.exists() {
        return Some(jars);
    }
    fs::create_dir_all(&jars).expect("the target folder can be written");
    fs::write(folder.join("pom.xml"), project()).expect("the target folder can be written");
    let got = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies"])
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .current_dir(&folder)
        .stdin(Stdio::null())
        .status();
    if !got.is_ok_and(|it| it.success()) {
        skip(&format!("Maven cannot get Apache Kafka {VERSION}"));
        return None;
    }
    fs::write(marker, VERSION).expect("the target folder can be written");
    Some(jars)
}
