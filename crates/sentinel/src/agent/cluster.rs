//! What does Kubernetes say now? Lists of a few kinds, with the access that pods' labels are read with. It only GETs.

use agent::{Cluster, ClusterKind, ToolError};
use anyhow::Context as _;
use futures_util::future::BoxFuture;
use ingest::KubernetesConfig;
use serde_json::Value;

/// The longest list that is taken, in bytes.
const MOST_BYTES: usize = 16 << 20;

/// The API of Kubernetes.
pub struct KubernetesApi {
    config: KubernetesConfig,
    client: reqwest::Client,
}

impl KubernetesApi {
    /// Not asked yet.
    pub fn new(config: KubernetesConfig) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(std::time::Duration::from_secs(10))
            .timeout(std::time::Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = config.ca_file.as_ref().filter(|_| config.api.starts_with("https:")) {
            let pem = std::fs::read(path).with_context(|| format!("kubernetes.ca_file {}", path.display()))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem).context("kubernetes.ca_file")?;
            builder = builder.tls_certs_only(bundle);
        }
        Ok(Self { client: builder.build().context("cannot prepare requests to Kubernetes")?, config })
    }

    async fn get(&self, kind: ClusterKind, namespace: &str) -> Result<Value, ToolError> {
        let path = match kind {
            ClusterKind::Pods => format!("/api/v1/namespaces/{namespace}/pods"),
            ClusterKind::Events => format!("/api/v1/namespaces/{namespace}/events"),
            ClusterKind::Deployments => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
        };
        let elsewhere = |text: String| ToolError::Elsewhere(format!("Kubernetes: {text}"));
        let mut request = self.client.get(format!("{}{path}?limit=500", self.config.api.trim_end_matches('/')));
        // Read anew, because tokens are renewed.
        if let Some(file) = &self.config.token_file {
            let token = tokio::fs::read_to_string(file).await;
            request = request.bearer_auth(token.map_err(|it| elsewhere(format!("token_file: {it}")))?.trim());
        }
        let mut response = request.send().await.map_err(|it| elsewhere(it.without_url().to_string()))?;
        if !response.status().is_success() {
            return Err(elsewhere(format!("status {}", response.status())));
        }
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|it| elsewhere(it.without_url().to_string()))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_BYTES {
                return Err(elsewhere("the list is too long".to_owned()));
            }
        }
        serde_json::from_slice(&bytes).map_err(|it| elsewhere(it.to_string()))
    }
}

impl Cluster for KubernetesApi {
    fn list<'a>(&'a self, kind: ClusterKind, namespace: &'a str) -> BoxFuture<'a, Result<Value, ToolError>> {
        let is_other = self.config.namespace.as_ref().is_some_and(|it| it != namespace);
        Box::pin(async move {
            if is_other {
                return Err(ToolError::Arguments("namespace: only the configured one can be read".to_owned()));
            }
            self.get(kind, namespace).await
        })
    }
}
