//! What does each ranker answer to each case, and at which place is the true cause?

use std::time::Instant;

use diagnose::case::{Calibration, Features, Metric, Observed, Ranking, Weights};

use super::fit::Known;
use super::labeled::Labeled;

/// Beyond all places that are counted.
pub const NOWHERE: usize = usize::MAX;

/// The answer to one case.
pub struct Verdict {
    /// The place of the true cause from 0: behind everybody with the same score.
    pub strict: usize,
    /// The same, when equal scores share a place, as Nezha's scorer has it.
    pub shared: usize,
    /// Whether the first cause is the true service in the true indicator; `None` if the set does not tell.
    pub indicator: Option<bool>,
    /// Whether "no cause" was likelier than the first cause.
    pub says_none: bool,
    /// How sure the first cause is, and what that was told from.
    pub confidence: f64,
    pub features: Features,
    /// The blamed change.
    pub change: Option<String>,
    /// What it took.
    pub millis: f64,
    /// The first cause, for the table of cases.
    pub first: String,
}

/// Ranks all cases.
pub fn of(known: &Known<'_>, weights: &Weights, calibration: &Calibration) -> Vec<Verdict> {
    let one = |(labeled, observed): (&Labeled, &Observed<'_>)| {
        let started = Instant::now();
        let ranking = observed.rank(weights, calibration);
        judge(labeled, &ranking, started.elapsed().as_secs_f64() * 1e3)
    };
    known.cases.iter().zip(known.observed).map(one).collect()
}

/// Judges one answer.
pub fn judge(labeled: &Labeled, ranking: &Ranking, millis: f64) -> Verdict {
    let scores: Vec<(&str, f64)> = ranking.causes.iter().map(|it| (it.service.as_str(), it.score)).collect();
    let (strict, shared) = labeled.service.as_deref().map_or((NOWHERE, NOWHERE), |it| places(&scores, it));
    let first = ranking.causes.first();
    let indicator = labeled.indicator.map(|it| strict == 0 && first.is_some_and(|cause| cause.indicator == it));
    Verdict {
        strict,
        shared,
        indicator,
        says_none: first.is_none_or(|it| it.confidence < ranking.no_cause),
        confidence: first.map_or(0.0, |it| it.confidence),
        features: first.map(|it| it.features).unwrap_or_default(),
        change: ranking.change.as_ref().map(|it| it.id.clone()),
        millis,
        first: first.map_or_else(String::new, |it| format!("{} {}", it.service, it.indicator)),
    }
}

/// The place of a service among scores: behind its equals, and with equals sharing one place.
fn places(scores: &[(&str, f64)], service: &str) -> (usize, usize) {
    let Some((_, own)) = scores.iter().find(|it| it.0 == service) else { return (NOWHERE, NOWHERE) };
    let strict = scores.iter().filter(|it| it.1 >= *own && it.0 != service).count();
    let mut above: Vec<f64> = scores.iter().map(|it| it.1).filter(|it| it > own).collect();
    above.dedup();
    (strict, above.len())
}

/// The strict place of the true cause by a ranker of metrics.
pub fn place_of_peer(labeled: &Labeled, metrics: &[Metric], ranker: fn(&[Metric]) -> Vec<(usize, f64)>) -> usize {
    let mut scores: Vec<(&str, f64)> = vec![];
    for (idx, score) in ranker(metrics) {
        let Some(metric) = metrics.get(idx) else { continue };
        if scores.iter().all(|it| it.0 != metric.service) {
            scores.push((&metric.service, score));
        }
    }
    labeled.service.as_deref().map_or(NOWHERE, |it| places(&scores, it).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_stand_in_front_or_share_a_place() {
        let scores = [("a", 3.0), ("b", 2.0), ("c", 2.0), ("d", 2.0), ("e", 1.0)];
        assert_eq!(places(&scores, "a"), (0, 0));
        assert_eq!(places(&scores, "b"), (3, 1));
        assert_eq!(places(&scores, "e"), (4, 2));
        assert_eq!(places(&scores, "x"), (NOWHERE, NOWHERE));
    }
}
