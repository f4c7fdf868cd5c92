//! What do stored spans say of requests: time of their own, time on the way, failures that begin there?

use signal::{RequestMeasure, Span, TraceId};

use super::case::span;
use crate::case::{Case, measured};

/// So many traces are cited.
const MAX_CITED: usize = 5;

/// What is claimed of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) caller: &'a str,
    pub(crate) measure: RequestMeasure,
    pub(crate) before: f64,
    pub(crate) during: f64,
}

/// Traces in which a claim is to be seen.
pub(crate) fn showing(claim: &Claim<'_>, spans: &[Span]) -> Vec<TraceId> {
    let mut traces: Vec<TraceId> = spans.iter().map(|it| it.trace).collect();
    traces.sort();
    traces.dedup();
    let of = |trace: TraceId| spans.iter().filter(move |it| it.trace == trace);
    traces.into_iter().filter(|it| holds(claim, of(*it))).take(MAX_CITED).collect()
}

/// Whether the spans of a trace show the claim: nearer to what is told of the incident than to the usual.
pub(crate) fn holds<'a>(claim: &Claim<'_>, spans: impl Iterator<Item = &'a Span>) -> bool {
    let case = Case { spans: spans.map(|it| span(it, false)).collect(), ..Case::default() };
    let fits = |value: f64| {
        let middle = f64::midpoint(claim.before, claim.during);
        if claim.during > claim.before { value >= middle } else { value <= middle }
    };
    measured(&case, claim.service, claim.operation, claim.caller, claim.measure).into_iter().any(fits)
}
