//! Where do tools read? Ports that the composition root fills in; all of them only read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use signal::{
    ChangeLog, Clock, History, Labels, LogSearch, Point, PortError, Templates, TimeRange, Topology, TraceSearch,
};

use crate::{Knowledge, ToolError};

/// What tools read.
#[derive(Clone)]
pub struct Sources {
    /// PromQL.
    pub metrics: Arc<dyn MetricQuery>,
    /// Which series there are.
    pub history: Arc<dyn History>,
    /// Log lines.
    pub logs: Arc<dyn LogSearch>,
    /// Their templates.
    pub templates: Arc<dyn Templates>,
    /// Spans.
    pub traces: Arc<dyn TraceSearch>,
    /// Who calls whom.
    pub topology: Arc<dyn Topology>,
    /// Deploys and the like.
    pub changes: Arc<dyn ChangeLog>,
    /// Past incidents and runbooks; without it their tools are not offered.
    pub knowledge: Option<Arc<dyn Knowledge>>,
    /// Kubernetes; without it its tool is not offered.
    pub cluster: Option<Arc<dyn Cluster>>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// Evaluates PromQL. It may take a while and runs on a thread that may block.
pub trait MetricQuery: Send + Sync {
    /// The values of an expression at the beginning of the range and every step after it; [`PortError::Invalid`] if it
    /// is no expression.
    fn query(&self, expression: &str, range: TimeRange, step: Duration) -> Result<Vec<MetricSeries>, PortError>;
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSeries {
    /// Its labels; none of a number.
    pub labels: Labels,
    /// Its points, in order.
    pub points: Vec<Point>,
}

/// Reads from Kubernetes. There is no other verb.
pub trait Cluster: Send + Sync {
    /// The list of all objects of a kind in a namespace, as the API gives it.
    fn list<'a>(&'a self, kind: ClusterKind, namespace: &'a str) -> BoxFuture<'a, Result<Value, ToolError>>;
}

/// What can be read of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClusterKind {
    /// Pods.
    Pods,
    /// Events.
    Events,
    /// Deployments.
    Deployments,
}

/// Does work that may block on a thread for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, ToolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| match error {
            PortError::Invalid(text) => ToolError::Arguments(text),
            other => ToolError::Port(other),
        }),
        Err(_) => Err(ToolError::Elsewhere("the tool failed; its log has the details".to_owned())),
    }
}
