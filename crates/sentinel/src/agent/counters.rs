//! What is counted of conversations?

use std::sync::Mutex;

use agent::Flaw;
use signal::{Investigation, InvestigationOutcome, Metric, StepResult};

use super::lock;

/// All steps that there are.
const STEPS: [StepResult; 5] =
    [StepResult::Answered, StepResult::Repeated, StepResult::Rejected, StepResult::Failed, StepResult::TimedOut];

/// Counts since the start.
#[derive(Default)]
pub struct Counters(Mutex<Counts>);

#[derive(Clone, Copy, Default)]
struct Counts {
    outcomes: [u64; InvestigationOutcome::ALL.len()],
    steps: [u64; STEPS.len()],
    dropped: [u64; Flaw::ALL.len()],
    claims: u64,
    seconds: f64,
    dollars: f64,
    not_queued: u64,
    not_kept: u64,
}

impl Counters {
    /// A conversation has ended.
    pub fn ended(&self, it: &Investigation) {
        let mut counts = lock(&self.0);
        let add = |wanted: &dyn Fn(usize) -> bool, into: &mut [u64], count: u64| {
            into.iter_mut().enumerate().filter(|(idx, _)| wanted(*idx)).for_each(|it| *it.1 += count);
        };
        add(&|idx| InvestigationOutcome::ALL.get(idx) == Some(&it.outcome), &mut counts.outcomes, 1);
        for step in &it.steps {
            add(&|idx| STEPS.get(idx) == Some(&step.outcome), &mut counts.steps, 1);
        }
        for dropped in &it.dropped {
            let is_it = |idx: usize| Flaw::ALL.get(idx).is_some_and(|it| it.as_str() == dropped.reason);
            add(&is_it, &mut counts.dropped, u64::from(dropped.count));
        }
        counts.claims += it.claims.len() as u64;
        counts.seconds += it.seconds;
        counts.dollars += it.cost_usd;
    }

    /// There was no room for an incident.
    pub fn not_queued(&self) {
        lock(&self.0).not_queued += 1;
    }

    /// A conversation could not be written.
    pub fn not_kept(&self) {
        lock(&self.0).not_kept += 1;
    }

    /// The numbers now.
    pub fn metrics(&self, waiting: usize) -> Vec<Metric> {
        let counts = *lock(&self.0);
        let mut metrics = vec![];
        for (outcome, count) in InvestigationOutcome::ALL.iter().zip(counts.outcomes) {
            let help = "Investigations by a language model, by how they ended.";
            let metric = Metric::counter("sentinel_agent_investigations_total", help, count);
            metrics.push(metric.label("outcome", outcome.as_str()));
        }
        for (step, count) in STEPS.iter().zip(counts.steps) {
            let metric =
                Metric::counter("sentinel_agent_calls_total", "Calls of tools, by what became of them.", count);
            metrics.push(metric.label("outcome", step.as_str()));
        }
        for (flaw, count) in Flaw::ALL.iter().zip(counts.dropped) {
            let help = "Claims that were not published, by what did not hold.";
            let metric = Metric::counter("sentinel_agent_claims_dropped_total", help, count);
            metrics.push(metric.label("reason", flaw.as_str()));
        }
        let number = |name, help, value: f64| Metric { value, ..Metric::counter(name, help, 0) };
        metrics.extend([
            Metric::counter("sentinel_agent_claims_published_total", "Claims that hold.", counts.claims),
            number("sentinel_agent_investigation_seconds_total", "Time spent investigating.", counts.seconds),
            number(
                "sentinel_agent_investigation_dollars_total",
                "Cost, as far as prices are configured.",
                counts.dollars,
            ),
            Metric::counter(
                "sentinel_agent_incidents_dropped_total",
                "Incidents that were not investigated because too many waited.",
                counts.not_queued,
            ),
            Metric::counter(
                "sentinel_agent_keep_failures_total",
                "Conversations that could not be written.",
                counts.not_kept,
            ),
            Metric::gauge("sentinel_agent_waiting_count", "Incidents that wait to be investigated.", waiting as f64),
        ]);
        metrics
    }
}
