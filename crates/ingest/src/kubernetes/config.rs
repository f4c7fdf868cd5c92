//! What can be set about Kubernetes? Where its API is, and which labels of pods are wanted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Labels of pods are read from the API of Kubernetes, and added to signals that name a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesConfig {
    /// True reads pods from the API. Default: false.
    pub enabled: bool,
    /// Address of the API. Default: <https://kubernetes.default.svc>, where pods find it.
    pub api: String,
    /// File that holds the access token; read again for every request, because tokens are renewed.
    /// Default: /var/run/secrets/kubernetes.io/serviceaccount/token.
    pub token_file: Option<PathBuf>,
    /// File that holds the certificate of the authority that signed the API's. Default:
    /// /var/run/secrets/kubernetes.io/serviceaccount/ca.crt; null for those that this binary knows.
    pub ca_file: Option<PathBuf>,
    /// Only pods of this namespace. Default: all.
    pub namespace: Option<String>,
    /// Only pods of this node. Default: all.
    pub node: Option<String>,
    /// Labels of pods that are added, in the spelling of Kubernetes. Default: app.kubernetes.io/name,
    /// app.kubernetes.io/component and app.kubernetes.io/part-of.
    pub labels: Vec<String>,
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        let account = |name: &str| Some(PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount").join(name));
        let labels = ["app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/part-of"];
        Self {
            enabled: false,
            api: "https://kubernetes.default.svc".to_owned(),
            token_file: account("token"),
            ca_file: account("ca.crt"),
            namespace: None,
            node: None,
            labels: labels.map(str::to_owned).to_vec(),
        }
    }
}

impl KubernetesConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_http = reqwest::Url::parse(&self.api).is_ok_and(|it| matches!(it.scheme(), "http" | "https"));
        if !is_http {
            problems.push(format!("api: {:?} is no address such as https://kubernetes.default.svc", self.api));
        }
        let is_name = |it: &String| {
            !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-.".contains(&it))
        };
        for (key, value) in [("namespace", &self.namespace), ("node", &self.node)] {
            if let Some(it) = value.as_ref().filter(|it| !is_name(it)) {
                problems.push(format!("{key}: {it:?} is no name of Kubernetes"));
            }
        }
        if self.labels.len() > 32 {
            problems.push("labels: at most 32 can be added".to_owned());
        }
        problems
    }
}
