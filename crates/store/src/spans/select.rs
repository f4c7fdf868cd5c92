//! Does a span meet what is asked for, and what is a trace in one line?

use std::time::Duration;

use signal::{Span, SpanQuery, Timestamp, TraceSummary};

/// True if the span meets all conditions.
pub fn matches(query: &SpanQuery, span: &Span) -> bool {
    let has = |(name, value): &(String, String)| {
        let found = span.attributes.get(name).or_else(|| span.resource.get(name));
        found == Some(value.as_str())
    };
    query.range.contains(span.start())
        && (!query.only_errors || span.is_error())
        && Duration::from_nanos(span.duration_nanos) >= query.min_duration
        && query.service.as_deref().is_none_or(|it| it == span.service())
        && query.name.as_deref().is_none_or(|it| it == span.name)
        && query.attributes.iter().all(has)
}

/// Of the spans of one trace in any order; None if there are none.
pub fn summed_up(spans: &[Span]) -> Option<TraceSummary> {
    let root = spans.iter().find(|it| it.parent.is_none());
    let first = root.or_else(|| spans.iter().min_by_key(|it| it.start_nanos))?;
    let start = spans.iter().map(|it| it.start_nanos).min()?;
    let end = spans.iter().map(|it| it.start_nanos.saturating_add(it.duration_nanos)).max()?;
    Some(TraceSummary {
        trace: first.trace,
        service: first.service().to_owned(),
        name: first.name.clone(),
        start: Timestamp::from_millis((start / 1_000_000) as i64),
        seconds: end.saturating_sub(start) as f64 / 1e9,
        spans: spans.len(),
        errors: spans.iter().filter(|it| it.is_error()).count(),
        services: spans.iter().map(|it| it.service().to_owned()).collect(),
        is_partial: root.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Labels, SpanId, SpanKind, SpanStatus, TimeRange, TraceId};

    fn span(id: u8, parent: Option<u8>, start: u64, service: &str) -> Span {
        Span {
            trace: TraceId([1; 16]),
            id: SpanId([id; 8]),
            parent: parent.map(|it| SpanId([it; 8])),
            name: format!("step {id}"),
            kind: SpanKind::Server,
            start_nanos: start * 1_000_000,
            duration_nanos: 5_000_000,
            status: if id == 3 { SpanStatus::Error } else { SpanStatus::Unset },
            message: String::new(),
            resource: Labels::new([("service", service)]),
            attributes: Labels::new([("http.route", "/cart")]),
            events: vec![],
            links: vec![],
        }
    }

    #[test]
    fn a_trace_is_summed_up() {
        let spans = [span(3, Some(1), 30, "pay"), span(1, None, 10, "shop"), span(2, Some(1), 20, "stock")];
        let summary = summed_up(&spans).unwrap();
        assert_eq!((&*summary.service, &*summary.name, summary.spans, summary.errors), ("shop", "step 1", 3, 1));
        assert_eq!((summary.start.millis(), summary.seconds, summary.is_partial), (10, 0.025, false));
        assert!(summed_up(&spans[..1]).unwrap().is_partial);
        assert_eq!(summed_up(&[]), None);
    }

    #[test]
    fn all_conditions_must_hold_for_one_span() {
        let query = SpanQuery {
            service: Some("pay".to_owned()),
            name: None,
            min_duration: Duration::from_millis(5),
            only_errors: true,
            attributes: vec![("http.route".to_owned(), "/cart".to_owned())],
            range: TimeRange::ALL,
            limit: 10,
        };
        let failed = span(3, None, 1, "pay");
        assert!(matches(&query, &failed));
        assert!(!matches(&query, &span(2, None, 1, "pay")));
        assert!(!matches(&query, &span(3, None, 1, "stock")));
        assert!(!matches(&SpanQuery { min_duration: Duration::from_secs(1), ..query }, &failed));
    }
}
