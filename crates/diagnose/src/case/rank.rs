//! Who is to blame, by all that was found together?

use std::collections::BTreeMap;

use super::blame::Blame;
use super::calibration::{Features, MOST};
use super::changes::{self, Verdict};
use super::graph::CausalGraph;
use super::habits;
use super::input::Case;
use super::kind::{Fault, Kind};
use super::metrics::{self, Deviation};
use super::topology::Topology;

/// At most so many causes are told.
const MAX_CAUSES: usize = 10;
/// At most so many findings are cited for a cause.
const MAX_EVIDENCE: usize = 5;
/// What a factor of e more widths of the usual is worth beside findings of spans and log lines.
const SURPRISE: f64 = 2.5;
/// From so many widths on a resource is surely short.
const CONVINCING: f64 = 15.0;
/// What a change that is surely to blame speaks for its service, and the least share that is worth telling.
const CHANGE: f64 = 12.0;
const MIN_SHARE: f64 = 0.02;
/// Memory that grew by so many widths, and by this share of what services usually have, explains the rest.
const MEMORY_SURE: f64 = 6.0;
const MEMORY_SHARE: f64 = 0.15;
/// What the place where it was noticed gains if nobody knows who calls whom.
const NOTICED: f64 = 1.5;
/// How much a second signal adds to the strongest one.
const SECOND: f64 = 0.5;
/// What is left of a finding about a service that the noticed one does not call.
const ELSEWHERE: f64 = 0.3;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its name within the ranking: `m1`, `m2`, ...
    pub id: String,
    /// Which signal it is from: `metric`, `trace`, `log`, `change`, or `outside` for what no change explains.
    pub signal: &'static str,
    /// Whom it is about.
    pub service: String,
    /// What is off.
    pub indicator: String,
    /// What it speaks for.
    pub fault: Fault,
    /// How much it speaks for a cause here; 0 is not at all, and a few is surely something.
    pub strength: f64,
    /// Whether it explains the other findings about its service: what fills memory also takes processor time.
    pub leads: bool,
    /// When it began, milliseconds since 1970.
    pub onset: i64,
    /// The finding in words.
    pub text: String,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedCause {
    /// Whose fault it is.
    pub service: String,
    /// Where it shows most.
    pub indicator: String,
    /// What went wrong.
    pub fault: Fault,
    /// How likely it is, 0 to 1.
    pub confidence: f64,
    /// What the list is sorted by; equal scores are ties.
    pub score: f64,
    /// What the confidence was told from.
    pub features: Features,
    /// Calls from where it was noticed to the cause.
    pub path: Vec<String>,
    /// The change that brought it, by its id, if one did.
    pub change: Option<String>,
    /// Findings that it rests on, the most telling first.
    pub evidence: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Possible causes, the best first.
    pub causes: Vec<RankedCause>,
    /// How likely it is that none of them is the cause.
    pub no_cause: f64,
    /// The change to blame; `None` if nobody changed anything that could have brought it.
    pub change: Option<Blamed>,
    /// What was found, cited by the causes.
    pub findings: Vec<Finding>,
    /// The way that the trouble took.
    pub graph: CausalGraph,
}

/// A change that is to blame.
#[derive(Clone, Debug, PartialEq)]
pub struct Blamed {
    /// Its id, for example a commit.
    pub id: String,
    /// Where it was made.
    pub service: String,
    /// How likely it is among all changes and "none of them".
    pub share: f64,
}

impl Ranking {
    /// The findings that a cause cites.
    pub fn cited<'a>(&'a self, cause: &'a RankedCause) -> impl Iterator<Item = &'a Finding> {
        cause.evidence.iter().filter_map(|id| self.findings.iter().find(|it| it.id == *id))
    }
}

