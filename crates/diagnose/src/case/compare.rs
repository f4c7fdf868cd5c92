//! What do requests and lines show more or less often than before, and what takes longer?

use std::collections::{BTreeSet, HashMap};

use super::input::Case;
use super::kind::Fault;
use super::rank::{About, Finding};
use super::requests::{Requests, Trait};
use super::scale::{Scale, quantile};
use super::templates::Templates;
use super::way;
use super::weights::Weight;
use super::window::{Side, Window};

/// Fewer requests of a kind before the incident tell nothing of its habits.
const MIN_BEFORE: f64 = 3.0;
/// A trait that some requests have and some not depends on what is asked, and so does its share: so much is taken off
/// one that half of them have.
const SOMETIMES: f64 = 0.6;
/// So many requests were answered by one of whom nothing is told any more.
const MIN_GONE: f64 = 5.0;
/// So much larger is the share of requests that fail because somebody is gone.
const FAILS_MORE: f64 = 0.1;
/// With so many requests a slowdown counts half; it is less with few.
const FEW_REQUESTS: f64 = 3.0;
/// Time on the way that may as well be the caller's own counts for so much, and the other way round.
const MIXED: f64 = 0.6;
/// A slowdown less sure than this many standard errors is none.
const SURE: f64 = 2.0;
/// Milliseconds below which a time is as good as none.
const SHORT_MILLIS: f64 = 0.5;
/// More requests than this are no surer: what is usual varies from hour to hour.
const MOST_REQUESTS: f64 = 500.0;
/// Up to this strength each line counts that is more or less than usual.
const MANY: f64 = 10.0;
/// Findings of less than this, before they are weighed, are not worth keeping.
const MIN_RAW: f64 = 0.15;

/// A finding with its strength before it is weighed, and what weighs it.
pub(crate) type Raw = (Weight, Finding);

/// Counts of one trait: requests that have it.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    before: f64,
    during: f64,
}

#[derive(Clone, Default)]
struct Habit {
    n: Count,
    failed: Count,
    own_before: Vec<f64>,
    own_during: Vec<f64>,
}

impl Habit {
    fn fails_more(&self) -> bool {
        self.failed.during / self.n.during > self.failed.before / self.n.before + FAILS_MORE
    }
}

/// What requests of a kind do otherwise, and how much of their own time they take.
pub(crate) fn requests(case: &Case, requests: &mut Requests<'_>, templates: &Templates) -> Vec<Raw> {
    let mut habits: Vec<Habit> = vec![Habit::default(); requests.kinds.len()];
    for it in &requests.list {
        let Some(habit) = habits.get_mut(it.kind as usize) else { continue };
        habit.n.add(it.side);
        if it.is_failed {
            habit.failed.add(it.side);
        }
        let own = (it.own_millis + SHORT_MILLIS).ln();
        if it.side == Side::Before { &mut habit.own_before } else { &mut habit.own_during }.push(own);
    }
    let gone = gone(requests);
    let mut found = vec![];
    // All of one trait of one kind of request stand together, and a trait that a request has twice counts once.
    requests.traits.sort_unstable();
    requests.traits.dedup();
    let Requests { list, kinds, traits } = &*requests;
    for alike in traits.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let Some((kind, one, _)) = alike.first().copied() else { continue };
        let Some(habit) = habits.get(kind as usize).filter(|it| it.n.is_known()) else { continue };
        let mut count = Count::default();
        alike.iter().filter_map(|it| list.get(it.2 as usize)).for_each(|it| count.add(it.side));
        let callee = if let Trait::Call(to) = one { kinds.get(to as usize).map(|it| it.0) } else { None };
        match callee.filter(|it| gone.contains(it) && habit.fails_more()) {
            Some(callee) => found.extend(of_gone(case, callee, kinds.get(kind as usize), count, habit.n)),
            None => found.extend(of_trait(case, kinds, kind, one, count, habit.n, templates)),
        }
    }
    let known = habits.iter_mut().zip(kinds.iter()).zip(0..).filter(|it| it.0.0.n.is_known());
    for ((habit, (service, operation)), kind) in known {
        if let Some((strength, before, during)) = slower(&mut habit.own_before, &mut habit.own_during) {
            let (ways, is_own) = on_the_way(case, requests, (service, kind));
            if !ways.is_empty() {
                found.extend(ways);
                continue;
            }
            let is_mixed = !is_own && has_mixed_ways(requests, service, kind);
            let strength = if is_mixed { strength * MIXED } else { strength };
            let text = format!("{operation} of {service} takes {during:.1} ms of its own instead of {before:.1} ms");
            let about = About::requests(operation, "", before, during);
            let of = Of("trace", service, "self time", Fault::Latency);
            found.push((Weight::SelfTime, of.finding(strength, case.at, text, about)));
        }
    }
    found
}

