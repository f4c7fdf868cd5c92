//! How does the provider do, and what does it cost? Counts of every try for /metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use signal::{Meter, Metric, MetricKind};

use super::breaker::BreakerState;
use crate::{ModelError, Stop, Turn};

/// Upper ends of the histogram, in seconds.
const BUCKETS: [f64; 10] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 180.0];
const DOLLAR: f64 = 1e9;

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A turn.
    Ok,
    /// A turn in which the model or a filter said no.
    Refused,
    /// Too many requests.
    RateLimited,
    /// The provider failed or cannot be reached.
    Unavailable,
    /// No answer in time.
    TimedOut,
    /// The key is wrong.
    Unauthorized,
    /// The request is wrong.
    Rejected,
    /// The answer cannot be read.
    Malformed,
    /// Not sent: the provider is left alone.
    Open,
    /// Not sent: too many wait.
    Busy,
    /// Not sent: a cap of the day or month is used up.
    Capped,
    /// Whoever asked did not wait for the answer.
    Cancelled,
}

const OUTCOMES: [(Outcome, &str); 12] = [
    (Outcome::Ok, "ok"),
    (Outcome::Refused, "refused"),
    (Outcome::RateLimited, "rate_limited"),
    (Outcome::Unavailable, "unavailable"),
    (Outcome::TimedOut, "timed_out"),
    (Outcome::Unauthorized, "unauthorized"),
    (Outcome::Rejected, "rejected"),
    (Outcome::Malformed, "malformed"),
    (Outcome::Open, "open"),
    (Outcome::Busy, "busy"),
    (Outcome::Capped, "capped"),
    (Outcome::Cancelled, "cancelled"),
];

/// Counts since the start of the program.
#[derive(Debug, Default)]
pub struct Counters {
    provider: &'static str,
    outcomes: [AtomicU64; OUTCOMES.len()],
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
    nano_dollars: AtomicU64,
    unpriced: AtomicU64,
    retries: AtomicU64,
    unrecorded: AtomicU64,
    in_flight: AtomicU64,
    waiting: AtomicU64,
    breaker: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanos: AtomicU64,
}

/// One that is under way, until it is dropped.
pub struct Under<'a>(&'a AtomicU64);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn under(counter: &AtomicU64) -> Under<'_> {
    counter.fetch_add(1, Ordering::Relaxed);
    Under(counter)
}

impl From<&ModelError> for Outcome {
    fn from(error: &ModelError) -> Self {
        match error {
            ModelError::RateLimited { .. } => Self::RateLimited,
            ModelError::Unavailable(_) => Self::Unavailable,
            ModelError::TimedOut(_) => Self::TimedOut,
            ModelError::Unauthorized => Self::Unauthorized,
            ModelError::Rejected(_) => Self::Rejected,
            ModelError::Malformed(_) => Self::Malformed,
            ModelError::Open => Self::Open,
            ModelError::Busy => Self::Busy,
            ModelError::Capped(_) => Self::Capped,
        }
    }
}

impl Counters {
    /// Of this provider.
    pub fn new(provider: &'static str) -> Self {
        Self { provider, ..Self::default() }
    }

