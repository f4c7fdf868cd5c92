//! What does Kubernetes say? Pods, events and deployments of a namespace; there is no way to change them here.
//!
//! Shapes: <https://kubernetes.io/docs/reference/kubernetes-api/>.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::finding;
use crate::arguments::{Arguments, schema, wrong};
use crate::frame::{MOST_SENTENCE, MOST_VALUE, quoted};
use crate::sources::{Cluster, ClusterKind};
use crate::{Finding, Tool, ToolError, ToolSpec};

const NAME: &str = "kubernetes_get";
const MOST_OBJECTS: usize = 40;
const KINDS: [(&str, ClusterKind); 3] =
    [("pods", ClusterKind::Pods), ("events", ClusterKind::Events), ("deployments", ClusterKind::Deployments)];

/// `kubernetes_get`.
pub struct KubernetesGet(pub Arc<dyn Cluster>);

impl Tool for KubernetesGet {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("kind", "string", true, "pods, events or deployments."),
            ("namespace", "string", true, "The namespace."),
            ("name_contains", "string", false, "Only objects whose name contains this text."),
        ];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Lists pods, events or deployments of a namespace of Kubernetes with their state. It only \
                          reads."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["kind", "namespace", "name_contains"])?;
            let kind = asked.one_of("kind", &KINDS)?.ok_or_else(|| wrong("kind: is missing".to_owned()))?;
            let namespace = asked.text("namespace")?;
            if !is_name(namespace) {
                return Err(wrong("namespace: must be small letters, digits and dashes".to_owned()));
            }
            let part = asked.optional_text("name_contains")?.unwrap_or("");
            let list = self.0.list(kind, namespace).await?;
            let objects = list.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let wanted: Vec<&Value> = objects.iter().filter(|it| text(it, "/metadata/name").contains(part)).collect();
            let facts = wanted.iter().rev().take(MOST_OBJECTS).map(|it| fact(kind, it)).collect();
            let kind = KINDS.iter().find(|it| it.1 == kind).map_or("", |it| it.0);
            let again = json!({ "kind": kind, "namespace": namespace, "name_contains": part });
            Ok(finding(format!("{} {kind} in {}.", wanted.len(), quoted(namespace, MOST_VALUE)), NAME, &again, facts))
        })
    }
}

/// A label of RFC 1123; anything else could be a path of another kind.
fn is_name(text: &str) -> bool {
    let is_allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(is_allowed)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn count(object: &Value, pointer: &str) -> u64 {
    object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn fact(kind: ClusterKind, it: &Value) -> String {
    let name = quoted(text(it, "/metadata/name"), MOST_VALUE);
    match kind {
        ClusterKind::Pods => format!(
            "Pod {name} on node {} is {}, started at {}, {} restarts{}.",
            quoted(text(it, "/spec/nodeName"), MOST_VALUE),
            quoted(text(it, "/status/phase"), MOST_VALUE),
            quoted(text(it, "/status/startTime"), MOST_VALUE),
            containers(it).map(|it| count(it, "/restartCount")).sum::<u64>(),
            waiting(it),
        ),
        ClusterKind::Events => format!(
            "Event {} of {} {}, {} times, last at {}: {}.",
            quoted(text(it, "/reason"), MOST_VALUE),
            quoted(text(it, "/involvedObject/kind"), MOST_VALUE),
            quoted(text(it, "/involvedObject/name"), MOST_VALUE),
            count(it, "/count").max(1),
            quoted(text(it, "/lastTimestamp"), MOST_VALUE),
            quoted(text(it, "/message"), MOST_SENTENCE),
        ),
        ClusterKind::Deployments => format!(
            "Deployment {name} wants {} replicas, {} are ready, {} are updated, {} are not available.",
            count(it, "/spec/replicas"),
            count(it, "/status/readyReplicas"),
            count(it, "/status/updatedReplicas"),
            count(it, "/status/unavailableReplicas"),
        ),
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten()
}

/// Why containers are not running, such as `CrashLoopBackOff` or `OOMKilled`.
fn waiting(pod: &Value) -> String {
    let reason = |it| {
        let now = text(it, "/state/waiting/reason");
        if now.is_empty() { text(it, "/lastState/terminated/reason") } else { now }
    };
    let reasons: Vec<String> =
        containers(pod).map(reason).filter(|it| !it.is_empty()).map(|it| quoted(it, MOST_VALUE)).collect();
    if reasons.is_empty() { String::new() } else { format!(", {}", reasons.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_objects_are_told() {
        let pod = json!({"metadata": {"name": "pay-1"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running",
            "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [{"restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
        assert_eq!(
            fact(ClusterKind::Pods, &pod),
            "Pod \"pay-1\" on node \"n1\" is \"Running\", started at \"2026-01-01T00:00:00Z\", 4 restarts, \
             \"CrashLoopBackOff\"."
        );
        assert!(!is_name("../secrets") && !is_name("") && is_name("shop-1"));
    }
}
