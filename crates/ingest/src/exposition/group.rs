//! Do the samples of one metric fit together? Order of timestamps, buckets, and their sum and count.

use std::collections::HashSet;

use super::family::{Kind, bound_of};
use super::line::Sample;

/// Samples of one metric (same family and labels, apart from `le` and the like), which stand together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) key: String,
    timestamp: Option<Option<f64>>,
    seen: HashSet<String>,
    bucket: Option<(f64, f64)>,
    has_negative_bound: bool,
    has_sum: bool,
    count: Option<f64>,
}

impl Group {
    pub(super) fn new(key: String) -> Self {
        Self { key, ..Self::default() }
    }

    /// Checks a sample against those before it.
    pub(super) fn add(
        &mut self,
        suffix: &str,
        sample: &Sample<'_>,
        number: f64,
        timestamp: Option<f64>,
    ) -> Result<(), String> {
        self.order(sample, timestamp)?;
        match suffix {
            "_bucket" => self.bucket(sample, number)?,
            "_sum" | "_gsum" => self.has_sum = true,
            "_count" | "_gcount" => self.count = Some(number),
            _ => {}
        }
        Ok(())
    }

    fn order(&mut self, sample: &Sample<'_>, timestamp: Option<f64>) -> Result<(), String> {
        match (self.timestamp, timestamp) {
            (Some(Some(before)), Some(now)) if now < before => return Err("timestamps must not go back".to_owned()),
            (Some(Some(_)), None) | (Some(None), Some(_)) => {
                return Err("either all samples of a metric have timestamps or none".to_owned());
            }
            (Some(Some(before)), Some(now)) if now > before => {
                self.seen.clear();
                self.bucket = None;
            }
            _ => {}
        }
        self.timestamp = Some(timestamp);
        let identity = identity(&sample.name, sample.labels.iter().map(|(name, value)| (&**name, &**value)));
        if self.seen.insert(identity) { Ok(()) } else { Err(format!("{} occurs twice", sample.name)) }
    }

    fn bucket(&mut self, sample: &Sample<'_>, number: f64) -> Result<(), String> {
        let bound = sample.labels.iter().find(|(name, _)| name == "le").and_then(|(_, it)| bound_of(it));
        let bound = bound.ok_or("label le expected")?;
        self.has_negative_bound |= bound < 0.0;
        let is_in_order = |before: (f64, f64)| before.0 < bound && before.1 <= number;
        if !self.bucket.is_none_or(is_in_order) {
            return Err("buckets must be in order and cumulative".to_owned());
        }
        self.bucket = Some((bound, number));
        Ok(())
    }

    /// Checks what can only be known at the end of the metric.
    pub(super) fn finish(&self, kind: Kind) -> Result<(), String> {
        if !matches!(kind, Kind::Histogram | Kind::GaugeHistogram) || self.key.is_empty() {
            return Ok(());
        }
        let Some((_, total)) = self.bucket.filter(|it| it.0 == f64::INFINITY) else {
            return Err("a histogram needs a bucket with le=\"+Inf\"".to_owned());
        };
        // With negative buckets there is no sum, so a count may stand alone.
        let may_lack_sum = self.has_negative_bound || self.count.is_none();
        let is_complete = if self.has_sum { self.count.is_some() } else { may_lack_sum };
        if !is_complete {
            return Err("a histogram has both sum and count or none".to_owned());
        }
        if kind == Kind::Histogram && self.has_negative_bound && self.has_sum {
            return Err("a histogram with negative buckets has no sum".to_owned());
        }
        if self.count.is_some_and(|it| it != total) {
            return Err("count and the +Inf bucket differ".to_owned());
        }
        Ok(())
    }
}

/// Name and sorted labels as one text, each part with its length so that no two sets look the same.
pub(super) fn identity<'a>(name: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let mut text = format!("{}:{name}", name.len());
    for (name, value) in pairs {
        text.push_str(&format!("{}:{name}{}:{value}", name.len(), value.len()));
    }
    text
}
