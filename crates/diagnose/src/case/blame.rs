//! How much of what was noticed can come from a service: its share of the additional seconds or failures?
//!
//! A callee that is asked twice an hour does not slow down an entry that is asked a thousand times, however unusual
//! it is itself. And a service is not to blame for what somebody further down does to it.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{Case, Symptom};
use super::kind::Kind;
use super::load;
use super::metrics::Deviation;
use super::topology::Topology;
use super::volume::Volumes;
use super::weights::{Weight, Weights};

/// Less than this share of what was noticed is never told from nothing.
const LEAST_SHARE: f64 = 0.02;
/// A callee explains its caller if at least this share of the caller's trouble is its own.
const EXPLAINING_SHARE: f64 = 0.4;
/// More or fewer requests may be good or bad, and count half; more from outside are a cause.
const FROM_OUTSIDE: f64 = 2.0;
/// Words in names of services that requests come in at.
const ENTRIES: [&str; 8] = ["front", "gateway", "ingress", "edge", "nginx", "haproxy", "envoy", "web"];
/// And if it is surely off itself, in widths of the usual.
const CONVINCING: f64 = 3.0;

/// What the case says about where it was noticed, and by whom that may be caused.
pub(crate) struct Blame<'a> {
    /// Where it was noticed.
    pub(crate) noticed: Option<&'a str>,
    /// How far off that is, in widths of the usual; `None` if nothing was noticed at a known place.
    pub(crate) seen: Option<f64>,
    kind: Option<Kind>,
    /// Services that are asked for more, from outside.
    sources: BTreeSet<&'a str>,
    /// By service: additional seconds or failures in all its requests together, and the largest deviation.
    excess: BTreeMap<(&'a str, Kind), Trouble>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    strength: f64,
    /// Relative to what was noticed, 0 to 1; `None` without numbers of requests.
    share: Option<f64>,
}

impl<'a> Blame<'a> {
    /// Takes off the deviations what more requests explain.
    pub(crate) fn of(
        case: &'a Case,
        kinds: &[Kind],
        volumes: &Volumes<'a>,
        deviations: &mut [Deviation],
        topology: &Topology<'a>,
    ) -> Self {
        let noticed = case.symptom.as_ref().map(|it| it.service.as_str()).or_else(|| topology.entry(volumes.iter()));
        let sources = sources(case, deviations, topology, noticed);
        load::explain(case, kinds, &sources, deviations);
        let service = |it: &Deviation| case.metrics.get(it.metric).map_or("", |it| it.service.as_str());
        let indicator = |it: &Deviation| case.metrics.get(it.metric).map_or("", |it| it.indicator.as_str());
        let is_noticed = |it: &&Deviation| {
            noticed == Some(service(it)) && it.kind.is_symptom() && names_it(case.symptom.as_ref(), indicator(it))
        };
        let worst = deviations.iter().filter(is_noticed).max_by(|a, b| a.strength.total_cmp(&b.strength));
        let is_measured = noticed.is_some_and(|noticed| {
            case.metrics.iter().zip(kinds).any(|(it, kind)| it.service == noticed && kind.is_symptom())
        });
        let seen = is_measured.then(|| worst.map_or(0.0, |it| it.strength));
        // Additional seconds or failures of what was noticed, by indicator: only the same are compared. What the
        // entry measures and what is not off there has none, and then nobody else has a share of it.
        let measured = case.metrics.iter().zip(kinds).filter(|it| noticed == Some(it.0.service.as_str()));
        let mut total: BTreeMap<&str, f64> = measured
            .filter(|(it, kind)| kind.is_symptom() && volumes.get(&it.service).is_some())
            .map(|(it, _)| (it.indicator.as_str(), 0.0))
            .collect();
        for it in deviations.iter().filter(|it| noticed == Some(service(it)) && it.kind.is_symptom()) {
            if let (Some(total), Some(volume)) = (total.get_mut(indicator(it)), volumes.get(service(it))) {
                *total = excess(it) * volume;
            }
        }
        let mut blame = Self { noticed, seen, kind: worst.map(|it| it.kind), sources, excess: BTreeMap::new() };
        for it in deviations.iter().filter(|it| it.kind.is_symptom()) {
            let own = asked(service(it), volumes, topology).map(|volume| excess(it) * volume);
            let share = own.zip(total.get(indicator(it)));
            let share = share.map(|(own, total)| if *total > 0.0 { (own / total).clamp(0.0, 1.0) } else { 0.0 });
            let trouble = blame.excess.entry((service(it), it.kind)).or_default();
            trouble.strength = trouble.strength.max(it.strength);
            trouble.share = [trouble.share, share].into_iter().flatten().reduce(f64::max);
        }
        blame
    }

