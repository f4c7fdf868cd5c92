//! What is written to start an Apache Kafka: the project that Maven gets it by, and the settings of a broker. Shared by the
//! tests and `cargo xtask bench`.

use std::path::Path;

/// The release that is tested with; it needs Java 17.
pub const VERSION: &str = "4.1.1";
/// Of the cluster, 16 bytes in base64, as the storage tool wants it.
pub const CLUSTER_ID: &str = "c2VudGluZWwtdGVzdHMtMQ";

/// Settings of one of the brokers at these ports: for clients, and for the brokers among themselves.
pub fn settings(log_dir: &Path, host: &str, idx: usize, ports: &[(u16, u16)]) -> String {
    let (port, controller) = *ports.get(idx).expect("each broker has its ports");
    let voters: Vec<String> = ports.iter().enumerate().map(|(id, it)| format!("{id}@{host}:{}", it.1)).collect();
    let n_replicas = ports.len();
    format!(
        "process.roles=broker,controller
node.id={idx}
controller.quorum.voters={}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor={n_replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={n_replicas}
transaction.state.log.min.isr={}
group.initial.rebalance.delay.ms=0
",
        voters.join(","),
        log_dir.display(),
        n_replicas.div_ceil(2),
    )
}

/// A Maven project that has nothing but Kafka, and a logger that writes to standard error.
pub fn project() -> String {
    let dependency = |group: &str, name: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        )
    };
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>test</artifactId>\
         <version>1</version><packaging>pom</packaging><dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.slf4j", "slf4j-simple", "1.7.36"),
    )
}
