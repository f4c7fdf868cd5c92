//! What do services do otherwise than before, by their spans and log lines, and who only follows somebody else?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use signal::LogLevel;

use super::compare::{self, Raw};
use super::input::{Call, Case, Span};
use super::kind::Fault;
use super::rank::Finding;
use super::requests;
use super::templates::Templates;
use super::weights::{Weight, Weights};
use super::window::Window;

/// Whoever calls a service with a finding of at least this share of its own only follows it.
const EXPLAINING_SHARE: f64 = 0.6;
/// Shorter names are not looked for in texts.
const MIN_NAME: usize = 2;
/// Findings of less than this are not worth keeping.
const MIN_STRENGTH: f64 = 1.0;
/// More findings of one service that are weighed alike are not kept.
const MAX_ALIKE: usize = 12;

/// What spans and log lines tell, before it is weighed.
#[derive(Default)]
pub(crate) struct Habits<'a> {
    /// Findings with their strength before it is weighed.
    raw: Vec<Raw>,
    services: BTreeSet<&'a str>,
    calls: BTreeSet<(&'a str, &'a str)>,
}

/// Compares requests and lines with those of before.
pub(crate) fn observe(case: &Case) -> Habits<'_> {
    if case.spans.is_empty() && case.logs.is_empty() {
        return Habits::default();
    }
    let times = case.spans.iter().filter(|it| !it.is_normal).map(|it| it.start);
    let times = times.chain(case.logs.iter().filter(|it| !it.is_normal).map(|it| it.time));
    let has_usual = case.spans.iter().any(|it| it.is_normal) || case.logs.iter().any(|it| it.is_normal);
    let window = Window::of(case.at, times, has_usual);
    let templates = Templates::of(case);
    let mut linked = vec![false; case.logs.len()];
    let mut requests = requests::of(case, &window, &templates, &mut linked);
    let mut raw = compare::requests(case, &mut requests, &templates);
    let edges = compare::edges(case, &requests);
    raw.extend(edges.raw);
    raw.extend(compare::lines(case, &window, &templates, &linked));
    prune(&mut raw);
    let services = requests.kinds.iter().map(|it| it.0).filter(|it| it.len() >= MIN_NAME).collect();
    Habits { raw, services, calls: edges.calls }
}

/// Of each service and each weight only the strongest can matter.
fn prune(raw: &mut Vec<Raw>) {
    raw.sort_by(|a, b| b.1.strength.total_cmp(&a.1.strength).then_with(|| a.1.text.cmp(&b.1.text)));
    let mut n_kept: BTreeMap<(String, Weight), usize> = BTreeMap::new();
    raw.retain(|(weight, it)| {
        let n = n_kept.entry((it.service.clone(), *weight)).or_default();
        *n += 1;
        *n <= MAX_ALIKE
    });
}

impl Habits<'_> {
    /// Who calls whom in the requests that were compared.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let call =
            |(caller, callee): &(&str, &str)| Call { caller: (*caller).to_owned(), callee: (*callee).to_owned() };
        self.calls.iter().map(call).collect()
    }

    /// Findings in log lines before they are weighed.
    pub(crate) fn said(&self) -> impl Iterator<Item = &Finding> {
        self.raw.iter().map(|it| &it.1).filter(|it| it.signal == "log")
    }

    /// What was found, by what it counts for.
    pub(crate) fn weigh(&self, weights: &Weights) -> Vec<Finding> {
        let weighed = |it: &Raw| {
            let strength = it.1.strength * weights.of(it.0);
            (strength >= MIN_STRENGTH).then(|| Finding { strength, ..it.1.clone() })
        };
        let mut found: Vec<Finding> = self.raw.iter().filter_map(weighed).collect();
        self.blame_named(&mut found, weights);
        self.explain(&mut found, weights);
        for (nth, it) in found.iter_mut().enumerate() {
            it.id = format!("{}{}", if it.signal == "log" { 'l' } else { 't' }, nth + 1);
        }
        found
    }

    /// An error that names another service speaks for that one: `No instances available for cart`.
    fn blame_named(&self, found: &mut Vec<Finding>, weights: &Weights) {
        let mut named = vec![];
        for it in found.iter_mut().filter(|it| it.signal == "log" && is_failure(&it.text)) {
            let said = it.text.split_once('"').map_or("", |it| it.1);
            // Of several, the last: messages go from what failed to why.
            let others = self.services.iter().filter(|other| **other != it.service);
            let place = |other: &&&str| last_named(said, other).map(|at| (at, other.len()));
            let Some(other) = others.filter(|it| place(it).is_some()).max_by_key(place) else { continue };
            named.push(Finding {
                service: (*other).to_owned(),
                fault: Fault::Dependency,
                strength: it.strength * weights.of(Weight::Named),
                ..it.clone()
            });
            it.strength *= weights.of(Weight::Naming);
        }
        found.extend(named);
    }

    /// Whoever calls a service that is off itself may only follow it.
    fn explain(&self, found: &mut [Finding], weights: &Weights) {
        let mut best: BTreeMap<String, f64> = BTreeMap::new();
        for it in found.iter() {
            let strength = best.entry(it.service.clone()).or_default();
            *strength = strength.max(it.strength);
        }
        for it in found.iter_mut() {
            let explaining =
                self.calls.iter().filter(|(caller, _)| *caller == it.service).any(|(_, callee)| {
                    best.get(*callee).is_some_and(|theirs| *theirs >= it.strength * EXPLAINING_SHARE)
                });
            if explaining {
                it.strength *= weights.of(Weight::CallerExplained);
            }
        }
    }
}

fn is_failure(text: &str) -> bool {
    LogLevel::of_text(text.split_once('"').map_or("", |it| it.1)) >= LogLevel::Warn
}

/// Where a text holds a name as a word of its own, the last time.
fn last_named(text: &str, name: &str) -> Option<usize> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    let is_word = |at: usize| {
        let before = text.get(..at).and_then(|it| it.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|it| it.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    };
    text.rmatch_indices(name).map(|it| it.0).find(|it| is_word(*it))
}

/// Who calls whom, as spans show it.
pub(crate) fn calls(spans: &[Span]) -> Vec<Call> {
    let owners: HashMap<(&str, &str), &str> =
        spans.iter().map(|it| ((it.trace.as_str(), it.id.as_str()), it.service.as_str())).collect();
    let mut calls: BTreeSet<(&str, &str)> = BTreeSet::new();
    for it in spans.iter().filter(|it| !it.parent.is_empty()) {
        if let Some(caller) =
            owners.get(&(it.trace.as_str(), it.parent.as_str())).filter(|caller| **caller != it.service)
        {
            calls.insert((caller, &it.service));
        }
    }
    let call = |(caller, callee): (&str, &str)| Call { caller: caller.to_owned(), callee: callee.to_owned() };
    calls.into_iter().map(call).collect()
}

/// The service in which most requests begin.
pub(crate) fn entry(spans: &[Span]) -> Option<&str> {
    let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
    for it in spans.iter().filter(|it| it.parent.is_empty()) {
        *firsts.entry(&it.service).or_default() += 1;
    }
    firsts.into_iter().max_by_key(|it| it.1).map(|it| it.0)
}
