//! What do spans tell of? Operations that were carried out, and calls, of which each side has sent a span.
//!
//! All spans of a trace have to come here; what is told of them may be counted elsewhere.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use signal::{Meter, Metric, Span, SpanId, Timestamp, TraceId};

use super::calls::{Call, Calls};
use super::{SpanConfig, Task, Work, dropped};

/// Spans that are known when they come again, because a sender got no answer: the newest ones.
const MOST_KNOWN: usize = 65_536;
/// Calls under way that another process is told of.
const MOST_SAVED: usize = 10_000;

/// Makes work of spans.
#[derive(Debug)]
pub struct SpanJoin {
    config: SpanConfig,
    calls: Calls,
    known: HashSet<(TraceId, SpanId)>,
    /// In the order in which they came.
    order: VecDeque<(TraceId, SpanId)>,
    spans: u64,
    too_old: u64,
    repeated: u64,
}

impl SpanJoin {
    /// Nothing was seen yet.
    pub fn new(config: SpanConfig) -> Self {
        let calls = Calls::new(Duration::from_secs(u64::from(config.join_secs)), config.max_open_calls);
        let (known, order) = (HashSet::new(), VecDeque::new());
        Self { config, calls, known, order, spans: 0, too_old: 0, repeated: 0 }
    }

    /// Takes spans in and tells what they are about, together with those before. `position` is that of their batch; it is
    /// told again with calls of which the other side never comes.
    pub fn observe(&mut self, spans: &[Span], position: i64, now: Timestamp) -> Vec<Work> {
        if !self.config.enabled {
            return vec![];
        }
        let oldest = now.minus(Duration::from_secs(u64::from(self.config.max_age_secs)));
        self.spans += spans.len() as u64;
        let mut work = vec![];
        for span in spans {
            if span.end() < oldest {
                self.too_old += 1;
                continue;
            }
            if !self.is_new(span) {
                self.repeated += 1;
                continue;
            }
            let task = Task::Operation { service: span.service().to_owned(), name: span.name.clone(), kind: span.kind };
            work.push(Work { task, secs: span.secs(), is_failed: span.is_error() });
            work.extend(self.calls.observe(span, position, now).and_then(Call::work));
        }
        work
    }

    /// Calls of which the other side does not come any more, each with the position at which the one side came.
    pub fn expire(&mut self, now: Timestamp) -> Vec<(i64, Work)> {
        let calls = self.calls.expire(now).into_iter();
        calls.filter_map(|(position, call)| Some((position, call.work()?))).collect()
    }

    /// Calls under way, to be restored by another process.
    pub fn save(&self) -> Vec<u8> {
        self.calls.save(MOST_SAVED)
    }

    /// Takes back what `save` wrote.
    ///
    /// # Errors
    /// It is damaged or of another release.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), serde_json::Error> {
        self.calls.restore(state)
    }

    fn is_new(&mut self, span: &Span) -> bool {
        let key = (span.trace, span.id);
        let is_new = self.known.insert(key);
        if is_new {
            self.order.push_back(key);
            if self.order.len() > MOST_KNOWN {
                self.order.pop_front().into_iter().for_each(|it| _ = self.known.remove(&it));
            }
        }
        is_new
    }
}

impl Call {
    /// A service that calls itself is no edge.
    fn work(self) -> Option<Work> {
        let Self { client, server, secs, is_failed } = self;
        let is_edge = client != server && !client.is_empty() && !server.is_empty();
        is_edge.then_some(Work { task: Task::Call { client, server }, secs, is_failed })
    }
}

impl Meter for SpanJoin {
    fn metrics(&self) -> Vec<Metric> {
        const OPEN: &str = "Calls of which one side has come.";
        vec![
            Metric::counter("sentinel_detect_spans_total", "Spans that were looked at.", self.spans),
            dropped("too_old", self.too_old),
            dropped("repeated", self.repeated),
            dropped("open_limit", self.calls.given_up),
            Metric::gauge("sentinel_detect_span_open_calls_count", OPEN, self.calls.len() as f64),
        ]
    }
}
