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
type Loaded = (Labels, BTreeMap<i64, (Sample, i64)>);

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
            let time = interval * idx;
            let start = usize::try_from(idx).ok().and_then(|it| series.starts.get(it).copied().flatten());
            let start = start.map_or(0, |it| time + it);
            match item {
                Item::Blank => {}
                Item::Float(value) => self.put(&series.labels, time, Sample::Float(*value), start),
                Item::Histogram(it, _) => self.put(&series.labels, time, Sample::Histogram((**it).clone()), start),
            }
        }
    }

    /// Adds a histogram.
    pub(super) fn add_histogram(&mut self, labels: &Labels, time: i64, histogram: Histogram) {
        self.put(labels, time, Sample::Histogram(histogram), 0);
    }

    fn put(&mut self, labels: &Labels, time: i64, sample: Sample, start: i64) {
        let key = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (_, samples) = self.samples.entry(key).or_insert_with(|| (labels.clone(), BTreeMap::new()));
        samples.insert(time, (sample, start));
    }

    /// Makes what was added readable.
    pub(super) fn finish(&mut self) {
        self.series = self.samples.values().map(|(labels, samples)| readable(labels, samples)).collect();
    }
}

/// The samples as the storage tells them: a histogram that goes on counting is known not to be reset, one that does
/// not begins a new chunk, whose first sample is told without knowledge.
fn readable(labels: &Labels, samples: &BTreeMap<i64, (Sample, i64)>) -> Series {
    let mut series = Series { labels: labels.clone(), ..Series::default() };
    let mut before: Option<Histogram> = None;
    for (time, (sample, start)) in samples {
        match sample {
            Sample::Float(value) => {
                series.floats.push(FloatPoint { time: *time, value: *value });
                series.float_starts.push(*start);
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
                series.histogram_starts.push(*start);
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

/// The starts of the points that are wanted.
fn starts_within<T>(points: &[T], starts: &[i64], is_wanted: impl Fn(&T) -> bool) -> Vec<i64> {
    points.iter().zip(starts).filter(|it| is_wanted(it.0)).map(|it| *it.1).collect()
}

impl Storage for ScriptStore {
    fn select(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<Series>, StorageError> {
        let fits = |it: &&Series| matchers.iter().all(|matcher| matcher.matches_labels(&it.labels));
        let is_within = |time: i64| (start.millis()..=end.millis()).contains(&time);
        let cut = |it: &Series| Series {
            labels: it.labels.clone(),
            floats: it.floats.iter().filter(|it| is_within(it.time)).copied().collect(),
            histograms: it.histograms.iter().filter(|it| is_within(it.time)).cloned().collect(),
            float_starts: starts_within(&it.floats, &it.float_starts, |it| is_within(it.time)),
            histogram_starts: starts_within(&it.histograms, &it.histogram_starts, |it| is_within(it.time)),
        };
        Ok(self.series.iter().filter(fits).map(cut).collect())
    }
}
