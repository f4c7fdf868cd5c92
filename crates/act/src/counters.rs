//! What has the desk done? Counts for /metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use signal::{Metric, MetricKind, Plan, PlanState};

use crate::refusal::RefusalReason;

/// Counts since the start of the program.
#[derive(Default)]
pub struct Counters {
    refusals: [AtomicU64; RefusalReason::ALL.len()],
    steps_ok: AtomicU64,
    steps_failed: AtomicU64,
    steps_shown: AtomicU64,
    errors: AtomicU64,
}

impl Counters {
    /// Something was refused.
    pub fn refused(&self, reason: RefusalReason) {
        if let Some(counter) = self.refusals.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A step (or undo) was carried out.
    pub fn step(&self, is_ok: bool) {
        let counter = if is_ok { &self.steps_ok } else { &self.steps_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A step was shown in a dry run.
    pub fn step_shown(&self) {
        self.steps_shown.fetch_add(1, Ordering::Relaxed);
    }

    /// The store, the ledger or the history failed.
    pub fn error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// All numbers; plans are counted from the plans themselves.
    pub fn metrics<'a>(&self, plans: impl Iterator<Item = &'a Plan>) -> Vec<Metric> {
        let read = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let refusals = RefusalReason::ALL.iter().zip(&self.refusals).map(|(reason, count)| {
            let help = "Plans, approvals and executions that policy refused.";
            Metric::counter("sentinel_act_refusals_total", help, read(count)).label("reason", reason.as_str())
        });
        let steps = [("ok", &self.steps_ok), ("failed", &self.steps_failed), ("dry_run", &self.steps_shown)];
        let steps = steps.into_iter().map(|(outcome, count)| {
            let help = "Steps and undo steps, by what came of them.";
            Metric::counter("sentinel_act_steps_total", help, read(count)).label("outcome", outcome)
        });
        let help = "Failures of the store, the ledger or the history.";
        let errors = Metric::counter("sentinel_act_errors_total", help, read(&self.errors));
        refusals.chain(steps).chain([errors]).chain(plan_counts(plans)).collect()
    }
}

const STATES: [(PlanState, &str); 9] = [
    (PlanState::Proposed, "proposed"),
    (PlanState::Approved, "approved"),
    (PlanState::Executing, "executing"),
    (PlanState::Verifying, "verifying"),
    (PlanState::Succeeded, "succeeded"),
    (PlanState::Undone, "undone"),
    (PlanState::Failed, "failed"),
    (PlanState::Rejected, "rejected"),
    (PlanState::Expired, "expired"),
];

fn plan_counts<'a>(plans: impl Iterator<Item = &'a Plan>) -> impl Iterator<Item = Metric> {
    let mut counts = STATES.map(|(state, name)| (state, name, 0.0));
    for plan in plans {
        counts.iter_mut().filter(|(state, _, _)| *state == plan.state).for_each(|(_, _, count)| *count += 1.0);
    }
    counts.into_iter().map(|(_, name, value)| Metric {
        name: "sentinel_act_plans".into(),
        help: "Stored plans, by where they stand.".into(),
        kind: MetricKind::Gauge,
        labels: vec![("state".into(), name.to_owned())],
        value,
    })
}

/// The name of a state, as in metrics and for people.
pub fn state_name(state: PlanState) -> &'static str {
    STATES.iter().find(|(it, _)| *it == state).map_or("", |(_, name)| name)
}
