//! What happens to each fault? It is put in, found, explained, remedied and verified, and the audience is told.

use std::time::Duration;

use anyhow::Context as _;
use signal::{Cause, Incident, IncidentBook as _, IncidentFilter, Plan, PlanDesk as _, PlanState, Timestamp};
use testkit::shop::{Fault, Remedy};

use super::miner::Miner;
use super::table::{Shown, ShownDecoy, ShownFault};
use super::{MINER_HOST, Stage};
use crate::cli::{Approver, DemoArgs};

/// Simulated seconds after which a fault that was not remedied is ended by the demo itself.
const GIVE_UP: Duration = Duration::from_secs(180);
/// Simulated seconds that a decoy is watched for.
const WATCH_DECOY: Duration = Duration::from_secs(100);
/// Simulated seconds of calm after each fault.
const CALM: Duration = Duration::from_secs(60);

/// Shows all of them, one after the other.
pub async fn show(stage: &mut Stage, faults: Vec<Fault>, args: &DemoArgs) -> anyhow::Result<Shown> {
    let mut shown = Shown::default();
    for fault in faults {
        let before = newest(stage)?;
        if fault.is_decoy() {
            decoy(stage, &fault, args).await?;
            let incidents = since(stage, before)?;
            tell(
                args,
                stage,
                &format!(
                    "{} incidents: {}",
                    incidents.len(),
                    if incidents.is_empty() { "rightly left alone" } else { "WRONG" }
                ),
            );
            shown.decoys.push(ShownDecoy { name: fault.name().to_owned(), incidents: incidents.len() });
        } else {
            shown.faults.push(Scene::new(fault, before, stage.now)?.play(stage, args).await?);
        }
    }
    Ok(shown.with_median())
}

async fn decoy(stage: &mut Stage, fault: &Fault, args: &DemoArgs) -> anyhow::Result<()> {
    tell(args, stage, &format!("--- {} on {} (decoy: nothing is wrong)", fault.name(), fault.target()));
    stage.shop().inject(fault.clone());
    pass(stage, WATCH_DECOY).await?;
    stage.shop().end(fault);
    pass(stage, CALM).await
}

async fn pass(stage: &mut Stage, span: Duration) -> anyhow::Result<()> {
    let end = stage.now.plus(span);
    while stage.now < end {
        stage.step().await?;
    }
    Ok(())
}

fn tell(args: &DemoArgs, stage: &Stage, text: &str) {
    if !args.json {
        let time = stage.now.to_string();
        println!("{}  {text}", time.get(11..19).unwrap_or(&time));
    }
}

fn newest(stage: &Stage) -> anyhow::Result<u64> {
    let filter = IncidentFilter { limit: 1, ..IncidentFilter::default() };
    Ok(stage.system().book.incidents(&filter)?.first().map_or(0, |it| it.id.0))
}

/// Incidents after the given one, oldest first.
fn since(stage: &Stage, before: u64) -> anyhow::Result<Vec<Incident>> {
    let mut incidents = stage.system().book.incidents(&IncidentFilter { limit: 50, ..IncidentFilter::default() })?;
    incidents.retain(|it| it.id.0 > before);
    incidents.reverse();
    Ok(incidents)
}

/// True if another cause leads now, or the same one with far more or less confidence.
fn is_news(told: &Cause, now: &Cause) -> bool {
    let is_same = (&told.service, told.fault) == (&now.service, now.fault);
    !is_same || (told.confidence - now.confidence).abs() > 0.2
}

/// One fault from beginning to end.
struct Scene {
    fault: Fault,
    miner: Option<Miner>,
    /// The newest incident before.
    before: u64,
    started: Timestamp,
    is_found: bool,
    /// What was told of the cause last.
    cause: Option<Cause>,
    plan: Option<Plan>,
}

impl Scene {
    fn new(fault: Fault, before: u64, started: Timestamp) -> anyhow::Result<Self> {
        let (fault, miner) = match fault {
            Fault::CpuMiner { .. } => {
                let miner = Miner::start()?;
                let host = MINER_HOST.to_owned();
                (Fault::CpuMiner { host, pid: miner.pid(), start_time: miner.start_time }, Some(miner))
            }
            other => (other, None),
        };
        Ok(Self { fault, miner, before, started, is_found: false, cause: None, plan: None })
    }

