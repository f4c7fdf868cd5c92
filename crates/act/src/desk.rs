//! Where do plans live? The desk proposes them, takes a person's yes or no, and keeps every decision.
//!
//! Hidden contract: a decision is in the ledger, then in the store, then in memory, and only then told to listeners.
//! What has already happened in the world goes the other way round: memory first, because it is true in any case.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use signal::{
    Clock, Incident, IncidentId, Ledger, Meter, Metric, Plan, PlanDesk, PlanId, PlanState, PlanStore, PortError,
    StepOutcome, TimelineEntry, Timestamp,
};

use crate::config::{ApprovalMode, Config, Playbook};
use crate::counters::{Counters, state_name};
use crate::draft;
use crate::error::Error;
use crate::policy;
use crate::refusal::{Refusal, RefusalReason};
use crate::seal::{Seal, digest};

/// How many refusals are remembered so that each is recorded once.
const MAX_REMEMBERED_REFUSALS: usize = 10_000;
/// Who acts when no person does.
pub(crate) const SENTINEL: &str = "sentinel";
/// Who approves when the playbook allows itself.
const POLICY: &str = "policy";

/// What the desk makes of an incident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consideration {
    /// Plans that were made now.
    pub plans: Vec<Plan>,
    /// Sentences for the incident's timeline: what was proposed, and what was refused and why.
    pub notes: Vec<TimelineEntry>,
}

/// Proposes, approves, carries out, verifies and undoes plans.
pub struct Desk {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) seal: Seal,
    pub(crate) client: reqwest::Client,
    pub(crate) counters: Counters,
    /// Tells the executor that there may be work.
    pub(crate) wake: Notify,
    /// Targets on which a task works right now.
    pub(crate) leases: Mutex<HashSet<String>>,
    ledger: Arc<dyn Ledger>,
    store: Arc<dyn PlanStore>,
    on_change: Arc<dyn Fn(&Plan) + Send + Sync>,
    plans: Mutex<BTreeMap<PlanId, Plan>>,
    recorded_refusals: Mutex<HashSet<(IncidentId, String)>>,
    /// Takes secrets out of a text.
    hide: OnceLock<fn(&str) -> String>,
    /// Held while limits are checked and the decision is taken, so that two decisions cannot both be the last allowed.
    deciding: Mutex<()>,
}

impl Desk {
    /// Opens the desk over the stored plans. `key` signs approvals and stays the same over restarts; `on_change` is
    /// called after each change of a plan and must not block.
    ///
    /// A plan that was being carried out when the program died is neither repeated nor forgotten: what came of the
    /// interrupted step is unknown, so the signal is watched, and if it does not recover all begun steps are undone.
    pub fn open(
        config: Config,
        ledger: Arc<dyn Ledger>,
        store: Arc<dyn PlanStore>,
        clock: Arc<dyn Clock>,
        key: [u8; 32],
        on_change: Arc<dyn Fn(&Plan) + Send + Sync>,
    ) -> Result<Arc<Self>, Error> {
        let problems = config.validate();
        if !problems.is_empty() {
            return Err(Error::Config(problems));
        }
        let plans = store.load_plans().map_err(Error::Load)?;
        let desk = Self {
            client: client(&config)?,
            config,
            clock,
            seal: Seal::new(&key),
            counters: Counters::default(),
            wake: Notify::new(),
            leases: Mutex::default(),
            ledger,
            store,
            on_change,
            plans: Mutex::new(plans.into_iter().map(|it| (it.id, it)).collect()),
            recorded_refusals: Mutex::default(),
            hide: OnceLock::new(),
            deciding: Mutex::default(),
        };
        desk.recover()?;
        Ok(Arc::new(desk))
    }

    /// From now on what programs and servers answer is kept and told as this function leaves it, because they may answer
    /// with anything. Called once by the composition root.
    pub fn hide_secrets_by(&self, hide: fn(&str) -> String) {
        // A second call would be a mistake in assembly; the first function stays.
        let _ = self.hide.set(hide);
    }

