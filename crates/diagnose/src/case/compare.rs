//! What do requests and lines show more or less often than before, and what takes longer?

use std::collections::{BTreeMap, HashMap};

use super::input::Case;
use super::kind::Fault;
use super::rank::{About, Finding};
use super::requests::{Request, Trait};
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

#[derive(Default)]
struct Habit<'a> {
    n: Count,
    traits: HashMap<Trait<'a>, Count>,
    own_before: Vec<f64>,
    own_during: Vec<f64>,
}

/// What requests of a kind do otherwise, and how much of their own time they take.
pub(crate) fn requests(case: &Case, requests: &[Request<'_>], templates: &Templates) -> Vec<Raw> {
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
            found.extend(of_trait(case, (service, operation), *one, *count, habit.n, templates));
        }
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
    (service, operation): (&str, &str),
    one: Trait<'_>,
    count: Count,
    n: Count,
    templates: &Templates,
) -> Option<Raw> {
    let (usual, now) = (count.before / n.before, count.during / n.during);
    let is_more = now > usual;
    let root = likelihood_ratio(count, n).sqrt() * (1.0 - SOMETIMES * 4.0 * usual * (1.0 - usual));
    if root < MIN_RAW {
        return None;
    }
    let (weight, of, what) = match one {
        Trait::Step(step) => (Weight::Steps, Of("trace", service, "steps", Fault::Code), format!("do {step}")),
        Trait::Call(to, _) => (Weight::Calls, Of("trace", service, "calls", Fault::Code), format!("call {to}")),
        Trait::Failed if is_more => (Weight::Failures, Of("trace", service, "errors", Fault::Error), "fail".to_owned()),
        Trait::FailedFirst if is_more => {
            let what = "fail although nobody whom they ask fails".to_owned();
            (Weight::FirstFailures, Of("trace", service, "first errors", Fault::Error), what)
        }
        Trait::Failed => (Weight::FewerFailures, Of("trace", service, "errors", Fault::Error), "fail".to_owned()),
        Trait::FailedFirst => return None,
        Trait::Said(id) | Trait::Began(id) => {
            let weight = match (templates.is_bad(id), is_more) {
                (true, true) => Weight::SaidError,
                (true, false) => Weight::FewerFailures,
                (false, _) => Weight::Said,
            };
            let said = format!("say \"{}\"", templates.text(id));
            (weight, Of("log", service, "log template", Fault::Code), said)
        }
    };
    let share = |part: f64, whole: f64| format!("{part:.0} of {whole:.0}");
    let (was, is) = (share(count.before, n.before), share(count.during, n.during));
    let text = format!("{is} requests to {operation} of {service} {what}, before {was}");
    let about = match one {
        Trait::Said(id) | Trait::Began(id) => About::Lines { template: templates.text(id).to_owned(), is_more },
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

/// Time on the way between a caller and a callee: longer for the caller than for the callee.
pub(crate) fn edges(case: &Case, requests: &[Request<'_>]) -> Vec<Raw> {
    let mut edges: BTreeMap<(&str, &str), Gaps> = BTreeMap::new();
    for it in requests {
        let Some((caller, gap)) = it.caller else { continue };
        let gaps = edges.entry((caller, it.service)).or_default();
        gaps.is_mixed |= !it.is_bracketed;
        if it.side == Side::Before { &mut gaps.before } else { &mut gaps.during }.push((gap + SHORT_MILLIS).ln());
    }
    let edge = |((caller, callee), mut gaps): ((&str, &str), Gaps)| {
        let (strength, was, is) = slower(&mut gaps.before, &mut gaps.during)?;
        let text =
            format!("requests of {caller} are {is:.1} ms on the way to and from {callee} instead of {was:.1} ms");
        let strength = if gaps.is_mixed { strength * MIXED } else { strength };
        let about = About::requests("", caller, was, is);
        Some((Weight::EdgeGap, Of("trace", callee, "edge gap", Fault::Network).finding(strength, case.at, text, about)))
    };
    edges.into_iter().filter_map(edge).collect()
}

/// Lines that belong to no request, by service and template: more or fewer in the same time.
pub(crate) fn lines(case: &Case, window: &Window, templates: &Templates, linked: &[bool]) -> Vec<Raw> {
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
            (true, true) => Weight::SaidError,
            (true, false) => Weight::FewerFailures,
            (false, true) => Weight::MoreLines,
            (false, false) => Weight::FewerLines,
        };
        let strength = likelihood_ratio(count, total).sqrt();
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
        (strength >= MIN_RAW).then(|| (weight, of.finding(strength, case.at, text, about)))
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

impl Count {
    fn add(&mut self, side: Side) {
        match side {
            Side::Before => self.before += 1.0,
            Side::During => self.during += 1.0,
        }
    }
}
