//! Who is to blame, by all that was found together?

use std::collections::{BTreeMap, HashMap};

use super::blame::Blame;
use super::calibration::{Calibration, Features, MOST};
use super::changes::{self, Verdict};
use super::habits::{self, Habits};
use super::input::{Call, Case};
use super::kind::{Fault, Kind, is_of_machine};
use super::metrics::{self, Deviation};
use super::topology::Topology;
use super::volume::Volumes;
use super::weights::{Weight, Weights};

/// At most so many causes are told.
const MAX_CAUSES: usize = 10;
/// At most so many findings are cited for a cause.
const MAX_EVIDENCE: usize = 5;
/// From so many widths on a resource is surely short.
const CONVINCING: f64 = 15.0;
/// A change with a smaller share is not worth telling.
const MIN_SHARE: f64 = 0.02;
/// Memory that grew by so many widths, and by this share of what services usually have, explains the rest.
const MEMORY_SURE: f64 = 6.0;
const MEMORY_SHARE: f64 = 0.15;
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
    /// Where in the case it can be seen again.
    pub about: About,
}

/// What a finding was seen in.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// This metric of the case.
    Metric(usize),
    /// Requests.
    Requests {
        /// Of this operation; of all if empty.
        operation: String,
        /// From this caller; from all if empty.
        caller: String,
        /// Milliseconds or a share of requests, as usual.
        before: f64,
        /// The same during the incident.
        during: f64,
    },
    /// Log lines.
    Lines {
        /// Of this template.
        template: String,
        /// More of them than usual.
        is_more: bool,
    },
    /// This change of the case.
    Change(usize),
    /// Nothing that a service does.
    Outside,
}

impl About {
    pub(crate) fn requests(operation: &str, caller: &str, before: f64, during: f64) -> Self {
        Self::Requests { operation: operation.to_owned(), caller: caller.to_owned(), before, during }
    }
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
    Observed::of(case).rank(&Weights::SHIPPED, &Calibration::SHIPPED)
}

/// All that a case shows, before it is weighed.
pub struct Observed<'a> {
    case: &'a Case,
    /// What services usually have of each series of memory.
    memory: HashMap<&'a str, f64>,
    topology: Topology<'a>,
    deviations: Vec<Deviation>,
    blame: Blame<'a>,
    habits: Habits<'a>,
    verdict: Option<Verdict>,
    /// Who calls whom by spans, where it is not known beforehand.
    seen: Vec<Call>,
}

impl<'a> Observed<'a> {
    /// Looks at everything once.
    pub fn of(case: &'a Case) -> Self {
        let topology = Topology::of(&case.calls);
        let kinds = metrics::kinds(case);
        let volumes = Volumes::of(case, &kinds);
        let mut deviations = metrics::deviations(case, &kinds, &volumes);
        let blame = Blame::of(case, &kinds, &volumes, &mut deviations, &topology);
        let habits = habits::observe(case);
        let verdict = changes::judge(case, &kinds, &volumes, &habits);
        let seen = if case.calls.is_empty() { habits.calls() } else { vec![] };
        Self { case, memory: metrics::usual_memory(case, &kinds), topology, deviations, blame, habits, verdict, seen }
    }

    /// The list by these weights.
    pub fn rank(&self, weights: &Weights, calibration: &Calibration) -> Ranking {
        let case = self.case;
        let mut findings = of_metrics(self, weights);
        findings.extend(self.habits.weigh(weights));
        findings.extend(self.verdict.iter().flat_map(|it| of_changes(case, it, weights.of(Weight::Change))));
        findings.sort_by(|a, b| b.strength.total_cmp(&a.strength).then_with(|| a.id.cmp(&b.id)));
        let mut causes = of_findings(&findings, self, weights, calibration);
        let change = self.verdict.as_ref().and_then(|it| blamed(case, it));
        if let Some(verdict) = &self.verdict {
            name_changes(case, verdict, &change, &mut causes);
        }
        let no_cause = causes.first().map_or(1.0, |it| 1.0 - it.confidence);
        share_out(&mut causes);
        if !self.seen.is_empty() {
            let noticed = case.symptom.as_ref().map(|it| it.service.as_str()).or_else(|| habits::entry(&case.spans));
            add_paths(noticed, &Topology::of(&self.seen), &mut causes);
        }
        Ranking { causes, no_cause, change, findings }
    }

