//! What is known of pods? A table that follows the answers of the API.
//!
//! Shapes: `PodList` and watch events of <https://kubernetes.io/docs/reference/using-api/api-concepts/>.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use signal::{Labels, Timestamp};

/// Pods that are remembered; more than any cluster runs.
const MOST_PODS: usize = 200_000;
/// Labels that name a pod, and those that name its namespace, as OpenTelemetry, Prometheus and Promtail have them.
const POD: [&str; 4] = ["pod", "k8s_pod_name", "pod_name", "kubernetes_pod_name"];
const NAMESPACE: [&str; 4] = ["namespace", "k8s_namespace_name", "pod_namespace", "kubernetes_namespace"];

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct PodList {
    #[serde(default)]
    pub(super) metadata: ListMetadata,
    #[serde(default)]
    pub(super) items: Vec<Pod>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ListMetadata {
    pub(super) resource_version: String,
    pub(super) r#continue: String,
}

/// A line of a watch. The object is a pod, or a status if something is wrong.
#[derive(Deserialize)]
pub(super) struct WatchEvent {
    pub(super) r#type: String,
    pub(super) object: Pod,
}

/// What is read of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    /// Of a status: why the watch ended, for example 410 when it begins too far back.
    pub(super) code: Option<u16>,
    pub(super) message: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) resource_version: String,
    pub(super) creation_timestamp: Option<String>,
    pub(super) labels: HashMap<String, String>,
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    kind: String,
    name: String,
    controller: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    node_name: String,
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    image: String,
}

impl Pod {
    /// The deployment, stateful set, daemon set or job that made it; a replica set stands for its deployment.
    fn workload(&self) -> Option<&str> {
        let owner = self.metadata.owner_references.iter().find(|it| it.controller)?;
        let hash = self.metadata.labels.get("pod-template-hash").filter(|_| owner.kind == "ReplicaSet");
        let name = hash.and_then(|it| owner.name.strip_suffix(it.as_str())?.strip_suffix('-'));
        Some(name.unwrap_or(&owner.name))
    }

    /// What Sentinel calls the service that it is of.
    pub(super) fn service(&self) -> &str {
        let label = |name: &str| self.metadata.labels.get(name).map(String::as_str);
        label("app.kubernetes.io/name").or_else(|| label("app")).or_else(|| self.workload()).unwrap_or("")
    }

    /// `app.kubernetes.io/version`, or the tag of the first container's image.
    pub(super) fn version(&self) -> Option<&str> {
        let label = self.metadata.labels.get("app.kubernetes.io/version").map(String::as_str);
        label.or_else(|| {
            let image = self.spec.containers.first()?.image.split('@').next()?;
            let (_, tag) = image.rsplit_once(':')?;
            // A registry's port is no tag, and `latest` is no version.
            (!tag.contains('/') && tag != "latest").then_some(tag)
        })
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        self.metadata.creation_timestamp.as_ref()?.parse().ok()
    }

    fn labels(&self, wanted: &[String]) -> Labels {
        let own = wanted.iter().filter_map(|it| Some((label_name(it), self.metadata.labels.get(it)?.clone())));
        let workload = self.workload().map(|it| ("workload".to_owned(), it.to_owned()));
        let node = ("node".to_owned(), self.spec.node_name.clone());
        Labels::new(own.chain(workload).chain([node]))
    }
}

/// Dots, slashes and dashes are none of a label's name.
fn label_name(name: &str) -> String {
    name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect()
}

/// Labels by namespace and name of the pod.
#[derive(Debug, Default)]
pub struct Pods {
    wanted: Vec<String>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By name, then by namespace: signals often name no namespace.
    by_name: HashMap<String, Vec<(String, Arc<Labels>)>>,
    count: usize,
}

impl Pods {
    /// None yet; `wanted` are labels in the spelling of Kubernetes.
    pub fn new(wanted: &[String]) -> Self {
        Self { wanted: wanted.to_vec(), known: RwLock::default() }
    }