    pub(crate) fn without_secrets(&self, text: String) -> String {
        self.hide.get().map_or_else(|| text.clone(), |hide| hide(&text))
    }

    /// Makes plans for the top cause of an incident, or withdraws those that no longer fit. Call it whenever an
    /// incident has changed; it may be called twice with the same.
    pub fn consider(&self, incident: &Incident) -> Result<Consideration, Error> {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = Consideration::default();
        if !self.config.enabled {
            return Ok(result);
        }
        if !incident.is_open() {
            self.withdraw(|it| it.incident == incident.id, "The incident ended before the plan was carried out.")?;
            return Ok(result);
        }
        let Some(diagnosis) = &incident.diagnosis else { return Ok(result) };
        let Some(cause) = diagnosis.causes.first() else { return Ok(result) };
        for playbook in &self.config.playbooks {
            if !draft::matches(&playbook.when, incident.severity, cause, diagnosis) {
                continue;
            }
            let now = self.clock.now();
            let drafted = draft::plan(self.next_id(), incident, cause, playbook, &self.config, now);
            match drafted.and_then(|it| self.admit(it)) {
                Ok(None) => {}
                Ok(Some(plan)) => {
                    let plan = self.propose(plan, playbook)?;
                    let text = format!("{} ({}) is {}.", plan.id, plan.playbook, state_name(plan.state));
                    result.notes.push(TimelineEntry { time: now, text });
                    result.plans.push(plan);
                }
                Err(refusal) => result.notes.extend(self.record_refusal(incident.id, playbook, &refusal)?),
            }
        }
        Ok(result)
    }

    /// Makes plans for the top cause of an incident by one playbook, or by all, on the word of somebody who may not
    /// approve: they wait for a person, also where the playbook would approve itself.
    pub fn suggest(&self, incident: &Incident, playbook: Option<&str>, actor: &str) -> Result<Consideration, Error> {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = Consideration::default();
        let cause = incident.diagnosis.as_ref().and_then(|it| Some((it, it.causes.first()?)));
        let Some((diagnosis, cause)) = cause.filter(|_| self.config.enabled && incident.is_open()) else {
            return Ok(result);
        };
        let now = self.clock.now();
        for book in self.config.playbooks.iter().filter(|it| playbook.is_none_or(|name| it.name == name)) {
            if !draft::matches(&book.when, incident.severity, cause, diagnosis) {
                continue;
            }
            let drafted = draft::plan(self.next_id(), incident, cause, book, &self.config, now);
            match drafted.and_then(|it| self.admit(it)) {
                Ok(None) => {}
                Ok(Some(plan)) => {
                    let record = |source| Error::Record { what: "a plan", source };
                    self.withdraw(
                        |it| is_replaced_by(it, &plan),
                        &format!("The diagnosis changed; {} replaces it.", plan.id),
                    )?;
                    self.note(actor, "plan.proposed", &plan, json!({"steps": plan.steps})).map_err(record)?;
                    result.plans.push(self.commit(plan).map_err(record)?);
                }
                Err(refusal) => result.notes.extend(self.record_refusal(incident.id, book, &refusal)?),
            }
        }
        Ok(result)
    }

    /// None if the same was already planned for this incident.
    fn admit(&self, plan: Plan) -> Result<Option<Plan>, Refusal> {
        let plans = self.lock();
        // An expired plan may be proposed again as long as the incident goes on.
        let is_known = plans.values().any(|it| it.state != PlanState::Expired && draft::is_same_act(it, &plan));
        if is_known {
            return Ok(None);
        }
        // A waiting plan of the same playbook for the same incident rests on an older diagnosis and is replaced.
        let others = || plans.values().filter(|it| !is_replaced_by(it, &plan));
        policy::cool_down(&plan, others(), &self.config, plan.created_at)?;
        policy::rate(others(), &self.config, plan.created_at)?;
        Ok(Some(plan))
    }

