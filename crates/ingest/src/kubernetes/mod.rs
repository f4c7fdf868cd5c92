//! Which pod does a signal come from? The API of Kubernetes is listed once and then watched; what it says of a pod is
//! added to the signals that name it.
//!
//! Protocol: <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>: a list in
//! pages, then a watch from its version on; a watch that is too old (410) begins with a list again.

mod config;
mod enrich;
mod pods;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use signal::{Change, Meter, Metric};
use tokio::sync::watch;
use tracing::{info, warn};

pub use self::config::KubernetesConfig;
pub use self::enrich::PodLabels;
pub use self::pods::Pods;
use self::pods::{Pod, PodList, WatchEvent};
use crate::fetch::unreachable;
use crate::{Error, Sink, Versions};

/// Pods in one page of a list.
const PAGE: usize = 500;
/// The longest line or page that is taken, in bytes.
const MOST_BYTES: usize = 64 << 20;
/// The API ends a watch after so long, so that one that is dead is noticed.
const WATCH_SECS: u64 = 300;
/// How long a failure is waited out: twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Follows the API until `shutdown` becomes true. Versions of pods that are new are told to the sink as deploys.
pub async fn watch_pods(
    config: KubernetesConfig,
    pods: Arc<Pods>,
    versions: Arc<Versions>,
    sink: Arc<dyn Sink>,
    counts: Arc<KubernetesCounts>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut watcher = Watcher { config, pods, versions, sink, counts };
    tokio::select! {
        () = watcher.run() => {}
        _ = shutdown.wait_for(|it| *it) => {}
    }
}

/// What following the API counts.
#[derive(Debug, Default)]
pub struct KubernetesCounts {
    events: AtomicU64,
    lists: AtomicU64,
    failures: AtomicU64,
    pods: AtomicU64,
}

struct Watcher {
    config: KubernetesConfig,
    pods: Arc<Pods>,
    versions: Arc<Versions>,
    sink: Arc<dyn Sink>,
    counts: Arc<KubernetesCounts>,
}

