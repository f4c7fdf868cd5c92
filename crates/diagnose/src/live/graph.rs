//! Which way did the trouble of a live incident take? From what the causes cite to the symptoms.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use signal::{
    CausalGraph, Cause, Direction, Evidence, EvidenceSource, FaultClass, Incident, Labels, RequestMeasure, Role,
};

use crate::case::Call;
use crate::facts::{Facts, is_of_pool, peer};
use crate::graph::{Happening, Link, Stage, build};
use crate::phrase::plain;

/// The graph of an incident: its causes, what they cite, its symptoms, and who lies between them.
pub(crate) fn graph(
    incident: &Incident,
    causes: &[Cause],
    evidence: &[Evidence],
    facts: &Facts,
    calls: &[Call],
) -> CausalGraph {
    if causes.is_empty() {
        return CausalGraph::default();
    }
    let mut happenings = vec![];
    for cause in causes {
        let cited = evidence.iter().filter(|it| cause.evidence.contains(&it.id));
        happenings.extend(of_cause(cause, cited));
    }
    for it in incident.symptoms.iter().filter(|it| !it.labels.owner().is_empty()) {
        let is_up = it.direction == Direction::Above;
        happenings.push(Happening { onset: Some(it.onset), ..of_series(&it.labels, is_up) });
    }
    let links = links(calls, facts);
    let felt: BTreeSet<String> = happenings.iter().map(|it| it.service.clone()).collect();
    for service in causes.iter().flat_map(|cause| felt.iter().flat_map(|it| between(it, &cause.service, &links))) {
        if !felt.contains(&service) {
            happenings.push(affected(&service, facts));
        }
    }
    build(happenings, &links)
}

fn of_cause<'a>(cause: &Cause, cited: impl Iterator<Item = &'a Evidence>) -> Vec<Happening> {
    let mut own = Happening {
        service: cause.service.clone(),
        what: cause.fault.as_str().replace('_', " "),
        indicator: cause.indicator.clone(),
        stage: stage_of_fault(cause.fault),
        confidence: cause.confidence,
        onset: None,
        evidence: vec![],
    };
    let mut rest = vec![];
    for it in cited {
        let mut happening = of_evidence(it);
        happening.evidence.push(it.id.clone());
        if own.evidence.is_empty()
            && rest.is_empty()
            && happening.service == cause.service
            && !has_mechanism(cause.fault)
        {
            // Without a mechanism, what shows it best says what it is.
            own = Happening { confidence: own.confidence, indicator: own.indicator, ..happening };
            continue;
        }
        // What the cause is named after is the cause itself, and so is what somebody did.
        let is_same = happening.indicator == cause.indicator || happening.stage == Stage::Deed;
        if is_same && happening.service == cause.service && own.stage <= happening.stage {
            own.onset = [own.onset, happening.onset].into_iter().flatten().min();
            own.evidence.extend(happening.evidence);
        } else {
            rest.push(happening);
        }
    }
    rest.push(own);
    rest
}

const fn has_mechanism(fault: FaultClass) -> bool {
    !matches!(fault, FaultClass::ErrorBurst | FaultClass::Unknown)
}

const fn stage_of_fault(fault: FaultClass) -> Stage {
    match fault {
        FaultClass::ErrorBurst | FaultClass::Unknown => Stage::Strain,
        FaultClass::MemoryLeak
        | FaultClass::CpuSaturation
        | FaultClass::PoolExhaustion
        | FaultClass::DiskFilling
        | FaultClass::Network => Stage::Resource,
        _ => Stage::Deed,
    }
}