    fn propose(&self, plan: Plan, playbook: &Playbook) -> Result<Plan, Error> {
        self.withdraw(|it| is_replaced_by(it, &plan), &format!("The diagnosis changed; {} replaces it.", plan.id))?;
        let record = |source| Error::Record { what: "a plan", source };
        self.note(SENTINEL, "plan.proposed", &plan, json!({"steps": plan.steps})).map_err(record)?;
        let mut plan = self.commit(plan).map_err(record)?;
        if playbook.approval == ApprovalMode::Automatic {
            plan = self.sign(plan.id, POLICY).map_err(record)?;
        }
        Ok(plan)
    }

    fn sign(&self, id: PlanId, actor: &str) -> Result<Plan, PortError> {
        let approved = self.transition(id, &[PlanState::Proposed], |plan| {
            let approval = self.seal.approve(plan, actor, self.clock.now());
            let facts = json!({"signature": approval.signature, "expires_at": plan.expires_at});
            self.note(actor, "plan.approved", plan, facts)?;
            plan.state = PlanState::Approved;
            plan.reason = format!("Approved by {actor}.");
            plan.approval = Some(approval);
            Ok(())
        })?;
        self.wake.notify_one();
        approved.ok_or_else(|| PortError::Refused(format!("somebody else has just decided on {id}")))
    }

    /// Each refusal is recorded once per incident, since an incident is considered again and again.
    fn record_refusal(
        &self,
        incident: IncidentId,
        playbook: &Playbook,
        refusal: &Refusal,
    ) -> Result<Option<TimelineEntry>, Error> {
        let mut recorded = self.recorded_refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (incident, format!("{}: {}", playbook.name, refusal.reason.as_str()));
        if recorded.contains(&key) {
            return Ok(None);
        }
        let detail = json!({"playbook": playbook.name, "reason": refusal.reason.as_str(), "text": refusal.text});
        self.ledger
            .append(SENTINEL, "plan.refused", &incident.to_string(), &detail.to_string())
            .map_err(|source| Error::Record { what: "a refusal", source })?;
        self.counters.refused(refusal.reason);
        if recorded.len() >= MAX_REMEMBERED_REFUSALS {
            recorded.clear();
        }
        recorded.insert(key);
        let text = format!("Playbook {:?} was not used: {refusal}.", playbook.name);
        Ok(Some(TimelineEntry { time: self.clock.now(), text }))
    }

    /// Ends waiting plans.
    fn withdraw(&self, wanted: impl Fn(&Plan) -> bool, reason: &str) -> Result<(), Error> {
        let is_waiting = |it: &Plan| matches!(it.state, PlanState::Proposed | PlanState::Approved);
        let found: Vec<Plan> = self.lock().values().filter(|it| is_waiting(it) && wanted(it)).cloned().collect();
        for plan in found {
            self.expire(plan.id, reason).map_err(|source| Error::Record { what: "a withdrawn plan", source })?;
        }
        Ok(())
    }

    /// Ends plans that nobody decided on, or that could not be begun, in time.
    pub(crate) fn expire_old(&self) -> Result<(), PortError> {
        let now = self.clock.now();
        let is_old = |it: &&Plan| matches!(it.state, PlanState::Proposed | PlanState::Approved) && now >= it.expires_at;
        let old: Vec<PlanId> = self.lock().values().filter(is_old).map(|it| it.id).collect();
        old.into_iter().try_for_each(|id| self.expire(id, "Nobody approved it in time, or it could not begin in time."))
    }

    fn expire(&self, id: PlanId, reason: &str) -> Result<(), PortError> {
        self.transition(id, &[PlanState::Proposed, PlanState::Approved], |plan| {
            self.note(SENTINEL, "plan.expired", plan, json!({"text": reason}))?;
            plan.state = PlanState::Expired;
            plan.reason = reason.to_owned();
            Ok(())
        })?;
        Ok(())
    }

