//! What do the loaded series look like when they are read? As from Prometheus' storage, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use signal::{Labels, Timestamp};

use super::expand::{Item, SeriesText};
use crate::histogram::{Histogram, ResetHint};
use crate::matcher::Matcher;
use crate::series::{FloatPoint, HistogramPoint, Series, Storage, StorageError};

/// Series in memory.
#[derive(Clone, Debug, Default)]
pub struct ScriptStore {
    samples: BTreeMap<Vec<(String, String)>, Loaded>,
    series: Vec<Series>,
}

/// The samples of a series by their times.
type Loaded = (Labels, BTreeMap<i64, Sample>);

#[derive(Clone, Debug)]
enum Sample {
    Float(f64),
    Histogram(Histogram),
}

impl ScriptStore {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds the values of a series.
    pub(super) fn add(&mut self, series: &SeriesText, interval: i64) {
        for (idx, item) in (0..).zip(&series.items) {
            match item {
                Item::Blank => {}
                Item::Float(value) => self.put(&series.labels, interval * idx, Sample::Float(*value)),
                Item::Histogram(value, _) => self.add_histogram(&series.labels, interval * idx, (**value).clone()),
            }
        }
    }

    /// Adds a histogram.
    pub(super) fn add_histogram(&mut self, labels: &Labels, time: i64, histogram: Histogram) {
        self.put(labels, time, Sample::Histogram(histogram));
    }

    fn put(&mut self, labels: &Labels, time: i64, sample: Sample) {
        let key = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (_, samples) = self.samples.entry(key).or_insert_with(|| (labels.clone(), BTreeMap::new()));
        samples.insert(time, sample);
    }

    /// Makes what was added readable.
    pub(super) fn finish(&mut self) {
        self.series = self.samples.values().map(|(labels, samples)| readable(labels, samples)).collect();
    }
}

/// The samples as the storage tells them: a histogram that goes on counting is known not to be reset, one that does
/// not begins a new chunk, whose first sample is told without knowledge.
fn readable(labels: &Labels, samples: &BTreeMap<i64, Sample>) -> Series {
    let mut series = Series { labels: labels.clone(), ..Series::default() };
    let mut before: Option<Histogram> = None;
    for (time, sample) in samples {
        match sample {
            Sample::Float(value) => {
                series.floats.push(FloatPoint { time: *time, value: *value });
                before = None;
            }
            Sample::Histogram(histogram) => {
                let goes_on = before.as_ref().is_some_and(|it| goes_on(it, histogram));
                let hint = match histogram.hint {
                    ResetHint::Gauge => ResetHint::Gauge,
                    _ if goes_on => ResetHint::NotReset,
                    _ => ResetHint::Unknown,
                };
                before = Some(histogram.clone());
                let value = Arc::new(Histogram { hint, ..histogram.clone() });
                series.histograms.push(HistogramPoint { time: *time, value });
            }
        }
    }
    series
}

/// True if a histogram can stand in the same chunk as the one before.
fn goes_on(before: &Histogram, histogram: &Histogram) -> bool {
    let is_gauge = |it: &Histogram| it.hint == ResetHint::Gauge;
    let has_same_layout = histogram.schema == before.schema
        && histogram.zero_threshold == before.zero_threshold
        && histogram.custom_bounds == before.custom_bounds;
    let known = Histogram {
        hint: if histogram.hint == ResetHint::Reset { ResetHint::Reset } else { ResetHint::Unknown },
        ..histogram.clone()
    };
    has_same_layout && !is_gauge(before) && !is_gauge(histogram) && !known.is_reset_since(before)
}

impl Storage for ScriptStore {
    fn select(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<Series>, StorageError> {
        let fits = |it: &&Series| matchers.iter().all(|matcher| matcher.matches_labels(&it.labels));
        let is_within = |time: i64| (start.millis()..=end.millis()).contains(&time);
        let cut = |it: &Series| Series {
            labels: it.labels.clone(),
            floats: it.floats.iter().filter(|it| is_within(it.time)).copied().collect(),
            histograms: it.histograms.iter().filter(|it| is_within(it.time)).cloned().collect(),
        };
        Ok(self.series.iter().filter(fits).map(cut).collect())
    }
}
