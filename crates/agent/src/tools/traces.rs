//! What did requests do? Traces that match, or the steps of one of them with the time each took itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{Span, SpanId, SpanQuery, TimeRange, TraceId, TraceSummary};

use super::{finding, number};
use crate::arguments::{Arguments, RANGE, schema, wrong};
use crate::frame::{MOST_VALUE, quoted};
use crate::sources::{Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec};

const NAME: &str = "get_traces";
const MOST_TRACES: usize = 20;
const MOST_SPANS: usize = 25;
const DEFAULT_RANGE: Duration = Duration::from_secs(900);
const MOST_RANGE: Duration = Duration::from_secs(86_400);

/// `get_traces`.
pub struct Traces(pub Sources);

impl Tool for Traces {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("trace_id", "string", false, "One trace by its 32 hexadecimal digits: its slowest steps are answered."),
            ("service", "string", false, "Only traces with a span of this service."),
            ("name", "string", false, "Only traces with a span of this whole name."),
            ("min_duration_ms", "integer", false, "Only traces with a span that took at least this long."),
            ("only_errors", "string", false, "true for traces with a span that failed."),
            RANGE[0],
            RANGE[1],
            ("limit", "integer", false, "Traces at most, 10 by default, at most 20."),
        ];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Finds the newest traces that match (the last 15 minutes by default), or shows the steps of \
                          one trace with the time that each took itself."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let known = ["trace_id", "service", "name", "min_duration_ms", "only_errors", "from", "to", "limit"];
            let asked = Arguments::read(arguments, &known)?;
            match asked.optional_text("trace_id")? {
                Some(text) => self.one(text).await,
                None => self.search(&asked).await,
            }
        })
    }
}

impl Traces {
    async fn one(&self, text: &str) -> Result<Finding, ToolError> {
        let id: TraceId = text.parse().map_err(|_| wrong("trace_id: must be 32 hexadecimal digits".to_owned()))?;
        let traces = Arc::clone(&self.0.traces);
        let spans = blocking(move || traces.trace(id, TimeRange::ALL)).await?;
        if spans.is_empty() {
            return Err(wrong(format!("trace_id: no span of {id} is stored")));
        }
        let own = own_seconds(&spans);
        let mut order: Vec<&Span> = spans.iter().collect();
        let key = |it: &Span| own.get(&it.id).copied().unwrap_or(0.0);
        order.sort_by(|a, b| key(b).total_cmp(&key(a)));
        order.truncate(MOST_SPANS);
        let facts = order.iter().map(|it| span_fact(id, it, key(it))).collect();
        let head = format!("Trace {id} has {} spans; those with the most time of their own first.", spans.len());
        Ok(finding(head, NAME, &json!({ "trace_id": id.to_string() }), facts))
    }

    async fn search(&self, asked: &Arguments<'_>) -> Result<Finding, ToolError> {
        let only_errors = asked.one_of("only_errors", &[("true", true), ("false", false)])?.unwrap_or(false);
        let millis = asked.count("min_duration_ms", 0, 86_400_000)?;
        let query = SpanQuery {
            service: asked.optional_text("service")?.map(str::to_owned),
            name: asked.optional_text("name")?.map(str::to_owned),
            min_duration: Duration::from_millis(millis as u64),
            only_errors,
            attributes: vec![],
            range: asked.range(self.0.clock.now(), DEFAULT_RANGE, MOST_RANGE)?,
            limit: asked.count("limit", 10, MOST_TRACES)?,
        };
        let mut again = json!({
            "service": query.service, "name": query.name, "only_errors": only_errors.to_string(),
            "from": query.range.from, "to": query.range.to, "limit": query.limit,
        });
        if let (Some(object), true) = (again.as_object_mut(), millis > 0) {
            object.insert("min_duration_ms".to_owned(), millis.into());
        }
        let traces = Arc::clone(&self.0.traces);
        let found = blocking(move || traces.traces(&query)).await?;
        let head = format!("{} traces, the newest first.", found.len());
        Ok(finding(head, NAME, &again, found.iter().map(fact).collect()))
    }
}

/// What each span took without those below it.
fn own_seconds(spans: &[Span]) -> BTreeMap<SpanId, f64> {
    let mut own: BTreeMap<SpanId, f64> = spans.iter().map(|it| (it.id, it.secs())).collect();
    for span in spans {
        if let Some(of_parent) = span.parent.and_then(|it| own.get_mut(&it)) {
            *of_parent = (*of_parent - span.secs()).max(0.0);
        }
    }
    own
}

fn span_fact(trace: TraceId, span: &Span, own: f64) -> String {
    format!(
        "Span {} of service {} in trace {trace} took {} s, {} s of it itself, from {}{}.",
        quoted(&span.name, MOST_VALUE),
        quoted(span.service(), MOST_VALUE),
        number(span.secs()),
        number(own),
        span.start(),
        if span.is_error() { ", and failed" } else { "" }
    )
}

fn fact(trace: &TraceSummary) -> String {
    let services: Vec<String> = trace.services.iter().take(12).map(|it| quoted(it, MOST_VALUE)).collect();
    format!(
        "Trace {} began at {} in service {} with {}, took {} s, {} spans, {} of them failed, services {}.",
        trace.trace,
        trace.start,
        quoted(&trace.service, MOST_VALUE),
        quoted(&trace.name, MOST_VALUE),
        number(trace.seconds),
        trace.spans,
        trace.errors,
        services.join(", ")
    )
}