    async fn play(mut self, stage: &mut Stage, args: &DemoArgs) -> anyhow::Result<ShownFault> {
        tell(args, stage, &format!("--- {} on {}", self.fault.name(), self.fault.target()));
        stage.shop().inject(self.fault.clone());
        let is_manual = args.approve == Approver::Manual;
        while !self.is_finished(stage)? && (is_manual || stage.now < self.started.plus(GIVE_UP)) {
            stage.step().await?;
            self.look(stage, args)?;
        }
        self.clean_up(stage, args);
        pass(stage, CALM).await?;
        self.outcome(stage)
    }

    /// The plan has ended and so has the incident.
    fn is_finished(&self, stage: &Stage) -> anyhow::Result<bool> {
        let is_done = self.plan.as_ref().is_some_and(|it| it.state.is_final());
        Ok(is_done && since(stage, self.before)?.iter().all(|it| !it.is_open()))
    }

    /// Tells what is new and says yes to a proposed plan.
    fn look(&mut self, stage: &Stage, args: &DemoArgs) -> anyhow::Result<()> {
        if self.miner.as_mut().is_some_and(Miner::is_ended) {
            let pid = self.miner.as_ref().map_or(0, Miner::pid);
            stage.shop().remedy(&Remedy::KillProcess { pid });
        }
        let incidents = since(stage, self.before)?;
        let Some(incident) = incidents.first() else { return Ok(()) };
        if !self.is_found {
            self.is_found = true;
            let after = incident.detected_at.secs_since(self.started);
            tell(args, stage, &format!("found  {} after {after:.0} s: {}", incident.id, incident.title));
        }
        if let Some(cause) = incident.diagnosis.as_ref().and_then(|it| it.causes.first())
            && self.cause.as_ref().is_none_or(|it| is_news(it, cause))
        {
            tell(args, stage, &format!("why    {:.0} % {}", cause.confidence * 100.0, cause.summary));
            self.cause = Some(cause.clone());
        }
        self.look_at_plan(incident, stage, args)
    }

    fn look_at_plan(&mut self, incident: &Incident, stage: &Stage, args: &DemoArgs) -> anyhow::Result<()> {
        let plans = stage.system().desk.plans(Some(incident.id))?;
        let Some(plan) = plans.first() else { return Ok(()) };
        if self.plan.as_ref().is_none_or(|it| it.id != plan.id) {
            tell(args, stage, &format!("plan   {}: {} on {}", plan.id, plan.playbook, plan.target));
            if plan.state == PlanState::Proposed && args.approve == Approver::Auto {
                stage.system().desk.approve(plan.id, &plan.digest, "demo").context("the plan could not be approved")?;
                tell(args, stage, &format!("       {} approved (--approve auto)", plan.id));
            }
        }
        let has_ended = plan.state.is_final() && self.plan.as_ref().is_none_or(|it| !it.state.is_final());
        if has_ended {
            let state = crate::words::plan_state(plan.state);
            tell(args, stage, &format!("done   {} is {state}: {}", plan.id, plan.reason));
        }
        self.plan = Some(plan.clone());
        Ok(())
    }

    fn clean_up(&mut self, stage: &Stage, args: &DemoArgs) {
        if stage.shop().end(&self.fault) {
            tell(args, stage, "The demo ends the fault itself.");
        }
    }

    fn outcome(self, stage: &Stage) -> anyhow::Result<ShownFault> {
        let incidents = since(stage, self.before)?;
        let incident = incidents.first();
        let cause = incident.and_then(|it| it.diagnosis.as_ref()?.causes.first());
        let expected = self.fault.expected_cause();
        let is_right = cause.zip(expected).is_some_and(|(it, expected)| expected.accepts(&it.service, it.fault));
        let plan = match &self.plan {
            Some(plan) => Some(stage.system().desk.plan(plan.id)?),
            None => None,
        };
        Ok(ShownFault {
            name: self.fault.name().to_owned(),
            detected_after_seconds: incident.map(|it| it.detected_at.secs_since(self.started)),
            incidents: incidents.len(),
            cause_right: is_right,
            cause: cause.map_or_else(String::new, |it| format!("{}: {}", it.service, it.fault.as_str())),
            action: plan.as_ref().map_or_else(|| "none".to_owned(), |it| it.playbook.clone()),
            verified: plan.is_some_and(|it| it.state == PlanState::Succeeded),
        })
    }
}
