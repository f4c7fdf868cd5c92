//! What does a server that is measured take of the machine? A child process, looked at through /proc.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How long a server may take to be ready.
const START: Duration = Duration::from_secs(30);

/// A child process; ended with this.
pub(super) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program that says nothing.
    pub fn start(program: &Path, command: &mut Command) -> anyhow::Result<Self> {
        let name = program.display().to_string();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot start {name}"))?, name })
    }

    /// Waits until an address answers with success; an error if the process ends before.
    pub async fn wait_until_ready(&mut self, client: &reqwest::Client, url: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while client.get(url).send().await.ok().is_none_or(|it| !it.status().is_success()) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at its start ({status})", self.name);
            }
            ensure!(started.elapsed() < START, "{} was not ready within {} s", self.name, START.as_secs());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> anyhow::Result<f64> {
        crate::health::resident_bytes_of(&self.pid()).context("cannot read the server's memory")
    }

    /// The most memory that it has had, in bytes.
    pub fn peak_resident_bytes(&self) -> anyhow::Result<f64> {
        crate::health::peak_resident_bytes_of(&self.pid()).context("cannot read the server's memory")
    }

    /// Seconds of processor time it has used.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        crate::health::cpu_seconds_of(&self.pid()).context("cannot read the server's processor time")
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of the loopback address that is free now.
pub(super) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
