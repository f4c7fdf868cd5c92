//! What do queries see of times to come? The newest forecast, in place of the one that was recorded for that time.
//!
//! Of the past they see what was recorded, a horizon ahead; so one line runs through both, beside what was measured.

use std::sync::{Arc, OnceLock};

use signal::{GoOn, History, LabelTest, Labels, OfHistograms, Point, PortError, SeriesId, SeriesQuery, TimeRange};

use crate::forecasts::Forecasts;

/// Stored samples with the newest forecasts over them.
pub struct Overlay {
    stored: Arc<dyn History>,
    forecasts: OnceLock<Arc<Forecasts>>,
}

impl Overlay {
    /// Over stored samples; without forecasts so far.
    pub fn new(stored: Arc<dyn History>) -> Self {
        Self { stored, forecasts: OnceLock::new() }
    }

    /// Lays forecasts over it; called once by the composition root.
    pub fn connect(&self, forecasts: Arc<Forecasts>) {
        // A second call would be a mistake in assembly; the first stay.
        let _ = self.forecasts.set(forecasts);
    }

    fn laid_over(&self, series: SeriesId, range: TimeRange, mut points: Vec<Point>) -> Vec<Point> {
        let newest = self.forecasts.get().and_then(|it| it.newest(series));
        let Some(newest) = newest else { return points };
        let Some(first) = newest.first().map(|it| it.time) else { return points };
        points.retain(|it| it.time < first);
        points.extend(newest.into_iter().filter(|it| range.contains(it.time)));
        points
    }
}

impl History for Overlay {
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        self.stored.series(query)
    }

    fn labels(&self, series: SeriesId) -> Result<Option<Labels>, PortError> {
        self.stored.labels(series)
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        Ok(self.laid_over(series, range, self.stored.points(series, range)?))
    }

    fn select(&self, tests: &[LabelTest<'_>], range: Option<TimeRange>) -> Result<Vec<Labels>, PortError> {
        self.stored.select(tests, range)
    }

    fn histograms(&self, series: &[Labels], range: TimeRange) -> Result<Vec<OfHistograms>, PortError> {
        self.stored.histograms(series, range)
    }

    fn read(&self, series: &[Labels], range: TimeRange, go_on: GoOn<'_>) -> Result<Vec<Vec<Point>>, PortError> {
        let mut all = self.stored.read(series, range, go_on)?;
        for (labels, points) in series.iter().zip(&mut all) {
            if labels.name().contains("_sentinel_forecast") {
                *points = self.laid_over(labels.id(), range, std::mem::take(points));
            }
        }
        Ok(all)
    }
}
