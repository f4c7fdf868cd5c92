//! Which histograms with custom buckets are classic histograms? `load_with_nhcb` adds them.

use std::collections::BTreeMap;

use signal::Labels;

use super::expand::{Item, SeriesText};
use super::store::ScriptStore;
use crate::histogram::{Bucket, CUSTOM_SCHEMA, Histogram};

/// One classic histogram at one time.
#[derive(Clone, Debug, Default)]
struct Classic {
    /// Bounds, in an order that floats have as bits are compared, with cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Adds a histogram for every classic one among the series.
pub(super) fn add(store: &mut ScriptStore, series: &[SeriesText], interval: i64) {
    let mut found: BTreeMap<String, (Labels, BTreeMap<i64, Classic>)> = BTreeMap::new();
    for series in series {
        let name = series.labels.name();
        let parts = ["bucket", "count", "sum"].into_iter();
        let base = |part: &str| name.strip_suffix(part).and_then(|it| it.strip_suffix('_'));
        let Some((base, part)) = parts.filter_map(|part| Some((base(part)?, part))).next() else { continue };
        let bound = series.labels.get("le").and_then(super::expand::number);
        if part == "bucket" && bound.is_none() {
            continue;
        }
        let labels = series.labels.with("le", "").with("__name__", base);
        let (_, times) = found.entry(labels.to_string()).or_insert_with(|| (labels, BTreeMap::new()));
        for (idx, item) in (0..).zip(&series.items) {
            let Item::Float(value) = item else { continue };
            let classic = times.entry(interval * idx).or_default();
            match (part, bound) {
                ("bucket", Some(bound)) => classic.buckets.push((bound, *value)),
                ("count", _) => classic.count = Some(*value),
                _ => classic.sum = *value,
            }
        }
    }
    for (labels, times) in found.into_values() {
        for (time, classic) in times {
            if let Some(histogram) = converted(classic) {
                store.add_histogram(&labels, time, histogram);
            }
        }
    }
}

fn converted(mut classic: Classic) -> Option<Histogram> {
    classic.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let last = classic.buckets.last()?;
    let count = classic.count.unwrap_or(last.1);
    if last.0 != f64::INFINITY {
        classic.buckets.push((f64::INFINITY, count));
    }
    let mut before = 0.0;
    let mut positive = Vec::new();
    for (index, (_, cumulative)) in (0..).zip(&classic.buckets) {
        let within = cumulative - before;
        if within < 0.0 {
            return None;
        }
        before = *cumulative;
        if within != 0.0 {
            positive.push(Bucket { index, count: within });
        }
    }
    let custom_bounds = classic.buckets.iter().map(|it| it.0).filter(|it| it.is_finite()).collect();
    Some(Histogram { schema: CUSTOM_SCHEMA, count, sum: classic.sum, positive, custom_bounds, ..Histogram::default() })
}
