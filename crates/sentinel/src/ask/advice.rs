//! What shall be done? A plan that waits, what a runbook says, what helped before, or what helps such faults in general.

use serve::{Answer, KnowledgePassage, ProposedAction};
use signal::{FaultClass, Incident, Plan, PlanState, PortError};

use super::{AskDesk, Asked};

impl AskDesk {
    /// Adds runbooks, incidents like this one and the action to an answer.
    pub(super) fn help(&self, incident: &Incident, asked: &Asked<'_>, answer: &mut Answer) -> Result<(), PortError> {
        let related = self.knowledge.related_for(incident, &asked.reader);
        answer.runbooks = related.runbooks;
        answer.similar = related.similar;
        let plans = self.plans.plans(Some(incident.id))?;
        let fault =
            incident.diagnosis.as_ref().and_then(|it| it.causes.first()).map(|it| (it.fault, it.service.clone()));
        answer.action = planned(&plans)
            .or_else(|| answer.runbooks.iter().find(|it| it.warning.is_empty()).map(by_runbook))
            .or_else(|| answer.similar.iter().find_map(helped_before))
            .or_else(|| answer.runbooks.first().map(by_runbook))
            .or_else(|| fault.map(|(fault, service)| in_general(fault, &service)));
        Ok(())
    }
}

/// The plan that can still do something, else the newest.
fn planned(plans: &[Plan]) -> Option<ProposedAction> {
    let plan = plans.iter().find(|it| !it.state.is_final()).or_else(|| plans.first())?;
    let waits = plan.state == PlanState::Proposed;
    Some(ProposedAction {
        text: format!("{} proposes the playbook {:?} on {}: {}", plan.id, plan.playbook, plan.target, plan.reason),
        source: "plan",
        id: Some(plan.id.to_string()),
        state: Some(crate::words::plan_state(plan.state).to_owned()),
        command: waits.then(|| format!("sentinel approve {}", plan.id)),
    })
}

/// A step for people: the text of a runbook is shown, never carried out.
fn by_runbook(it: &KnowledgePassage) -> ProposedAction {
    let warning = if it.warning.is_empty() { String::new() } else { format!(" ({})", it.warning) };
    ProposedAction {
        text: format!("Follow the runbook {:?} ({}){warning}.", it.title, it.source),
        source: "runbook",
        id: Some(it.id.clone()),
        state: None,
        command: None,
    }
}

fn helped_before(it: &KnowledgePassage) -> Option<ProposedAction> {
    let action = it.text.lines().find(|it| it.starts_with("Action: ") && it.contains("the signal recovered"))?;
    Some(ProposedAction {
        text: format!("In {} this helped: {}", it.id, action.trim_start_matches("Action: ")),
        source: "past_incident",
        id: Some(it.id.clone()),
        state: None,
        command: None,
    })
}

fn in_general(fault: FaultClass, service: &str) -> ProposedAction {
    let advice = match fault {
        FaultClass::CpuHog => "Look at the process that takes the processor, and end it if it does not belong there",
        FaultClass::CpuSaturation => "Give it more processor time or more replicas, or take load away",
        FaultClass::MemoryLeak => {
            "Restart it to win time, and look for what was changed before the memory began to grow"
        }
        FaultClass::PoolExhaustion => {
            "Look for what holds the connections or threads, and enlarge the pool only if all are in use for good reason"
        }
        FaultClass::BadDeploy => "Roll back to the version before",
        FaultClass::DiskFilling => "Free or enlarge the disk, and look for what writes so much",
        FaultClass::DependencyTimeout => "Look at what it calls, and shorten time-outs or open the circuit meanwhile",
        FaultClass::TrafficSurge => "Add replicas or limit the rate, and look where the requests come from",
        FaultClass::Network => "Look at the network between it and those it calls",
        FaultClass::MissingData => "Look whether it still runs and whether its signals are still sent",
        FaultClass::ErrorBurst => "Read the error lines below, and compare them with what was changed",
        FaultClass::DataDrift | FaultClass::SchemaDrift => {
            "Compare what the model is asked with what it learned from, and mend the source of the data"
        }
        FaultClass::PredictionDrift | FaultClass::ConceptDrift => {
            "Train the model anew on recent data, or go back to the version before"
        }
        FaultClass::Unknown => "Open the evidence below; nothing more is known of this fault",
    };
    ProposedAction { text: format!("{service}: {advice}."), source: "advice", id: None, state: None, command: None }
}
