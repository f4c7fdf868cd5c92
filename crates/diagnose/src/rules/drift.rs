//! Has a model left the ground that it learned on? Each of the four drifts is a hypothesis of its own: of the inputs, of
//! the answers, of what is true, of the columns.
//!
//! The comparison was made where the predictions are (a verdict over thousands of rows, with its false-alarm rate); here
//! it is only said, and each part of it cites the series that was stored of it. A drift of the inputs explains another
//! distribution of answers, and worse ones.

use signal::{AnomalyKind, FaultClass, Incident, Symptom};

use super::Draft;
use crate::docket::Docket;
use crate::facts::Owner;
use crate::phrase::{clock, name, plain};
use crate::rank::Hypothesis;

/// Which series tells of which drift, and what is said of it.
const DRIFTS: [(&str, FaultClass, &str); 7] = [
    ("data_drift_score", FaultClass::DataDrift, "Data drift: inputs differ from the reference"),
    ("sentinel_drifted_segments", FaultClass::DataDrift, "Data drift: inputs of groups differ from the reference"),
    ("sentinel_schema_drift_columns", FaultClass::SchemaDrift, "Schema drift: columns differ from the reference"),
    (
        "sentinel_prediction_drift_score",
        FaultClass::PredictionDrift,
        "Prediction drift: answers differ from the reference",
    ),
    (
        "sentinel_model_estimated_performance",
        FaultClass::PredictionDrift,
        "Prediction drift: answers are expected to be worse",
    ),
    ("sentinel_concept_drift_score", FaultClass::ConceptDrift, "Concept drift: the same inputs have other labels"),
    ("sentinel_model_performance", FaultClass::ConceptDrift, "Concept drift: answers are worse than they were"),
];
/// Series of single features, which stand behind that of all.
const FEATURE: &str = "sentinel_data_drift_score";
/// Series of the live stream, whose label `kind` says of what.
const ONLINE: &str = "sentinel_online_drift_score";
/// What of the live stream drifts, when no comparison has said so yet: by kind.
const ONLINE_DRIFTS: [(&str, FaultClass, &str); 3] = [
    ("feature", FaultClass::DataDrift, "Data drift: the live inputs differ from the reference"),
    ("prediction", FaultClass::PredictionDrift, "Prediction drift: the live answers differ from the reference"),
    ("error", FaultClass::ConceptDrift, "Concept drift: the live answers are wrong more often"),
];
/// So many features are cited and named.
const MOST_FEATURES: usize = 8;

pub(super) fn hypotheses(owner: &Owner, incident: &Incident, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let is_its = |it: &&Symptom| it.kind == AnomalyKind::Drift && it.labels.owner() == owner.name;
    let symptoms: Vec<&Symptom> = incident.symptoms.iter().filter(is_its).collect();
    let mut found: Vec<Hypothesis> = vec![];
    for (series, fault, what) in DRIFTS {
        let Some(whole) = symptoms.iter().find(|it| it.labels.name() == series) else { continue };
        // Two series of one fault are one cause.
        if found.iter().all(|it| it.fault != fault) {
            found.push(hypothesis(owner, &symptoms, whole, (fault, what), docket));
        }
    }
    for (kind, fault, what) in ONLINE_DRIFTS {
        let is_its = |it: &&&Symptom| it.labels.name() == ONLINE && it.labels.get("kind") == Some(kind);
        let strongest = symptoms.iter().filter(is_its).max_by(|a, b| a.peak.value.total_cmp(&b.peak.value));
        if let Some(whole) = strongest.filter(|_| found.iter().all(|it| it.fault != fault)) {
            found.push(hypothesis(owner, &symptoms, whole, (fault, what), docket));
        }
    }
    found
}

fn hypothesis(
    owner: &Owner,
    symptoms: &[&Symptom],
    whole: &Symptom,
    (fault, what): (FaultClass, &str),
    docket: &mut Docket<'_>,
) -> Hypothesis {
    let is_of_features = fault == FaultClass::DataDrift;
    let features = if is_of_features { worst_features(symptoms) } else { vec![] };
    let is_told = features.iter().any(|it| it.labels == whole.labels);
    let onset = features.iter().map(|it| it.onset).min().unwrap_or(whole.onset).min(whole.onset);
    let mut draft = Draft::new(1.2, onset);
    draft.weigh(0.8, whole.peak.value - 1.0);
    if !is_told {
        draft.cite(docket.symptom(whole));
    }
    for it in &features {
        draft.weigh(0.3, it.peak.value / 2.0);
        draft.cite(docket.symptom(it));
    }
    let named: Vec<&str> = features.iter().filter_map(|it| it.labels.get("feature")).collect();
    let indicator = if named.is_empty() { whole.labels.to_string() } else { plain(&named.join(", ")) };
    let details: Vec<&str> = std::iter::once(whole)
        .filter(|_| !is_told)
        .chain(features.iter().copied())
        .map(|it| it.explanation.trim_end_matches('.'))
        .filter(|it| !it.is_empty())
        .collect();
    let summary = format!("{what} of {} since {}: {}.", plain(&owner.name), clock(onset), name(&details.join("; ")));
    draft.finish(&owner.name, fault, indicator, summary)
}

/// Features that drift now, the strongest first; what a comparison says of a feature is more than what its live stream
/// says.
fn worst_features<'a>(symptoms: &[&'a Symptom]) -> Vec<&'a Symptom> {
    let mut found: Vec<&Symptom> = symptoms.iter().copied().filter(|it| it.labels.name() == FEATURE).collect();
    let live = symptoms.iter().copied().filter(|it| it.labels.name() == ONLINE);
    for it in live {
        let feature = it.labels.get("feature");
        if feature.is_some() && found.iter().all(|other| other.labels.get("feature") != feature) {
            found.push(it);
        }
    }
    found.sort_by(|a, b| b.ended_at.is_none().cmp(&a.ended_at.is_none()).then(b.peak.value.total_cmp(&a.peak.value)));
    found.truncate(MOST_FEATURES);
    found
}
