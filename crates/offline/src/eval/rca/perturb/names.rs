//! The same said otherwise: other names, another order, other units, another year.

use std::collections::{BTreeMap, BTreeSet};

use diagnose::case::{Case, Kind, Metric, columns};

use super::super::labeled::Labeled;

/// How metrics are called for each kind; `{}` is the quantile of a latency.
pub type Words = [(Kind, &'static str); 8];

/// RCD's and RCAEval's names.
pub const SHORT: Words = [
    (Kind::Cpu, "cpu"),
    (Kind::Memory, "mem"),
    (Kind::Latency, "lat_{}"),
    (Kind::Error, "error"),
    (Kind::Workload, "load"),
    (Kind::Disk, "diskio"),
    (Kind::Network, "net"),
    (Kind::Loss, "loss"),
];
/// Longer ones.
pub const LONG: Words = [
    (Kind::Cpu, "cpu_usage"),
    (Kind::Memory, "memory_usage"),
    (Kind::Latency, "latency-{}"),
    (Kind::Error, "error_rate"),
    (Kind::Workload, "workload"),
    (Kind::Disk, "disk_io"),
    (Kind::Network, "network_bytes"),
    (Kind::Loss, "packet_loss"),
];
/// cAdvisor's and Istio's names, as RCAEval has them.
pub const ISTIO: Words = [
    (Kind::Cpu, "container-cpu-usage-seconds-total"),
    (Kind::Memory, "container-memory-working-set-bytes"),
    (Kind::Latency, "istio-latency-{}"),
    (Kind::Error, "istio-error-total"),
    (Kind::Workload, "istio-request-total"),
    (Kind::Disk, "container-fs-writes-bytes-total"),
    (Kind::Network, "container-network-receive-bytes-total"),
    (Kind::Loss, "container-network-transmit-packets-dropped-total"),
];
const QUANTILES: [&str; 5] = ["90", "50", "99", "95", "75"];
/// Units differ by factors such as these.
const FACTORS: [f64; 5] = [1e-6, 1e-3, 1.0 / 60.0, 1e3, 1e6];
/// Three years.
const SHIFT_MS: i64 = 3 * 365 * 86_400_000;

/// Services are called s1, s2 and so on, in an order by chance, also where texts name them.
pub fn services(labeled: &mut Labeled, random: &mut fastrand::Rng) {
    let mut names: BTreeSet<String> = BTreeSet::new();
    each_service(labeled, |it| {
        names.insert(it.clone());
    });
    names.remove("");
    let mut names: Vec<String> = names.into_iter().collect();
    random.shuffle(&mut names);
    let new: BTreeMap<String, String> =
        names.iter().enumerate().map(|(nth, it)| (it.clone(), format!("s{}", nth + 1))).collect();
    each_service(labeled, |it| {
        if let Some(name) = new.get(it) {
            it.clone_from(name);
        }
    });
    names.sort_by_key(|it| std::cmp::Reverse(it.len()));
    each_text(&mut labeled.case, |text| {
        for name in names.iter().filter(|it| it.len() > 2) {
            if let Some(new) = new.get(name).filter(|_| text.contains(name.as_str())) {
                *text = replaced(text, name, new);
            }
        }
    });
}

fn each_service(labeled: &mut Labeled, mut f: impl FnMut(&mut String)) {
    let case = &mut labeled.case;
    case.metrics.iter_mut().for_each(|it| f(&mut it.service));
    case.spans.iter_mut().for_each(|it| f(&mut it.service));
    case.logs.iter_mut().for_each(|it| f(&mut it.service));
    case.changes.iter_mut().for_each(|it| f(&mut it.service));
    for call in &mut case.calls {
        f(&mut call.caller);
        f(&mut call.callee);
    }
    case.symptom.iter_mut().for_each(|it| f(&mut it.service));
    labeled.service.iter_mut().for_each(f);
}

fn each_text(case: &mut Case, mut f: impl FnMut(&mut String)) {
    for it in &mut case.spans {
        f(&mut it.operation);
        f(&mut it.message);
    }
    case.logs.iter_mut().for_each(|it| f(&mut it.text));
    for it in &mut case.changes {
        f(&mut it.title);
        f(&mut it.diff);
        it.files.iter_mut().for_each(&mut f);
    }
}

/// The name where it is a word of its own.
fn replaced(text: &str, name: &str, new: &str) -> String {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, behind) = (rest.get(..at).unwrap_or(""), rest.get(at + name.len()..).unwrap_or(""));
        let is_word = !before.chars().next_back().is_some_and(is_part) && !behind.chars().next().is_some_and(is_part);
        result.push_str(before);
        result.push_str(if is_word { new } else { name });
        rest = behind;
    }
    result + rest
}

