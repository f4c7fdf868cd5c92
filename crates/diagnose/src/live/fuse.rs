//! What do the rules and the plain-data ranker say together?
//!
//! A hypothesis gains by how high the ranker places its service, as far as the ranker is sure. What spans and lines say
//! of a service is cited for the hypothesis about it; a service that no rule knows a mechanism for is told by them alone.

use signal::{EvidenceId, FaultClass, RequestMeasure, Timestamp};

use super::case::Gathered;
use super::requests::{Claim, showing};
use crate::case::{About, Fault, Finding, RankedCause, Ranking};
use crate::docket::Docket;
use crate::facts::Facts;
use crate::phrase::{clock, name, number, plain, quoted};
use crate::rank::Hypothesis;
use crate::reopen::fits;

/// The most that the place in the ranking counts, in logits.
const PLACE: f64 = 1.0;
/// What findings in spans or lines add to a hypothesis of their service.
const SEEN: f64 = 0.4;
/// What a hypothesis that rests on the ranker alone is less than the ranker says.
const ALONE: f64 = 0.7;
/// So many services of the ranking are told.
const MAX_TOLD: usize = 3;
/// So many findings of a service are cited.
const MAX_CITED: usize = 2;
/// A logit of more is no more certain.
const MAX_LOGIT: f64 = 3.5;

/// The hypotheses, weighed by the ranking and with those that it adds.
pub(crate) fn fuse(
    mut hypotheses: Vec<Hypothesis>,
    ranking: &Ranking,
    gathered: &Gathered,
    facts: &Facts,
    docket: &mut Docket<'_>,
) -> Vec<Hypothesis> {
    let Some(best) = ranking.causes.first().map(|it| it.score).filter(|it| *it > 0.0) else { return hypotheses };
    let sure = 1.0 - ranking.no_cause;
    for it in hypotheses.iter_mut().filter(|it| is_about_services(it.fault)) {
        let own = ranking.causes.iter().find(|cause| cause.service == it.owner);
        let place = own.map_or(0.0, |cause| cause.score / best);
        it.logit += PLACE * sure * (2.0 * place - 1.0);
    }
    for cause in ranking.causes.iter().take(MAX_TOLD) {
        let cited = cite(ranking, cause, gathered, facts, docket);
        let of_owner = hypotheses.iter_mut().filter(|it| it.owner == cause.service && is_about_services(it.fault));
        match (of_owner.max_by(|a, b| a.logit.total_cmp(&b.logit)), cited.first()) {
            (Some(known), Some(_)) => {
                let is_new = |it: &(EvidenceId, &Finding)| !known.evidence.contains(&it.0) && it.1.signal != "metric";
                let new: Vec<EvidenceId> = cited.into_iter().filter(is_new).map(|it| it.0).collect();
                known.logit += if new.is_empty() { 0.0 } else { SEEN };
                known.evidence.extend(new);
            }
            (None, Some((_, finding))) => hypotheses.push(alone(cause, finding, &cited, facts)),
            (_, None) => {}
        }
    }
    hypotheses
}

/// Drift of a model and silence are not what the ranker looks at.
const fn is_about_services(fault: FaultClass) -> bool {
    !matches!(
        fault,
        FaultClass::DataDrift
            | FaultClass::PredictionDrift
            | FaultClass::ConceptDrift
            | FaultClass::SchemaDrift
            | FaultClass::MissingData
    )
}

/// What spans and lines say of a service, as evidence that can be opened again.
fn cite<'a>(
    ranking: &'a Ranking,
    cause: &RankedCause,
    gathered: &Gathered,
    facts: &Facts,
    docket: &mut Docket<'_>,
) -> Vec<(EvidenceId, &'a Finding)> {
    let own = ranking.findings.iter().filter(|it| it.service == cause.service);
    let mut cited: Vec<(EvidenceId, &Finding)> = vec![];
    for it in own {
        let id = match &it.about {
            About::Requests { .. } => of_requests(it, gathered, docket),
            About::Lines { template, is_more: true } => of_lines(it, template, gathered, docket),
            About::Metric(idx) => of_series(*idx, gathered, facts, docket),
            _ => None,
        };
        cited.extend(id.filter(|id| cited.iter().all(|known| known.0 != *id)).map(|id| (id, it)));
        if cited.len() >= MAX_CITED {
            break;
        }
    }
    cited
}

