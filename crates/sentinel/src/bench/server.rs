//! How is a server measured from outside? This binary, or another build of it, started as a server of its own.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::folder::Folder;
use super::process::{Process, free_port};

/// A server of its own, on a free port and an empty directory.
pub(super) struct Server {
    pub process: Process,
    pub url: String,
    pub start_ms: f64,
    pub client: reqwest::Client,
    folder: Folder,
}

impl Server {
    /// Starts this binary with settings in its environment, and waits until it is ready.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_build(&std::env::current_exe()?, settings).await
    }

    /// The same with any build.
    pub async fn start_build(program: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_with(program, Folder::new()?, settings).await
    }

    /// This binary on what another server left.
    pub async fn start_on(folder: Folder, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_with(&std::env::current_exe()?, folder, settings).await
    }

    async fn start_with(program: &Path, folder: Folder, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let client = crate::http_client()?;
        let started = Instant::now();
        let mut command = Command::new(program);
        command.args(["run", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(folder.path());
        let mut process = Process::start(program, command.envs(settings.iter().copied()))?;
        process.wait_until_ready(&client, &format!("{url}/readyz")).await?;
        let start_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(Self { process, url, start_ms, client, folder })
    }

    /// Ends it at once, as `kill -9` does, and leaves what it has on disk.
    pub fn stop(self) -> Folder {
        drop(self.process);
        self.folder
    }

    /// Where it keeps its data.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> anyhow::Result<f64> {
        self.process.resident_bytes()
    }

    /// Seconds of processor time it has used.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        self.process.cpu_seconds()
    }

    /// The sum of a metric of its own over the label sets that contain the text.
    pub async fn metric(&self, name: &str, label: &str) -> anyhow::Result<f64> {
        Ok(self.metrics(name).await?.iter().filter(|it| it.0.contains(label)).map(|it| it.1).sum())
    }

    /// Points that have their verdict, or were learned from by a series that warms up.
    pub async fn judged(&self) -> anyhow::Result<f64> {
        const NAME: &str = "sentinel_detect_points_total";
        Ok(self.metric(NAME, r#"fate="scored""#).await? + self.metric(NAME, r#"fate="warming_up""#).await?)
    }

    /// A metric of its own: each set of labels as text, and its value.
    pub async fn metrics(&self, name: &str) -> anyhow::Result<Vec<(String, f64)>> {
        let text = self.client.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let lines = text.lines().filter_map(|it| it.strip_prefix(name)).filter(|it| it.starts_with(['{', ' ']));
        let parsed = lines.filter_map(|it| it.rsplit_once(' '));
        Ok(parsed.filter_map(|(labels, value)| Some((labels.to_owned(), value.parse().ok()?))).collect())
    }
}