    /// A request is sent.
    pub fn send(&self) -> Under<'_> {
        under(&self.in_flight)
    }

    /// A request waits for its turn.
    pub fn wait(&self) -> Under<'_> {
        under(&self.waiting)
    }

    /// How many wait.
    pub fn n_waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A try has ended.
    pub fn outcome(&self, outcome: Outcome) {
        let idx = OUTCOMES.iter().position(|it| it.0 == outcome);
        if let Some(counter) = idx.and_then(|it| self.outcomes.get(it)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A try was sent and answered, or failed, after this time.
    pub fn answer(&self, answer: &Result<Turn, ModelError>, cost: Option<f64>, took: Duration) {
        let add = |to: &AtomicU64, n: u64| to.fetch_add(n, Ordering::Relaxed);
        self.outcome(match answer {
            Ok(turn) if turn.stop == Stop::Refused => Outcome::Refused,
            Ok(_) => Outcome::Ok,
            Err(error) => Outcome::from(error),
        });
        add(&self.nanos, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let bucket = BUCKETS.iter().position(|it| took.as_secs_f64() <= *it).unwrap_or(BUCKETS.len());
        self.buckets.get(bucket).map(|it| add(it, 1));
        if let Ok(turn) = answer {
            add(&self.input_tokens, turn.usage.input_tokens);
            add(&self.output_tokens, turn.usage.output_tokens);
            match cost {
                Some(dollars) => add(&self.nano_dollars, (dollars * DOLLAR).round() as u64),
                None => add(&self.unpriced, 1),
            };
        }
    }

    /// It is asked again.
    pub fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A turn could not be written to the recording.
    pub fn unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// The breaker is now like this.
    pub fn breaker(&self, state: BreakerState) {
        self.breaker.store(state as u64, Ordering::Relaxed);
    }

    fn histogram(&self) -> Vec<Metric> {
        let part = |name: &'static str, value: f64| Metric {
            name: name.into(),
            help: "Seconds from a request to the end of its answer.".into(),
            kind: MetricKind::Histogram,
            labels: vec![("provider".into(), self.provider.to_owned())],
            value,
        };
        let mut total = 0;
        let mut metrics = vec![];
        let ends = BUCKETS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (count, end) in self.buckets.iter().zip(ends) {
            total += count.load(Ordering::Relaxed);
            metrics.push(part("sentinel_agent_request_seconds_bucket", total as f64).label("le", &end));
        }
        let secs = self.nanos.load(Ordering::Relaxed) as f64 / 1e9;
        metrics.push(part("sentinel_agent_request_seconds_sum", secs));
        metrics.push(part("sentinel_agent_request_seconds_count", total as f64));
        metrics
    }
}

impl Meter for Counters {
    // Long because each number is a line, and its help another.
    fn metrics(&self) -> Vec<Metric> {
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let own = |it: Metric| it.label("provider", self.provider);
        let counter = |name, help, it: &AtomicU64| own(Metric::counter(name, help, get(it)));
        let gauge = |name, help, it: &AtomicU64| own(Metric::gauge(name, help, get(it) as f64));
        let requests = OUTCOMES.iter().zip(&self.outcomes).map(|((_, outcome), it)| {
            let help = "Requests to the language model, each try counted, by what came of them.";
            counter("sentinel_agent_requests_total", help, it).label("outcome", outcome)
        });
        let mut metrics: Vec<Metric> = requests.collect();
        let tokens = "Tokens as the provider counts them.";
        metrics.push(counter("sentinel_agent_tokens_total", tokens, &self.input_tokens).label("kind", "input"));
        metrics.push(counter("sentinel_agent_tokens_total", tokens, &self.output_tokens).label("kind", "output"));
        metrics.push(own(Metric {
            name: "sentinel_agent_cost_dollars_total".into(),
            help: "What turns cost by the configured prices, in US dollars.".into(),
            kind: MetricKind::Counter,
            labels: vec![],
            value: get(&self.nano_dollars) as f64 / DOLLAR,
        }));
        let unpriced = "Turns of a model without a price, whose cost is not known.";
        metrics.push(counter("sentinel_agent_unpriced_turns_total", unpriced, &self.unpriced));
        metrics.push(counter("sentinel_agent_retries_total", "Requests that were tried again.", &self.retries));
        let unrecorded = "Turns that could not be written to agent.record_file.";
        metrics.push(counter("sentinel_agent_unrecorded_turns_total", unrecorded, &self.unrecorded));
        metrics.push(gauge("sentinel_agent_requests_in_flight", "Requests that are being answered.", &self.in_flight));
        metrics.push(gauge("sentinel_agent_requests_waiting", "Requests that wait for their turn.", &self.waiting));
        let breaker = "Whether the provider is asked: 0 yes, 1 one request tries, 2 no.";
        metrics.push(gauge("sentinel_agent_breaker_state", breaker, &self.breaker));
        metrics.extend(self.histogram());
        metrics
    }
}