/// Ranks the services of a case.
pub fn rank(case: &Case) -> Ranking {
    let topology = Topology::of(&case.calls);
    let deviations = metrics::deviations(case);
    let blame = Blame::of(case, &deviations, &topology);
    let mut findings = of_metrics(case, &deviations, &topology, &blame);
    findings.extend(habits::findings(case));
    let verdict = changes::judge(case, &findings);
    findings.extend(verdict.iter().flat_map(|it| of_changes(case, it)));
    findings.sort_by(|a, b| b.strength.total_cmp(&a.strength).then_with(|| a.id.cmp(&b.id)));
    let mut causes = of_findings(&findings, &blame, &topology);
    let change = verdict.as_ref().and_then(|it| blamed(case, it));
    if let Some(verdict) = &verdict {
        name_changes(case, verdict, &change, &mut causes);
    }
    let no_cause = causes.first().map_or(1.0, |it| 1.0 - it.confidence);
    share_out(&mut causes);
    let seen = if case.calls.is_empty() { habits::calls(&case.spans) } else { vec![] };
    if !seen.is_empty() {
        let noticed = case.symptom.as_ref().map(|it| it.service.as_str()).or_else(|| habits::entry(&case.spans));
        add_paths(noticed, &Topology::of(&seen), &mut causes);
    }
    let mut ranking = Ranking { causes, no_cause, change, findings, graph: CausalGraph::default() };
    ranking.graph = CausalGraph::of(&ranking, if seen.is_empty() { &case.calls } else { &seen });
    ranking
}

/// Causes cannot be likelier together than one of them can be alone: of two that are equally strong, each is half.
fn share_out(causes: &mut [RankedCause]) {
    let all: f64 = causes.iter().map(|it| it.confidence).sum();
    if all > MOST {
        causes.iter_mut().for_each(|it| it.confidence *= MOST / all);
    }
}

fn add_paths(noticed: Option<&str>, topology: &Topology<'_>, causes: &mut [RankedCause]) {
    let Some(noticed) = noticed else { return };
    for cause in causes {
        let path = topology.path(noticed, &cause.service);
        cause.path = path.into_iter().flatten().map(str::to_owned).collect();
    }
}

/// The likeliest change, if it is likelier than none.
fn blamed(case: &Case, verdict: &Verdict) -> Option<Blamed> {
    let first = verdict.suspects.first().filter(|it| it.share > verdict.none)?;
    let change = case.changes.get(first.change)?;
    Some(Blamed { id: change.id.clone(), service: change.service.clone(), share: first.share })
}

/// Changes that may have brought it, and what else explains it.
fn of_changes(case: &Case, verdict: &Verdict) -> Vec<Finding> {
    let mut findings = vec![];
    for (nth, it) in verdict.suspects.iter().enumerate().filter(|(_, it)| it.share >= MIN_SHARE) {
        let Some(change) = case.changes.get(it.change) else { continue };
        findings.push(Finding {
            id: format!("c{}", nth + 1),
            signal: "change",
            service: change.service.clone(),
            indicator: change.id.clone(),
            fault: it.fault,
            strength: CHANGE * it.share,
            leads: false,
            onset: change.time,
            text: it.text.clone(),
        });
    }
    let noticed = case.symptom.as_ref().map(|it| it.service.clone());
    if let (Some((fault, text)), Some(service)) = (&verdict.outside, noticed) {
        findings.push(Finding {
            id: "o1".to_owned(),
            signal: "outside",
            service,
            indicator: fault.as_str().to_owned(),
            fault: *fault,
            strength: CHANGE * verdict.none,
            leads: false,
            onset: case.at,
            text: text.clone(),
        });
    }
    findings
}

/// Causes on a service that a change was made on are blamed on the change, and the fault is what that did.
fn name_changes(case: &Case, verdict: &Verdict, change: &Option<Blamed>, causes: &mut [RankedCause]) {
    let first = verdict.suspects.first().and_then(|it| Some((it, case.changes.get(it.change)?)));
    if let (Some(blamed), Some((suspect, _))) = (change, first) {
        for cause in causes.iter_mut().filter(|it| it.service == blamed.service) {
            cause.change = Some(blamed.id.clone());
            cause.fault = suspect.fault;
        }
    } else if let (Some((fault, _)), Some(cause)) = (&verdict.outside, causes.first_mut()) {
        cause.fault = *fault;
    }
}

