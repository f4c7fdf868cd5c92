//! What does an incident become once others may learn from it? A document that tells what it was, what was done, whether
//! that helped, and what people said of it.

use std::fmt::Write as _;

use signal::{Incident, Opinion, Plan, PlanState, StepKind};

use crate::document::{Document, Kind};
use crate::library::Query;

/// More symptoms and evidence than this say nothing new.
const MOST: usize = 6;

/// What came of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A plan was carried out and the signal recovered.
    Verified,
    /// A plan was carried out and did not help, or was undone.
    Failed,
    /// Nothing was done by a plan.
    NoAction,
}

impl Outcome {
    /// Of an incident by its plans; a plan that helped counts before one that did not. A dry run does nothing.
    pub fn of(plans: &[Plan]) -> Self {
        let has = |wanted: &[PlanState]| plans.iter().any(|it| !it.is_dry_run && wanted.contains(&it.state));
        if has(&[PlanState::Succeeded]) {
            Self::Verified
        } else if has(&[PlanState::Failed, PlanState::Undone]) {
            Self::Failed
        } else {
            Self::NoAction
        }
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Failed => "did not help",
            Self::NoAction => "no action",
        }
    }
}

/// What is known of an incident, with the plans that were made for it.
pub fn incident_document(incident: &Incident, plans: &[Plan]) -> Document {
    let mut text = String::new();
    let mut line = |words: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{words}");
    };
    if let Some(cause) = incident.diagnosis.as_ref().and_then(|it| it.causes.first()) {
        line(&format!("Cause: {} ({}, {:.0} %).", cause.summary, cause.fault.as_str(), cause.confidence * 100.0));
        line(&format!("Shown best by {}.", cause.indicator));
    }
    for symptom in incident.symptoms.iter().take(MOST) {
        line(&format!("Symptom: {}.", symptom.labels));
    }
    for evidence in incident.diagnosis.iter().flat_map(|it| &it.evidence).take(MOST) {
        line(&format!("Evidence: {}", evidence.text));
    }
    for plan in plans {
        let steps: Vec<String> = plan.steps.iter().map(|it| step(&it.action)).collect();
        let dry = if plan.is_dry_run { ", a dry run" } else { "" };
        line(&format!(
            "Action: {} by {}{dry}: {}. {}",
            steps.join(", "),
            plan.playbook,
            state(plan.state),
            plan.reason
        ));
    }
    line(&format!("Outcome: {}.", Outcome::of(plans).as_str()));
    if let Some(opinion) = incident.feedback {
        line(&format!("People said: {}.", said(opinion)));
    }
    let cause = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
    let mut services = incident.services.clone();
    services.extend(cause.map(|it| it.service.clone()).filter(|it| !incident.services.contains(it)));
    Document {
        tenant: tenant(incident),
        services,
        faults: cause.map(|it| it.fault.as_str().to_owned()).into_iter().collect(),
        source: incident.id.to_string(),
        time: Some(incident.started_at),
        ..Document::new(Kind::Incident, incident.id.to_string(), incident.title.clone(), text.trim_end())
    }
}

/// What to look for when an incident asks for help: never itself.
pub fn incident_query(incident: &Incident, kind: Kind, limit: usize) -> Query {
    let document = incident_document(incident, &[]);
    let cause = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
    let words = cause.map_or_else(String::new, |it| format!("{} {}", it.fault.as_str(), it.summary));
    let symptoms: Vec<&str> = incident.symptoms.iter().take(MOST).map(|it| it.labels.name()).collect();
    Query {
        services: document.services,
        faults: document.faults,
        without: vec![incident.id.to_string()],
        ..Query::of(kind, format!("{} {words} {}", incident.title, symptoms.join(" ")), limit)
    }
}

/// All of whose symptoms are of one tenant belongs to that tenant.
fn tenant(incident: &Incident) -> String {
    let mut tenants = incident.symptoms.iter().map(|it| it.labels.get("tenant").unwrap_or(""));
    let first = tenants.next().unwrap_or("");
    if tenants.all(|it| it == first) { first.to_owned() } else { String::new() }
}

fn step(action: &StepKind) -> String {
    match action {
        StepKind::Webhook { method, .. } => format!("{method} to a webhook"),
        other => serde_json::to_value(other)
            .ok()
            .and_then(|it| it.get("type").and_then(|it| it.as_str().map(|it| it.replace('_', " "))))
            .unwrap_or_default(),
    }
}

const fn state(state: PlanState) -> &'static str {
    match state {
        PlanState::Proposed => "proposed",
        PlanState::Approved => "approved",
        PlanState::Executing => "being carried out",
        PlanState::Verifying => "carried out, the signal is watched",
        PlanState::Succeeded => "carried out, and the signal recovered",
        PlanState::Undone => "carried out, did not help, and was undone",
        PlanState::Failed => "failed",
        PlanState::Rejected => "rejected",
        PlanState::Expired => "expired",
    }
}

const fn said(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Right => "the cause was right",
        Opinion::Wrong => "the cause was wrong",
        Opinion::Noise => "it was noise, no fault",
    }
}
