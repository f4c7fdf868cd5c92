//! How often, how well and how fast do services work, and who calls whom? Spans become series: calls and failures as
//! counters, durations as quantiles of each window, per operation and per edge of the service graph.
//!
//! Names and labels are those of the metrics generator of Grafana Tempo where it has them
//! (<https://grafana.com/docs/tempo/latest/metrics-generator/>), so that its service graph can be drawn from them.
//! Durations are quantiles of a window and no histograms: they are what is judged.

mod calls;
mod config;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use learn::sketch::QuantileSketch;
use signal::{Labels, Meter, Metric, Point, SeriesPoints, Span, SpanKind, SpanStatus, Timestamp};

use self::calls::{Call, Calls};
pub use self::config::SpanConfig;

/// What has no calls for so many windows is forgotten; its series get a mark that they have ended.
const FORGET_WINDOWS: u32 = 60;
/// The quantiles told of each window.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.95, "0.95"), (0.99, "0.99")];
/// Operations beyond the limit.
const OTHER: &str = "other";
/// Services at most, so that a sender of random names cannot fill the memory.
const MOST_SERVICES: usize = 10_000;

/// Watches spans. Shared between threads.
#[derive(Debug)]
pub struct SpanWatch {
    config: SpanConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    services: HashMap<String, HashMap<(String, SpanKind), Activity>>,
    edges: BTreeMap<(String, String), Activity>,
    calls: Calls,
    /// The window under way ends then.
    ends: Option<Timestamp>,
    spans: u64,
    too_old: u64,
    edges_dropped: u64,
    services_dropped: u64,
}

/// What is counted of one operation or edge.
#[derive(Debug, Default)]
struct Activity {
    /// By status: unset or good, failed.
    good: u64,
    failed: u64,
    durations: QuantileSketch,
    idle_windows: u32,
}

impl Activity {
    fn add(&mut self, secs: f64, is_failed: bool) {
        *(if is_failed { &mut self.failed } else { &mut self.good }) += 1;
        self.durations.learn_one(secs);
        self.idle_windows = 0;
    }
}

impl SpanWatch {
    /// Nothing was seen yet.
    pub fn new(config: SpanConfig) -> Self {
        let calls = Calls::new(Duration::from_secs(u64::from(config.join_secs)), config.max_open_calls);
        let state = State {
            services: HashMap::new(),
            edges: BTreeMap::new(),
            calls,
            ends: None,
            spans: 0,
            too_old: 0,
            edges_dropped: 0,
            services_dropped: 0,
        };
        Self { config, state: Mutex::new(state) }
    }

    /// Takes spans in.
    pub fn observe(&self, spans: &[Span], now: Timestamp) {
        if !self.config.enabled {
            return;
        }
        let oldest = now.minus(Duration::from_secs(u64::from(self.config.max_age_secs)));
        let mut state = self.lock();
        state.spans += spans.len() as u64;
        for span in spans {
            if span.end() < oldest {
                state.too_old += 1;
                continue;
            }
            state.operation(span, &self.config);
            if let Some(call) = state.calls.observe(span, now) {
                state.edge(call, &self.config);
            }
        }
        state.give_up(now, &self.config);
    }