    /// Whether more requests of a service come from outside.
    pub(crate) fn is_source(&self, service: &str) -> bool {
        self.sources.contains(service)
    }

    /// How much of a deviation counts for its own service, 0 to 1.
    pub(crate) fn weight(&self, service: &str, kind: Kind, topology: &Topology<'_>, weights: &Weights) -> f64 {
        let same = match self.kind {
            Some(noticed) if kind.is_symptom() && kind != noticed => 0.5,
            _ => 1.0,
        };
        if !kind.is_symptom() {
            if kind == Kind::Workload && self.is_source(service) {
                return FROM_OUTSIDE;
            }
            let is_known = self.noticed.is_some_and(|it| it != service) || !self.sources.is_empty();
            return if kind == Kind::Workload && is_known { weights.of(Weight::SweptAlong) } else { same };
        }
        let trouble = self.excess.get(&(service, kind)).copied().unwrap_or_default();
        let share = trouble.share.unwrap_or(1.0).max(LEAST_SHARE);
        let explained =
            topology.reach(service).into_iter().filter(|it| !topology.reach(it).contains(service)).any(|it| {
                let theirs = self.excess.get(&(it, kind)).copied().unwrap_or_default();
                theirs.strength >= CONVINCING && theirs.share.unwrap_or(1.0) >= share * EXPLAINING_SHARE
            });
        let explained = if explained { weights.of(Weight::SymptomExplained) } else { 1.0 };
        same * share.sqrt() * explained * self.coverage(service, topology, weights.of(Weight::Uncovered))
    }

    /// Which share of the services in trouble may be so because of this one: those that call it, and itself.
    fn coverage(&self, service: &str, topology: &Topology<'_>, uncovered: f64) -> f64 {
        let Some(noticed) = self.kind else { return 1.0 };
        let troubled: Vec<&str> = self
            .excess
            .iter()
            .filter(|((_, kind), it)| {
                *kind == noticed && it.strength >= CONVINCING && it.share.unwrap_or(1.0) >= LEAST_SHARE
            })
            .map(|((service, _), _)| *service)
            .collect();
        let covered = troubled.iter().filter(|it| **it == service || topology.reach(it).contains(service)).count();
        let share = covered as f64 / troubled.len().max(1) as f64;
        uncovered + (1.0 - uncovered) * share
    }
}

/// Services that are asked for more and that nobody calls; where nobody knows who calls whom, those whose names say that
/// requests come in there.
fn sources<'a>(
    case: &'a Case,
    deviations: &[Deviation],
    topology: &Topology<'a>,
    noticed: Option<&'a str>,
) -> BTreeSet<&'a str> {
    let is_more = |it: &&Deviation| it.kind == Kind::Workload && it.level >= CONVINCING;
    let more: BTreeSet<&str> = deviations
        .iter()
        .filter(is_more)
        .filter_map(|it| case.metrics.get(it.metric))
        .map(|it| it.service.as_str())
        .collect();
    let is_source = |it: &&str| {
        if topology.is_empty() {
            let name = it.to_ascii_lowercase();
            return noticed == Some(it) || ENTRIES.iter().any(|entry| name.starts_with(entry));
        }
        // Whoever is called may be asked for more by one who asks more often than before.
        topology.callers(it).next().is_none()
    };
    more.iter().copied().filter(is_source).collect()
}

/// How much is asked of a service; where nobody counts that, as much as of the busiest one that calls it.
fn asked(service: &str, volumes: &Volumes<'_>, topology: &Topology<'_>) -> Option<f64> {
    let of_callers = || topology.callers(service).filter_map(|it| volumes.get(it)).reduce(f64::max);
    volumes.get(service).or_else(of_callers)
}

/// Whether the symptom speaks of this indicator.
fn names_it(symptom: Option<&Symptom>, indicator: &str) -> bool {
    let Some(named) = symptom.and_then(|it| it.indicator.as_deref()) else { return true };
    indicator.starts_with(named) || Kind::of(named) == Kind::of(indicator)
}

fn excess(it: &Deviation) -> f64 {
    if it.kind == Kind::Success { it.before - it.during } else { it.during - it.before }
}
