//! Which traces are there, what is in one, and how do services call each other?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use signal::{
    Labels, LogHit, LogQuery, Matcher, SeriesQuery, Span, SpanQuery, TimeRange, TraceId, TraceSummary, rates,
};

use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, given, range};

/// A search without a range looks back this far.
const DEFAULT_SPAN: Duration = Duration::from_secs(3600);
/// Rates of edges are means over this time.
const RATE_SPAN: Duration = Duration::from_secs(300);
/// Fewer spans than these are all there are.
const MANY_SPANS: usize = 1000;
/// Lines of a trace that are shown.
const LOG_LINES: usize = 200;

/// Which traces: all that is given must hold for one of their spans.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesQuery {
    /// The service that made it.
    pub service: Option<String>,
    /// Its whole name.
    pub name: Option<String>,
    /// It took at least this long, for example `250ms` or `2s`.
    pub min_duration: Option<String>,
    /// It failed.
    pub errors: Option<String>,
    /// An attribute of it or of its resource, as `key=value`.
    pub attribute: Option<String>,
    /// First instant.
    pub from: Option<String>,
    /// Last instant.
    pub to: Option<String>,
    /// Traces at most.
    pub limit: Option<usize>,
}

/// `GET /sentinel/v1/traces`.
pub async fn list(
    State(app): State<Arc<App>>,
    Ask(query): Ask<TracesQuery>,
) -> Result<Json<Page<TraceSummary>>, Error> {
    app.ask(move |app| find(app, &query)).await.map(|it| Json(Page::whole(it)))
}

/// The newest traces that match.
pub fn find(app: &App, query: &TracesQuery) -> Result<Vec<TraceSummary>, Error> {
    let attribute = |text: &str| {
        let pair = text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        pair.ok_or_else(|| Error::Unusable(format!("attribute: {text:?} is not key=value")))
    };
    let wanted = SpanQuery {
        service: given(&query.service).map(str::to_owned),
        name: given(&query.name).map(str::to_owned),
        min_duration: given(&query.min_duration).map(short_duration).transpose()?.unwrap_or_default(),
        only_errors: given(&query.errors).is_some_and(|it| matches!(it, "true" | "1" | "on")),
        attributes: given(&query.attribute).map(attribute).transpose()?.into_iter().collect(),
        range: range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?,
        limit: app.limit(query.limit)?,
    };
    Ok(app.ports.traces.traces(&wanted)?)
}

/// Reads `250ms`, `2s`, `1.5s` or a number of milliseconds.
fn short_duration(text: &str) -> Result<Duration, Error> {
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1e-3),
    };
    let secs = number.trim().parse::<f64>().ok().map(|it| it * scale);
    secs.and_then(|it| Duration::try_from_secs_f64(it).ok())
        .ok_or_else(|| Error::Unusable(format!("min_duration: {text:?} is not a duration such as 250ms or 2s")))
}

/// A trace with what was said in it.
#[derive(Serialize)]
pub struct Trace {
    /// Spans in order of their beginning.
    pub spans: Vec<Span>,
    /// Spans that are stored and not among these, because they began after the last of them and it would be too many.
    pub left_out: u64,
    /// Lines whose metadata or text has the trace's id, newest first.
    pub logs: Vec<LogHit>,
}

/// `GET /sentinel/v1/traces/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Trace>, Error> {
    let id = trace_id(&id)?;
    app.ask(move |app| trace(app, id)).await.map(Json)
}

/// Reads an id; short ones of 64 bits are filled up, as older systems make them.
pub fn trace_id(text: &str) -> Result<TraceId, Error> {
    let filled = if text.len() == 16 { format!("{text:0>32}") } else { text.to_owned() };
    filled.parse().map_err(|error| Error::Unusable(format!("id: {text:?}: {error}")))
}