    /// Pods that are known.
    pub fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).count
    }

    /// A whole list takes the place of all that was known.
    pub(super) fn replace(&self, pods: &[Pod]) {
        let mut known = Known::default();
        pods.iter().for_each(|it| known.put(it, &self.wanted));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub(super) fn put(&self, pod: &Pod) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).put(pod, &self.wanted);
    }

    pub(super) fn remove(&self, pod: &Pod) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(pod);
    }

    /// What is to be added to these labels; None if they name no pod that is known.
    pub(super) fn of(&self, labels: &Labels) -> Option<Arc<Labels>> {
        let name = POD.iter().find_map(|it| labels.get(it))?;
        let namespace = NAMESPACE.iter().find_map(|it| labels.get(it));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let pods = known.by_name.get(name)?;
        let pod = match namespace {
            Some(wanted) => pods.iter().find(|it| it.0 == wanted)?,
            // Two of that name: it could be either.
            None if pods.len() > 1 => return None,
            None => pods.first()?,
        };
        Some(Arc::clone(&pod.1))
    }
}

impl Known {
    fn put(&mut self, pod: &Pod, wanted: &[String]) {
        self.remove(pod);
        if self.count < MOST_PODS && !pod.metadata.name.is_empty() {
            let row = (pod.metadata.namespace.clone(), Arc::new(pod.labels(wanted)));
            self.by_name.entry(pod.metadata.name.clone()).or_default().push(row);
            self.count += 1;
        }
    }

    fn remove(&mut self, pod: &Pod) {
        let Some(pods) = self.by_name.get_mut(&pod.metadata.name) else { return };
        let before = pods.len();
        pods.retain(|it| it.0 != pod.metadata.namespace);
        self.count -= before - pods.len();
        if pods.is_empty() {
            self.by_name.remove(&pod.metadata.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(json: &str) -> Pod {
        serde_json::from_str(json).unwrap()
    }

    fn pay(namespace: &str) -> Pod {
        pod(&format!(
            r#"{{"metadata": {{"name": "pay-7d9f-x2x", "namespace": "{namespace}",
                "labels": {{"app.kubernetes.io/name": "pay", "pod-template-hash": "7d9f", "secret": "x"}},
                "ownerReferences": [{{"kind": "ReplicaSet", "name": "pay-7d9f", "controller": true}}]}},
               "spec": {{"nodeName": "n1", "containers": [{{"name": "c", "image": "registry:5000/pay:2.3.1@sha256:ab"}}]}},
               "status": {{"phase": "Running"}}}}"#
        ))
    }

    /// Guarantees: MUST 182 of docs/specs/ingest.md.
    #[test]
    fn only_wanted_labels_of_the_right_pod_are_given() {
        let pods = Pods::new(&["app.kubernetes.io/name".to_owned()]);
        pods.replace(&[pay("shop")]);
        let of = |pairs: &[(&str, &str)]| pods.of(&Labels::new(pairs.iter().copied())).map(|it| it.to_string());
        let expected = Some(r#"{app_kubernetes_io_name="pay",node="n1",workload="pay"}"#.to_owned());
        assert_eq!(of(&[("pod", "pay-7d9f-x2x")]), expected);
        assert_eq!(of(&[("k8s_pod_name", "pay-7d9f-x2x"), ("k8s_namespace_name", "shop")]), expected);
        assert_eq!(of(&[("pod", "pay-7d9f-x2x"), ("namespace", "other")]), None);
        assert_eq!(of(&[("service", "pay")]), None);
        pods.put(&pay("test"));
        assert_eq!(of(&[("pod", "pay-7d9f-x2x")]), None, "it could be either");
        pods.put(&pay("test"));
        pods.remove(&pay("test"));
        assert_eq!((of(&[("pod", "pay-7d9f-x2x")]), pods.count()), (expected, 1));
        pods.replace(&[]);
        assert_eq!(pods.count(), 0);
    }

    #[test]
    fn a_version_is_a_label_or_a_tag() {
        assert_eq!((pay("shop").service(), pay("shop").version()), ("pay", Some("2.3.1")));
        let version = |image: &str| {
            let text = format!(r#"{{"spec": {{"containers": [{{"image": "{image}"}}]}}}}"#);
            pod(&text).version().map(str::to_owned)
        };
        assert_eq!(version("pay:latest"), None);
        assert_eq!(version("registry:5000/pay"), None);
        assert_eq!(version("pay@sha256:ab"), None);
        assert_eq!(version("a/pay:v3").as_deref(), Some("v3"));
        let labelled = r#"{"metadata": {"labels": {"app.kubernetes.io/version": "9"}}, "spec": {"containers": [{"image": "x:1"}]}}"#;
        assert_eq!(pod(labelled).version(), Some("9"));
    }
}