/// Services of which nothing is told any more although they answered requests before.
fn gone<'a>(requests: &Requests<'a>) -> BTreeSet<&'a str> {
    let mut counts: HashMap<&str, Count> = HashMap::new();
    requests.list.iter().for_each(|it| counts.entry(it.service).or_default().add(it.side));
    let is_gone = |it: &(&'a str, Count)| it.1.before >= MIN_GONE && it.1.during < 1.0;
    counts.into_iter().filter(is_gone).map(|it| it.0).collect()
}

/// Requests that fail, and no longer reach one who answered before.
fn of_gone(case: &Case, callee: &str, asking: Option<&(&str, &str)>, count: Count, n: Count) -> Option<Raw> {
    let (service, operation) = asking?;
    let root = likelihood_ratio(count.at_most(n, MOST_REQUESTS), n.at_most(n, MOST_REQUESTS)).sqrt();
    let (usual, now) = (count.before / n.before, count.during / n.during);
    let text = format!(
        "{:.0} of {:.0} requests to {operation} of {service} reach {callee}, before {:.0} of {:.0}, and more of them fail",
        count.during, n.during, count.before, n.before
    );
    let about = About::requests("", service, usual, now);
    (root >= MIN_RAW).then(|| {
        (Weight::FirstFailures, Of("trace", callee, "answers", Fault::Crash).finding(root, case.at, text, about))
    })
}

/// Whether requests of a kind ask others without a span around that.
fn has_mixed_ways(requests: &Requests<'_>, service: &str, kind: u32) -> bool {
    let first = requests.traits.partition_point(|it| it.0 < kind);
    let of_kind = requests.traits.get(first..).unwrap_or_default().iter().take_while(|it| it.0 == kind);
    let callees =
        of_kind.filter_map(|it| if let Trait::Call(to) = it.1 { requests.kinds.get(to as usize) } else { None });
    let callees: BTreeSet<&str> = callees.map(|it| it.0).collect();
    requests
        .list
        .iter()
        .any(|it| !it.is_bracketed && callees.contains(it.service) && it.caller.is_some_and(|from| from.0 == service))
}

/// Callees on the way to which requests of a kind became slower, where the others of that kind did not; and whether others
/// became slower too, so that the time is surely the service's own.
fn on_the_way(case: &Case, requests: &Requests<'_>, (service, kind): (&str, u32)) -> (Vec<Raw>, bool) {
    let is_mixed = |callee: &str| {
        requests
            .list
            .iter()
            .any(|it| it.service == callee && !it.is_bracketed && it.caller.is_some_and(|it| it.0 == service))
    };
    let (mut found, mut is_own) = (vec![], false);
    for (callee, mut with, mut without) in way::apart(requests, kind, |it| (it + SHORT_MILLIS).ln()) {
        if slower(&mut without.before, &mut without.during).is_some() {
            is_own = true;
            continue;
        }
        if !is_mixed(callee) {
            continue;
        }
        if let Some((strength, was, is)) = slower(&mut with.before, &mut with.during) {
            let text = format!(
                "requests of {service} that ask {callee} take {is:.1} ms instead of {was:.1} ms besides its answers, others do not"
            );
            let about = About::requests("", service, was, is);
            let of = Of("trace", callee, "edge gap", Fault::Network);
            found.push((Weight::EdgeGap, of.finding(strength, case.at, text, about)));
        }
    }
    (found, is_own)
}