/// Metrics get the names of a convention, become columns of a wide table and are read from their headings again.
pub fn columns_of(labeled: &mut Labeled, words: &Words) {
    let case = &mut labeled.case;
    let known: BTreeSet<&str> = case.metrics.iter().map(|it| it.indicator.as_str()).collect();
    let mut n_of_kind: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut new: BTreeMap<String, String> = BTreeMap::new();
    for indicator in known {
        let nth = n_of_kind.entry(Kind::of(indicator)).or_default();
        let name = called(indicator, words, *nth);
        *nth += 1;
        new.insert(indicator.to_owned(), name);
    }
    if let Some(named) = case.symptom.as_mut().and_then(|it| it.indicator.as_mut()) {
        // A kind of metric that was noticed is not one of its quantiles.
        *named = new.get(named).cloned().unwrap_or_else(|| {
            let name = called(named, words, 0);
            name.trim_end_matches(|it: char| it.is_ascii_digit()).trim_end_matches(['_', '-']).to_owned()
        });
    }
    let headings: Vec<String> = case
        .metrics
        .iter()
        .map(|it| format!("{}_{}", it.service, new.get(&it.indicator).map_or("", String::as_str)))
        .collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    for (metric, column) in case.metrics.iter_mut().zip(columns(&headings)) {
        (metric.service, metric.indicator) = (column.service, column.indicator);
    }
    labeled.indicator = None;
}

fn called(indicator: &str, words: &Words, nth: usize) -> String {
    let kind = Kind::of(indicator);
    // That an error is counted in percent stands in its name alone.
    let word = words.iter().find(|it| it.0 == kind && !indicator.contains('%')).map(|it| it.1);
    match word {
        Some(word) if word.contains("{}") => word.replace("{}", QUANTILES.get(nth).copied().unwrap_or("0")),
        Some(word) if nth == 0 => word.to_owned(),
        Some(word) => format!("{word}-{}", nth + 1),
        None => indicator.replace('/', "-"),
    }
}

/// Everything comes in another order.
pub fn order(labeled: &mut Labeled, random: &mut fastrand::Rng) {
    let case = &mut labeled.case;
    random.shuffle(&mut case.metrics);
    random.shuffle(&mut case.spans);
    random.shuffle(&mut case.logs);
    random.shuffle(&mut case.changes);
    random.shuffle(&mut case.calls);
}

/// Each metric is measured in another unit, the same for all services. Shares and counts have none.
pub fn units(labeled: &mut Labeled, random: &mut fastrand::Rng) {
    let mut factors: BTreeMap<String, f64> = BTreeMap::new();
    for it in &mut labeled.case.metrics {
        if matches!(Kind::of(&it.indicator), Kind::Success | Kind::Error | Kind::Workload | Kind::Hit) {
            continue;
        }
        let drawn = FACTORS.get(random.usize(..FACTORS.len())).copied().unwrap_or(1.0);
        let factor = *factors.entry(it.indicator.clone()).or_insert(drawn);
        it.normal.iter_mut().chain(&mut it.values).for_each(|value| *value *= factor);
    }
}

/// It happened three years later.
pub fn shifted(labeled: &mut Labeled, _: &mut fastrand::Rng) {
    let case = &mut labeled.case;
    case.at += SHIFT_MS;
    case.metrics.iter_mut().flat_map(|it| &mut it.times).for_each(|it| *it += SHIFT_MS);
    case.spans.iter_mut().for_each(|it| it.start += SHIFT_MS);
    case.logs.iter_mut().for_each(|it| it.time += SHIFT_MS);
    case.changes.iter_mut().for_each(|it| it.time += SHIFT_MS);
}

/// Nothing ever changed before for longer: the first half of what was before is there twice more. The second half may hold
/// the begin of what came slowly.
pub fn long_before(labeled: &mut Labeled, _: &mut fastrand::Rng) {
    let at = labeled.case.at;
    for it in &mut labeled.case.metrics {
        it.normal = it.normal.repeat(2);
        prepend(it, at);
        prepend(it, at);
    }
}

fn prepend(metric: &mut Metric, at: i64) {
    let n_before = metric.times.partition_point(|it| *it < at) / 2;
    let (Some(first), Some(after)) = (metric.times.first().copied(), metric.times.get(n_before).copied()) else {
        return;
    };
    let before = metric.times.get(..n_before).unwrap_or_default();
    metric.times = before.iter().map(|it| it - (after - first)).chain(metric.times.iter().copied()).collect();
    let before = metric.values.get(..n_before).unwrap_or_default();
    metric.values = [before, metric.values.as_slice()].concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_where_they_are_words() {
        assert_eq!(replaced("no pay for pay-db, pay", "pay", "s1"), "no s1 for pay-db, s1");
    }
}
