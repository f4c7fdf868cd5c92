//! Which spans does a search find, and which belong to a trace?

pub mod codec;
mod select;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use signal::{Span, SpanQuery, TimeRange, Timestamp, TraceId, TraceSummary};

pub use self::codec::Steps;
use self::codec::{service_word, trace_word};
use self::select::{matches, summed_up};
use crate::packs::Packs;
use crate::packs::filter::Asked;

/// All spans.
pub type Spans = Packs<Steps>;

/// The spans of one trace that are looked at; a trace may be endless.
pub const MOST_SPANS: usize = 10_000;
/// Spans of a trace that was found lie within this time around the one that matched.
const AROUND: Duration = Duration::from_secs(3600);

impl Spans {
    /// The spans of a trace in order of their beginning, the first 10,000: whoever calls began before whoever is called, so
    /// that they are a tree.
    pub fn trace(&self, id: TraceId, range: TimeRange) -> Vec<Span> {
        let mut first: BTreeMap<(u64, u64), Span> = BTreeMap::new();
        let mut visit = |spans: &[(u64, Span)]| {
            for (number, span) in spans.iter().filter(|it| it.1.trace == id) {
                let key = (span.start_nanos, *number);
                if first.len() < MOST_SPANS || first.last_key_value().is_some_and(|it| key < *it.0) {
                    first.insert(key, span.clone());
                }
                if first.len() > MOST_SPANS {
                    first.pop_last();
                }
            }
        };
        self.scan(range, &[Asked::of_hash(trace_word(id))], &mut |_| false, &mut visit);
        first.into_values().collect()
    }

    /// How many spans of a trace are stored.
    pub fn trace_size(&self, id: TraceId, range: TimeRange) -> u64 {
        let mut count = 0;
        // What waits comes first, and again if it is packed meanwhile.
        let mut waiting: Option<std::ops::RangeInclusive<u64>> = None;
        let mut visit = |spans: &[(u64, Span)]| {
            let is_new = |number: u64| waiting.as_ref().is_none_or(|it| !it.contains(&number));
            count += spans.iter().filter(|it| it.1.trace == id && is_new(it.0)).count() as u64;
            if waiting.is_none() {
                let ids = || spans.iter().map(|it| it.0);
                waiting = Some(ids().min().unwrap_or(1)..=ids().max().unwrap_or(0));
            }
        };
        self.scan(range, &[Asked::of_hash(trace_word(id))], &mut |_| false, &mut visit);
        count
    }

    /// The newest traces in which a span matches, at most `query.limit`; newest first.
    pub fn traces(&self, query: &SpanQuery) -> Vec<TraceSummary> {
        let mut summaries: Vec<TraceSummary> = self
            .newest_matches(query)
            .into_iter()
            .filter_map(|(id, time)| {
                let around = TimeRange::new(time.minus(AROUND), time.plus(AROUND));
                let mut summary = summed_up(&self.trace(id, around))?;
                if summary.spans == MOST_SPANS {
                    summary.spans = usize::try_from(self.trace_size(id, around)).unwrap_or(usize::MAX);
                }
                Some(summary)
            })
            .collect();
        summaries.sort_by_key(|it| std::cmp::Reverse(it.start));
        summaries
    }

    /// The newest spans that match, one per trace.
    fn newest_matches(&self, query: &SpanQuery) -> Vec<(TraceId, Timestamp)> {
        let words: Vec<Asked> = query.service.iter().map(|it| Asked::of_hash(service_word(it))).collect();
        let found: std::cell::RefCell<HashMap<TraceId, Timestamp>> = std::cell::RefCell::default();
        let mut is_enough = |newest: Timestamp| {
            let found = found.borrow();
            found.values().filter(|it| **it > newest).count() >= query.limit
        };
        let mut visit = |spans: &[(u64, Span)]| {
            let mut found = found.borrow_mut();
            for (_, span) in spans.iter().filter(|(_, it)| matches(query, it)) {
                let newest = found.entry(span.trace).or_insert_with(|| span.start());
                *newest = span.start().max(*newest);
            }
        };
        self.scan(query.range, &words, &mut is_enough, &mut visit);
        let mut newest: Vec<(TraceId, Timestamp)> = found.into_inner().into_iter().collect();
        newest.sort_by_key(|it| std::cmp::Reverse((it.1, it.0)));
        newest.truncate(query.limit);
        newest
    }
}
