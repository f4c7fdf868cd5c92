//! Which hypothesis is best, and how likely is each, and none of them?
//!
//! A rule adds weights (in logits) of the features it finds to a negative bias. All weights are positive, so more
//! evidence never lowers its own hypothesis. Then two things count against a hypothesis: distance from the symptoms,
//! and a convincing hypothesis about somebody it depends on. In the end the hypotheses share the probability among each
//! other and with "no cause", whose logit is 0: an incident has one cause, so what speaks for one speaks against others.

use std::collections::HashSet;

use signal::{Cause, EvidenceId, FaultClass, Timestamp};

use crate::facts::Facts;

/// Nothing is ever certain.
const MAX_CONFIDENCE: f64 = 0.97;
/// Less than this is not worth a line.
const MIN_CONFIDENCE: f64 = 0.10;
/// What has a smaller share of the whole is not told.
const MIN_SHARE: f64 = 0.02;
/// What a logit of the rules is worth; `sentinel bench diagnose` tells how honest the confidence is.
const CERTAINTY: f64 = 1.0;
/// At most so many causes are told.
const MAX_CAUSES: usize = 5;
/// What one step from the symptoms costs, in logits.
const HOP_COST: f64 = 0.25;
/// What being explained by a certain hypothesis costs: as a consequence, or as a rival cause further away.
const EXPLAINED_COST: f64 = 3.0;
const RIVAL_COST: f64 = 1.5;
/// Onsets this close together have no order.
const TOLERANCE_SECS: f64 = 5.0;

/// A possible cause with its weight.
pub(crate) struct Hypothesis {
    pub(crate) owner: String,
    pub(crate) fault: FaultClass,
    /// Weight of the evidence, in logits.
    pub(crate) logit: f64,
    pub(crate) onset: Timestamp,
    pub(crate) indicator: String,
    pub(crate) summary: String,
    /// The most telling first.
    pub(crate) evidence: Vec<EvidenceId>,
}

/// A hypothesis after weighing.
pub(crate) struct Ranked {
    hypothesis: Hypothesis,
    confidence: f64,
    pub(crate) evidence: Vec<EvidenceId>,
}

impl Ranked {
    /// The cause as it is told, citing what could be read again.
    pub(crate) fn into_cause(self, evidence: Vec<EvidenceId>) -> Cause {
        Cause {
            service: self.hypothesis.owner,
            indicator: self.hypothesis.indicator,
            fault: self.hypothesis.fault,
            confidence: self.confidence,
            summary: self.hypothesis.summary,
            evidence,
        }
    }
}

/// The best hypotheses, best first, with their shares of the whole.
pub(crate) fn rank(hypotheses: Vec<Hypothesis>, facts: &Facts) -> Vec<Ranked> {
    let alone: Vec<f64> = hypotheses.iter().map(|it| confidence(it.logit - distance(it, facts))).collect();
    let reach: Vec<HashSet<&str>> = hypotheses.iter().map(|it| facts.dependencies(&it.owner)).collect();
    let mut costs = vec![];
    for ((it, own), reach) in hypotheses.iter().zip(&alone).zip(&reach) {
        let others = hypotheses.iter().zip(&alone).filter(|(other, _)| !std::ptr::eq(*other, it));
        let cost = others.map(|(other, sure)| explained(it, *own, other, *sure, reach, facts)).fold(0.0, f64::max);
        costs.push(distance(it, facts) + cost);
    }
    let weighed: Vec<(Hypothesis, f64)> = hypotheses
        .into_iter()
        .zip(costs)
        .map(|(it, cost)| (it.logit - cost, it))
        .map(|(logit, it)| (it, logit))
        .collect();
    let mut ranked = once_each(weighed);
    let whole: f64 = 1.0 + ranked.iter().map(|it| odds(it.1)).sum::<f64>();
    ranked.retain(|it| odds(it.1) / whole >= MIN_SHARE);
    ranked.truncate(MAX_CAUSES);
    let share = |(it, logit): (Hypothesis, f64)| Ranked {
        confidence: (odds(logit) / whole).min(MAX_CONFIDENCE),
        evidence: it.evidence.clone(),
        hypothesis: it,
    };
    ranked.into_iter().map(share).collect()
}

/// The best hypothesis of each owner and fault, best first.
fn once_each(mut weighed: Vec<(Hypothesis, f64)>) -> Vec<(Hypothesis, f64)> {
    weighed.retain(|it| confidence(it.1) >= MIN_CONFIDENCE);
    weighed.sort_by(|(a, a_logit), (b, b_logit)| {
        let names = (&a.owner, a.fault).cmp(&(&b.owner, b.fault));
        b_logit.total_cmp(a_logit).then(a.onset.cmp(&b.onset)).then(names)
    });
    let mut told = HashSet::new();
    weighed.retain(|it| told.insert((it.0.owner.clone(), it.0.fault)));
    weighed
}

/// Odds against "no cause". The weights of rules do not know of each other, so their sum says too much.
fn odds(logit: f64) -> f64 {
    (logit * CERTAINTY).exp()
}

fn distance(it: &Hypothesis, facts: &Facts) -> f64 {
    facts.owners.get(&it.owner).map_or(0.0, |owner| owner.hops as f64 * HOP_COST)
}

fn confidence(logit: f64) -> f64 {
    (1.0 / (1.0 + (-logit).exp())).min(MAX_CONFIDENCE)
}

/// How much `other` takes away from `it`: a consequence is explained by a specific fault of the same owner, or of
/// somebody its owner depends on; a rival cause only if it does not begin clearly earlier. What a host shows is
/// explained by the same fault of a service that runs on it. `Unknown` gives way to any mechanism.
fn explained(it: &Hypothesis, own: f64, other: &Hypothesis, sure: f64, reach: &HashSet<&str>, facts: &Facts) -> f64 {
    let is_below = reach.contains(other.owner.as_str());
    let begins_later = it.onset.secs_since(other.onset) > -TOLERANCE_SECS;
    let is_guest =
        facts.owners.get(&it.owner).is_some_and(|host| host.is_host && host.neighbors.contains(&other.owner));
    if is_guest && it.fault == other.fault {
        return EXPLAINED_COST * sure;
    }
    if !is_specific(other.fault) || !(is_below || it.owner == other.owner) {
        return 0.0;
    }
    if it.fault == FaultClass::Unknown && sure >= MIN_CONFIDENCE {
        return EXPLAINED_COST;
    }
    if sure < 0.4 {
        return 0.0;
    }
    match (is_specific(it.fault), is_below) {
        (false, _) => EXPLAINED_COST * sure,
        (true, true) if begins_later && sure > own * 0.8 => RIVAL_COST * sure,
        _ => 0.0,
    }
}

/// Faults that have a mechanism; the others only describe what is seen.
const fn is_specific(fault: FaultClass) -> bool {
    matches!(
        fault,
        FaultClass::CpuHog
            | FaultClass::MemoryLeak
            | FaultClass::PoolExhaustion
            | FaultClass::BadDeploy
            | FaultClass::DiskFilling
            | FaultClass::DependencyTimeout
            | FaultClass::DataDrift
            | FaultClass::SchemaDrift
    )
}
