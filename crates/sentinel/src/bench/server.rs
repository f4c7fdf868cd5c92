//! How is a server measured from outside? This binary started again as a server of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::folder::Folder;

/// This binary as a server of its own, on a free port and an empty directory.
pub(super) struct Server {
    child: Child,
    pub url: String,
    pub start_ms: f64,
    pub client: reqwest::Client,
    _folder: Folder,
}

impl Server {
    /// Starts it with settings in its environment, and waits until it is ready.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = Folder::new()?;
        let url = format!("http://127.0.0.1:{port}");
        let started = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .args(["run", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(folder.path())
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        let mut server = Self { child, url, start_ms: 0.0, client: crate::http_client()?, _folder: folder };
        while server
            .client
            .get(format!("{}/readyz", server.url))
            .send()
            .await
            .ok()
            .is_none_or(|it| !it.status().is_success())
        {
            ensure!(started.elapsed() < Duration::from_secs(30), "the server was not ready within 30 s");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.start_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(server)
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> anyhow::Result<f64> {
        crate::health::resident_bytes_of(&self.child.id().to_string()).context("cannot read the server's memory")
    }

    /// Seconds of processor time it has used.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        crate::health::cpu_seconds_of(&self.child.id().to_string()).context("cannot read the server's processor time")
    }

    /// The sum of a metric of its own over the label sets that contain the text.
    pub async fn metric(&self, name: &str, label: &str) -> anyhow::Result<f64> {
        let text = self.client.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let lines = text.lines().filter(|it| it.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let values = lines.filter(|it| it.contains(label)).filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