/// One trace; an error if nothing of it is stored.
pub fn trace(app: &App, id: TraceId) -> Result<Trace, Error> {
    let spans = app.ports.traces.trace(id, TimeRange::ALL)?;
    if spans.is_empty() {
        return Err(Error::not_found(format!("no span of trace {id}")));
    }
    let from = spans.iter().map(Span::start).min().unwrap_or_default().minus(DEFAULT_SPAN);
    let to = spans.iter().map(Span::end).max().unwrap_or_default().plus(DEFAULT_SPAN);
    let query = LogQuery {
        text: id.to_string(),
        matchers: vec![],
        min_level: None,
        range: TimeRange::new(from, to),
        limit: LOG_LINES,
    };
    let size =
        if spans.len() < MANY_SPANS { spans.len() as u64 } else { app.ports.traces.trace_size(id, TimeRange::ALL)? };
    let left_out = size.saturating_sub(spans.len() as u64);
    Ok(Trace { spans, left_out, logs: app.ports.logs.search(&query)? })
}

/// Calls from one service to another, over the last five minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Edge {
    /// The caller.
    pub client: String,
    /// The called.
    pub server: String,
    /// Calls per second.
    pub calls_per_second: f64,
    /// Share of calls that failed, 0 to 1; none without calls.
    pub error_share: Option<f64>,
    /// Newest quantiles of the duration that the caller saw, in seconds.
    pub latency_seconds: BTreeMap<String, f64>,
}

/// `GET /sentinel/v1/topology/edges`.
pub async fn list_edges(State(app): State<Arc<App>>) -> Result<Json<Page<Edge>>, Error> {
    app.ask(edges).await.map(|it| Json(Page::whole(it)))
}

/// All edges of the service graph that had calls lately.
pub fn edges(app: &App) -> Result<Vec<Edge>, Error> {
    let mut edges: BTreeMap<(String, String), Edge> = BTreeMap::new();
    for labels in named(app, "traces_service_graph_request_total")? {
        edge(&mut edges, &labels).calls_per_second = rate(app, &labels)?;
    }
    for labels in named(app, "traces_service_graph_request_failed_total")? {
        let failed = rate(app, &labels)?;
        let edge = edge(&mut edges, &labels);
        edge.error_share = (edge.calls_per_second > 0.0).then(|| (failed / edge.calls_per_second).min(1.0));
    }
    for labels in named(app, "traces_service_graph_request_latency_seconds")? {
        let newest = points(app, &labels)?.last().map(|it| it.value).filter(|it| it.is_finite());
        if let (Some(quantile), Some(secs)) = (labels.get("quantile"), newest) {
            edge(&mut edges, &labels).latency_seconds.insert(quantile.to_owned(), secs);
        }
    }
    Ok(edges.into_values().filter(|it| it.calls_per_second > 0.0).collect())
}

fn edge<'a>(edges: &'a mut BTreeMap<(String, String), Edge>, labels: &Labels) -> &'a mut Edge {
    let of = |name: &str| labels.get(name).unwrap_or("").to_owned();
    let (client, server) = (of("client"), of("server"));
    let new = Edge { client: client.clone(), server: server.clone(), ..Edge::default() };
    edges.entry((client, server)).or_insert(new)
}

fn named(app: &App, name: &str) -> Result<Vec<Labels>, Error> {
    let query = SeriesQuery { matchers: vec![Matcher::name(name)], ..SeriesQuery::default() };
    Ok(app.ports.history.series(&query)?)
}

fn rate(app: &App, labels: &Labels) -> Result<f64, Error> {
    let rates = rates(&points(app, labels)?);
    Ok(if rates.is_empty() { 0.0 } else { rates.iter().map(|it| it.value).sum::<f64>() / rates.len() as f64 })
}

fn points(app: &App, labels: &Labels) -> Result<Vec<signal::Point>, Error> {
    let now = app.now();
    Ok(app.ports.history.points(labels.id(), TimeRange::new(now.minus(RATE_SPAN), now))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_ids_are_read_in_their_usual_forms() {
        for (text, millis) in [("250ms", 250), ("2s", 2000), ("1.5s", 1500), ("40", 40)] {
            assert_eq!(short_duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for wrong in ["", "x", "-1s", "5m", "1e400"] {
            assert!(short_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(trace_id("00f067aa0ba902b7").unwrap().to_string(), "000000000000000000f067aa0ba902b7");
        assert!(trace_id("../etc").is_err());
    }
}