fn of_evidence(it: &Evidence) -> Happening {
    let happening = |service: &str, what: String, stage: Stage| Happening {
        service: service.to_owned(),
        what,
        indicator: String::new(),
        stage,
        confidence: 0.0,
        onset: None,
        evidence: vec![],
    };
    match &it.source {
        EvidenceSource::SeriesWindow { labels, deviation, onset, .. } if *deviation == 0.0 => Happening {
            indicator: labels.to_string(),
            onset: Some(*onset),
            ..happening(labels.owner(), "silent".to_owned(), Stage::Strain)
        },
        EvidenceSource::SeriesWindow { labels, deviation, onset, .. } => {
            Happening { onset: Some(*onset), ..of_series(labels, *deviation > 0.0) }
        }
        EvidenceSource::LogLines { service, template, .. } => {
            Happening { indicator: plain(template), ..happening(service, "other log lines".to_owned(), Stage::Strain) }
        }
        EvidenceSource::Process { host, pid, labels, .. } => {
            Happening { indicator: labels.to_string(), ..happening(host, format!("process {pid} busy"), Stage::Deed) }
        }
        EvidenceSource::Change { change, .. } => Happening {
            indicator: plain(&change.title),
            onset: Some(change.time),
            ..happening(&change.service, "changed".to_owned(), Stage::Deed)
        },
        EvidenceSource::Requests { service, operation, measure, .. } => {
            let what = match measure {
                RequestMeasure::SelfTime => "own time up",
                RequestMeasure::EdgeGap => "time on the way up",
                RequestMeasure::Errors => "errors up",
                RequestMeasure::FirstErrors => "errors begin",
            };
            Happening { indicator: plain(operation), ..happening(service, what.to_owned(), Stage::Strain) }
        }
        // Only an investigation cites these, after the diagnosis.
        EvidenceSource::Answer { tool, .. } => happening(tool, "answered".to_owned(), Stage::Strain),
    }
}

fn of_series(labels: &Labels, is_up: bool) -> Happening {
    let name = labels.name();
    let (what, stage) = match Role::of(labels) {
        _ if name.contains("gc_") => ("GC pauses".to_owned(), Stage::Strain),
        _ if is_of_pool(labels) && Role::of(labels) == Role::Latency => ("wait for the pool".to_owned(), Stage::Strain),
        Role::Latency if peer(labels).is_some() => {
            (format!("latency of calls to {}", plain(peer(labels).unwrap_or(""))), Stage::Strain)
        }
        Role::Errors if peer(labels).is_some() => {
            (format!("errors of calls to {}", plain(peer(labels).unwrap_or(""))), Stage::Strain)
        }
        Role::Latency => ("latency".to_owned(), Stage::Symptom),
        Role::Errors => ("errors".to_owned(), Stage::Symptom),
        Role::Availability => ("availability".to_owned(), Stage::Symptom),
        Role::Cpu => ("cpu".to_owned(), Stage::Resource),
        Role::Memory => ("memory".to_owned(), Stage::Resource),
        Role::Disk => ("disk use".to_owned(), Stage::Resource),
        Role::Pool => ("pool use".to_owned(), Stage::Resource),
        Role::Traffic => ("traffic".to_owned(), Stage::Deed),
        Role::Queue => ("queue".to_owned(), Stage::Strain),
        Role::Process | Role::Description | Role::Other => (plain(name), Stage::Strain),
    };
    Happening {
        service: labels.owner().to_owned(),
        what: format!("{what} {}", if is_up { "up" } else { "down" }),
        indicator: labels.to_string(),
        stage,
        confidence: 0.0,
        onset: None,
        evidence: vec![],
    }
}

/// Somebody between a cause and a symptom: what it tells of itself, if anything.
fn affected(service: &str, facts: &Facts) -> Happening {
    let moved = facts.owners.get(service).and_then(|it| it.own_trouble().next());
    match moved {
        Some(it) => Happening { onset: Some(it.onset), ..of_series(&it.labels, it.is_up()) },
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

/// Trouble comes from whom one calls, and from where one runs.
fn links(calls: &[Call], facts: &Facts) -> Vec<Link> {
    let is_host = |it: &str| facts.owners.get(it).is_some_and(|it| it.is_host);
    let link = |it: &Call| Link {
        cause: it.callee.clone(),
        effect: it.caller.clone(),
        by: if is_host(&it.callee) { "runs on" } else { "calls" },
    };
    calls.iter().map(link).collect()
}

/// Services on a shortest way from an effect to its cause, without both ends.
fn between(effect: &str, cause: &str, links: &[Link]) -> Vec<String> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([effect]);
    while let Some(at) = queue.pop_front() {
        if at == cause {
            break;
        }
        for next in links.iter().filter(|it| it.effect == at && it.cause != effect) {
            if !came_from.contains_key(next.cause.as_str()) {
                came_from.insert(&next.cause, at);
                queue.push_back(&next.cause);
            }
        }
    }
    let mut way = vec![];
    let mut at = cause;
    while let Some(before) = came_from.get(at).filter(|it| **it != effect) {
        way.push((*before).to_owned());
        at = before;
    }
    way
}