    /// See [`Desk::open`].
    fn recover(&self) -> Result<(), Error> {
        let interrupted: Vec<PlanId> =
            self.lock().values().filter(|it| it.state == PlanState::Executing).map(|it| it.id).collect();
        for id in interrupted {
            let recovered = self.transition(id, &[PlanState::Executing], |plan| {
                let outcome = StepOutcome {
                    time: self.clock.now(),
                    is_ok: false,
                    detail: "Sentinel stopped during this step; what came of it is unknown.".to_owned(),
                };
                let idx = plan.steps.iter().position(|it| it.outcome.is_none());
                self.note(SENTINEL, "plan.recovered", plan, json!({"step": idx, "text": outcome.detail}))?;
                if let Some(step) = plan.steps.iter_mut().find(|it| it.outcome.is_none()) {
                    step.outcome = Some(outcome);
                }
                plan.state = PlanState::Verifying;
                plan.reason =
                    "Interrupted; the signal is watched, and if it does not recover, steps are undone.".into();
                Ok(())
            });
            recovered.map_err(|source| Error::Record { what: "an interrupted plan", source })?;
        }
        Ok(())
    }

    /// Changes a plan if it stands in one of the states; None if it does not (somebody was faster).
    pub(crate) fn transition(
        &self,
        id: PlanId,
        from: &[PlanState],
        edit: impl FnOnce(&mut Plan) -> Result<(), PortError>,
    ) -> Result<Option<Plan>, PortError> {
        let changed = {
            let mut plans = self.lock();
            let Some(plan) = plans.get_mut(&id).filter(|it| from.contains(&it.state)) else { return Ok(None) };
            let mut copy = plan.clone();
            edit(&mut copy)?;
            self.store.save_plan(&copy)?;
            *plan = copy.clone();
            copy
        };
        (self.on_change)(&changed);
        Ok(Some(changed))
    }

    /// Keeps what has already happened; a failing store is logged and does not unmake it.
    pub(crate) fn keep(&self, plan: &Plan) {
        self.lock().insert(plan.id, plan.clone());
        if let Err(error) = self.store.save_plan(plan) {
            self.counters.error();
            tracing::error!(plan = %plan.id, error = &error as &dyn std::error::Error, "Plan not saved.");
        }
        (self.on_change)(plan);
    }

    /// Writes to the ledger. Every entry on a plan names its digest, so that the chain tells what was meant.
    pub(crate) fn note(&self, actor: &str, action: &str, plan: &Plan, mut facts: Value) -> Result<(), PortError> {
        if let Value::Object(fields) = &mut facts {
            fields.insert("incident".to_owned(), json!(plan.incident));
            fields.insert("digest".to_owned(), json!(plan.digest));
            fields.insert("dry_run".to_owned(), json!(plan.is_dry_run));
        }
        self.ledger.append(actor, action, &plan.id.to_string(), &facts.to_string()).map(drop)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<PlanId, Plan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, plan: Plan) -> Result<Plan, PortError> {
        {
            let mut plans = self.lock();
            self.store.save_plan(&plan)?;
            plans.insert(plan.id, plan.clone());
        }
        (self.on_change)(&plan);
        Ok(plan)
    }

    fn next_id(&self) -> PlanId {
        PlanId(self.lock().keys().next_back().map_or(1, |it| it.0.saturating_add(1)))
    }

    /// Records a refused yes or no and makes the error that the person sees.
    fn refuse(&self, plan: &Plan, actor: &str, reason: RefusalReason, text: String) -> PortError {
        self.counters.refused(reason);
        let facts = json!({"reason": reason.as_str(), "text": text});
        match self.note(actor, "plan.refused", plan, facts) {
            Ok(()) => PortError::Refused(text),
            Err(error) => error,
        }
    }

