//! What is an investigation about? An incident and its diagnosis, as they were when it began, without secrets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
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
            diagnosis: exact(diagnosis),
            inventory,
        })
    }
}

/// The same with numbers of twelve digits: a number with more may be read back from JSON as its neighbor, and a recorded
/// conversation would not be the same.
fn exact(diagnosis: Diagnosis) -> Diagnosis {
    let rounded = serde_json::to_value(&diagnosis).map(rounded).and_then(serde_json::from_value);
    rounded.unwrap_or(diagnosis)
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Number(it) if it.is_f64() => {
            let text = format!("{:.11e}", it.as_f64().unwrap_or(0.0));
            text.parse::<f64>().map_or(Value::Null, Value::from)
        }
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(map) => map.into_iter().map(|(key, it)| (key, rounded(it))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_numbers_are_read_back_as_they_were() {
        for number in [0.425557483188341, 875.5223880597014, 0.319245, 1.0 / 3.0, 123_456_789.123_456_78, -2e-7 / 3.0] {
            let value = rounded(serde_json::json!({ "a": [number, 7] }));
            let again: Value = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(again, value);
        }
    }
}
