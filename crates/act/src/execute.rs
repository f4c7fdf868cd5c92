//! Who carries plans out? One task per target: check again, act, watch the signal, and undo if it does not recover.
//!
//! ```text
//! Approved --check--> Executing --all steps ok--> Verifying --recovered--> Succeeded (at once if all steps prove themselves)
//!    |                    |                            |
//!    +--refused--> Failed <--a step failed (undone)    +--timed out--> Undone (or Failed without an undo)
//! ```
//!
//! Hidden contract: the ledger holds the intent and the undo of a step before the step is begun, so that after a crash
//! a person (and [`Desk::open`]) knows what may have happened. An undo may run twice, or without its step having done
//! anything; playbooks are written for that.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use signal::{History, Plan, PlanId, PlanState, PortError, StepKind, StepOutcome};

use crate::desk::{Desk, SENTINEL};
use crate::policy::last_act;
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::{Effect, Tools, remedy};
use crate::verdict::{self, Verdict};

/// How often the executor looks for work, in real time, whatever the clock says.
const TICK: Duration = Duration::from_millis(100);
/// How long steps under way may go on at the end of the program; afterwards recovery takes over.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

impl Desk {
    /// Works until `shutdown` becomes true (or its sender is gone).
    pub async fn run(self: Arc<Self>, history: Arc<dyn History>, mut shutdown: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*shutdown.borrow() {
            tokio::select! {
                _ = tick.tick() => self.start_due(&history, &mut tasks),
                () = self.wake.notified() => self.start_due(&history, &mut tasks),
                Some(ended) = tasks.join_next() => self.log_panic(ended),
                changed = shutdown.changed() => if changed.is_err() { break },
            }
        }
        let ending = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_GRACE, ending).await.is_err() {
            tracing::warn!("Stopped during a step; the next start watches its signal.");
        }
    }

    /// One pass: expires what is old, takes each plan that can move one state further, and waits for that.
    pub async fn advance(self: &Arc<Self>, history: &Arc<dyn History>) {
        let mut tasks = JoinSet::new();
        self.start_due(history, &mut tasks);
        while let Some(ended) = tasks.join_next().await {
            self.log_panic(ended);
        }
    }

    fn log_panic(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            self.counters.error();
            tracing::error!(%error, "A plan's task ended abnormally.");
        }
    }

    fn start_due(self: &Arc<Self>, history: &Arc<dyn History>, tasks: &mut JoinSet<()>) {
        if let Err(error) = self.expire_old() {
            self.report(&error);
        }
        let due: Vec<(PlanId, String)> = {
            let plans = self.lock();
            let is_busy = |target: &str| {
                plans
                    .values()
                    .any(|it| it.target == target && matches!(it.state, PlanState::Executing | PlanState::Verifying))
            };
            let is_due = |it: &&Plan| match it.state {
                PlanState::Approved => !is_busy(&it.target),
                PlanState::Verifying => true,
                _ => false,
            };
            plans.values().filter(is_due).map(|it| (it.id, it.target.clone())).collect()
        };
        for (id, target) in due {
            let Some(lease) = Lease::take(self, target) else { continue };
            let (desk, history) = (Arc::clone(self), Arc::clone(history));
            tasks.spawn(async move {
                desk.drive(id, history.as_ref()).await;
                drop(lease);
            });
        }
    }

    async fn drive(&self, id: PlanId, history: &dyn History) {
        let Some(plan) = self.lock().get(&id).cloned() else { return };
        match plan.state {
            // ## Approved => Executing, or Failed when policy no longer allows it
            PlanState::Approved => match self.check_again(&plan) {
                Ok(()) if plan.is_dry_run => self.show(plan),
                Ok(()) => self.execute(plan).await,
                Err(refusal) => self.refuse_to_act(plan, &refusal),
            },
            // ## Verifying => Succeeded, Undone or Failed
            PlanState::Verifying => self.verify(plan, history).await,
            _ => {}
        }
    }

    /// Everything that was true at the approval must be true now: the store may have been altered meanwhile, and the
    /// configuration may be another since the last start.
    fn check_again(&self, plan: &Plan) -> Result<(), Refusal> {
        let refuse = |reason, text: &str| Err(Refusal::new(reason, text));
        if !self.config.enabled {
            return refuse(RefusalReason::Off, "actions are off (act.enabled)");
        }
        if self.config.dry_run && !plan.is_dry_run {
            return refuse(RefusalReason::Off, "only dry runs are allowed (act.dry_run)");
        }
        if !plan.approval.as_ref().is_some_and(|it| self.seal.is_genuine(plan, it)) {
            return refuse(
                RefusalReason::Signature,
                "the plan is not the one that was approved, or was not approved here",
            );
        }
        if self.config.playbook(&plan.playbook).is_none() {
            return refuse(RefusalReason::NotAllowed, "its playbook is no longer in the configuration");
        }
        let kinds = plan.steps.iter().flat_map(|it| std::iter::once(&it.action).chain(&it.undo));
        kinds.into_iter().try_for_each(|it| remedy(it).permit(&self.config))
    }

    fn refuse_to_act(&self, mut plan: Plan, refusal: &Refusal) {
        self.counters.refused(refusal.reason);
        let facts = json!({"reason": refusal.reason.as_str(), "text": refusal.text});
        self.note_after("plan.refused", &plan, facts);
        plan.state = PlanState::Failed;
        plan.reason = format!("Not carried out: {refusal}.");
        self.keep(&plan);
    }

    /// ## Approved => Succeeded (dry run)
    fn show(&self, mut plan: Plan) {
        for (idx, step) in plan.clone().steps.iter().enumerate() {
            let shown = remedy(&step.action).describe();
            if let Err(error) = self.note(SENTINEL, "step.would", &plan, json!({"step": idx, "text": shown})) {
                return self.fail(plan, &format!("The ledger cannot be written: {error}."));
            }
            self.counters.step_shown();
            self.set_outcome(&mut plan, idx, Effect { is_ok: true, detail: format!("Would {shown}") });
        }
        plan.state = PlanState::Succeeded;
        plan.reason = format!("Dry run: {} steps were shown, none was carried out.", plan.steps.len());
        self.keep(&plan);
    }

    /// ## Executing => Verifying, or Failed when a step fails
    async fn execute(&self, plan: Plan) {
        let begun = self.transition(plan.id, &[PlanState::Approved], |it| {
            it.state = PlanState::Executing;
            it.reason = "Is being carried out.".to_owned();
            Ok(())
        });
        let mut plan = match begun {
            Ok(Some(it)) => it,
            // Withdrawn in the meantime.
            Ok(None) => return,
            Err(error) => return self.fail(plan, &format!("The store cannot be written: {error}.")),
        };
        for idx in 0..plan.steps.len() {
            let Some(step) = plan.steps.get(idx).cloned() else { return };
            let intent = json!({"step": idx, "action": step.action, "undo": step.undo});
            if let Err(error) = self.note(SENTINEL, "step.intent", &plan, intent) {
                return self.undo_and_fail(plan, &format!("The ledger cannot be written: {error}")).await;
            }
            let effect = self.act(&plan, &step.action, &format!("{}-{idx}", plan.digest)).await;
            self.note_after("step.done", &plan, json!({"step": idx, "ok": effect.is_ok, "text": effect.detail}));
            let failure = (!effect.is_ok).then(|| format!("Step {} failed: {}", idx + 1, effect.detail));
            self.set_outcome(&mut plan, idx, effect);
            if let Some(reason) = failure {
                return self.undo_and_fail(plan, &reason).await;
            }
            self.keep(&plan);
        }
        if plan.steps.iter().all(|it| remedy(&it.action).proves_itself()) {
            // ## Executing => Succeeded, where a recovery would prove nothing
            plan.reason = "Carried out; each step has proven itself.".to_owned();
            self.note_after("plan.verified", &plan, json!({"text": plan.reason}));
            plan.state = PlanState::Succeeded;
            return self.keep(&plan);
        }
        plan.state = PlanState::Verifying;
        plan.reason = format!("Carried out; {} must recover.", plan.verification.labels);
        self.keep(&plan);
    }

    async fn verify(&self, mut plan: Plan, history: &dyn History) {
        let now = self.clock.now();
        let done_at = last_act(&plan).unwrap_or(plan.created_at);
        let range = verdict::range(&plan.verification, done_at, now);
        let points = verdict::points(history, &plan.verification.labels, range).unwrap_or_else(|error| {
            // No points is no recovery; the time limit goes on.
            self.report(&error);
            vec![]
        });
        match verdict::judge(&plan.verification, &points, done_at, now) {
            Verdict::Waiting => {}
            Verdict::Recovered => {
                plan.reason = format!(
                    "{} has recovered and held for {} s.",
                    plan.verification.labels, plan.verification.hold_secs
                );
                self.note_after("plan.verified", &plan, json!({"text": plan.reason}));
                plan.state = PlanState::Succeeded;
                self.keep(&plan);
            }
            Verdict::TimedOut => self.undo_after_timeout(plan).await,
        }
    }

    async fn undo_after_timeout(&self, mut plan: Plan) {
        let late =
            format!("{} has not recovered within {} s", plan.verification.labels, plan.verification.timeout_secs);
        match self.undo(&mut plan).await {
            Undoing::Nothing => self.fail(plan, &format!("{late}, and no step has an undo.")),
            Undoing::Failed(text) => self.fail(plan, &format!("{late}. {text}")),
            Undoing::Done(n_undone) => {
                plan.state = PlanState::Undone;
                plan.reason = format!("{late}. Steps undone: {n_undone} of {}.", n_begun(&plan));
                self.note_after("plan.undone", &plan, json!({"text": plan.reason}));
                self.keep(&plan);
            }
        }
    }

    async fn undo_and_fail(&self, mut plan: Plan, reason: &str) {
        let text = match self.undo(&mut plan).await {
            Undoing::Nothing => format!("{reason}. There was nothing to undo."),
            Undoing::Failed(text) => format!("{reason}. {text}"),
            Undoing::Done(n_undone) => format!("{reason}. Steps undone: {n_undone} of {}.", n_begun(&plan)),
        };
        self.fail(plan, &text);
    }

    /// Takes back all begun steps, the last first. One undo that fails does not keep the others from running.
    async fn undo(&self, plan: &mut Plan) -> Undoing {
        if !self.config.enabled || self.config.dry_run {
            return Undoing::Failed("Steps were not undone, because actions are off or dry run.".to_owned());
        }
        // Also an undo comes from the store, which somebody may have altered.
        if !plan.approval.as_ref().is_some_and(|it| self.seal.is_genuine(plan, it)) {
            self.counters.refused(RefusalReason::Signature);
            return Undoing::Failed(
                "Steps were not undone, because the plan is not the one that was approved.".to_owned(),
            );
        }
        let (mut n_undone, mut failures) = (0, vec![]);
        for idx in (0..plan.steps.len()).rev() {
            let Some(step) = plan.steps.get(idx).cloned() else { continue };
            let (Some(undo), Some(outcome)) = (step.undo, step.outcome) else { continue };
            self.note_after("step.undo_intent", plan, json!({"step": idx, "action": undo}));
            let effect = match remedy(&undo).permit(&self.config) {
                Ok(()) => self.act(plan, &undo, &format!("{}-{idx}-undo", plan.digest)).await,
                Err(refusal) => Effect { is_ok: false, detail: refusal.text },
            };
            self.note_after("step.undo_done", plan, json!({"step": idx, "ok": effect.is_ok, "text": effect.detail}));
            if effect.is_ok {
                n_undone += 1;
            } else {
                failures.push(format!("The undo of step {} failed: {}.", idx + 1, effect.detail));
            }
            let detail = format!("{} Undo: {}", outcome.detail, effect.detail);
            if let Some(step) = plan.steps.get_mut(idx) {
                step.outcome = Some(StepOutcome { detail, ..outcome });
            }
        }
        match (n_undone, failures.is_empty()) {
            (_, false) => Undoing::Failed(failures.join(" ")),
            (0, true) => Undoing::Nothing,
            (n_undone, true) => Undoing::Done(n_undone),
        }
    }

    async fn act(&self, plan: &Plan, step: &StepKind, idempotency_key: &str) -> Effect {
        let tools = Tools { config: &self.config, client: &self.client, idempotency_key: idempotency_key.to_owned() };
        let remedy = remedy(step);
        tracing::info!(plan = %plan.id, step = self.without_secrets(remedy.describe()), "Step begins.");
        let Effect { is_ok, detail } = remedy.carry_out(&tools).await;
        self.counters.step(is_ok);
        Effect { is_ok, detail: self.without_secrets(detail) }
    }

    fn set_outcome(&self, plan: &mut Plan, idx: usize, effect: Effect) {
        let outcome = StepOutcome { time: self.clock.now(), is_ok: effect.is_ok, detail: effect.detail };
        if let Some(step) = plan.steps.get_mut(idx) {
            step.outcome = Some(outcome);
        }
    }

    /// ## any => Failed
    fn fail(&self, mut plan: Plan, reason: &str) {
        plan.state = PlanState::Failed;
        plan.reason = reason.to_owned();
        self.note_after("plan.failed", &plan, json!({"text": reason}));
        self.keep(&plan);
    }

    /// An entry about something that has already happened: a ledger that fails now cannot unmake it.
    fn note_after(&self, action: &str, plan: &Plan, facts: serde_json::Value) {
        if let Err(error) = self.note(SENTINEL, action, plan, facts) {
            self.report(&error);
        }
    }

    fn report(&self, error: &PortError) {
        self.counters.error();
        tracing::error!(error = error as &dyn std::error::Error, "A plan could not be read or recorded.");
    }
}

/// What came of taking steps back.
enum Undoing {
    /// No begun step has an undo.
    Nothing,
    /// So many were taken back.
    Done(usize),
    /// At least one was not; the sentences say which.
    Failed(String),
}

fn n_begun(plan: &Plan) -> usize {
    plan.steps.iter().filter(|it| it.outcome.is_some()).count()
}

/// The right to work on a target; given back when dropped, also after a panic.
struct Lease {
    desk: Arc<Desk>,
    target: String,
}

impl Lease {
    fn take(desk: &Arc<Desk>, target: String) -> Option<Self> {
        let is_free = desk.leases.lock().unwrap_or_else(PoisonError::into_inner).insert(target.clone());
        is_free.then(|| Self { desk: Arc::clone(desk), target })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.desk.leases.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.target);
    }
}
