//! What is only so because more is asked of the whole system? Twice the requests take twice the processor time, and that is
//! no fault of the services that answer them.
//!
//! More requests to one service alone come from within, and explain nothing away.

use std::collections::{BTreeMap, BTreeSet};

use super::input::Case;
use super::kind::Kind;
use super::metrics::Deviation;
use super::scale::quantile;

/// What grows by this much more than the requests do is still explained by them: busy machines take longer for each.
const MORE_THAN_REQUESTS: f64 = 1.3;
/// What is left of a deviation that they explain.
const EXPLAINED: f64 = 0.15;
/// With so many times the requests from outside, whoever is near his bound takes longer; so much of that is left.
const SURGE: f64 = 1.5;
const WAITING: f64 = 0.4;

/// Takes off what additional requests from outside explain: as many more as most services have, or those where requests
/// come in.
pub(crate) fn explain(case: &Case, kinds: &[Kind], sources: &BTreeSet<&str>, deviations: &mut [Deviation]) {
    let service = |it: &Deviation| case.metrics.get(it.metric).map_or("", |it| it.service.as_str());
    let counted = case.metrics.iter().zip(kinds).filter(|it| *it.1 == Kind::Workload);
    let mut asked: BTreeMap<&str, f64> = counted.map(|it| (it.0.service.as_str(), 1.0)).collect();
    for it in deviations.iter().filter(|it| it.kind == Kind::Workload) {
        if let (Some(growth), Some(most)) = (growth(it), asked.get_mut(service(it))) {
            *most = most.max(growth);
        }
    }
    let mut all: Vec<f64> = asked.values().copied().collect();
    let of_sources = sources.iter().filter_map(|it| asked.get(it).copied()).fold(1.0, f64::max);
    let Some(usual) = quantile(&mut all, 0.5).map(|it| it.max(of_sources)).filter(|it| *it > 1.0) else { return };
    for it in deviations.iter_mut() {
        if of_sources >= SURGE && it.kind == Kind::Latency && it.level > 0.0 {
            it.strength *= WAITING;
        }
        if !is_used_by_requests(it) {
            continue;
        }
        // Where few requests are counted, more of them do not show.
        let requests = asked.get(service(it)).map_or(usual, |it| it.min(usual).max(of_sources));
        let Some(own) = growth(it) else { continue };
        let beyond = (own / (requests * MORE_THAN_REQUESTS)).ln() / own.ln();
        it.strength *= beyond.clamp(EXPLAINED, 1.0);
    }
}

/// By which factor it is more than usual.
fn growth(it: &Deviation) -> Option<f64> {
    let growth = it.during / it.before;
    Some(growth).filter(|it| it.is_finite() && *it > 1.0)
}

fn is_used_by_requests(it: &Deviation) -> bool {
    !it.is_share && matches!(it.kind, Kind::Cpu | Kind::Network | Kind::Disk | Kind::Saturation | Kind::Error)
}

#[cfg(test)]
mod tests {
    use super::super::input::Metric;
    use super::*;

    const fn off(metric: usize, kind: Kind, during: f64) -> Deviation {
        Deviation {
            metric,
            kind,
            strength: 10.0,
            level: 10.0,
            onset: 0,
            before: 1.0,
            during,
            is_share: false,
            is_gone: false,
        }
    }

    /// Guarantees: MUST 844 of docs/specs/diagnosis.md.
    #[test]
    fn what_grows_with_the_requests_is_explained_by_them() {
        let metric = |service: &str| Metric { service: service.to_owned(), ..Metric::default() };
        let case = Case { metrics: ["a", "a", "b", "a", "b"].map(metric).to_vec(), ..Case::default() };
        let kinds = [Kind::Workload, Kind::Cpu, Kind::Cpu, Kind::Disk, Kind::Workload];
        let all = |of_b: f64| {
            let mut all = [
                off(0, Kind::Workload, 3.0),
                off(1, Kind::Cpu, 3.0),
                off(2, Kind::Cpu, 9.0),
                off(3, Kind::Disk, 90.0),
                off(4, Kind::Workload, of_b),
            ];
            explain(&case, &kinds, &BTreeSet::new(), &mut all);
            all.map(|it| it.strength)
        };
        let [workload, cpu, more, disk, _] = all(3.0);
        assert_eq!((workload, cpu), (10.0, 1.5));
        assert!(more > 3.0 && disk > 6.0, "{more} {disk}");
        assert_eq!(quantile(&mut [1.0, 3.0], 0.5), Some(3.0));
    }

    /// Guarantees: MUST 844 of docs/specs/diagnosis.md.
    #[test]
    fn requests_from_within_explain_nothing() {
        let metric = |service: &str| Metric { service: service.to_owned(), ..Metric::default() };
        let case = Case { metrics: ["db", "db", "a", "b"].map(metric).to_vec(), ..Case::default() };
        let kinds = [Kind::Workload, Kind::Cpu, Kind::Workload, Kind::Workload];
        let mut all = [off(0, Kind::Workload, 9.0), off(1, Kind::Cpu, 9.0)];
        explain(&case, &kinds, &BTreeSet::new(), &mut all);
        assert_eq!(all.map(|it| it.strength), [10.0, 10.0]);
    }
}