    /// Who calls whom.
    pub fn calls(&self) -> &[Call] {
        if self.seen.is_empty() { &self.case.calls } else { &self.seen }
    }
}

/// Causes cannot be likelier together than one of them can be alone. The first keeps what its calibration says; the others
/// share what is left.
fn share_out(causes: &mut [RankedCause]) {
    let Some((first, others)) = causes.split_first_mut() else { return };
    let rest: f64 = others.iter().map(|it| it.confidence).sum();
    let left = (MOST - first.confidence).max(0.0);
    if rest > left {
        others.iter_mut().for_each(|it| it.confidence *= left / rest);
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
fn of_changes(case: &Case, verdict: &Verdict, weight: f64) -> Vec<Finding> {
    let mut findings = vec![];
    for (nth, it) in verdict.suspects.iter().enumerate().filter(|(_, it)| it.share >= MIN_SHARE) {
        let Some(change) = case.changes.get(it.change) else { continue };
        findings.push(Finding {
            id: format!("c{}", nth + 1),
            signal: "change",
            service: change.service.clone(),
            indicator: change.id.clone(),
            fault: it.fault,
            strength: weight * it.share,
            leads: false,
            onset: change.time,
            text: it.text.clone(),
            about: About::Change(it.change),
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
            strength: weight * verdict.none,
            leads: false,
            onset: case.at,
            text: text.clone(),
            about: About::Outside,
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

fn of_metrics(observed: &Observed<'_>, weights: &Weights) -> Vec<Finding> {
    let Observed { case, topology, deviations, blame, memory, .. } = observed;
    let mut shares: BTreeMap<(&str, Kind), f64> = BTreeMap::new();
    let mut findings = vec![];
    for it in deviations {
        let Some(metric) = case.metrics.get(it.metric) else { continue };
        let share = shares
            .entry((&metric.service, it.kind))
            .or_insert_with(|| blame.weight(&metric.service, it.kind, topology, weights));
        let beside = if it.kind == Kind::Workload && blame.is_source(&metric.service) {
            // A sample of requests does not tell how many there are.
            1.0
        } else if case.spans.is_empty() {
            if is_of_machine(&metric.indicator) { weights.of(Weight::Machine) } else { 1.0 }
        } else {
            beside_spans(it, &metric.indicator, weights)
        };
        findings.push(Finding {
            id: format!("m{}", it.metric + 1),
            signal: "metric",
            service: metric.service.clone(),
            indicator: metric.indicator.clone(),
            fault: fault_of(it, &metric.indicator),
            strength: weights.of(Weight::Widths) * (it.strength * *share).ln_1p() * beside,
            leads: it.kind == Kind::Memory
                && it.strength >= MEMORY_SURE
                && it.during - it.before
                    >= memory.get(metric.indicator.as_str()).copied().unwrap_or(0.0) * MEMORY_SHARE,
            onset: it.onset,
            text: text(metric.service.as_str(), &metric.indicator, it),
            about: About::Metric(it.metric),
        });
    }
    findings
}

/// What is left of a deviation where spans tell better how requests fare: what is used up counts if it is convincing.
fn beside_spans(it: &Deviation, indicator: &str, weights: &Weights) -> f64 {
    let of_machine = if is_of_machine(indicator) { weights.of(Weight::MachineBesideSpans) } else { 1.0 };
    let of_kind = match it.kind {
        Kind::Cpu | Kind::Memory | Kind::Disk | Kind::Loss | Kind::Restart if it.strength >= CONVINCING => 1.0,
        Kind::Cpu | Kind::Memory | Kind::Disk | Kind::Loss | Kind::Restart | Kind::Saturation => {
            weights.of(Weight::ResourceBesideSpans)
        }
        Kind::Latency | Kind::Error | Kind::Success | Kind::Limit | Kind::Hit => weights.of(Weight::SymptomBesideSpans),
        Kind::Network | Kind::Workload | Kind::Other => weights.of(Weight::OtherBesideSpans),
    };
    of_machine * of_kind
}

/// Memory that is given back whole, and what starts anew, speak of a process that ended.
fn fault_of(it: &Deviation, indicator: &str) -> Fault {
    let is_oom = indicator.to_ascii_lowercase().contains("oom");
    let is_crash = it.is_gone || it.kind == Kind::Restart && !is_oom || metrics::is_given_back(it);
    if is_crash { Fault::Crash } else { it.kind.fault() }
}

fn text(service: &str, indicator: &str, it: &Deviation) -> String {
    if it.is_gone {
        let n = it.during.round();
        return format!("{indicator} of {service} is not told for {n:.0} intervals, while others go on");
    }
    let way = if it.level > 0.0 { "above" } else { "below" };
    let far = it.level.abs();
    if it.is_share {
        let (during, before) = (it.during * 100.0, it.before * 100.0);
        return format!(
            "{indicator} of {service} is {during:.2} % of requests instead of {before:.2} %, {far:.1} widths {way} usual"
        );
    }
    format!("{indicator} of {service} is {:.4} instead of {:.4}, {far:.1} widths {way} usual", it.during, it.before)
}

/// The strongest finding, and something for the strongest one of each other signal.
fn together(findings: &[&Finding], second: f64) -> f64 {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for it in findings {
        let strength = best.entry(it.signal).or_default();
        *strength = strength.max(it.strength);
    }
    let most = best.values().copied().fold(0.0, f64::max);
    most + (best.values().sum::<f64>() - most) * second
}

fn of_findings(
    findings: &[Finding],
    Observed { blame, topology, .. }: &Observed<'_>,
    weights: &Weights,
    calibration: &Calibration,
) -> Vec<RankedCause> {
    let noticed = blame.noticed.filter(|_| !topology.is_empty());
    let alone = blame.noticed.filter(|_| topology.is_empty());
    let below = noticed.map(|it| topology.reach(it));
    let is_elsewhere = |service: &str| {
        below.as_ref().is_some_and(|it| !it.contains(service)) && noticed.is_some_and(|it| it != service)
    };
    let mut by_service: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    // What nobody owns, such as a total of all, is nobody's fault.
    for it in findings.iter().filter(|it| it.strength > 0.0 && !it.service.is_empty()) {
        by_service.entry(&it.service).or_default().push(it);
    }
    let second = weights.of(Weight::SecondSignal);
    let mut scored: Vec<(f64, &str, Vec<&Finding>)> = by_service
        .into_iter()
        .map(|(service, findings)| {
            let here = if alone == Some(service) { weights.of(Weight::NoticedAlone) } else { 1.0 };
            let there = if is_elsewhere(service) { weights.of(Weight::Elsewhere) } else { 1.0 };
            (together(&findings, second) * here * there, service, findings)
        })
        .collect();
    // Equal scores are rare; then more findings and an earlier begin decide, and the name only if nothing does.
    let whole = |it: &[&Finding]| it.iter().map(|it| it.strength).sum::<f64>();
    let begin = |it: &[&Finding]| it.first().map(|it| it.onset);
    scored.sort_by(|a, b| {
        let further = || whole(&b.2).total_cmp(&whole(&a.2)).then_with(|| begin(&a.2).cmp(&begin(&b.2)));
        b.0.total_cmp(&a.0).then_with(further).then(a.1.cmp(b.1))
    });
    scored.truncate(MAX_CAUSES);
    let runner_up = scored.get(1).map_or(0.0, |it| it.0);
    let best = scored.first().map_or(0.0, |it| it.0);
    let cause = |(score, service, findings): (f64, &str, Vec<&Finding>)| {
        let first = findings.iter().find(|it| it.leads).or(findings.first())?;
        let rival = if score == best { runner_up } else { best };
        let features = Features::of(score, rival, blame.seen);
        Some(RankedCause {
            service: service.to_owned(),
            indicator: first.indicator.clone(),
            fault: first.fault,
            confidence: features.confidence(calibration),
            features,
            score,
            change: None,
            path: noticed.and_then(|it| topology.path(it, service)).into_iter().flatten().map(str::to_owned).collect(),
            evidence: findings.iter().take(MAX_EVIDENCE).map(|it| it.id.clone()).collect(),
        })
    };
    scored.into_iter().filter_map(cause).collect()
}
