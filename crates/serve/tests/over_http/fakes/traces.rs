//! Traces of the made-up shop: one good, one that failed, with a hostile name.

use std::collections::BTreeSet;

use signal::{
    Exemplar, ExemplarSearch, Labels, Point, PortError, Span, SpanEvent, SpanId, SpanKind, SpanQuery, SpanStatus,
    TimeRange, TraceId, TraceSearch, TraceSummary,
};

use super::{HOSTILE, World};

/// The trace that failed.
pub const FAILED: TraceId = TraceId([0xfa; 16]);
const GOOD: TraceId = TraceId([0x90; 16]);

impl World {
    fn spans(&self) -> Vec<Span> {
        let start = (self.begin.millis() as u64 + 60_000) * 1_000_000;
        let step = |id: u8, parent: u8, service: &str, name: &str, at_ms: u64, took_ms: u64| Span {
            trace: if id < 10 { GOOD } else { FAILED },
            id: SpanId([id; 8]),
            parent: (parent > 0).then_some(SpanId([parent; 8])),
            name: name.to_owned(),
            kind: SpanKind::Server,
            start_nanos: start + at_ms * 1_000_000,
            duration_nanos: took_ms * 1_000_000,
            status: if id == 12 { SpanStatus::Error } else { SpanStatus::Unset },
            message: if id == 12 { "connection refused".to_owned() } else { String::new() },
            resource: Labels::new([("service", service)]),
            attributes: Labels::new([("http.route", name)]),
            events: vec![SpanEvent {
                time_nanos: start,
                name: "exception".to_owned(),
                attributes: Labels::new([("exception.message", HOSTILE)]),
            }],
            links: vec![],
        };
        vec![
            step(1, 0, "web", "GET /", 0, 120),
            step(2, 1, "checkout", "POST /cart", 20, 80),
            step(11, 0, "web", HOSTILE, 500, 2400),
            step(12, 11, "payments", "POST /pay", 600, 2100),
        ]
    }
}

impl TraceSearch for World {
    fn trace(&self, id: TraceId, _: TimeRange) -> Result<Vec<Span>, PortError> {
        Ok(self.spans().into_iter().filter(|it| it.trace == id).collect())
    }

    fn traces(&self, query: &SpanQuery) -> Result<Vec<TraceSummary>, PortError> {
        let fits = |it: &Span| {
            (!query.only_errors || it.is_error())
                && query.service.as_deref().is_none_or(|service| service == it.service())
                && std::time::Duration::from_nanos(it.duration_nanos) >= query.min_duration
        };
        let found: BTreeSet<TraceId> = self.spans().iter().filter(|it| fits(it)).map(|it| it.trace).collect();
        let summary = |trace: TraceId| {
            let spans: Vec<Span> = self.spans().into_iter().filter(|it| it.trace == trace).collect();
            TraceSummary {
                trace,
                service: spans[0].service().to_owned(),
                name: spans[0].name.clone(),
                start: spans[0].start(),
                seconds: spans[0].secs(),
                spans: spans.len(),
                errors: spans.iter().filter(|it| it.is_error()).count(),
                services: spans.iter().map(|it| it.service().to_owned()).collect(),
                is_partial: false,
            }
        };
        Ok(found.into_iter().rev().take(query.limit).map(summary).collect())
    }
}

/// Two requests of the checkout, in different buckets, and one of the cart that names no trace.
impl ExemplarSearch for World {
    fn exemplars(&self, fits: &dyn Fn(&Labels) -> bool, range: TimeRange) -> Vec<Exemplar> {
        let is_checkout =
            |it: &&Labels| it.name() == "http_request_duration_seconds" && it.service() == Some("checkout");
        let Some(series) = self.series.iter().find(is_checkout) else { return vec![] };
        let bucket = series.with("__name__", "http_request_duration_seconds_bucket");
        let one = |series: Labels, pair: (&str, &str), secs: u64, value: f64| Exemplar {
            series,
            labels: Labels::new([pair]),
            point: Point { time: self.begin.plus(std::time::Duration::from_secs(secs)), value },
        };
        let (good, failed) = (GOOD.to_string(), FAILED.to_string());
        let all = [
            one(bucket.with("le", "0.25"), ("trace_id", &good), 61, 0.125),
            one(bucket.with("le", "1"), ("trace_id", &failed), 62, 0.75),
            one(bucket.with("le", "1").with("service", "cart"), ("note", HOSTILE), 63, 0.5),
        ];
        all.into_iter().filter(|it| fits(&it.series) && range.contains(it.point.time)).collect()
    }
}
