//! What would be answered if nothing were wrong? Times without a fault, cut out of the cases themselves.
//!
//! Half of what is known to be usual is compared with the other half; where nothing is known to be, the beginning of what
//! came before the incident is taken. Nobody learns to say "no cause" from incidents alone.

use diagnose::case::{Case, Line, Metric, Span};

use super::labeled::Labeled;

/// Of what came before an incident so much is far enough from it, and where in it the detection is pretended to be.
const EARLY: f64 = 0.5;
const DETECTED: f64 = 0.35;
/// Fewer values have no two halves.
const MIN_VALUES: usize = 16;

/// A quiet case for each case of a set that has none of its own.
pub fn of(cases: &[Labeled]) -> Vec<Labeled> {
    let has_own = |set: &str| cases.iter().any(|it| it.set == set && it.service.is_none());
    cases.iter().filter(|it| !has_own(it.set)).filter_map(one).collect()
}

fn one(labeled: &Labeled) -> Option<Labeled> {
    let case = &labeled.case;
    let has_normal = case.metrics.iter().any(|it| it.normal.len() >= MIN_VALUES);
    let case = if has_normal { halved(case)? } else { early(case)? };
    Some(Labeled {
        set: labeled.set,
        system: labeled.system.clone(),
        fault: "none".to_owned(),
        name: format!("before {}", labeled.name),
        case,
        service: None,
        indicator: None,
        commit: None,
    })
}

/// The usual values, the second half of them as if it were the incident.
fn halved(case: &Case) -> Option<Case> {
    let halved = |it: &Metric| {
        let middle = it.normal.len() / 2;
        let step = it.times.windows(2).filter_map(|it| Some(it.get(1)? - it.first()?)).min().unwrap_or(1000).max(1);
        let later = it.normal.get(middle..).unwrap_or_default().to_vec();
        Metric {
            service: it.service.clone(),
            indicator: it.indicator.clone(),
            normal: it.normal.get(..middle).unwrap_or_default().to_vec(),
            times: (0..later.len() as i64).map(|nth| case.at + nth * step).collect(),
            values: later,
        }
    };
    let metrics: Vec<Metric> = case.metrics.iter().map(halved).collect();
    let at = metrics.iter().filter_map(|it| it.times.first().copied()).min()?;
    Some(Case { at, metrics, calls: case.calls.clone(), symptom: case.symptom.clone(), ..Case::default() })
}

/// What came long before, and of spans and lines that are known to be usual one half against the other.
fn early(case: &Case) -> Option<Case> {
    let times = || {
        let of_metrics = case.metrics.iter().filter_map(|it| it.times.first().copied());
        let of_spans = case.spans.iter().filter(|it| !it.is_normal).map(|it| it.start);
        of_metrics.chain(of_spans).chain(case.logs.iter().filter(|it| !it.is_normal).map(|it| it.time))
    };
    let first = times().min().filter(|it| *it < case.at)?;
    let part = |share: f64| first + ((case.at - first) as f64 * share) as i64;
    let (at, end) = (part(DETECTED), part(EARLY));
    let cut = |it: &Metric| {
        let n_kept = it.times.partition_point(|time| *time < end);
        Metric {
            times: it.times.get(..n_kept).unwrap_or_default().to_vec(),
            values: it.values.get(..n_kept).unwrap_or_default().to_vec(),
            ..it.clone()
        }
    };
    let middle_of = |times: &mut dyn Iterator<Item = i64>| {
        let (least, most) = times.fold((i64::MAX, i64::MIN), |(least, most), it| (least.min(it), most.max(it)));
        (least <= most).then(|| i64::midpoint(least, most))
    };
    let middle = middle_of(&mut case.spans.iter().filter(|it| it.is_normal).map(|it| it.start));
    let place = |time: i64, is_normal: bool| match middle.filter(|_| is_normal) {
        Some(middle) if time < middle => Some((time, true)),
        Some(middle) => Some((at + (time - middle), false)),
        None => (!is_normal && time < end).then_some((time, false)),
    };
    let spans = case.spans.iter().filter_map(|it| {
        let (start, is_normal) = place(it.start, it.is_normal)?;
        Some(Span { start, is_normal, ..it.clone() })
    });
    let logs = case.logs.iter().filter_map(|it| {
        let (time, is_normal) = place(it.time, it.is_normal)?;
        Some(Line { time, is_normal, ..it.clone() })
    });
    Some(Case {
        at,
        metrics: case.metrics.iter().map(cut).collect(),
        spans: spans.collect(),
        logs: logs.collect(),
        changes: case.changes.iter().filter(|it| it.time < end).cloned().collect(),
        calls: case.calls.clone(),
        symptom: case.symptom.clone(),
    })
}
