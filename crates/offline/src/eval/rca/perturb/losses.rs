//! Less than was published: metrics, values, time before, traces, levels or the begin are missing.

use std::collections::BTreeMap;

use diagnose::case::{Metric, onset};

use super::super::labeled::Labeled;

/// Which share of values gets lost.
const GAPS: f64 = 0.2;
/// Every so many values one is kept, of series with at least so many.
const NTH_KEPT: usize = 5;
const MIN_VALUES: usize = 100;
/// Which part of the time before is kept, as long as there are so many values in it.
const KEPT_OF_BEFORE: usize = 4;
const MIN_BEFORE: usize = 8;
/// One trace in so many is kept.
const TRACES: usize = 10;

/// A share of all metrics is missing.
pub fn metrics(labeled: &mut Labeled, random: &mut fastrand::Rng, share: f64) {
    labeled.case.metrics.retain(|_| random.f64() >= share);
}

/// A share of the metrics of all but the guilty one is missing.
pub fn metrics_of_others(labeled: &mut Labeled, random: &mut fastrand::Rng, share: f64) {
    let guilty = labeled.service.clone().unwrap_or_default();
    labeled.case.metrics.retain(|it| it.service == guilty || random.f64() >= share);
}

/// Values are missing here and there.
pub fn gaps(labeled: &mut Labeled, random: &mut fastrand::Rng) {
    for it in &mut labeled.case.metrics {
        for value in it.normal.iter_mut().chain(&mut it.values).filter(|_| random.f64() < GAPS) {
            *value = f64::NAN;
        }
    }
}

/// Measured less often.
pub fn resampled(labeled: &mut Labeled, _: &mut fastrand::Rng) {
    let kept = |it: &[f64]| it.iter().copied().step_by(NTH_KEPT).collect();
    for it in labeled.case.metrics.iter_mut().filter(|it| it.values.len() >= MIN_VALUES) {
        it.normal = kept(&it.normal);
        it.values = kept(&it.values);
        it.times = it.times.iter().copied().step_by(NTH_KEPT).collect();
    }
}

/// Less is known of the time before.
pub fn short_before(labeled: &mut Labeled, _: &mut fastrand::Rng) {
    let case = &mut labeled.case;
    let at = case.at;
    case.metrics.iter_mut().for_each(|it| shorten(it, at));
    let events = || case.spans.iter().filter(|it| !it.is_normal).map(|it| it.start);
    let times = events().chain(case.logs.iter().filter(|it| !it.is_normal).map(|it| it.time));
    let Some(first) = times.min().filter(|it| *it < at) else { return };
    let from = at - (at - first) / KEPT_OF_BEFORE as i64;
    case.spans.retain(|it| it.is_normal || it.start >= from);
    case.logs.retain(|it| it.is_normal || it.time >= from);
}

fn shorten(metric: &mut Metric, at: i64) {
    let cut = |n: usize| n - (n / KEPT_OF_BEFORE).max(MIN_BEFORE.min(n));
    metric.normal.drain(..cut(metric.normal.len()));
    let n_before = metric.times.partition_point(|it| *it < at);
    let n_cut = cut(n_before);
    metric.times.drain(..n_cut);
    metric.values.drain(..n_cut.min(metric.values.len()));
}

/// Nobody tells when it began.
pub fn time(labeled: &mut Labeled, _: &mut fastrand::Rng) {
    if let Some(at) = onset(&labeled.case) {
        labeled.case.at = at;
    }
}

/// Traces are sampled.
pub fn traces(labeled: &mut Labeled, random: &mut fastrand::Rng) {
    let mut kept: BTreeMap<String, bool> = BTreeMap::new();
    labeled.case.spans.retain(|it| *kept.entry(it.trace.clone()).or_insert_with(|| random.usize(..TRACES) == 0));
}

/// Lines do not tell how bad they are.
pub fn levels(labeled: &mut Labeled, _: &mut fastrand::Rng) {
    labeled.case.logs.iter_mut().for_each(|it| it.level = None);
}
