//! What do services do otherwise than before: steps, calls, log lines and failures by kind of request, time of their own
//! and time on the way, and lines that belong to no request?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use learn::logs::{TemplateId, TemplateMiner, TemplateMinerConfig, mask};
use signal::LogLevel;

use super::input::{Call, Case, Span};
use super::kind::Fault;
use super::rank::Finding;
use super::requests::{self, Request, Trait};
use super::scale::{Scale, quantile};
use super::window::{Side, Window};

/// Fewer requests of a kind before the incident tell nothing of its habits.
const MIN_BEFORE: f64 = 3.0;
/// A trait that some requests have and some not depends on what is asked, and so does its share: so much is taken off
/// one that half of them have.
const SOMETIMES: f64 = 0.6;
/// So many bytes of a line, without its values, are its beginning.
const BEGINNING: usize = 110;
/// What is left of a finding about a service that calls one with a finding of at least this share.
const EXPLAINED: f64 = 0.6;
const EXPLAINING_SHARE: f64 = 0.6;
/// How much of an error counts for the service that its text names, and how much for the one that says it.
const NAMED: f64 = 0.7;
const NAMING: f64 = 0.5;
/// How much kinds of traits count: what a service says of itself most, whom it calls least.
const WEIGHT_STEP: f64 = 0.8;
const WEIGHT_CALL: f64 = 0.5;
const WEIGHT_NEW_ERROR: f64 = 1.2;
const WEIGHT_FEWER_ERRORS: f64 = 0.1;
/// What a slowdown by a factor of e counts for, with many requests; it is less with few.
const WEIGHT_SLOWER: f64 = 4.0;
const WEIGHT_EDGE: f64 = 3.0;
const FEW_REQUESTS: f64 = 3.0;
/// A slowdown less sure than this many standard errors is none.
const SURE: f64 = 2.0;
/// Milliseconds below which a time is as good as none.
const SHORT_MILLIS: f64 = 0.5;
/// Findings of less than this are not worth keeping.
const MIN_STRENGTH: f64 = 1.0;

/// Counts of one trait: requests that have it.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    before: f64,
    during: f64,
}

#[derive(Default)]
struct Habit<'a> {
    n: Count,
    traits: HashMap<Trait<'a>, Count>,
    own_before: Vec<f64>,
    own_during: Vec<f64>,
}

/// Templates of all lines.
struct Templates {
    miner: TemplateMiner,
    of_line: Vec<(u64, u64)>,
    levels: HashMap<u64, LogLevel>,
    /// An example of each beginning.
    beginnings: HashMap<u64, String>,
}

/// The findings in spans and log lines.
pub(crate) fn findings(case: &Case) -> Vec<Finding> {
    if case.spans.is_empty() && case.logs.is_empty() {
        return vec![];
    }
    let times = case.spans.iter().filter(|it| !it.is_normal).map(|it| it.start);
    let window = Window::of(case.at, times.chain(case.logs.iter().filter(|it| !it.is_normal).map(|it| it.time)));
    let templates = Templates::of(case);
    let mut linked = vec![false; case.logs.len()];
    let requests = requests::of(case, &window, &templates.of_line, &mut linked);
    let mut found = of_requests(case, &requests, &templates);
    found.extend(of_edges(case, &requests));
    found.extend(of_lines(case, &window, &templates, &linked));
    found.retain(|it| it.strength >= MIN_STRENGTH);
    blame_named(&mut found, &requests);
    explain(&mut found, &requests);
    for (nth, it) in found.iter_mut().enumerate() {
        it.id = format!("{}{}", if it.signal == "log" { 'l' } else { 't' }, nth + 1);
    }
    found
}

