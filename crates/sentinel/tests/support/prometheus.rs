//! How does a test use a real Prometheus? It is started on a configuration of the test's and ended with it.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::send;
use super::server::Folder;
use super::services::free_port;
use super::wait_for;

/// A running Prometheus.
pub struct Prometheus {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Prometheus {
    /// Starts it with further arguments and waits until it is ready.
    pub fn start(folder: &Folder, config: &str, arguments: &[&str]) -> Self {
        let config = folder.write("prometheus.yml", config);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = std::fs::File::create(folder.path().join("prometheus.log")).expect("the folder can be written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it is installed");
        let prometheus = Self { child, address };
        wait_for(Duration::from_secs(30), "Prometheus is ready", || {
            send(address, "GET", "/-/ready", &[], b"").ok().filter(|it| it.status == 200)
        });
        prometheus
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}