fn of_trait(
    case: &Case,
    kinds: &[(&str, &str)],
    kind: u32,
    one: Trait,
    count: Count,
    n: Count,
    templates: &Templates,
) -> Option<Raw> {
    let (usual, now) = (count.before / n.before, count.during / n.during);
    let is_more = now > usual;
    let root = likelihood_ratio(count.at_most(n, MOST_REQUESTS), n.at_most(n, MOST_REQUESTS)).sqrt()
        * (1.0 - SOMETIMES * 4.0 * usual * (1.0 - usual));
    if root < MIN_RAW {
        return None;
    }
    let name = |kind: u32| kinds.get(kind as usize).copied().unwrap_or_default();
    let (service, operation) = name(kind);
    let (weight, of, what) = match one {
        Trait::Step(step) => {
            (Weight::Steps, Of("trace", service, "steps", Fault::Code), format!("do {}", name(step).1))
        }
        Trait::Call(to) => (Weight::Calls, Of("trace", service, "calls", Fault::Code), format!("call {}", name(to).0)),
        Trait::Failed if is_more => (Weight::Failures, Of("trace", service, "errors", Fault::Error), "fail".to_owned()),
        Trait::FailedFirst if is_more => {
            let what = "fail although nobody whom they ask fails".to_owned();
            (Weight::FirstFailures, Of("trace", service, "first errors", Fault::Error), what)
        }
        Trait::Failed => (Weight::FewerFailures, Of("trace", service, "errors", Fault::Error), "fail".to_owned()),
        Trait::FailedFirst => return None,
        Trait::Said(number) | Trait::Began(number) => {
            let weight = match (templates.is_bad(number), is_more) {
                (true, true) => Weight::SaidError,
                (true, false) => Weight::FewerFailures,
                (false, _) => Weight::Said,
            };
            let said = format!("say \"{}\"", templates.text(number));
            (weight, Of("log", service, "log template", Fault::Code), said)
        }
    };
    let share = |part: f64, whole: f64| format!("{part:.0} of {whole:.0}");
    let (was, is) = (share(count.before, n.before), share(count.during, n.during));
    let text = format!("{is} requests to {operation} of {service} {what}, before {was}");
    let about = match one {
        Trait::Said(number) | Trait::Began(number) => {
            About::Lines { template: templates.text(number).to_owned(), is_more }
        }
        _ => About::requests(operation, "", usual, now),
    };
    Some((weight, of.finding(root, case.at, text, about)))
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
fn slower(before: &mut [f64], during: &mut [f64]) -> Option<(f64, f64, f64)> {
    let n = during.len() as f64;
    let usual = Scale::of(before).filter(|_| before.len() as f64 >= MIN_BEFORE)?;
    let now = quantile(during, 0.5)?;
    let change = now - usual.center;
    if change < SURE * usual.width.max(0.1) / n.sqrt() {
        return None;
    }
    Some((change * n / (n + FEW_REQUESTS), usual.center.exp() - SHORT_MILLIS, now.exp() - SHORT_MILLIS))
}

/// Logarithms of the time on the way of requests.
#[derive(Default)]
struct Gaps {
    before: Vec<f64>,
    during: Vec<f64>,
    /// Of some of them the caller's own time is a part.
    is_mixed: bool,
}

/// Who asks whom, how much slower that is (strength, and milliseconds before and during), and whether it is mixed.
type SlowEdge<'a> = ((&'a str, &'a str), Option<(f64, f64, f64)>, bool);

/// Who asks whom: time on the way, where that is longer than before.
pub(crate) struct Edges<'a> {
    pub(crate) raw: Vec<Raw>,
    pub(crate) calls: BTreeSet<(&'a str, &'a str)>,
}