/// An error that names another service speaks for that one: `No instances available for cart`.
fn blame_named(found: &mut Vec<Finding>, requests: &[Request<'_>]) {
    let services: BTreeSet<&str> = requests.iter().map(|it| it.service).filter(|it| it.len() > 3).collect();
    let mut named = vec![];
    for it in found.iter_mut().filter(|it| it.signal == "log" && it.strength >= MIN_STRENGTH && is_failure(&it.text)) {
        let said = it.text.split_once('"').map_or("", |it| it.1);
        let Some(other) =
            services.iter().filter(|other| **other != it.service && names(said, other)).max_by_key(|it| it.len())
        else {
            continue;
        };
        named.push(Finding {
            service: (*other).to_owned(),
            fault: Fault::Dependency,
            strength: it.strength * NAMED,
            ..it.clone()
        });
        it.strength *= NAMING;
    }
    found.extend(named);
}

fn is_failure(text: &str) -> bool {
    LogLevel::of_text(text.split_once('"').map_or("", |it| it.1)) >= LogLevel::Warn
}

/// Whether a text holds a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|it| it.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|it| it.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Whoever calls a service that is off itself may only follow it.
fn explain(found: &mut [Finding], requests: &[Request<'_>]) {
    let calls: BTreeSet<(&str, &str)> = requests.iter().filter_map(|it| Some((it.caller?.0, it.service))).collect();
    let mut best: BTreeMap<String, f64> = BTreeMap::new();
    for it in found.iter() {
        let strength = best.entry(it.service.clone()).or_default();
        *strength = strength.max(it.strength);
    }
    for it in found.iter_mut() {
        let explaining = calls
            .iter()
            .filter(|(caller, _)| *caller == it.service)
            .any(|(_, callee)| best.get(*callee).is_some_and(|theirs| *theirs >= it.strength * EXPLAINING_SHARE));
        if explaining {
            it.strength *= EXPLAINED;
        }
    }
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

impl Templates {
    fn of(case: &Case) -> Self {
        let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
        let ids: Vec<u64> = case.logs.iter().map(|it| miner.learn_one(&it.text).0).collect();
        miner.settle();
        let mut levels: HashMap<u64, LogLevel> = HashMap::new();
        let mut beginnings: HashMap<u64, String> = HashMap::new();
        let mut numbers: HashMap<String, u64> = HashMap::new();
        let mut of_line = vec![];
        for (id, line) in ids.into_iter().zip(&case.logs) {
            let template = miner.current(TemplateId(id)).0;
            let masked = mask(&line.text);
            let end = (0..=BEGINNING.min(masked.len())).rev().find(|it| masked.is_char_boundary(*it)).unwrap_or(0);
            let beginning = masked.get(..end).unwrap_or_default();
            // Numbers of beginnings count down from the largest, those of templates are hashes of their text.
            let next = u64::MAX - numbers.len() as u64;
            let beginning = *numbers.entry(beginning.to_owned()).or_insert_with(|| {
                beginnings.insert(next, beginning.to_owned());
                next
            });
            let level = line.level.unwrap_or_else(|| LogLevel::of_text(&line.text));
            for id in [template, beginning] {
                levels.entry(id).and_modify(|it| *it = level.max(*it)).or_insert(level);
            }
            of_line.push((template, beginning));
        }
        Self { miner, of_line, levels, beginnings }
    }

    fn text(&self, id: u64) -> &str {
        let beginning = || self.beginnings.get(&id).map(String::as_str);
        self.miner.template(TemplateId(id)).or_else(beginning).unwrap_or("a line")
    }

    fn is_bad(&self, id: u64) -> bool {
        self.levels.get(&id).is_some_and(|it| *it >= LogLevel::Error)
    }
}

fn of_requests(case: &Case, requests: &[Request<'_>], templates: &Templates) -> Vec<Finding> {
    let mut habits: BTreeMap<(&str, &str), Habit<'_>> = BTreeMap::new();
    for it in requests {
        let habit = habits.entry((it.service, it.operation)).or_default();
        habit.n.add(it.side);
        it.traits.iter().for_each(|one| habit.traits.entry(*one).or_default().add(it.side));
        let own = (it.own_millis + SHORT_MILLIS).ln();
        if it.side == Side::Before { &mut habit.own_before } else { &mut habit.own_during }.push(own);
    }
    let mut found = vec![];
    for ((service, operation), mut habit) in habits {
        if habit.n.before < MIN_BEFORE || habit.n.during < 1.0 {
            continue;
        }
        for (one, count) in &habit.traits {
            found.extend(of_trait(case, service, operation, *one, *count, habit.n, templates));
        }
        if let Some((strength, before, during)) = slower(&mut habit.own_before, &mut habit.own_during, WEIGHT_SLOWER) {
            let text = format!("{operation} of {service} takes {during:.1} ms of its own instead of {before:.1} ms");
            found.push(finding("trace", service, "self time", Fault::Latency, strength, case.at, text));
        }
    }
    found
}

fn of_trait(
    case: &Case,
    service: &str,
    operation: &str,
    one: Trait<'_>,
    count: Count,
    n: Count,
    templates: &Templates,
) -> Option<Finding> {
    let (usual, now) = (count.before / n.before, count.during / n.during);
    let is_more = now > usual;
    let root = likelihood_ratio(count, n).sqrt() * (1.0 - SOMETIMES * 4.0 * usual * (1.0 - usual));
    let share = |part: f64, whole: f64| format!("{part:.0} of {whole:.0}");
    let (was, is) = (share(count.before, n.before), share(count.during, n.during));
    let (signal, indicator, fault, weight, what) = match one {
        Trait::Step(step) => ("trace", "steps", Fault::Code, WEIGHT_STEP, format!("do {step}")),
        Trait::Call(to, _) => ("trace", "calls", Fault::Code, WEIGHT_CALL, format!("call {to}")),
        Trait::Failed => (
            "trace",
            "errors",
            Fault::Error,
            if is_more { WEIGHT_NEW_ERROR } else { WEIGHT_FEWER_ERRORS },
            "fail".to_owned(),
        ),
        Trait::Said(id) | Trait::Began(id) => {
            let is_bad = templates.is_bad(id);
            let weight = match (is_bad, is_more) {
                (true, true) => WEIGHT_NEW_ERROR,
                (true, false) => WEIGHT_FEWER_ERRORS,
                (false, _) => 1.0,
            };
            ("log", "log template", Fault::Code, weight, format!("say \"{}\"", templates.text(id)))
        }
    };
    let text = format!("{is} requests to {operation} of {service} {what}, before {was}");
    Some(finding(signal, service, indicator, fault, root * weight, case.at, text))
}

/// Twice the logarithm of how much better two shares fit than one (the G-test); it is small where little was seen.
fn likelihood_ratio(count: Count, n: Count) -> f64 {
    let joint = (count.before + count.during) / (n.before + n.during);
    let fit = |k: f64, n: f64, p: f64| {
        let some = if k > 0.0 { k * p.ln() } else { 0.0 };
        some + if n - k > 0.0 { (n - k) * (1.0 - p).ln() } else { 0.0 }
    };
    let apart =
        fit(count.before, n.before, count.before / n.before) + fit(count.during, n.during, count.during / n.during);
    (2.0 * (apart - fit(count.before, n.before, joint) - fit(count.during, n.during, joint))).max(0.0)
}

/// How much slower, if it surely is: strength, and the medians in milliseconds.
fn slower(before: &mut [f64], during: &mut [f64], weight: f64) -> Option<(f64, f64, f64)> {
    let n = during.len() as f64;
    let usual = Scale::of(before).filter(|_| before.len() as f64 >= MIN_BEFORE)?;
    let now = quantile(during, 0.5)?;
    let change = now - usual.center;
    if change < SURE * usual.width.max(0.1) / n.sqrt() {
        return None;
    }
    Some((weight * change * n / (n + FEW_REQUESTS), usual.center.exp() - SHORT_MILLIS, now.exp() - SHORT_MILLIS))
}

/// Logarithms of the time on the way of requests.
#[derive(Default)]
struct Gaps {
    before: Vec<f64>,
    during: Vec<f64>,
}

/// Time on the way between a caller and a callee: longer for the caller than for the callee.
fn of_edges(case: &Case, requests: &[Request<'_>]) -> Vec<Finding> {
    let mut edges: BTreeMap<(&str, &str), Gaps> = BTreeMap::new();
    for it in requests {
        let Some((caller, gap)) = it.caller else { continue };
        let gaps = edges.entry((caller, it.service)).or_default();
        if it.side == Side::Before { &mut gaps.before } else { &mut gaps.during }.push((gap + SHORT_MILLIS).ln());
    }
    let edge = |((caller, callee), mut gaps): ((&str, &str), Gaps)| {
        let (strength, was, is) = slower(&mut gaps.before, &mut gaps.during, WEIGHT_EDGE)?;
        let text =
            format!("requests of {caller} are {is:.1} ms on the way to and from {callee} instead of {was:.1} ms");
        Some(finding("trace", callee, "edge gap", Fault::Network, strength, case.at, text))
    };
    edges.into_iter().filter_map(edge).collect()
}

/// Lines that belong to no request, by service and template: more or fewer in the same time.
fn of_lines(case: &Case, window: &Window, templates: &Templates, linked: &[bool]) -> Vec<Finding> {
    let mut counts: BTreeMap<(&str, u64), Count> = BTreeMap::new();
    let mut all: BTreeMap<&str, Count> = BTreeMap::new();
    for ((line, template), is_linked) in case.logs.iter().zip(&templates.of_line).zip(linked) {
        let Some(side) = window.side(line.time, line.is_normal).filter(|_| !is_linked) else { continue };
        counts.entry((&line.service, template.0)).or_default().add(side);
        all.entry(&line.service).or_default().add(side);
    }
    let total = all
        .values()
        .fold(Count::default(), |sum, it| Count { before: sum.before + it.before, during: sum.during + it.during });
    if total.before < 1.0 || total.during < 1.0 {
        return vec![];
    }
    let of_template = |((service, template), count): ((&str, u64), Count)| {
        let is_more = count.during / total.during > count.before / total.before;
        let weight = match (templates.is_bad(template), is_more) {
            (true, true) => WEIGHT_NEW_ERROR,
            (true, false) => WEIGHT_FEWER_ERRORS,
            (false, true) => 0.7,
            (false, false) => 0.4,
        };
        let strength = likelihood_ratio(count, total).sqrt() * weight;
        let text = format!(
            "{service} says \"{}\" in {:.0} of {:.0} lines, before in {:.0} of {:.0}",
            templates.text(template),
            count.during,
            total.during,
            count.before,
            total.before
        );
        finding("log", service, "log template", Fault::Error, strength, case.at, text)
    };
    counts.into_iter().map(of_template).collect()
}

fn finding(
    signal: &'static str,
    service: &str,
    indicator: &str,
    fault: Fault,
    strength: f64,
    onset: i64,
    text: String,
) -> Finding {
    let (service, indicator) = (service.to_owned(), indicator.to_owned());
    Finding { id: String::new(), signal, service, indicator, fault, strength, leads: false, onset, text }
}

impl Count {
    fn add(&mut self, side: Side) {
        match side {
            Side::Before => self.before += 1.0,
            Side::During => self.during += 1.0,
        }
    }
}
