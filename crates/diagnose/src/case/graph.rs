//! Which way did the trouble of a case take? Its likely causes, what they bring, and those that call them.

use std::collections::BTreeSet;

use signal::{CausalGraph, EvidenceId, Timestamp};

use super::input::Call;
use super::kind::{Fault, Kind};
use super::rank::{About, Finding, RankedCause, Ranking};
use crate::graph::{Happening, Link, Stage, build};

/// Causes less likely than this are left out, but for the first.
const LEAST: f64 = 0.02;
/// Findings of less than this share of the strongest of their service are left out.
const LEAST_SHARE: f64 = 0.3;

/// The graph of a ranking: each likely cause with its way to where it was noticed, by who calls whom.
pub fn causal_graph(ranking: &Ranking, calls: &[Call]) -> CausalGraph {
    let mut happenings = vec![];
    let mut services: BTreeSet<&str> = BTreeSet::new();
    let mut links = vec![];
    for (nth, cause) in ranking.causes.iter().enumerate() {
        if nth > 0 && cause.confidence < LEAST {
            continue;
        }
        happenings.extend(of_cause(ranking, cause));
        services.extend(cause.path.iter().map(String::as_str).chain([cause.service.as_str()]));
        let steps = cause.path.iter().zip(cause.path.iter().skip(1));
        links.extend(steps.map(|(caller, callee)| link(caller, callee)));
    }
    for service in &services {
        if happenings.iter().all(|it: &Happening| it.service != **service) {
            happenings.push(symptom(ranking, service));
        }
    }
    let among = calls.iter().filter(|it| services.contains(&*it.caller) && services.contains(&*it.callee));
    links.extend(among.map(|it| link(&it.caller, &it.callee)));
    links.sort();
    links.dedup();
    build(happenings, &links)
}

fn link(caller: &str, callee: &str) -> Link {
    Link { cause: callee.to_owned(), effect: caller.to_owned(), by: "calls" }
}

fn of_cause(ranking: &Ranking, cause: &RankedCause) -> Vec<Happening> {
    let cited: Vec<&Finding> = ranking.cited(cause).collect();
    let strongest = cited.first().map_or(0.0, |it| it.strength);
    let mut happenings: Vec<Happening> =
        cited.iter().filter(|it| it.strength >= strongest * LEAST_SHARE).map(|it| happening(it)).collect();
    // The cause itself is what comes first of all that speaks for it.
    let first = happenings.iter_mut().min_by_key(|it| (it.indicator != cause.indicator, it.stage));
    if let Some(it) = first {
        it.confidence = cause.confidence;
    }
    happenings
}

fn happening(it: &Finding) -> Happening {
    let (what, stage) = words(it);
    Happening {
        service: it.service.clone(),
        what,
        indicator: it.indicator.clone(),
        stage,
        confidence: 0.0,
        onset: Some(Timestamp::from_millis(it.onset)),
        evidence: vec![EvidenceId(it.id.clone())],
    }
}

/// Somebody on the way of whom only that is known.
fn symptom(ranking: &Ranking, service: &str) -> Happening {
    let own = |it: &&Finding| it.service == service && words(it).1 == Stage::Symptom;
    match ranking.findings.iter().find(own) {
        Some(it) => happening(it),
        None => Happening {
            service: service.to_owned(),
            what: "affected".to_owned(),
            indicator: String::new(),
            stage: Stage::Symptom,
            confidence: 0.0,
            onset: None,
            evidence: vec![],
        },
    }
}

/// What a finding says in a few words, and how near it is to what users feel.
fn words(it: &Finding) -> (String, Stage) {
    let up = |what: &str| if it.text.ends_with("below usual") { format!("{what} down") } else { format!("{what} up") };
    match (&it.about, it.signal) {
        _ if it.fault == Fault::Crash => ("not there".to_owned(), Stage::Deed),
        (About::Change(_), _) => (format!("{} changed", it.indicator), Stage::Deed),
        (About::Outside, _) => (it.fault.as_str().replace('_', " "), Stage::Deed),
        (About::Lines { is_more: true, .. }, _) => ("other log lines".to_owned(), Stage::Strain),
        (About::Lines { .. }, _) => ("missing log lines".to_owned(), Stage::Strain),
        (About::Requests { .. }, _) if it.fault == Fault::Code => (format!("other {}", it.indicator), Stage::Strain),
        (About::Requests { .. }, _) => (up(&it.indicator), Stage::Symptom),
        (About::Metric(_), _) => {
            let kind = Kind::of(&it.indicator);
            let stage = match kind {
                Kind::Latency | Kind::Error | Kind::Success => Stage::Symptom,
                Kind::Cpu | Kind::Memory | Kind::Disk | Kind::Loss => Stage::Resource,
                Kind::Workload | Kind::Limit | Kind::Restart => Stage::Deed,
                Kind::Network | Kind::Saturation | Kind::Hit | Kind::Other => Stage::Strain,
            };
            (up(&it.indicator), stage)
        }
    }
}
