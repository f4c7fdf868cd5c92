//! What do the series of a measurement look like? As those of a fleet of services: ten metrics of each, gauges and
//! counters, most of them with a rhythm of the day, all of them with noise.

use std::f64::consts::TAU;

use signal::{Labels, Timestamp};

/// Services on one host. Each has all metrics.
const SERVICES: usize = 100;
/// Name, usual value, how much of it goes with the day, and the noise as a share of it.
const METRICS: [(&str, f64, f64, f64); 10] = [
    ("http_requests_total", 120.0, 0.5, 0.05),
    ("http_request_duration_seconds", 0.2, 0.2, 0.03),
    ("http_request_errors_total", 0.05, 0.0, 0.0),
    ("cpu_usage", 40.0, 0.3, 0.02),
    ("memory_bytes", 2_000_000.0, 0.05, 0.002),
    ("queue_length", 6.0, 0.4, 0.3),
    ("db_pool_connections_in_use", 18.0, 0.3, 0.1),
    ("disk_used_percent", 55.0, 0.0, 0.0005),
    ("gc_pause_seconds", 0.012, 0.1, 0.1),
    ("jobs_per_second", 3.5, 0.5, 0.2),
];
/// Series of one service, which follow each other.
pub(super) const METRIC_COUNT: usize = METRICS.len();
/// Digits of a gauge's usual value that are measured, as of most sensors.
const DIGITS: f64 = 4.0;

/// One series, and what it is about to say.
pub(super) struct LoadSeries {
    pub labels: Labels,
    level: f64,
    daily: f64,
    noise: f64,
    /// Gauges are measured in whole numbers of these per 1.
    steps: f64,
    pub is_counter: bool,
    counted: f64,
    newest: Option<Timestamp>,
}

/// So many series, spread over hosts of a thousand each. The same number gives the same series.
pub(super) fn load(n_series: usize) -> Vec<LoadSeries> {
    (0..n_series).map(LoadSeries::new).collect()
}

/// Series of one host.
pub(super) const HOST_SERIES: usize = SERVICES * METRICS.len();

impl LoadSeries {
    fn new(idx: usize) -> Self {
        let (name, level, daily, noise) = METRICS.get(idx % METRICS.len()).copied().unwrap_or(("value", 1.0, 0.0, 0.1));
        let service = format!("service-{}", idx / METRICS.len() % SERVICES);
        let host = format!("host-{}", idx / HOST_SERIES);
        let is_counter = name.ends_with("_total");
        // No two services are of the same size; none is so large that a percentage goes beyond 100.
        let level = level * (1.0 + 0.5 * (idx / METRICS.len() % SERVICES) as f64 / SERVICES as f64);
        let steps = 10_f64.powf(DIGITS - 1.0 - level.log10().floor());
        let labels = Labels::metric(name, &[("service", &service), ("instance", &host), ("region", "north")]);
        Self { labels, level, daily, noise, steps, is_counter, counted: 0.0, newest: None }
    }

    /// The value at a time, which is later than the one before.
    pub fn value(&mut self, time: Timestamp, random: &mut fastrand::Rng) -> f64 {
        let exact = self.exact(time, random);
        if self.is_counter { exact } else { (exact * self.steps).round() / self.steps }
    }

    /// The same before it is measured: a gauge with all the digits of a float.
    pub fn exact(&mut self, time: Timestamp, random: &mut fastrand::Rng) -> f64 {
        let day = (TAU * time.secs_f64() / 86_400.0).sin();
        let noise = random.f64() + random.f64() + random.f64() - 1.5;
        let level = (self.level * (1.0 + self.daily * day + self.noise * 2.0 * noise)).max(0.0);
        let secs = self.newest.replace(time).map_or(0.0, |it| time.secs_since(it));
        if self.is_counter {
            self.counted += poisson(level * secs, random);
            return self.counted;
        }
        level
    }
}

/// How many events there are where so many are usual: Knuth's product of uniform numbers for few, and for many the normal
/// distribution, which is close to it then.
fn poisson(mean: f64, random: &mut fastrand::Rng) -> f64 {
    if mean > 30.0 {
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        return (mean + mean.sqrt() * normal).round().max(0.0);
    }
    let (limit, mut product, mut events) = ((-mean).exp(), random.f64(), 0.0);
    while product > limit {
        product *= random.f64();
        events += 1.0;
    }
    events
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn series_are_told_apart_and_counters_only_grow() {
        let mut series = load(2100);
        let mut ids: Vec<_> = series.iter().map(|it| it.labels.id()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 2100);
        let mut random = fastrand::Rng::with_seed(1);
        for one in series.iter_mut().filter(|it| it.is_counter) {
            let times = (0..50).map(|it| Timestamp::from_secs(1_700_000_000).plus(Duration::from_secs(it)));
            let values: Vec<f64> = times.map(|it| one.value(it, &mut random)).collect();
            assert!(values.is_sorted() && values.iter().all(|it| it.fract() == 0.0), "{values:?}");
        }
    }

    #[test]
    fn few_and_many_events_have_their_mean() {
        let mut random = fastrand::Rng::with_seed(1);
        for mean in [0.0, 0.5, 9.0, 400.0] {
            let found = (0..4000).map(|_| poisson(mean, &mut random)).sum::<f64>() / 4000.0;
            assert!((found - mean).abs() <= 0.05 * mean, "{mean}: {found}");
        }
    }
}