fn of_metrics(case: &Case, deviations: &[Deviation], topology: &Topology<'_>, blame: &Blame<'_>) -> Vec<Finding> {
    let mut weights: BTreeMap<(&str, Kind), f64> = BTreeMap::new();
    let memory = metrics::usual_memory(case);
    let mut findings = vec![];
    for it in deviations {
        let Some(metric) = case.metrics.get(it.metric) else { continue };
        let weight = weights
            .entry((&metric.service, it.kind))
            .or_insert_with(|| blame.weight(&metric.service, it.kind, topology));
        let beside = if case.spans.is_empty() { 1.0 } else { beside_spans(it, &metric.indicator) };
        findings.push(Finding {
            id: format!("m{}", it.metric + 1),
            signal: "metric",
            service: metric.service.clone(),
            indicator: metric.indicator.clone(),
            fault: it.kind.fault(),
            strength: SURPRISE * (it.strength * *weight).ln_1p() * beside,
            leads: it.kind == Kind::Memory
                && it.strength >= MEMORY_SURE
                && it.during - it.before >= memory * MEMORY_SHARE,
            onset: it.onset,
            text: text(metric.service.as_str(), &metric.indicator, it),
        });
    }
    findings
}

/// What is left of a deviation where spans tell better how requests fare: what is used up counts if it is convincing.
fn beside_spans(it: &Deviation, indicator: &str) -> f64 {
    let of_machine = if indicator.to_ascii_lowercase().starts_with("node") { 0.3 } else { 1.0 };
    let of_kind = match it.kind {
        Kind::Cpu | Kind::Memory | Kind::Disk | Kind::Loss | Kind::Restart if it.strength >= CONVINCING => 1.0,
        Kind::Cpu | Kind::Memory | Kind::Disk | Kind::Loss | Kind::Restart | Kind::Saturation => 0.3,
        Kind::Latency | Kind::Error | Kind::Success | Kind::Limit | Kind::Hit => 0.2,
        Kind::Network | Kind::Workload | Kind::Other => 0.1,
    };
    of_machine * of_kind
}

fn text(service: &str, indicator: &str, it: &Deviation) -> String {
    let way = if it.level > 0.0 { "above" } else { "below" };
    let far = it.level.abs();
    format!("{indicator} of {service} is {:.4} instead of {:.4}, {far:.1} widths {way} usual", it.during, it.before)
}

/// The strongest finding, and something for the strongest one of each other signal.
fn together(findings: &[&Finding]) -> f64 {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for it in findings {
        let strength = best.entry(it.signal).or_default();
        *strength = strength.max(it.strength);
    }
    let most = best.values().copied().fold(0.0, f64::max);
    most + (best.values().sum::<f64>() - most) * SECOND
}

fn of_findings(findings: &[Finding], blame: &Blame<'_>, topology: &Topology<'_>) -> Vec<RankedCause> {
    let noticed = blame.noticed.filter(|_| !topology.is_empty());
    let alone = blame.noticed.filter(|_| topology.is_empty());
    let below = noticed.map(|it| topology.reach(it));
    let is_elsewhere = |service: &str| {
        below.as_ref().is_some_and(|it| !it.contains(service)) && noticed.is_some_and(|it| it != service)
    };
    let mut by_service: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for it in findings.iter().filter(|it| it.strength > 0.0) {
        by_service.entry(&it.service).or_default().push(it);
    }
    let mut scored: Vec<(f64, &str, Vec<&Finding>)> = by_service
        .into_iter()
        .map(|(service, findings)| {
            let best = together(&findings) * if alone == Some(service) { NOTICED } else { 1.0 };
            (best * if is_elsewhere(service) { ELSEWHERE } else { 1.0 }, service, findings)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.truncate(MAX_CAUSES);
    let runner_up = scored.get(1).map_or(0.0, |it| it.0);
    let best = scored.first().map_or(0.0, |it| it.0);
    let cause = |(score, service, findings): (f64, &str, Vec<&Finding>)| {
        let first = findings.iter().find(|it| it.leads).or(findings.first())?;
        let rival = if score == best { runner_up } else { best };
        let features = Features::of((score - rival) / SURPRISE, score / SURPRISE, blame.seen);
        Some(RankedCause {
            service: service.to_owned(),
            indicator: first.indicator.clone(),
            fault: first.fault,
            confidence: features.fitted(),
            features,
            score,
            change: None,
            path: noticed.and_then(|it| topology.path(it, service)).into_iter().flatten().map(str::to_owned).collect(),
            evidence: findings.iter().take(MAX_EVIDENCE).map(|it| it.id.clone()).collect(),
        })
    };
    scored.into_iter().filter_map(cause).collect()
}
