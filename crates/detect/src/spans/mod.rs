//! How often, how well and how fast do services work, and who calls whom? Spans become series: calls and failures as
//! counters, durations as quantiles of each window, per operation and per edge of the service graph.
//!
//! Names and labels are those of the metrics generator of Grafana Tempo where it has them
//! (<https://grafana.com/docs/tempo/latest/metrics-generator/>), so that its service graph can be drawn from them.
//! Durations are quantiles of a window and no histograms: they are what is judged.
//!
//! `join` looks at spans, all of a trace in one place; `tally` counts what was done, all of a service in one place. Where
//! one process does everything, `SpanWatch` is both.

mod calls;
mod config;
mod join;
mod tally;

use std::sync::{Mutex, MutexGuard, PoisonError};

use signal::{Meter, Metric, SeriesPoints, Span, SpanKind, Timestamp};

pub use self::config::SpanConfig;
pub use self::join::SpanJoin;
pub use self::tally::{SpanCounts, SpanTally};

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// A service carried out an operation.
    Operation {
        /// The service.
        service: String,
        /// The name of the span.
        name: String,
        /// The side of a call.
        kind: SpanKind,
    },
    /// A service called another one.
    Call {
        /// Who called.
        client: String,
        /// Who was called.
        server: String,
    },
}

impl Task {
    /// The service whose series tell of it.
    pub fn owner(&self) -> &str {
        match self {
            Self::Operation { service, .. } => service,
            Self::Call { client, .. } => client,
        }
    }
}

/// A task that was done once.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// What.
    pub task: Task,
    /// How long it took, in seconds.
    pub secs: f64,
    /// True if it failed.
    pub is_failed: bool,
}

/// Watches spans. Shared between threads.
#[derive(Debug)]
pub struct SpanWatch {
    join: Mutex<SpanJoin>,
    tally: Mutex<SpanTally>,
}

impl SpanWatch {
    /// Nothing was seen yet.
    pub fn new(config: SpanConfig) -> Self {
        Self { join: Mutex::new(SpanJoin::new(config.clone())), tally: Mutex::new(SpanTally::new(config)) }
    }

    /// Takes spans in.
    pub fn observe(&self, spans: &[Span], now: Timestamp) {
        let mut join = lock(&self.join);
        let work = join.observe(spans, 0, now);
        let expired = join.expire(now);
        drop(join);
        let mut tally = lock(&self.tally);
        work.into_iter().chain(expired.into_iter().map(|it| it.1)).for_each(|it| tally.add(it));
    }

    /// Lets time pass: the series of a window that is over, all with the time of its end.
    pub fn tick(&self, now: Timestamp) -> Vec<SeriesPoints> {
        let expired = lock(&self.join).expire(now);
        let mut tally = lock(&self.tally);
        expired.into_iter().for_each(|it| tally.add(it.1));
        tally.tick(now)
    }
}

impl Meter for SpanWatch {
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = lock(&self.join).metrics();
        metrics.extend(lock(&self.tally).metrics());
        metrics
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dropped(reason: &str, count: u64) -> Metric {
    const DROPPED: &str = "What made no series: spans that were too old, services and edges beyond the limit.";
    Metric::counter("sentinel_detect_spans_dropped_total", DROPPED, count).label("reason", reason)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use signal::{Labels, SpanId, SpanStatus, TraceId};

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
        for id in 1..=3 {
            let client = span("shop", "POST", SpanKind::Client, id, 0, 0.2);
            let failed = Span { status: SpanStatus::Error, ..span("pay", "/pay", SpanKind::Server, 10 + id, id, 0.1) };
            watch.observe(std::slice::from_ref(&client), at(1));
            // Whoever got no answer sends again.
            watch.observe(&[client, failed], at(1));
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

    /// Scenario: spans of a trace and counts of a service lie on different workers, and both are taken over by others.
    #[test]
    fn work_is_told_the_same_wherever_it_is_counted() {
        let spans: Vec<Span> = (1..=40)
            .flat_map(|id| {
                let client = span("shop", "POST", SpanKind::Client, id, 0, 0.2);
                [client, span("pay", "/pay", SpanKind::Server, 100 + id, id, f64::from(id) / 100.0)]
            })
            .collect();
        let watch = SpanWatch::new(SpanConfig::default());
        let config = SpanConfig::default;
        let (mut join, mut tally) = (SpanJoin::new(config()), SpanTally::new(config()));
        let mut told = (vec![], vec![]);
        for (idx, span) in spans.iter().enumerate() {
            let now = at(idx as i64);
            if idx % 7 == 0 {
                let state = (join.save(), tally.save());
                (join, tally) = (SpanJoin::new(config()), SpanTally::new(config()));
                join.restore(&state.0).unwrap();
                tally.restore(state.1);
            }
            told.0.extend(watch.tick(now));
            told.1.extend(tally.tick(now));
            watch.observe(std::slice::from_ref(span), now);
            join.observe(std::slice::from_ref(span), idx as i64, now).into_iter().for_each(|it| tally.add(it));
        }
        let counts = |it: &[SeriesPoints]| {
            let mut all: Vec<String> = it.iter().map(|it| format!("{} {:?}", it.labels, it.points)).collect();
            all.retain(|it| !it.contains("latency"));
            all.sort();
            all
        };
        assert_eq!(counts(&told.0), counts(&told.1));
        assert!(counts(&told.0).len() > 20);
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
            watch.observe(&[span(&format!("b{id}"), "x", SpanKind::Server, 200 + id, 100 + id, 0.1)], at(1));
        }
        watch.observe(&[span("a", "x", SpanKind::Server, 50, 0, 0.1)], at(400));
        let found = values(&watch.tick(at(400)));
        let calls = |text: &str| found.keys().filter(|it| it.contains("calls_total") && it.contains(text)).count();
        assert_eq!(calls(r#"service="a""#), 3, "two with a name and the others together");
        assert_eq!(found.keys().filter(|it| it.contains("graph_request_total")).count(), 1);
        let metrics = watch.metrics();
        let dropped = |reason: &str| {
            let is_it = |it: &&Metric| it.labels.contains(&("reason".into(), reason.to_owned()));
            metrics.iter().find(is_it).map(|it| it.value)
        };
        assert_eq!((dropped("edge_limit"), dropped("too_old")), (Some(4.0), Some(1.0)));
    }
}