impl Watcher {
    async fn run(&mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let Err(error) = self.follow(&mut wait).await else { continue };
            self.counts.failures.fetch_add(1, Relaxed);
            warn!(%error, "Pods cannot be read from Kubernetes; tried again later.");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Lists all pods, then watches until the API wants a list again.
    async fn follow(&mut self, wait: &mut Duration) -> Result<(), Error> {
        let client = self.client()?;
        let mut version = self.list(&client).await?;
        *wait = FIRST_WAIT;
        while let Some(next) = self.watch(&client, version).await? {
            version = next;
        }
        Ok(())
    }

    /// All pods, page by page; returns the version from which to watch.
    async fn list(&self, client: &reqwest::Client) -> Result<String, Error> {
        let mut all: Vec<Pod> = vec![];
        let mut token = String::new();
        let version = loop {
            let limit = PAGE.to_string();
            let response = self.get(client, &[("limit", &limit), ("continue", &token)]).await?;
            let bytes = read(response).await?;
            let page: PodList = serde_json::from_slice(&bytes).map_err(|it| Error::malformed("list of pods", it))?;
            all.extend(page.items);
            token = page.metadata.r#continue;
            if token.is_empty() {
                break page.metadata.resource_version;
            }
        };
        // The version that is oldest runs already; a newer one beside it is being rolled out.
        all.sort_by_key(Pod::created);
        self.pods.replace(&all);
        self.counts.lists.fetch_add(1, Relaxed);
        self.count_pods();
        info!(pods = self.pods.count(), "Pods are read from Kubernetes.");
        self.notice(&all).await;
        Ok(version)
    }

    /// Follows changes; returns the version to go on from, or None if there must be a list again.
    async fn watch(&self, client: &reqwest::Client, mut version: String) -> Result<Option<String>, Error> {
        let timeout = WATCH_SECS.to_string();
        let query = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &timeout),
            ("resourceVersion", &version),
        ];
        let mut response = match self.get(client, &query).await {
            Err(Error::Unsupported(_)) => return Ok(None),
            other => other?,
        };
        let mut buffer: Vec<u8> = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|it| unreachable(&self.config.api, &it))? {
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.iter().position(|it| *it == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let event: WatchEvent =
                    serde_json::from_slice(&line).map_err(|it| Error::malformed("watch of pods", it))?;
                if event.r#type == "ERROR" {
                    return gone(&event.object);
                }
                version.clone_from(&event.object.metadata.resource_version);
                self.take(event).await;
            }
            if buffer.len() > MOST_BYTES {
                return Err(Error::malformed("watch of pods", "a line is too long"));
            }
        }
        Ok(Some(version))
    }

    async fn take(&self, event: WatchEvent) {
        self.counts.events.fetch_add(1, Relaxed);
        match event.r#type.as_str() {
            "ADDED" | "MODIFIED" => {
                self.pods.put(&event.object);
                self.notice(&[event.object]).await;
            }
            "DELETED" => self.pods.remove(&event.object),
            // A bookmark has a version only.
            _ => {}
        }
        self.count_pods();
    }

    async fn notice(&self, pods: &[Pod]) {
        let change = |it: &Pod| self.versions.observe("kubernetes", it.service(), it.version()?, it.created()?);
        let changes: Vec<Change> = pods.iter().filter_map(change).collect();
        if !changes.is_empty()
            && let Err(refused) = self.sink.changes(changes).await
        {
            warn!(%refused, "A deploy that was noticed is not stored.");
        }
    }

    fn count_pods(&self) {
        self.counts.pods.store(self.pods.count() as u64, Relaxed);
    }

    async fn get(&self, client: &reqwest::Client, query: &[(&str, &str)]) -> Result<reqwest::Response, Error> {
        let KubernetesConfig { api, namespace, node, token_file, .. } = &self.config;
        let within = namespace.as_ref().map_or(String::new(), |it| format!("namespaces/{it}/"));
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/{within}pods", api.trim_end_matches('/')))
            .map_err(|it| Error::Unreachable(format!("{api}: {it}")))?;
        url.query_pairs_mut().extend_pairs(query.iter().filter(|it| !it.1.is_empty()));
        if let Some(node) = node {
            url.query_pairs_mut().append_pair("fieldSelector", &format!("spec.nodeName={node}"));
        }
        let mut request = client.get(url);
        if let Some(path) = token_file {
            let token = std::fs::read_to_string(path)
                .map_err(|it| Error::Unreachable(format!("kubernetes.token_file {}: {it}", path.display())))?;
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
        }
        let response = request.send().await.map_err(|it| unreachable(api, &it))?;
        match response.status().as_u16() {
            200 => Ok(response),
            410 => Err(Error::Unsupported("the version is too old".to_owned())),
            status @ (401 | 403) => Err(Error::Unreachable(format!(
                "{api}: {status}; the token must be allowed to list and watch pods (see docs/book, Kubernetes)"
            ))),
            status => Err(Error::Unreachable(format!("{api}: {status}"))),
        }
    }

    fn client(&self) -> Result<reqwest::Client, Error> {
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            // A bookmark comes about once a minute, so silence means that the connection is dead.
            .read_timeout(Duration::from_secs(WATCH_SECS + 30))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = self.config.ca_file.as_ref().filter(|_| self.config.api.starts_with("https:")) {
            let place =
                |it: &dyn std::fmt::Display| Error::Unreachable(format!("kubernetes.ca_file {}: {it}", path.display()));
            let pem = std::fs::read(path).map_err(|it| place(&it))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem).map_err(|it| place(&it))?;
            builder = builder.tls_certs_only(bundle);
        }
        builder.build().map_err(|it| Error::Unreachable(format!("{}: {it}", self.config.api)))
    }
}

/// Why a watch ended: one that begins too far back needs a list, anything else is a failure.
fn gone(status: &Pod) -> Result<Option<String>, Error> {
    if status.code == Some(410) {
        return Ok(None);
    }
    let message = status.message.as_deref().unwrap_or("no reason given");
    Err(Error::Unreachable(format!("watch of pods: {message}")))
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
    let url = response.url().to_string();
    let mut bytes = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|it| unreachable(&url, &it))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(Error::malformed("list of pods", "a page is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

impl Meter for KubernetesCounts {
    fn metrics(&self) -> Vec<Metric> {
        let count = |name, help, value: &AtomicU64| Metric::counter(name, help, value.load(Relaxed));
        vec![
            Metric::gauge("sentinel_ingest_kubernetes_pods", "Pods that are known.", self.pods.load(Relaxed) as f64),
            count("sentinel_ingest_kubernetes_events_total", "Changes of pods that the API told.", &self.events),
            count("sentinel_ingest_kubernetes_lists_total", "Lists of all pods.", &self.lists),
            count("sentinel_ingest_kubernetes_failures_total", "Failures to read pods.", &self.failures),
        ]
    }
}
