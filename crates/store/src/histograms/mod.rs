//! Which native histograms do series have? Beside the points of a series, in packs of their own.
//!
//! Among the points stands a mark at each time of a histogram (`signal::HISTOGRAM_MARK`): through it a series that has
//! nothing but histograms is found, kept and listed as any other.

pub mod codec;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use signal::{Labels, NativeHistogram, SeriesId, TimeRange, Timestamp};

pub use self::codec::Shapes;
use self::codec::metric_word;
use crate::packs::Packs;
use crate::packs::filter::Asked;

/// All native histograms.
pub type Histograms = Packs<Shapes>;

/// Histograms of one series, in order of time.
type OfSeries = Vec<(Timestamp, Arc<NativeHistogram>)>;

impl Histograms {
    /// The histograms of each of the series in the range. Of two at the same time the one that came first counts.
    pub fn read(&self, series: &[Labels], range: TimeRange) -> Vec<OfSeries> {
        let mut found: HashMap<SeriesId, BTreeMap<Timestamp, (u64, Arc<NativeHistogram>)>> =
            series.iter().map(|it| (it.id(), BTreeMap::new())).collect();
        let mut metrics: Vec<&str> = series.iter().map(Labels::name).collect();
        metrics.sort_unstable();
        metrics.dedup();
        for metric in metrics {
            self.scan(range, &[Asked::of_hash(metric_word(metric))], &mut |_| false, &mut |samples| {
                for (id, sample) in samples.iter().filter(|it| range.contains(it.1.time)) {
                    let Some(of_series) = found.get_mut(&sample.labels.id()) else { continue };
                    let first = of_series.entry(sample.time);
                    let kept = first.or_insert_with(|| (*id, Arc::new(sample.value.clone())));
                    if *id < kept.0 {
                        *kept = (*id, Arc::new(sample.value.clone()));
                    }
                }
            });
        }
        let taken = |it: &Labels| found.get(&it.id()).into_iter().flatten();
        series.iter().map(|it| taken(it).map(|(time, (_, value))| (*time, Arc::clone(value))).collect()).collect()
    }
}
