//! How much is asked of each service, where a series tells?

use std::collections::BTreeMap;

use super::input::{Case, Metric};
use super::kind::Kind;
use super::scale::{quantile, sampled};

/// The middle of so many values tells how much is asked for.
const N_SAMPLED: usize = 128;

/// Numbers of requests by service.
#[derive(Default)]
pub(crate) struct Volumes<'a> {
    /// The middle value of its busiest series, in the unit of that, and requests between two points of it.
    by_service: BTreeMap<&'a str, (f64, f64)>,
    /// Which metric that series is.
    series: BTreeMap<&'a str, usize>,
}

impl<'a> Volumes<'a> {
    pub(crate) fn of(case: &'a Case, kinds: &[Kind]) -> Self {
        let mut by_service: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        let mut series = BTreeMap::new();
        let mut values = vec![];
        let all = case.metrics.iter().zip(kinds).enumerate();
        for (idx, (it, _)) in all.filter(|(_, it)| *it.1 == Kind::Workload) {
            values.clear();
            values.extend(sampled(&it.values, N_SAMPLED).filter(|it| it.is_finite()));
            let step = if values.iter().all(|it| it.fract() == 0.0) { 1.0 } else { step_secs(it) };
            let Some(volume) = quantile(&mut values, 0.5) else { continue };
            let known = by_service.entry(&it.service).or_default();
            if volume >= known.0 {
                series.insert(it.service.as_str(), idx);
                *known = (volume, volume * step);
            }
        }
        Self { by_service, series }
    }

    /// The series that tells it.
    pub(crate) fn series<'c>(&self, case: &'c Case, service: &str) -> Option<&'c Metric> {
        case.metrics.get(*self.series.get(service)?)
    }

    /// In the unit of the series.
    pub(crate) fn get(&self, service: &str) -> Option<f64> {
        self.by_service.get(service).map(|it| it.0)
    }

    /// Requests between two points: whole numbers are counts, others are taken for requests per second.
    pub(crate) fn per_point(&self, service: &str) -> Option<f64> {
        self.by_service.get(service).map(|it| it.1)
    }

    /// All services with their volumes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, f64)> + '_ {
        self.by_service.iter().map(|(service, it)| (*service, it.0))
    }
}

fn step_secs(metric: &Metric) -> f64 {
    let (first, last) = (metric.times.first(), metric.times.last());
    let millis = first.zip(last).map_or(0, |(first, last)| last - first);
    (millis as f64 / 1000.0 / metric.times.len().saturating_sub(1).max(1) as f64).max(1.0)
}