/// Time on the way between a caller and a callee: longer for the caller than for the callee.
pub(crate) fn edges<'a>(case: &Case, requests: &Requests<'a>) -> Edges<'a> {
    let mut edges: HashMap<(&str, &str), Gaps> = HashMap::new();
    for it in &requests.list {
        let Some((caller, gap)) = it.caller else { continue };
        let gaps = edges.entry((caller, it.service)).or_default();
        gaps.is_mixed |= !it.is_bracketed;
        if it.side == Side::Before { &mut gaps.before } else { &mut gaps.during }.push((gap + SHORT_MILLIS).ln());
    }
    let calls = edges.keys().copied().collect();
    let mut callers: HashMap<&str, (usize, usize)> = HashMap::new();
    let slow: Vec<_> = edges
        .into_iter()
        .map(|(edge, mut gaps)| {
            let is_known = gaps.before.len() as f64 >= MIN_BEFORE && !gaps.during.is_empty();
            let slow = slower(&mut gaps.before, &mut gaps.during);
            let (n, n_slow) = callers.entry(edge.1).or_default();
            *n += usize::from(is_known);
            *n_slow += usize::from(slow.is_some());
            (edge, slow, gaps.is_mixed)
        })
        .collect();
    let edge = |((caller, callee), slow, is_mixed): SlowEdge<'_>| {
        let (strength, was, is) = slow?;
        // Several callers that are all slower have the one in common whom they ask.
        let is_common = callers.get(callee).is_some_and(|it| it.1 > 1 && it.0 == it.1);
        let text =
            format!("requests of {caller} are {is:.1} ms on the way to and from {callee} instead of {was:.1} ms");
        let strength = if is_mixed && !is_common { strength * MIXED } else { strength };
        let about = About::requests("", caller, was, is);
        Some((Weight::EdgeGap, Of("trace", callee, "edge gap", Fault::Network).finding(strength, case.at, text, about)))
    };
    Edges { raw: slow.into_iter().filter_map(edge).collect(), calls }
}

/// Lines that belong to no request, by service and template: more or fewer in the same time.
pub(crate) fn lines(case: &Case, window: &Window, templates: &Templates, linked: &[bool]) -> Vec<Raw> {
    let mut counts: HashMap<(&str, u32), Count> = HashMap::new();
    let mut total = Count::default();
    for ((line, said), _) in case.logs.iter().zip(&templates.of_line).zip(linked).filter(|it| !it.1) {
        let Some(side) = window.side(line.time, line.is_normal) else { continue };
        counts.entry((&line.service, said.0)).or_default().add(side);
        total.add(side);
    }
    if total.before < 1.0 || total.during < 1.0 {
        return vec![];
    }
    let of_template = |((service, template), count): ((&str, u32), Count)| {
        let is_more = count.during / total.during > count.before / total.before;
        let weight = match (templates.is_bad(template), is_more) {
            (true, true) => Weight::SaidError,
            (true, false) => Weight::FewerFailures,
            (false, true) => Weight::MoreLines,
            (false, false) => Weight::FewerLines,
        };
        let strength = saturated(likelihood_ratio(count, total).sqrt());
        if strength < MIN_RAW {
            return None;
        }
        let text = format!(
            "{service} says \"{}\" in {:.0} of {:.0} lines, before in {:.0} of {:.0}",
            templates.text(template),
            count.during,
            total.during,
            count.before,
            total.before
        );
        let about = About::Lines { template: templates.text(template).to_owned(), is_more };
        let of = Of("log", service, "log template", Fault::Error);
        Some((weight, of.finding(strength, case.at, text, about)))
    };
    counts.into_iter().filter_map(of_template).collect()
}

/// Signal, service, indicator and fault of a finding.
struct Of<'a>(&'static str, &'a str, &'static str, Fault);

impl Of<'_> {
    fn finding(self, strength: f64, onset: i64, text: String, about: About) -> Finding {
        let Self(signal, service, indicator, fault) = self;
        let (service, indicator) = (service.to_owned(), indicator.to_owned());
        Finding { id: String::new(), signal, service, indicator, fault, strength, leads: false, onset, text, about }
    }
}

/// Chance is not all that makes numbers of lines vary: the more there are, the less a difference means by its size alone.
fn saturated(strength: f64) -> f64 {
    if strength > MANY { MANY * (1.0 + (strength / MANY).ln()) } else { strength }
}

impl Count {
    /// Enough of both sides to compare them.
    fn is_known(&self) -> bool {
        self.before >= MIN_BEFORE && self.during >= 1.0
    }

    /// The same share of `most` requests, where there are more of them.
    fn at_most(self, n: Self, most: f64) -> Self {
        let part = |count: f64, n: f64| if n > most { count * most / n } else { count };
        Self { before: part(self.before, n.before), during: part(self.during, n.during) }
    }

    fn add(&mut self, side: Side) {
        match side {
            Side::Before => self.before += 1.0,
            Side::During => self.during += 1.0,
        }
    }
}
