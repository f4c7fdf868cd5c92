//! Who calls whom, and how do the calls go? Neighbors of a service, and rates, failures and durations of its calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{PortError, TimeRange, Timestamp, Topology};

use super::{finding, number};
use crate::arguments::{Arguments, schema, wrong};
use crate::frame::{MOST_VALUE, quoted};
use crate::sources::{MetricQuery, Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec};

const NAME: &str = "get_topology";
const MOST_EDGES: usize = 30;
const MOST_NAMES: usize = 40;
const MOST_BACK: Duration = Duration::from_secs(7 * 86_400);
/// What spans tell of calls: calls per second, failures per second, and the 99th percentile of what they took.
const OF_EDGES: [(&str, &str); 3] = [
    ("calls", "sum by (client, server) (rate(traces_service_graph_request_total[2m]))"),
    ("failed", "sum by (client, server) (rate(traces_service_graph_request_failed_total[2m]))"),
    ("p99", "max by (client, server) (traces_service_graph_request_latency_seconds{quantile=\"0.99\"})"),
];

/// `get_topology`.
pub struct GetTopology(pub Sources);

impl Tool for GetTopology {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("service", "string", true, "The service or host."),
            ("at", "string", false, "When (RFC 3339, UTC), or a time back such as -10m; now if it is left out."),
        ];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Tells which services call a service, which it calls, where it runs, and how those calls \
                          went at an instant."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["service", "at"])?;
            let service = asked.text("service")?.to_owned();
            let at = at(&asked, self.0.clock.now())?;
            let (topology, metrics) = (Arc::clone(&self.0.topology), Arc::clone(&self.0.metrics));
            let name = service.clone();
            let facts = blocking(move || facts(&name, at, &*topology, &*metrics)).await?;
            let head = format!("What is known around {}.", quoted(&service, MOST_VALUE));
            Ok(finding(head, NAME, &json!({ "service": service, "at": at }), facts))
        })
    }
}

/// The instant `at`, read as the end of a range.
fn at(asked: &Arguments<'_>, now: Timestamp) -> Result<Timestamp, ToolError> {
    let Some(text) = asked.optional_text("at")? else { return Ok(now) };
    let as_range = json!({ "from": text });
    let at = Arguments::read(&as_range, &["from"])?.range(now, MOST_BACK, MOST_BACK);
    at.map(|it| it.from).map_err(|_| wrong("at: must be an instant of the last seven days, or such as -10m".to_owned()))
}

fn facts(
    service: &str,
    at: Timestamp,
    topology: &dyn Topology,
    metrics: &dyn MetricQuery,
) -> Result<Vec<String>, PortError> {
    let mut facts = vec![];
    let mut relation = |words: &str, names: Vec<String>| {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().take(MOST_NAMES).map(|it| quoted(it, MOST_VALUE)).collect();
            facts.push(format!("{} {words} {}.", quoted(service, MOST_VALUE), names.join(", ")));
        }
    };
    relation("calls", topology.callees(service));
    relation("is called by", topology.callers(service));
    relation("shares its place with", topology.neighbors(service));
    let mut edges: BTreeMap<(String, String), BTreeMap<&str, f64>> = BTreeMap::new();
    for (what, expression) in OF_EDGES {
        for series in metrics.query(expression, TimeRange::new(at, at), Duration::from_secs(60))? {
            let of = |label: &str| series.labels.get(label).unwrap_or("").to_owned();
            let pair = (of("client"), of("server"));
            let Some(point) = series.points.last().filter(|it| it.value.is_finite()) else { continue };
            if pair.0 == service || pair.1 == service {
                edges.entry(pair).or_default().insert(what, point.value);
            }
        }
    }
    facts.extend(edges.iter().take(MOST_EDGES).map(|(pair, values)| edge(pair, values, at)));
    Ok(facts)
}

fn edge((client, server): &(String, String), values: &BTreeMap<&str, f64>, at: Timestamp) -> String {
    let calls = values.get("calls").copied().unwrap_or(0.0);
    let failed = values.get("failed").filter(|_| calls > 0.0).map(|it| 100.0 * (it / calls).min(1.0));
    let mut text = format!(
        "Calls from {} to {} at {at}: {} per second",
        quoted(client, MOST_VALUE),
        quoted(server, MOST_VALUE),
        number(calls)
    );
    if let Some(it) = failed {
        text.push_str(&format!(", {} % fail", number(it)));
    }
    if let Some(it) = values.get("p99") {
        text.push_str(&format!(", 99th percentile {} s", number(*it)));
    }
    text + "."
}
