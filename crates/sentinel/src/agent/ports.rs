//! Where do tools read? The ports of the system, as tools know them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent::{Knowledge, MetricQuery, MetricSeries, Reopen, Sources};
use detect::ServiceMap;
use diagnose::Sources as Evidences;
use promql::{QueryError, Sample, Value};
use serve::{Asked, Queries};
use signal::{Clock, Evidence, History, Labels, Point, PortError, SeriesQuery, TimeRange, Timestamp};
use store::Store;

use super::cluster::KubernetesApi;
use crate::config::Config;
use crate::eyes::Eyes;

/// PromQL over stored series.
pub struct PromQl(pub Arc<Queries>);

impl MetricQuery for PromQl {
    fn query(&self, expression: &str, range: TimeRange, step: Duration) -> Result<Vec<MetricSeries>, PortError> {
        let step_millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let is_instant = range.from == range.to;
        let asked = Asked {
            end: range.to,
            step_millis: if is_instant { 0 } else { step_millis },
            ..Asked::at(expression, range.from)
        };
        let answer = self.0.ask(&asked).map_err(|error| match error {
            QueryError::BadData(text) => PortError::Invalid(format!("query: {text}")),
            other => PortError::Refused(format!("the query failed: {other}")),
        })?;
        Ok(series(answer.value))
    }
}

fn series(value: Value) -> Vec<MetricSeries> {
    let point = |time: i64, value: f64| Point { time: Timestamp::from_millis(time), value };
    match value {
        Value::Matrix(all) => all
            .into_iter()
            .map(|it| MetricSeries {
                labels: it.labels,
                points: it.floats.iter().map(|it| point(it.time, it.value)).filter(|it| !it.value.is_nan()).collect(),
            })
            .collect(),
        Value::Vector(all) => {
            let float = |it: promql::VectorSample| match it.value {
                Sample::Float(value) => Some(MetricSeries { labels: it.labels, points: vec![point(it.time, value)] }),
                Sample::Histogram(_) => None,
            };
            all.into_iter().filter_map(float).collect()
        }
        Value::Scalar(time, value) => {
            vec![MetricSeries { labels: Labels::default(), points: vec![point(time, value)] }]
        }
        Value::Text(..) => vec![],
    }
}

/// Reads evidence of diagnoses again.
pub struct Diagnosed {
    /// Signals.
    pub eyes: Eyes,
    /// Changes.
    pub store: Arc<Store>,
    /// Who calls whom.
    pub map: Arc<ServiceMap>,
}

impl Reopen for Diagnosed {
    fn holds(&self, evidence: &Evidence) -> bool {
        let sources = Evidences {
            history: &*self.eyes.history,
            logs: &*self.eyes.logs,
            templates: &*self.eyes.templates,
            traces: &*self.eyes.traces,
            changes: &*self.store,
            topology: &*self.map,
        };
        diagnose::reopen(evidence, &sources).unwrap_or_else(|error| {
            tracing::warn!(%error, id = evidence.id.0, "Evidence cannot be read again.");
            false
        })
    }
}

/// What sources are made of.
pub struct SourcesOf<'a> {
    /// Where Kubernetes is.
    pub config: &'a Config,
    /// PromQL.
    pub queries: &'a Arc<Queries>,
    /// Signals.
    pub eyes: &'a Eyes,
    /// Changes.
    pub store: &'a Arc<Store>,
    /// Who calls whom.
    pub map: &'a Arc<ServiceMap>,
    /// Past incidents and runbooks.
    pub knowledge: Option<Arc<dyn Knowledge>>,
    /// Now.
    pub clock: &'a Arc<dyn Clock>,
}

impl SourcesOf<'_> {
    /// The sources of all tools.
    pub fn build(self) -> anyhow::Result<Sources> {
        let cluster =
            self.config.kubernetes.enabled.then(|| KubernetesApi::new(self.config.kubernetes.clone())).transpose()?;
        Ok(Sources {
            metrics: Arc::new(PromQl(Arc::clone(self.queries))),
            history: Arc::clone(&self.eyes.history),
            logs: Arc::clone(&self.eyes.logs),
            templates: Arc::clone(&self.eyes.templates),
            traces: Arc::clone(&self.eyes.traces),
            topology: Arc::clone(self.map) as _,
            changes: Arc::clone(self.store) as _,
            knowledge: self.knowledge,
            cluster: cluster.map(|it| Arc::new(it) as _),
            clock: Arc::clone(self.clock),
        })
    }
}

/// Names of services and hosts that have series, in small letters.
pub fn inventory(history: &dyn History) -> Result<BTreeSet<String>, PortError> {
    let series = history.series(&SeriesQuery::default())?;
    let names = series.iter().flat_map(|it| [it.service(), it.host(), Some(it.owner())]);
    // A name of one or two letters would be found in any sentence.
    Ok(names.flatten().filter(|it| it.len() > 2).map(str::to_lowercase).collect())
}
