//! What is an investigation about? An incident and its diagnosis, as they were when it began, without secrets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use signal::{Diagnosis, EvidenceSource, IncidentId, Timestamp};

/// All that the conversation rests on; with the answers of model and tools it makes the same conversation again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The incident.
    pub incident: IncidentId,
    /// Its title (untrusted).
    pub title: String,
    /// Services with symptoms (untrusted).
    pub services: Vec<String>,
    /// Symptoms in words (untrusted).
    pub symptoms: Vec<String>,
    /// First anomalous point.
    pub started_at: Timestamp,
    /// When the investigation began.
    pub now: Timestamp,
    /// What the ranker says.
    pub diagnosis: Diagnosis,
    /// Names of services and hosts that there are, in small letters.
    pub inventory: BTreeSet<String>,
}

/// Symptoms that the model is told.
const MOST_SYMPTOMS: usize = 20;

impl Case {
    /// Of an incident with a diagnosis; none without one. `redact` takes secrets out of all foreign text.
    pub fn of(
        incident: &signal::Incident,
        now: Timestamp,
        inventory: BTreeSet<String>,
        redact: &dyn Fn(&str) -> String,
    ) -> Option<Self> {
        let mut diagnosis = incident.diagnosis.clone()?;
        for cause in &mut diagnosis.causes {
            cause.summary = redact(&cause.summary);
            cause.indicator = redact(&cause.indicator);
        }
        for evidence in &mut diagnosis.evidence {
            evidence.text = redact(&evidence.text);
            match &mut evidence.source {
                EvidenceSource::LogLines { example, .. } => *example = redact(example),
                EvidenceSource::Process { command, .. } => *command = redact(command),
                _ => {}
            }
        }
        let symptom = |it: &signal::Symptom| {
            let explanation = redact(&it.explanation);
            format!(
                "{} since {}: {:.6}, expected {:.6} to {:.6}. {explanation}",
                it.labels, it.onset, it.peak.y, it.peak.yhat_lower, it.peak.yhat_upper
            )
        };
        Some(Self {
            incident: incident.id,
            title: redact(&incident.title),
            services: incident.services.clone(),
            symptoms: incident.symptoms.iter().take(MOST_SYMPTOMS).map(symptom).collect(),
            started_at: incident.started_at,
            now,
            diagnosis,
            inventory,
        })
    }
}
