//! Which histogram does `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}` mean?

use super::expand::number;
use crate::histogram::{Bucket, Histogram, ResetHint};

/// Reads a histogram; also tells whether it says what is known of resets.
pub(super) fn histogram(text: &str) -> Result<(Histogram, bool), String> {
    let inner = text.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
    let mut rest = inner.ok_or_else(|| format!("{text:?} is not a histogram"))?.trim();
    let mut out = Histogram::default();
    let mut has_hint = false;
    let (mut offset, mut negative_offset) = (0, 0);
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (key, behind) = rest.split_once(':').ok_or_else(|| format!("{rest:?} has no value"))?;
        let behind = behind.trim_start();
        let bad = || format!("cannot read {rest:?}");
        let (value, behind) = match behind.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(bad)?,
            None => behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len())),
        };
        match key.trim() {
            "schema" => out.schema = value.parse().map_err(|_| bad())?,
            "sum" => out.sum = number(value).ok_or_else(bad)?,
            "count" => out.count = number(value).ok_or_else(bad)?,
            "z_bucket" => out.zero_count = number(value).ok_or_else(bad)?,
            "z_bucket_w" => out.zero_threshold = number(value).ok_or_else(bad)?,
            "offset" => offset = value.parse().map_err(|_| bad())?,
            "n_offset" => negative_offset = value.parse().map_err(|_| bad())?,
            "buckets" => positive = numbers(value)?,
            "n_buckets" => negative = numbers(value)?,
            "custom_values" => out.custom_bounds = numbers(value)?.into(),
            "counter_reset_hint" => {
                has_hint = true;
                out.hint = hint(value).ok_or_else(bad)?;
            }
            _ => return Err(bad()),
        }
        rest = behind.trim_start();
    }
    out.positive = buckets(offset, &positive);
    out.negative = buckets(negative_offset, &negative);
    Ok((out, has_hint))
}

fn hint(text: &str) -> Option<ResetHint> {
    Some(match text {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        _ => return None,
    })
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    text.split_whitespace().map(|it| number(it).ok_or_else(|| format!("{it:?} is not a number"))).collect()
}

fn buckets(offset: i32, counts: &[f64]) -> Vec<Bucket> {
    let all = (offset..).zip(counts).map(|(index, count)| Bucket { index, count: *count });
    all.filter(|it| it.count != 0.0).collect()
}
