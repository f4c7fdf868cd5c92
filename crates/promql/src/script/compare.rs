//! Is the answer the expected one? Values may differ by rounding.

use std::collections::BTreeMap;

use super::command::Eval;
use super::expand::{Item, SeriesText};
use crate::answer::{MatrixSeries, Sample, Value, VectorSample};
use crate::histogram::{Bucket, Histogram};
use crate::print;

/// Relative differences below this come from rounding.
const ROUNDING: f64 = 1e-6;

/// True if two floats are the same but for rounding.
pub(super) fn almost(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return crate::is_stale(a) == crate::is_stale(b);
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < ROUNDING * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < ROUNDING
}

fn almost_buckets(a: &[Bucket], b: &[Bucket]) -> bool {
    let filled = |it: &&Bucket| it.count != 0.0;
    let (a, b): (Vec<_>, Vec<_>) = (a.iter().filter(filled).collect(), b.iter().filter(filled).collect());
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.index == b.index && almost(a.count, b.count))
}

fn almost_histogram(expected: &Histogram, has_hint: bool, found: &Histogram) -> bool {
    expected.schema == found.schema
        && almost(expected.count, found.count)
        && almost(expected.sum, found.sum)
        && almost(expected.zero_threshold, found.zero_threshold)
        && almost(expected.zero_count, found.zero_count)
        && expected.custom_bounds.len() == found.custom_bounds.len()
        && expected.custom_bounds.iter().zip(found.custom_bounds.iter()).all(|(a, b)| almost(*a, *b))
        && almost_buckets(&expected.positive, &found.positive)
        && almost_buckets(&expected.negative, &found.negative)
        && (!has_hint || expected.hint == found.hint)
}

fn check(expected: &Item, found: &Sample) -> Result<(), String> {
    match (expected, found) {
        (Item::Float(expected), Sample::Float(found)) if almost(*expected, *found) => Ok(()),
        (Item::Histogram(expected, has_hint), Sample::Histogram(found))
            if almost_histogram(expected, *has_hint, found) =>
        {
            Ok(())
        }
        (expected, found) => Err(format!("expected {}, got {}", item_text(expected), sample_text(found))),
    }
}

fn item_text(item: &Item) -> String {
    match item {
        Item::Blank => "nothing".to_owned(),
        Item::Float(value) => value.to_string(),
        Item::Histogram(it, _) => histogram_text(it),
    }
}

fn sample_text(sample: &Sample) -> String {
    match sample {
        Sample::Float(value) => value.to_string(),
        Sample::Histogram(it) => histogram_text(it),
    }
}

fn histogram_text(it: &Histogram) -> String {
    format!("{it} (schema {}, {:?}, bounds {:?}, zero {})", it.schema, it.hint, it.custom_bounds, it.zero_threshold)
}

/// Compares a value with what is expected.
pub(super) fn value(eval: &Eval, found: &Value) -> Result<(), String> {
    match found {
        Value::Text(_, found) => match &eval.text {
            Some(expected) if expected == found => Ok(()),
            expected => Err(format!("expected {expected:?}, got the text {found:?}")),
        },
        Value::Scalar(_, found) => match eval.scalar {
            Some(expected) if almost(expected, *found) => Ok(()),
            expected => Err(format!("expected {expected:?}, got the number {found}")),
        },
        Value::Vector(found) => vector(eval, found),
        Value::Matrix(found) => matrix(eval, found),
    }
}

fn vector(eval: &Eval, found: &[VectorSample]) -> Result<(), String> {
    if eval.scalar.is_some() || eval.text.is_some() {
        return Err("expected no vector".to_owned());
    }
    let expected = series_by_labels(&eval.series);
    for (place, sample) in found.iter().enumerate() {
        let name = print::labels(&sample.labels);
        let Some((position, series)) = expected.get(&name) else {
            return Err(format!("unexpected series {name}: {}", sample_text(&sample.value)));
        };
        if eval.is_ordered && *position != place {
            return Err(format!("{name} is at place {place}, expected at {position}"));
        }
        let item = series.items.first().unwrap_or(&Item::Blank);
        check(item, &sample.value).map_err(|problem| format!("{name}: {problem}"))?;
    }
    let names: Vec<String> = found.iter().map(|it| print::labels(&it.labels)).collect();
    match expected.keys().find(|it| !names.contains(it)) {
        Some(missing) => Err(format!("{missing} is missing among {names:?}")),
        None if names.len() != expected.len() => Err("a series comes twice".to_owned()),
        None => Ok(()),
    }
}

fn series_by_labels(series: &[SeriesText]) -> BTreeMap<String, (usize, &SeriesText)> {
    series.iter().enumerate().map(|(idx, it)| (print::labels(&it.labels), (idx, it))).collect()
}

fn matrix(eval: &Eval, found: &[MatrixSeries]) -> Result<(), String> {
    let (start, step) = match (eval.step, eval.range_vector) {
        (Some(step), _) => (eval.start, step),
        (None, Some(it)) => it,
        (None, None) => return Err("expected no matrix".to_owned()),
    };
    let expected = series_by_labels(&eval.series);
    for series in found {
        let name = print::labels(&series.labels);
        let Some((_, wanted)) = expected.get(&name) else {
            let first = series.floats.first().map(|it| it.value);
            return Err(format!("unexpected series {name} that begins with {first:?}"));
        };
        points(wanted, series, start, step, eval).map_err(|problem| format!("{name} {problem}"))?;
    }
    let names: Vec<String> = found.iter().map(|it| print::labels(&it.labels)).collect();
    let is_filled = |it: &&SeriesText| it.items.iter().any(|item| !item.is_blank());
    match expected.iter().find(|(name, it)| is_filled(&it.1) && !names.contains(name)) {
        Some((missing, _)) => Err(format!("{missing} is missing among {names:?}")),
        None => Ok(()),
    }
}

fn points(wanted: &SeriesText, series: &MatrixSeries, start: i64, step: i64, eval: &Eval) -> Result<(), String> {
    let floats = series.floats.iter().map(|it| (it.time, Sample::Float(it.value)));
    let histograms = series.histograms.iter().map(|it| (it.time, Sample::Histogram(it.value.clone())));
    let mut found: BTreeMap<i64, Sample> = floats.chain(histograms).collect();
    for (idx, item) in (0..).zip(&wanted.items) {
        let time = start + step * idx;
        if item.is_blank() {
            continue;
        }
        if eval.step.is_some() && time > eval.end {
            return Err("has more expected values than there are steps".to_owned());
        }
        match found.remove(&time) {
            None => return Err(format!("@ {time}: expected {}, got nothing", item_text(item))),
            Some(sample) => check(item, &sample).map_err(|problem| format!("@ {time}: {problem}"))?,
        }
    }
    match found.first_key_value() {
        Some((time, sample)) => Err(format!("@ {time}: expected nothing, got {}", sample_text(sample))),
        None => Ok(()),
    }
}
