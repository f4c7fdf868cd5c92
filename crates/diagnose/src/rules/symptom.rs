//! What can be said when no mechanism is seen? That a signal stopped, that errors rise, that a value cannot be true.

use signal::{AnomalyKind, FaultClass, Incident, LogLevel, Symptom, TemplateChange};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner, peer};
use crate::movement::Movement;
use crate::phrase::{clock, number, plain, quoted, value};
use crate::rank::Hypothesis;

pub(super) fn hypotheses(
    owner: &Owner,
    facts: &Facts,
    incident: &Incident,
    docket: &mut Docket<'_>,
) -> Vec<Hypothesis> {
    let symptoms: Vec<&Symptom> = incident.symptoms.iter().filter(|it| it.labels.owner() == owner.name).collect();
    let missing = missing(owner, &symptoms, docket);
    let found = [missing, errors(owner, facts, docket), unknown(owner, &symptoms, facts, docket)];
    found.into_iter().flatten().collect()
}

fn missing(owner: &Owner, symptoms: &[&Symptom], docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let is_missing = symptoms.iter().any(|it| it.kind == AnomalyKind::MissingData);
    let stop = owner.stops.iter().min_by_key(|it| it.last).filter(|_| is_missing)?;
    let mut draft = Draft::new(-0.9, stop.last);
    draft.weigh(1.6, owner.stops.len() as f64 / owner.n_series.max(1) as f64);
    for it in owner.stops.iter().take(3) {
        draft.cite(docket.stop(it));
    }
    let summary = format!(
        "{} of {} series of {} stopped, the first after {}.",
        owner.stops.len(),
        owner.n_series,
        plain(&owner.name),
        clock(stop.last)
    );
    Some(draft.finish(&owner.name, FaultClass::MissingData, stop.labels.to_string(), summary))
}

fn errors(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let rising = |it: &&Movement| !it.is_old && peer(&it.labels).is_none();
    let moved = owner.rising(signal::Role::Errors).find(rising);
    let template = owner.error_template();
    let onset = moved.map(|it| it.onset).into_iter().chain(template.map(|it| it.onset)).min()?;
    let mut draft = Draft::new(-2.4, onset);
    draft.weigh(1.1, moved.map_or(0.0, Movement::strength));
    draft.weigh(1.0, f64::from(u8::from(template.is_some())));
    draft.weigh(0.4, facts.earliness(onset));
    if let Some(it) = moved {
        draft.cite(docket.movement(it));
    }
    if let Some(it) = template {
        draft.cite(docket.template(it));
    }
    if owner.bad_calls().any(|(_, it)| it.strength() > 0.3) {
        draft.logit -= 1.5;
    }
    let rate = moved.map_or_else(String::new, |it| {
        format!(
            ": {} from {} to {}",
            quoted(it.labels.name()),
            value(&it.labels, it.before),
            value(&it.labels, it.during)
        )
    });
    let said = template.map_or_else(String::new, |it| format!("; it says {}", quoted(&it.example)));
    let indicator = moved.map(|it| it.labels.to_string()).or_else(|| template.map(|it| plain(&it.template)))?;
    let summary = format!("Errors of {} rise since {}{rate}{said}.", plain(&owner.name), clock(onset));
    Some(draft.finish(&owner.name, FaultClass::ErrorBurst, indicator, summary))
}

/// Says what is known: the worst symptom, and new lines of that service.
fn unknown(owner: &Owner, symptoms: &[&Symptom], facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let rank = |it: &Symptom| (it.kind == AnomalyKind::Impossible, it.severity, std::cmp::Reverse(it.onset));
    // What was found in log lines is cited by its template; an alert of another system is no evidence of its own.
    let is_series =
        |it: &&&Symptom| !matches!(it.kind, AnomalyKind::MissingData | AnomalyKind::Drift) && it.kind.has_series();
    let symptom = symptoms.iter().filter(is_series).max_by_key(|it| rank(it))?;
    let is_impossible = symptom.kind == AnomalyKind::Impossible;
    let moved = owner.moves.iter().find(|it| it.labels == symptom.labels);
    let template: Option<&TemplateChange> = owner.rising_templates().find(|it| it.level >= LogLevel::Info);
    let mut draft = Draft::new(-1.6, symptom.onset);
    draft.weigh(0.7, f64::from(u8::from(is_impossible)));
    draft.weigh(0.3, facts.earliness(symptom.onset));
    draft.weigh(0.3, moved.map_or(0.0, Movement::strength));
    draft.cite(match moved {
        Some(it) if !is_impossible => docket.movement(it),
        _ => docket.symptom(symptom),
    });
    let mut said = String::new();
    if let Some(it) = template {
        draft.weigh(0.5, 1.0);
        draft.cite(docket.template(it));
        said = format!(" At the same time it says {}.", quoted(&it.example));
    }
    let name = quoted(symptom.labels.name());
    let what = if is_impossible {
        format!("is {}, which is impossible or far outside", number(symptom.peak.y))
    } else {
        let (y, yhat) = (value(&symptom.labels, symptom.peak.y), value(&symptom.labels, symptom.peak.yhat));
        format!("is {y} where {yhat} was expected")
    };
    let summary = format!(
        "{name} of {} {what} since {}; no mechanism was found.{said}",
        plain(&owner.name),
        clock(symptom.onset)
    );
    Some(draft.finish(&owner.name, FaultClass::Unknown, symptom.labels.to_string(), summary))
}