    /// Is a yes to this plan possible now?
    fn may_approve(&self, plan: &Plan, digest_seen: &str, now: Timestamp) -> Result<(), Refusal> {
        may_decide(plan, now)?;
        if !self.config.enabled {
            return Err(Refusal::new(RefusalReason::Off, "actions are off (act.enabled)"));
        }
        if digest_seen != plan.digest || digest(plan) != plan.digest {
            let text = format!("the digest is not that of {} as it is now; look at the plan again", plan.id);
            return Err(Refusal::new(RefusalReason::Signature, text));
        }
        policy::rate(self.lock().values(), &self.config, now)
    }
}

impl PlanDesk for Desk {
    fn plans(&self, incident: Option<IncidentId>) -> Result<Vec<Plan>, PortError> {
        let plans = self.lock();
        let wanted = plans.values().rev().filter(|it| incident.is_none_or(|id| it.incident == id));
        Ok(wanted.cloned().collect())
    }

    fn plan(&self, id: PlanId) -> Result<Plan, PortError> {
        self.lock().get(&id).cloned().ok_or_else(|| PortError::NotFound(id.to_string()))
    }

    fn approve(&self, id: PlanId, digest: &str, actor: &str) -> Result<Plan, PortError> {
        let actor = person(actor)?;
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = self.plan(id)?;
        let now = self.clock.now();
        if let Err(refusal) = self.may_approve(&plan, digest, now) {
            if refusal.reason == RefusalReason::Expired {
                self.expire_old()?;
            }
            return Err(self.refuse(&plan, actor, refusal.reason, refusal.text));
        }
        self.sign(id, actor)
    }

    fn reject(&self, id: PlanId, actor: &str) -> Result<Plan, PortError> {
        let actor = person(actor)?;
        let plan = self.plan(id)?;
        if let Err(refusal) = may_decide(&plan, self.clock.now()) {
            return Err(self.refuse(&plan, actor, refusal.reason, refusal.text));
        }
        let rejected = self.transition(id, &[PlanState::Proposed], |plan| {
            self.note(actor, "plan.rejected", plan, json!({}))?;
            plan.state = PlanState::Rejected;
            plan.reason = format!("Rejected by {actor}.");
            Ok(())
        })?;
        rejected.ok_or_else(|| PortError::Refused(format!("somebody else has just decided on {id}")))
    }
}

impl Meter for Desk {
    fn metrics(&self) -> Vec<Metric> {
        self.counters.metrics(self.lock().values())
    }
}

fn is_replaced_by(old: &Plan, new: &Plan) -> bool {
    old.state == PlanState::Proposed && old.incident == new.incident && old.playbook == new.playbook
}

fn may_decide(plan: &Plan, now: Timestamp) -> Result<(), Refusal> {
    if plan.state == PlanState::Expired || plan.state == PlanState::Proposed && now >= plan.expires_at {
        let text = format!("{} expired at {}", plan.id, plan.expires_at);
        return Err(Refusal::new(RefusalReason::Expired, text));
    }
    if plan.state != PlanState::Proposed {
        let text = format!("{} is already {}", plan.id, state_name(plan.state));
        return Err(Refusal::new(RefusalReason::Decided, text));
    }
    Ok(())
}

fn person(actor: &str) -> Result<&str, PortError> {
    let is_name = (1..=128).contains(&actor.trim().len()) && !actor.chars().any(char::is_control);
    let is_reserved = [SENTINEL, POLICY].contains(&actor.trim());
    if is_name && !is_reserved {
        return Ok(actor.trim());
    }
    Err(PortError::Invalid(format!("actor: {actor:?} must be the name of a person")))
}

fn client(config: &Config) -> Result<reqwest::Client, Error> {
    // The first caller in the process wins; all of them ask for the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(config.webhook_timeout_secs))
        .no_proxy()
        .build()
        .map_err(Error::Client)
}
