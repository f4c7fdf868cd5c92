//! How do other programs fare with the very same remote write? Each is started on an empty folder, on loopback, with what
//! it does by default. They store; they do not judge.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::disk;
use super::flood::{Flooded, SENDERS, flood};
use super::protocol::Protocol;
use crate::bench::folder::{Folder, bytes_in};
use crate::bench::process::{Process, free_port};
use crate::bench::server::Server;

/// A program to compare with, as `prometheus=/usr/bin/prometheus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    kind: Kind,
    program: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Another build.
    Sentinel,
    Prometheus,
    VictoriaMetrics,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Sentinel, Self::Prometheus, Self::VictoriaMetrics];

    const fn name(self) -> &'static str {
        match self {
            Self::Sentinel => "sentinel",
            Self::Prometheus => "prometheus",
            Self::VictoriaMetrics => "victoriametrics",
        }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("write it as NAME=PATH")?;
        let kind = Kind::ALL.into_iter().find(|it| it.name() == name);
        let names = Kind::ALL.map(Kind::name).join(", ");
        let kind = kind.ok_or_else(|| format!("{name:?} is none of {names}"))?;
        Ok(Self { kind, program: path.into() })
    }
}

/// How a program took the same bytes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rival {
    pub name: String,
    pub judges: bool,
    #[serde(flatten)]
    pub flooded: Flooded,
    pub bytes_per_sample: f64,
}

impl Peer {
    /// Programs of Debian's names on the path.
    pub fn on_path() -> Vec<Self> {
        let programs = [(Kind::Prometheus, "prometheus"), (Kind::VictoriaMetrics, "victoria-metrics")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let find = |(kind, name): (Kind, &str)| {
            let program = folders.iter().map(|it| it.join(name)).find(|it| it.is_file())?;
            Some(Self { kind, program })
        };
        programs.into_iter().filter_map(find).collect()
    }

    /// This build, which all are compared with.
    pub fn own() -> anyhow::Result<Self> {
        Ok(Self { kind: Kind::Sentinel, program: std::env::current_exe()? })
    }

    /// A Prometheus.
    pub fn prometheus(program: PathBuf) -> Self {
        Self { kind: Kind::Prometheus, program }
    }

    /// True for Prometheus.
    pub fn is_prometheus(&self) -> bool {
        self.kind == Kind::Prometheus
    }

    /// Starts it on an empty folder.
    pub(in crate::bench) async fn start(&self) -> anyhow::Result<Running> {
        let folder = Folder::new()?;
        let started = Started::start(self.kind, &self.program, folder.path()).await?;
        Ok(Running { started, _folder: folder })
    }

    /// Name in the figures.
    pub fn name(&self) -> String {
        let is_own = std::env::current_exe().is_ok_and(|it| it == self.program);
        match self.kind {
            Kind::Sentinel if !is_own => "other_sentinel".to_owned(),
            kind => kind.name().to_owned(),
        }
    }

    /// Sends the samples to it.
    pub(super) async fn measure(&self, n_events: u64, n_series: usize, limit: Duration) -> anyhow::Result<Rival> {
        let lanes = Protocol::RemoteWrite.payloads(n_events, n_series, SENDERS)?;
        let measured = match self.kind {
            Kind::Sentinel => {
                let server = Server::start_build(&self.program, &[("SENTINEL_HOST__ENABLED", "false")]).await?;
                let flooded = flood(&server.process, &server.url, Protocol::RemoteWrite, lanes, limit).await?;
                let folder = server.stop();
                let bytes = tokio::task::spawn_blocking(move || disk::bytes_of_samples(folder.path())).await??;
                (flooded, bytes)
            }
            kind => {
                let folder = Folder::new()?;
                let started = Started::start(kind, &self.program, folder.path()).await?;
                let flooded = flood(&started.process, &started.url, Protocol::RemoteWrite, lanes, limit).await?;
                (flooded, started.bytes_on_disk(kind, folder.path()).await?)
            }
        };
        let (flooded, bytes) = measured;
        let bytes_per_sample = bytes / flooded.events as f64;
        Ok(Rival { name: self.name(), judges: self.kind == Kind::Sentinel, flooded, bytes_per_sample })
    }
}

/// A peer with its folder, which goes after it.
pub(in crate::bench) struct Running {
    started: Started,
    _folder: Folder,
}

impl Running {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.started.url
    }
}

/// A running peer.
struct Started {
    process: Process,
    url: String,
    client: reqwest::Client,
}

impl Started {
    async fn start(kind: Kind, program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(program);
        let ready = if kind == Kind::Prometheus {
            let config = folder.join("prometheus.yml");
            std::fs::write(&config, "global: {}\n")?;
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
            command.arg(format!("--web.listen-address={address}"));
            command.args(["--web.enable-remote-write-receiver", "--web.enable-admin-api"]);
            "/-/ready"
        } else {
            command.arg(format!("-storageDataPath={}", folder.join("data").display()));
            command.arg(format!("-httpListenAddr={address}"));
            "/health"
        };
        let mut process = Process::start(program, &mut command)?;
        let (url, client) = (format!("http://{address}"), crate::http_client()?);
        process.wait_until_ready(&client, &format!("{url}{ready}")).await?;
        Ok(Self { process, url, client })
    }

    /// A snapshot makes both write what they have in memory.
    async fn bytes_on_disk(&self, kind: Kind, folder: &Path) -> anyhow::Result<f64> {
        let data = folder.join("data");
        let path = if kind == Kind::Prometheus { "/api/v1/admin/tsdb/snapshot" } else { "/snapshot/create" };
        let answer = self.client.post(format!("{}{path}", self.url)).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path} answered {status}: {}", answer.text().await.unwrap_or_default());
        let parts: &[&str] = if kind == Kind::Prometheus { &["snapshots"] } else { &["data", "indexdb"] };
        let mut bytes = 0;
        for part in parts {
            let part = data.join(part);
            // In VictoriaMetrics' own folders snapshots are second names of the same files.
            let is_counted = |it: &Path| kind == Kind::Prometheus || !it.ends_with("snapshots");
            bytes += bytes_in(&part, &is_counted).with_context(|| format!("cannot read {}", part.display()))?;
        }
        Ok(bytes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_named_with_their_program() {
        let peer: Peer = "victoriametrics=/opt/vm=1".parse().unwrap();
        assert_eq!(peer, Peer { kind: Kind::VictoriaMetrics, program: "/opt/vm=1".into() });
        assert_eq!("prometheus".parse::<Peer>().unwrap_err(), "write it as NAME=PATH");
        assert!("influx=/x".parse::<Peer>().unwrap_err().contains("sentinel, prometheus, victoriametrics"));
    }
}
