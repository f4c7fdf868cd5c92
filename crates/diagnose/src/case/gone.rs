//! Who is not there any more? A service that was killed writes no numbers: its series end, or have a hole, while those of
//! others go on.

use std::collections::BTreeMap;

use super::input::{Case, Metric};
use super::kind::Kind;
use super::metrics::{Deviation, LASTS_MS};
use super::scale::{quantile, sampled};

/// So many values in a row have to be missing, and so many times as many as ever before.
const MIN_MISSING: f64 = 3.0;
const MORE_THAN_EVER: f64 = 3.0;
/// Fewer values before tell nothing.
const MIN_BEFORE: usize = 4;
/// If more than this share of all services is gone at once, it is the file that ends.
const MOST_GONE: f64 = 0.34;
/// How far off that is, in widths of the usual, if it lasts.
const WIDTHS: f64 = 20.0;
const LASTING_SHARE: f64 = 0.25;
const N_SAMPLED: usize = 64;

/// Services that are gone for a while: for each one series that shows it.
pub(crate) fn gone(case: &Case, kinds: &[Kind]) -> Vec<Deviation> {
    let Some(last) = case.metrics.iter().filter_map(|it| it.times.last().copied()).max() else { return vec![] };
    let end = last.min(case.at + LASTS_MS);
    // What is used up is measured as long as somebody is there; whom nobody asks has no latency, and yet is there.
    let is_meant = |kind: Kind| matches!(kind, Kind::Cpu | Kind::Memory | Kind::Disk);
    let mut by_service: BTreeMap<&str, Vec<Option<Deviation>>> = BTreeMap::new();
    for (idx, (metric, _)) in case.metrics.iter().zip(kinds).enumerate().filter(|(_, it)| is_meant(*it.1)) {
        if let Some(found) = judge(idx, metric, case.at, end) {
            by_service.entry(&metric.service).or_default().push(found);
        }
    }
    let n_services = by_service.len() as f64;
    let is_gone = |it: &[Option<Deviation>]| it.iter().all(Option::is_some);
    let gone: Vec<Deviation> =
        by_service.into_values().filter(|it| is_gone(it)).filter_map(|it| it.into_iter().flatten().next()).collect();
    if gone.len() > 1 && gone.len() as f64 > n_services * MOST_GONE { vec![] } else { gone }
}

/// Whether a series has no hole at all, which nearly all have not, and goes on to the end.
fn is_whole(metric: &Metric, end: i64) -> bool {
    let Some((first, last)) = metric.times.first().zip(metric.times.last()) else { return false };
    let step = (last - first) as f64 / metric.times.len().saturating_sub(1).max(1) as f64;
    let is_short = |from: i64, to: i64| (to - from) as f64 <= step * MIN_MISSING;
    is_short(*last, end)
        && metric.values.iter().all(|it| it.is_finite())
        && metric.times.iter().zip(metric.times.iter().skip(1)).all(|(a, b)| is_short(*a, *b))
}

/// `None` if too little is known of a series, `Some(None)` if it goes on.
fn judge(idx: usize, metric: &Metric, at: i64, end: i64) -> Option<Option<Deviation>> {
    if is_whole(metric, end) {
        return Some(None);
    }
    let steps = metric.times.iter().zip(metric.times.iter().skip(1)).map(|(a, b)| (b - a) as f64);
    let steps: Vec<f64> = steps.filter(|it| *it > 0.0).collect();
    let step = quantile(&mut sampled(&steps, N_SAMPLED).collect::<Vec<f64>>(), 0.5)?;
    let finite: Vec<i64> =
        metric.times.iter().zip(&metric.values).filter(|it| it.1.is_finite()).map(|it| *it.0).collect();
    let n_before = finite.partition_point(|it| *it < at);
    let n_usual =
        if metric.normal.is_empty() { n_before } else { metric.normal.iter().filter(|it| it.is_finite()).count() };
    if n_usual < MIN_BEFORE || step <= 0.0 {
        return None;
    }
    let holes = finite.iter().zip(finite.iter().skip(1)).map(|(a, b)| (*a, (b - a) as f64 / step - 1.0));
    let open = finite.last().map(|it| (*it, (end - it) as f64 / step));
    let (mut before, mut during) = (0.0_f64, (at, 0.0));
    for (from, missing) in holes.chain(open) {
        if from as f64 + (missing + 1.0) * step < at as f64 {
            before = before.max(missing);
        } else if missing > during.1 {
            during = (from, missing);
        }
    }
    if during.1 < MIN_MISSING || during.1 < MORE_THAN_EVER * (before + 1.0) {
        return Some(None);
    }
    let share = during.1 * step / ((end - at) as f64).max(step);
    Some(Some(Deviation {
        metric: idx,
        kind: Kind::Restart,
        strength: WIDTHS * (share / LASTING_SHARE).min(1.0).sqrt(),
        level: -WIDTHS,
        onset: during.0 + step as i64,
        before: n_usual as f64,
        during: during.1,
        is_share: false,
        is_gone: true,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 843 of docs/specs/diagnosis.md.
    #[test]
    fn who_stops_while_others_go_on_is_gone() {
        let metric = |service: &str, is_there: fn(i64) -> bool| Metric {
            service: service.to_owned(),
            indicator: "cpu".to_owned(),
            times: (0..40).map(|it| it * 1000).collect(),
            values: (0..40).map(|it| if is_there(it) { 1.0 } else { f64::NAN }).collect(),
            ..Metric::default()
        };
        let metrics = vec![
            metric("a", |_| true),
            metric("b", |it| it < 20),
            metric("c", |it| !(22..26).contains(&it)),
            metric("d", |it| it % 4 == 0),
            metric("e", |_| true),
            metric("f", |_| true),
        ];
        let case = Case { at: 20_000, metrics, ..Case::default() };
        let found: Vec<(usize, i64)> = gone(&case, &[Kind::Cpu; 6]).iter().map(|it| (it.metric, it.onset)).collect();
        assert_eq!(found, [(1, 20_000), (2, 22_000)]);
        assert!(gone(&case, &[Kind::Latency; 6]).is_empty(), "whom nobody asks has no latency");
    }
}