    /// Lets time pass: the series of a window that is over, all with the time of its end.
    pub fn tick(&self, now: Timestamp) -> Vec<SeriesPoints> {
        let window = Duration::from_secs(u64::from(self.config.window_secs));
        let mut state = self.lock();
        state.give_up(now, &self.config);
        let ends = *state.ends.get_or_insert_with(|| now.plus(window));
        if now < ends {
            return vec![];
        }
        // After a pause there is one window and not many empty ones.
        state.ends = Some(now.plus(window));
        state.told(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn operation(&mut self, span: &Span, config: &SpanConfig) {
        if !self.services.contains_key(span.service()) && self.services.len() >= MOST_SERVICES {
            self.services_dropped += 1;
            return;
        }
        let operations = self.services.entry(span.service().to_owned()).or_default();
        let key = (span.name.clone(), span.kind);
        let is_known = operations.contains_key(&key) || operations.len() < config.max_operations;
        let key = if is_known { key } else { (OTHER.to_owned(), span.kind) };
        operations.entry(key).or_default().add(span.secs(), span.status == SpanStatus::Error);
    }

    fn edge(&mut self, call: Call, config: &SpanConfig) {
        if call.client == call.server || call.client.is_empty() || call.server.is_empty() {
            return;
        }
        let key = (call.client, call.server);
        if !self.edges.contains_key(&key) && self.edges.len() >= config.max_edges {
            self.edges_dropped += 1;
            return;
        }
        self.edges.entry(key).or_default().add(call.secs, call.is_failed);
    }

    fn give_up(&mut self, now: Timestamp, config: &SpanConfig) {
        for call in self.calls.expire(now) {
            self.edge(call, config);
        }
    }

    fn told(&mut self, time: Timestamp) -> Vec<SeriesPoints> {
        let mut told = vec![];
        for (service, operations) in &mut self.services {
            operations.retain(|(name, kind), activity| {
                let labels = [("service", &**service), ("span_name", name), ("span_kind", kind.as_str())];
                activity.tell(&OPERATION, &labels, time, &mut told)
            });
        }
        self.services.retain(|_, it| !it.is_empty());
        self.edges.retain(|(client, server), activity| {
            // `service` and `peer_service` are what the rest of Sentinel knows callers and callees by.
            let labels = [("client", &**client), ("server", server), ("service", client), ("peer_service", server)];
            activity.tell(&EDGE, &labels, time, &mut told)
        });
        told
    }
}

/// How the series of an activity are called.
struct Names {
    calls: &'static str,
    failed: &'static str,
    latency: &'static str,
}

const OPERATION: Names = Names {
    calls: "traces_spanmetrics_calls_total",
    failed: "traces_spanmetrics_errors_total",
    latency: "traces_spanmetrics_latency_seconds",
};

const EDGE: Names = Names {
    calls: "traces_service_graph_request_total",
    failed: "traces_service_graph_request_failed_total",
    latency: "traces_service_graph_request_latency_seconds",
};

impl Activity {
    /// Adds the points of a window and begins the next one; false if there was nothing for so long that it is forgotten.
    fn tell(&mut self, names: &Names, labels: &[(&str, &str)], time: Timestamp, told: &mut Vec<SeriesPoints>) -> bool {
        let is_kept = self.idle_windows < FORGET_WINDOWS;
        let mut point = |name: &str, more: Option<(&str, &str)>, value: f64| {
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain(more).collect();
            let value = if is_kept { value } else { f64::NAN };
            told.push(SeriesPoints { labels: Labels::metric(name, &labels), points: vec![Point { time, value }] });
        };
        point(names.calls, None, (self.good + self.failed) as f64);
        point(names.failed, None, self.failed as f64);
        for (share, text) in QUANTILES {
            let value = if is_kept { self.durations.quantile(share) } else { Some(f64::NAN) };
            value.into_iter().for_each(|it| point(names.latency, Some(("quantile", text)), it));
        }
        self.durations = QuantileSketch::default();
        self.idle_windows += 1;
        is_kept
    }
}

impl Meter for SpanWatch {
    fn metrics(&self) -> Vec<Metric> {
        const DROPPED: &str = "What made no series: spans that were too old, services and edges beyond the limit.";
        let state = self.lock();
        let dropped = |reason: &str, count| {
            Metric::counter("sentinel_detect_spans_dropped_total", DROPPED, count).label("reason", reason)
        };
        let operations: usize = state.services.values().map(HashMap::len).sum();
        let gauge = |name, help, value: usize| Metric::gauge(name, help, value as f64);
        vec![
            Metric::counter("sentinel_detect_spans_total", "Spans that were looked at.", state.spans),
            dropped("too_old", state.too_old),
            dropped("service_limit", state.services_dropped),
            dropped("edge_limit", state.edges_dropped),
            dropped("open_limit", state.calls.given_up),
            gauge("sentinel_detect_span_operations_count", "Operations that have series.", operations),
            gauge("sentinel_detect_span_edges_count", "Edges of the service graph.", state.edges.len()),
            gauge("sentinel_detect_span_open_calls_count", "Calls of which one side has come.", state.calls.len()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use signal::{SpanId, TraceId};

    use super::*;

    const START: i64 = 1_700_000_000;

    pub fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(START + secs)
    }

    pub fn span(service: &str, name: &str, kind: SpanKind, id: u8, parent: u8, secs: f64) -> Span {
        Span {
            trace: TraceId([7; 16]),
            id: SpanId([id; 8]),
            parent: (parent > 0).then_some(SpanId([parent; 8])),
            name: name.to_owned(),
            kind,
            start_nanos: START as u64 * 1_000_000_000,
            duration_nanos: (secs * 1e9) as u64,
            status: SpanStatus::Unset,
            message: String::new(),
            resource: Labels::new([("service", service)]),
            attributes: Labels::default(),
            events: vec![],
            links: vec![],
        }
    }

    fn values(told: &[SeriesPoints]) -> BTreeMap<String, f64> {
        told.iter().map(|it| (it.labels.to_string(), it.points[0].value)).collect()
    }

    #[test]
    fn operations_and_edges_have_rate_errors_and_duration() {
        let watch = SpanWatch::new(SpanConfig::default());
        watch.tick(at(0));
        for _ in 0..3 {
            watch.observe(&[span("shop", "POST", SpanKind::Client, 1, 0, 0.2)], at(1));
            let failed = Span { status: SpanStatus::Error, ..span("pay", "/pay", SpanKind::Server, 2, 1, 0.1) };
            watch.observe(&[failed], at(1));
        }
        assert!(watch.tick(at(9)).is_empty());
        let told = watch.tick(at(10));
        assert!(told.iter().all(|it| it.points[0].time == at(10)));
        let found = values(&told);
        let operation = r#"{service="pay",span_kind="server",span_name="/pay"}"#;
        assert_eq!(found[&format!("traces_spanmetrics_calls_total{operation}")], 3.0);
        assert_eq!(found[&format!("traces_spanmetrics_errors_total{operation}")], 3.0);
        let edge = r#"client="shop",peer_service="pay","#;
        assert_eq!(
            found[&format!(r#"traces_service_graph_request_failed_total{{{edge}server="pay",service="shop"}}"#)],
            3.0
        );
        let latency = format!(
            r#"traces_service_graph_request_latency_seconds{{{edge}quantile="0.95",server="pay",service="shop"}}"#
        );
        assert!((found[&latency] - 0.2).abs() < 0.004, "{}", found[&latency]);
        // Counters go on, quantiles are those of a window.
        let next = values(&watch.tick(at(20)));
        assert_eq!(next[&format!("traces_spanmetrics_calls_total{operation}")], 3.0);
        assert!(next.keys().all(|it| !it.contains("latency")));
    }

    /// Guarantees: MUST 163 of docs/specs/ingest.md.
    #[test]
    fn what_is_over_is_marked_and_forgotten() {
        let watch = SpanWatch::new(SpanConfig::default());
        watch.observe(&[span("pay", "/pay", SpanKind::Server, 2, 0, 0.1)], at(0));
        let told: Vec<Vec<SeriesPoints>> = (0..70).map(|it| watch.tick(at(it * 10))).collect();
        let marks: Vec<usize> = (0..70).filter(|it| told[*it].iter().any(|it| it.points[0].value.is_nan())).collect();
        assert_eq!(marks, [61]);
        assert!(told[62..].iter().all(Vec::is_empty));
    }

    /// Guarantees: MUST 162 of docs/specs/ingest.md.
    #[test]
    fn limits_hold_and_are_counted() {
        let config = SpanConfig { max_operations: 2, max_edges: 1, ..SpanConfig::default() };
        let watch = SpanWatch::new(config);
        watch.tick(at(0));
        for id in 1..=5 {
            watch.observe(&[span("a", &format!("/user/{id}"), SpanKind::Server, id, 0, 0.1)], at(1));
            watch.observe(&[span("a", "x", SpanKind::Client, 100 + id, 0, 0.1)], at(1));
            watch.observe(&[span(&format!("b{id}"), "x", SpanKind::Server, id, 100 + id, 0.1)], at(1));
        }
        watch.observe(&[span("a", "x", SpanKind::Server, 1, 0, 0.1)], at(400));
        let found = values(&watch.tick(at(400)));
        let calls = |text: &str| found.keys().filter(|it| it.contains("calls_total") && it.contains(text)).count();
        assert_eq!(calls(r#"service="a""#), 3, "two with a name and the others together");
        assert_eq!(found.keys().filter(|it| it.contains("graph_request_total")).count(), 1);
        let metrics = watch.metrics();
        let dropped = |reason: &str| {
            let is_it = |it: &&Metric| it.labels.contains(&("reason", reason.to_owned()));
            metrics.iter().find(is_it).map(|it| it.value)
        };
        assert_eq!((dropped("edge_limit"), dropped("too_old")), (Some(4.0), Some(1.0)));
    }
}