fn of_series(idx: usize, gathered: &Gathered, facts: &Facts, docket: &mut Docket<'_>) -> Option<EvidenceId> {
    let labels = gathered.labels.get(idx)?;
    let moved = facts.owners.get(labels.owner())?.moves.iter().find(|it| it.labels == *labels)?;
    Some(docket.movement(moved))
}

fn of_requests(it: &Finding, gathered: &Gathered, docket: &mut Docket<'_>) -> Option<EvidenceId> {
    let About::Requests { operation, caller, before, during } = &it.about else { return None };
    let measure = measure(it)?;
    let claim = Claim { service: &it.service, operation, caller, measure, before: *before, during: *during };
    let traces = showing(&claim, &gathered.spans);
    (!traces.is_empty()).then(|| docket.requests(&claim, gathered.range, traces))
}

fn measure(it: &Finding) -> Option<RequestMeasure> {
    Some(match it.indicator.as_str() {
        "self time" => RequestMeasure::SelfTime,
        "edge gap" => RequestMeasure::EdgeGap,
        "first errors" => RequestMeasure::FirstErrors,
        "errors" => RequestMeasure::Errors,
        _ => return None,
    })
}

fn of_lines(it: &Finding, template: &str, gathered: &Gathered, docket: &mut Docket<'_>) -> Option<EvidenceId> {
    let ours = gathered.lines.iter().filter(|hit| hit.record.labels.owner() == it.service);
    let fitting: Vec<&signal::LogHit> = ours.filter(|hit| fits(template, &hit.record.line)).collect();
    let (during, before): (Vec<&signal::LogHit>, Vec<&signal::LogHit>) =
        fitting.into_iter().partition(|hit| gathered.range.contains(hit.record.time));
    let per_minute = |n: usize, secs: f64| n as f64 * 60.0 / secs.max(1.0);
    let example = during.first()?.record.line.clone();
    let rates = (
        per_minute(before.len(), gathered.before.to.secs_since(gathered.before.from)),
        per_minute(during.len(), gathered.range.to.secs_since(gathered.range.from)),
    );
    let ids = during.iter().take(MAX_CITED * 2).map(|it| it.id).collect();
    Some(docket.lines_of(&it.service, template, gathered.range, rates, ids, example))
}

/// A service of which no rule knows a mechanism.
fn alone(cause: &RankedCause, first: &Finding, cited: &[(EvidenceId, &Finding)], facts: &Facts) -> Hypothesis {
    let fault = match first.indicator.as_str() {
        "edge gap" => FaultClass::Network,
        "errors" | "first errors" => FaultClass::ErrorBurst,
        _ if matches!(first.fault, Fault::Loss | Fault::Network) => FaultClass::Network,
        "log template" if first.text.to_lowercase().contains("error") => FaultClass::ErrorBurst,
        _ => FaultClass::Unknown,
    };
    let odds = cause.confidence.clamp(0.01, 0.97);
    let seen = match &first.about {
        About::Lines { template, .. } => format!("says {} as it did not before", quoted(template)),
        About::Requests { before, during, .. } => {
            let unit = |value: f64| match measure(first) {
                Some(RequestMeasure::SelfTime | RequestMeasure::EdgeGap) => format!("{} ms", number(value)),
                _ => format!("{} % of requests", number(value * 100.0)),
            };
            format!("{} went from {} to {}", first.indicator, unit(*before), unit(*during))
        }
        _ => plain(&first.text),
    };
    let onset = Timestamp::from_millis(first.onset).max(facts.started);
    let summary = format!("{} is where requests go wrong since {}: {seen}.", plain(&cause.service), clock(onset));
    Hypothesis {
        owner: cause.service.clone(),
        fault,
        logit: ((odds / (1.0 - odds)).ln() - ALONE).min(MAX_LOGIT),
        onset,
        indicator: name(&first.indicator),
        summary,
        evidence: cited.iter().map(|it| it.0.clone()).collect(),
    }
}
