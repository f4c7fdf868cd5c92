//! How is `sentinel bench ingest` run with a Kafka beside it? A broker of Apache Kafka is started from the jars of Maven
//! Central, which the tests use too, on a free port, and ended with the measurement.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, is_installed, program, run};
use crate::workspace;
use kafka_files::{CLUSTER_ID, VERSION, project, settings};

#[path = "../../crates/sentinel/tests/support/kafka_files.rs"]
mod kafka_files;

/// How long the broker may take to start.
const START: Duration = Duration::from_secs(90);

/// Builds the release and measures; without Java or Maven without Kafka.
pub fn run_bench(arguments: &[&str]) -> Result<()> {
    // As `cargo run --release` builds it: with `-p sentinel` features would be chosen anew, and half of it built again.
    run(cargo().args(["build", "--release"]))?;
    let broker = if is_installed("java") && is_installed("mvn") {
        Some(Broker::start()?)
    } else {
        println!("SKIPPED: Kafka, for want of java or mvn");
        None
    };
    let binary = workspace::target().join("release/sentinel");
    let mut command = program(&binary.display().to_string());
    command.args(["bench", "ingest"]).args(arguments);
    if let Some(broker) = &broker {
        command.args(["--kafka", &broker.address]);
    }
    run(&mut command)
}

/// A running broker and its folder; both go with this.
struct Broker {
    child: Child,
    address: String,
    folder: PathBuf,
}

impl Broker {
    fn start() -> Result<Self> {
        let jars = jars()?;
        let folder = std::env::temp_dir().join(format!("sentinel-bench-kafka-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let (port, controller) = (free_port()?, free_port()?);
        let properties = folder.join("broker.properties");
        fs::write(&properties, settings(&folder.join("data"), "127.0.0.1", 0, &[(port, controller)]))?;
        let classes = jars.join("*");
        let mut format = program("java");
        format.arg("-cp").arg(&classes).args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID]);
        run(format.arg("--config").arg(&properties).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let mut java = program("java");
        java.args(["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
        java.arg("-cp").arg(&classes).arg("kafka.Kafka").arg(&properties);
        let child = java.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start java")?;
        let mut broker = Self { child, address: format!("127.0.0.1:{port}"), folder };
        let started = Instant::now();
        while TcpStream::connect(&broker.address).is_err() {
            if broker.child.try_wait()?.is_some() || started.elapsed() > START {
                bail!("Kafka did not start; see {}", broker.folder.display());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("Kafka {VERSION} listens on {}", broker.address);
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself, and the folder is only a temporary one.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The folder with Kafka's jars, in the place where the tests keep them too.
fn jars() -> Result<PathBuf> {
    let folder = workspace::target().join("tmp").join(format!("kafka-{VERSION}"));
    let jars = folder.join("jars");
    let marker = folder.join("complete.txt");
    if !marker.exists() {
        fs::create_dir_all(&jars)?;
        fs::write(folder.join("pom.xml"), project())?;
        let mut maven = program("mvn");
        maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies"]);
        run(maven.arg(format!("-DoutputDirectory={}", jars.display())).current_dir(&folder))?;
        fs::write(marker, VERSION)?;
    }
    Ok(jars)
}
