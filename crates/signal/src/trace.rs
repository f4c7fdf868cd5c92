//! How are traces asked for? By their id, or by what one of their spans did.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{PortError, Span, SpanId, TimeRange, Timestamp, TraceId};

/// A search for traces: all conditions must hold for one span.
#[derive(Clone, Debug)]
pub struct SpanQuery {
    /// The service that made it.
    pub service: Option<String>,
    /// Its whole name.
    pub name: Option<String>,
    /// It took at least this long.
    pub min_duration: Duration,
    /// It failed.
    pub only_errors: bool,
    /// Attributes of it, or of its resource, have these values.
    pub attributes: Vec<(String, String)>,
    /// It began within this time.
    pub range: TimeRange,
    /// At most so many traces, the newest.
    pub limit: usize,
}

impl SpanQuery {
    /// True if the span meets all conditions.
    pub fn matches(&self, span: &Span) -> bool {
        let has = |(name, value): &(String, String)| {
            let found = span.attributes.get(name).or_else(|| span.resource.get(name));
            found == Some(value.as_str())
        };
        self.range.contains(span.start())
            && (!self.only_errors || span.is_error())
            && Duration::from_nanos(span.duration_nanos) >= self.min_duration
            && self.service.as_deref().is_none_or(|it| it == span.service())
            && self.name.as_deref().is_none_or(|it| it == span.name)
            && self.attributes.iter().all(has)
    }
}

/// What a list shows of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The trace.
    pub trace: TraceId,
    /// The service of its first span.
    pub service: String,
    /// The name of its first span.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// From the first beginning to the last end, in seconds.
    pub seconds: f64,
    /// How many spans are stored.
    pub spans: usize,
    /// How many of them failed.
    pub errors: usize,
    /// Who took part.
    pub services: BTreeSet<String>,
    /// True if its root has not come (yet): the first span names a parent that is not there.
    pub is_partial: bool,
}

impl TraceSummary {
    /// Of the spans of one trace in any order; None if there are none.
    pub fn of(spans: &[Span]) -> Option<Self> {
        let root = spans.iter().find(|it| it.parent.is_none());
        let first = root.or_else(|| spans.iter().min_by_key(|it| it.start_nanos))?;
        let start = spans.iter().map(|it| it.start_nanos).min()?;
        let end = spans.iter().map(|it| it.start_nanos.saturating_add(it.duration_nanos)).max()?;
        Some(Self {
            trace: first.trace,
            service: first.service().to_owned(),
            name: first.name.clone(),
            start: Timestamp::from_millis(i64::try_from(start / 1_000_000).unwrap_or(i64::MAX)),
            seconds: end.saturating_sub(start) as f64 / 1e9,
            spans: spans.len(),
            errors: spans.iter().filter(|it| it.is_error()).count(),
            services: spans.iter().map(|it| it.service().to_owned()).collect(),
            is_partial: root.is_none(),
        })
    }
}

/// Spans of one trace as a tree: each with its depth, parents before their children, siblings in order of time. Spans
/// whose parent is not there are roots.
pub fn span_tree(spans: &[Span]) -> Vec<(usize, &Span)> {
    let known: HashMap<SpanId, usize> = spans.iter().enumerate().map(|(idx, it)| (it.id, idx)).collect();
    let mut children: HashMap<Option<SpanId>, Vec<&Span>> = HashMap::new();
    for span in spans {
        let parent = span.parent.filter(|it| *it != span.id && known.contains_key(it));
        children.entry(parent).or_default().push(span);
    }
    children.values_mut().for_each(|it| it.sort_by_key(|span| std::cmp::Reverse(span.start_nanos)));
    let mut open: Vec<(usize, &Span)> =
        children.remove(&None).unwrap_or_default().into_iter().map(|it| (0, it)).collect();
    let mut tree = Vec::with_capacity(spans.len());
    while let Some((depth, span)) = open.pop() {
        tree.push((depth, span));
        // Taken out, so that ids in a circle or twice cannot go round for ever.
        open.extend(children.remove(&Some(span.id)).unwrap_or_default().into_iter().map(|it| (depth + 1, it)));
    }
    tree
}

/// Stored spans.
pub trait TraceSearch: Send + Sync {
    /// The spans of a trace that lie within the range, in order of their beginning; none if it is not known.
    fn trace(&self, id: TraceId, range: TimeRange) -> Result<Vec<Span>, PortError>;
    /// The newest traces in which a span matches.
    fn traces(&self, query: &SpanQuery) -> Result<Vec<TraceSummary>, PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Labels, SpanKind, SpanStatus};

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
    fn a_trace_is_summed_up_and_shown_as_a_tree() {
        let spans = [span(3, Some(1), 30, "pay"), span(1, None, 10, "shop"), span(2, Some(1), 20, "stock")];
        let summary = TraceSummary::of(&spans).unwrap();
        assert_eq!((&*summary.service, &*summary.name, summary.spans, summary.errors), ("shop", "step 1", 3, 1));
        assert_eq!((summary.start.millis(), summary.seconds, summary.is_partial), (10, 0.025, false));
        let tree: Vec<(usize, &str)> = span_tree(&spans).into_iter().map(|it| (it.0, &*it.1.name)).collect();
        assert_eq!(tree, [(0, "step 1"), (1, "step 2"), (1, "step 3")]);
        assert!(TraceSummary::of(&spans[..1]).unwrap().is_partial);
        assert_eq!(TraceSummary::of(&[]), None);
    }

    #[test]
    fn parents_in_a_circle_do_not_go_round_for_ever() {
        let spans =
            [span(1, Some(2), 1, "a"), span(2, Some(1), 2, "a"), span(4, Some(4), 3, "a"), span(5, Some(9), 4, "a")];
        assert_eq!(span_tree(&spans).iter().map(|it| it.1.id.0[0]).collect::<Vec<_>>(), [4, 5]);
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
        assert!(query.matches(&failed));
        assert!(!query.matches(&span(2, None, 1, "pay")));
        assert!(!query.matches(&span(3, None, 1, "stock")));
        assert!(!SpanQuery { min_duration: Duration::from_secs(1), ..query }.matches(&failed));
    }
}
