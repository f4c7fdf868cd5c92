//! Why is it wrong? Evidence to ranked causes, without an LLM, clock or I/O of its own.
//!
//! Reading order: `facts` reads what moved around the incident's onset (`movement` compares two windows of one series);
//! `rules` make typed hypotheses of it, each citing evidence from the `docket`; `case` ranks services by plain data, be it
//! of a user's files or gathered by `live` through the ports, which also joins both; `rank` weighs hypotheses against each
//! other; `prior` adds what people said of earlier ones; `reopen` reads each piece of evidence once more, and what cannot
//! be read again is dropped; `graph` tells the way that the trouble took.

#![warn(missing_docs)]

pub mod case;
mod docket;
mod error;
mod facts;
mod graph;
mod live;
mod movement;
mod phrase;
mod prior;
mod problem;
pub mod question;
mod rank;
mod reopen;
mod rules;

use signal::{ChangeLog, Diagnosis, History, Incident, LogSearch, Templates, Timestamp, Topology, TraceSearch};

pub use error::Error;
pub use graph::to_dot;
pub use prior::weigh;
pub use problem::Problem;
pub use reopen::{fits, key_words, reopen};

/// Where evidence is read.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Samples.
    pub history: &'a dyn History,
    /// Log lines.
    pub logs: &'a dyn LogSearch,
    /// Rates of log templates.
    pub templates: &'a dyn Templates,
    /// Spans of requests.
    pub traces: &'a dyn TraceSearch,
    /// Deploys and the like.
    pub changes: &'a dyn ChangeLog,
    /// Who calls whom and runs where.
    pub topology: &'a dyn Topology,
}

/// Ranks the causes of an incident by what can be read at `now` (data time), and tells what could not be read.
///
/// Every cause cites evidence that [`reopen()`] confirmed. `took_ms` is left 0: this crate has no clock.
pub fn diagnose(incident: &Incident, now: Timestamp, sources: &Sources<'_>) -> (Diagnosis, Vec<Problem>) {
    let mut problems = vec![];
    let mut facts = facts::gather(incident, now, sources, &mut problems);
    let gathered = live::gather(&mut facts, incident, sources, &mut problems);
    let ranking = case::rank(&gathered.case);
    let mut docket = docket::Docket::new(&facts, sources);
    let hypotheses = rules::all(&facts, incident, &mut docket);
    let hypotheses = live::fuse(hypotheses, &ranking, &gathered, &facts, &mut docket);
    let ranked = rank::rank(hypotheses, &facts);
    let (causes, evidence) = docket.close(ranked, &mut problems);
    let no_cause_confidence = (1.0 - causes.iter().map(|it| it.confidence).sum::<f64>()).clamp(0.0, 1.0);
    let graph = live::graph(incident, &causes, &evidence, &facts, &gathered.case.calls);
    (Diagnosis { time: now, causes, no_cause_confidence, evidence, graph, took_ms: 0.0 }, problems)
}
