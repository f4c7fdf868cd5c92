//! What could it be? One rule per family of faults; each looks at one service or host and may make hypotheses.

use signal::{EvidenceId, FaultClass, Incident, Timestamp};

use crate::docket::Docket;
use crate::facts::{Facts, Owner};
use crate::phrase::name;
use crate::rank::Hypothesis;

mod cpu;
mod dependency;
mod deploy;
mod disk;
mod drift;
mod memory;
mod pool;
mod symptom;
mod traffic;

/// A rule: facts about one owner to hypotheses.
type Rule = fn(&Owner, &Facts, &mut Docket<'_>) -> Vec<Hypothesis>;

/// The rules in reading order.
const RULES: [Rule; 7] = [
    cpu::hypotheses,
    memory::hypotheses,
    pool::hypotheses,
    disk::hypotheses,
    deploy::hypotheses,
    dependency::hypotheses,
    traffic::hypotheses,
];

/// All hypotheses about everybody near the symptoms.
pub(crate) fn all(facts: &Facts, incident: &Incident, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let mut found = vec![];
    for owner in facts.owners.values() {
        for rule in RULES {
            found.extend(rule(owner, facts, docket));
        }
        found.extend(symptom::hypotheses(owner, facts, incident, docket));
        found.extend(drift::hypotheses(owner, incident, docket));
    }
    found
}

/// A hypothesis in the making. Weights are positive and shares lie in 0..=1, so that evidence only ever adds.
struct Draft {
    logit: f64,
    onset: Timestamp,
    evidence: Vec<EvidenceId>,
}

impl Draft {
    /// `bias` is the weight without any evidence, in logits.
    fn new(bias: f64, onset: Timestamp) -> Self {
        Self { logit: bias, onset, evidence: vec![] }
    }

    fn weigh(&mut self, weight: f64, share: f64) {
        self.logit += weight * share.clamp(0.0, 1.0);
    }

    fn cite(&mut self, id: EvidenceId) {
        if !self.evidence.contains(&id) {
            self.evidence.push(id);
        }
    }

    fn finish(self, owner: &str, fault: FaultClass, indicator: String, summary: String) -> Hypothesis {
        let Self { logit, onset, evidence } = self;
        let indicator = name(&indicator);
        Hypothesis { owner: owner.to_owned(), fault, logit, onset, indicator, summary, evidence }
    }
}
