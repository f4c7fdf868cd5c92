//! What do requests and lines show more or less often than before, and what takes longer?

use std::collections::{BTreeSet, HashMap};

use super::input::Case;
use super::kind::Fault;
use super::rank::{About, Finding};
use super::requests::{Requests, Trait};
use super::scale::{Scale, quantile};
use super::templates::Templates;
use super::weights::Weight;
use super::window::{Side, Window};

/// Fewer requests of a kind before the incident tell nothing of its habits.
const MIN_BEFORE: f64 = 3.0;
/// A trait that some requests have and some not depends on what is asked, and so does its share: so much is taken off
/// one that half of them have.
const SOMETIMES: f64 = 0.6;
/// With so many requests a slowdown counts half; it is less with few.
const FEW_REQUESTS: f64 = 3.0;
/// Time on the way that may as well be the caller's own counts for so much.
const MIXED: f64 = 0.5;
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
    own_before: Vec<f64>,
    own_during: Vec<f64>,
}

/// What requests of a kind do otherwise, and how much of their own time they take.
pub(crate) fn requests(case: &Case, requests: &mut Requests<'_>, templates: &Templates) -> Vec<Raw> {
    let mut habits: Vec<Habit> = vec![Habit::default(); requests.kinds.len()];
    for it in &requests.list {
        let Some(habit) = habits.get_mut(it.kind as usize) else { continue };
        habit.n.add(it.side);
        let own = (it.own_millis + SHORT_MILLIS).ln();
        if it.side == Side::Before { &mut habit.own_before } else { &mut habit.own_during }.push(own);
    }
    let mut found = vec![];
    // All of one trait of one kind of request stand together, and a trait that a request has twice counts once.
    requests.traits.sort_unstable();
    requests.traits.dedup();
    let Requests { list, kinds, traits } = requests;
    for alike in traits.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let Some((kind, one, _)) = alike.first().copied() else { continue };
        let Some(n) = habits.get(kind as usize).map(|it| it.n).filter(|it| it.is_known()) else { continue };
        let mut count = Count::default();
        alike.iter().filter_map(|it| list.get(it.2 as usize)).for_each(|it| count.add(it.side));
        found.extend(of_trait(case, kinds, kind, one, count, n, templates));
    }
    for (habit, (service, operation)) in habits.iter_mut().zip(kinds.iter()).filter(|(it, _)| it.n.is_known()) {
        if let Some((strength, before, during)) = slower(&mut habit.own_before, &mut habit.own_during) {
            let text = format!("{operation} of {service} takes {during:.1} ms of its own instead of {before:.1} ms");
            let about = About::requests(operation, "", before, during);
            let of = Of("trace", service, "self time", Fault::Latency);
            found.push((Weight::SelfTime, of.finding(strength, case.at, text, about)));
        }
    }
    found
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
    let edge = |((caller, callee), mut gaps): ((&str, &str), Gaps)| {
        let (strength, was, is) = slower(&mut gaps.before, &mut gaps.during)?;
        let text =
            format!("requests of {caller} are {is:.1} ms on the way to and from {callee} instead of {was:.1} ms");
        let strength = if gaps.is_mixed { strength * MIXED } else { strength };
        let about = About::requests("", caller, was, is);
        Some((Weight::EdgeGap, Of("trace", callee, "edge gap", Fault::Network).finding(strength, case.at, text, about)))
    };
    Edges { raw: edges.into_iter().filter_map(edge).collect(), calls }
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
