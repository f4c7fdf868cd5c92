//! Why is it wrong? Evidence to ranked causes, without an LLM, clock or I/O of its own.
//!
//! Reading order: `facts` reads what moved around the incident's onset (`movement` compares two windows of one series);
//! `rules` make typed hypotheses of it, each citing evidence from the `docket`; `rank` weighs them against each other;
//! `reopen` reads each piece of evidence once more, and what cannot be read again is dropped.
//! `case` ranks from plain data instead, without a store: a user's files, and published benchmarks.
//! `question` reads what a person asks, so that the right incident or moment is explained.

#![warn(missing_docs)]

pub mod case;
mod docket;
mod error;
mod facts;
mod movement;
mod phrase;
mod problem;
pub mod question;
mod rank;
mod reopen;
mod rules;

use signal::{ChangeLog, Diagnosis, History, Incident, LogSearch, Templates, Timestamp, Topology};

pub use error::Error;
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
    /// Deploys and the like.
    pub changes: &'a dyn ChangeLog,
    /// Who calls whom and runs where.
    pub topology: &'a dyn Topology,
}

/// Ranks the causes of an incident by what can be read at `now` (data time), and tells what could not be read.
///
/// Every cause cites evidence that [`reopen`] confirmed. `took_ms` is left 0: this crate has no clock.
pub fn diagnose(incident: &Incident, now: Timestamp, sources: &Sources<'_>) -> (Diagnosis, Vec<Problem>) {
    let mut problems = vec![];
    let facts = facts::gather(incident, now, sources, &mut problems);
    let mut docket = docket::Docket::new(&facts, sources);
    let hypotheses = rules::all(&facts, incident, &mut docket);
    let ranked = rank::rank(hypotheses, &facts);
    let (causes, evidence) = docket.close(ranked, &mut problems);
    let no_cause_confidence = causes.iter().map(|it| 1.0 - it.confidence).product();
    (Diagnosis { time: now, causes, no_cause_confidence, evidence, took_ms: 0.0 }, problems)
}
