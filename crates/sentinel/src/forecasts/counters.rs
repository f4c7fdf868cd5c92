//! What do watches count? Everything on /metrics: forecasts, states, and the program's own numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use forecast::{Reason, Status};
use signal::{Meter, Metric};

use crate::forecasts::source::Source;
use crate::forecasts::{Forecasts, read};

/// Reasons in the order of their counters.
const REASONS: [(Reason, &str); 6] = [
    (Reason::Manual, "manual"),
    (Reason::ColdStart, "cold_start"),
    (Reason::Recovery, "recovery"),
    (Reason::Drift, "drift"),
    (Reason::Growth, "growth"),
    (Reason::Schedule, "schedule"),
];

/// Trainings by their reasons.
#[derive(Debug, Default)]
pub struct Counters {
    trainings: [AtomicU64; REASONS.len()],
}

impl Counters {
    /// A training begins.
    pub fn training(&self, reason: Reason) {
        for (count, _) in self.trainings.iter().zip(REASONS).filter(|it| it.1.0 == reason) {
            count.fetch_add(1, Relaxed);
        }
    }
}

impl Meter for Forecasts {
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.own();
        metrics.extend(self.of_models());
        metrics.extend(self.probabilities());
        metrics.extend(self.own.iter().flat_map(|it| it.metrics()));
        metrics.extend(self.outlets.iter().flat_map(|it| it.metrics()));
        metrics.extend(self.trackers.metrics());
        let (exposed, n_left_out) = self.exposed();
        let n_exposed = exposed.len();
        metrics.extend(exposed);
        let help = "1 if half of the series that forecast.max_series allows are on this page.";
        let is_many = 2 * n_exposed >= self.config.max_series;
        metrics.push(Metric::gauge("predictivex_cardinality_warning", help, f64::from(u8::from(is_many))));
        let help = "Series of forecasts that are not on this page, because there are more than forecast.max_series.";
        metrics.push(
            Metric::gauge("sentinel_forecast_series_left_out", help, n_left_out as f64).label("limit", "max_series"),
        );
        metrics
    }
}

impl Forecasts {
    /// Forecasts of all series up to the limit, whole series only; and how many had no room.
    fn exposed(&self) -> (Vec<Metric>, usize) {
        let (mut found, mut n_left_out) = (vec![], 0);
        let now = self.clock.now();
        for (_, series) in self.all() {
            let of_series = forecast::exposed(&series.life(), self.config.emit_confidence_bounds, now);
            if found.len() + of_series.len() > self.config.max_series {
                n_left_out += of_series.len();
            } else {
                found.extend(of_series);
            }
        }
        (found, n_left_out)
    }

    fn own(&self) -> Vec<Metric> {
        let mut metrics = vec![];
        for (count, (_, reason)) in self.counters.trainings.iter().zip(REASONS) {
            let help = "Trainings that began, by reason.";
            metrics.push(
                Metric::counter("sentinel_forecast_trainings_total", help, count.load(Relaxed)).label("reason", reason),
            );
        }
        for watching in &self.watches {
            let name = watching.watch.name.as_str();
            let gauge = |metric, help, value: usize| Metric::gauge(metric, help, value as f64).label("watch", name);
            metrics.push(gauge("sentinel_forecast_series", "Series that are watched.", read(&watching.series).len()));
            let help = "Series that are one too many for their watch.";
            let left_out = watching.n_left_out.load(Relaxed);
            metrics.push(gauge("sentinel_forecast_watch_series_left_out", help, left_out));
            let help = "Questions for values that failed.";
            let failures = watching.failures.load(Relaxed);
            metrics
                .push(Metric::counter("sentinel_forecast_query_failures_total", help, failures).label("watch", name));
        }
        if let Source::Prometheus(remote) = &*self.source {
            let help = "Questions to the Prometheus that is watched.";
            for (result, count) in [("answered", &remote.answered), ("failed", &remote.failed)] {
                metrics.push(
                    Metric::counter("sentinel_forecast_prometheus_questions_total", help, count.load(Relaxed))
                        .label("result", result),
                );
            }
        }
        metrics
    }

    /// The gauges that dashboards of the older product show, and what is new beside them.
    fn of_models(&self) -> Vec<Metric> {
        let mut metrics = vec![];
        for (_, series) in self.all() {
            let life = series.life();
            let key = life.registry().metric_key.as_str();
            let mut gauge = |name, help, value: f64| metrics.push(Metric::gauge(name, help, value).label("model", key));
            let state = life.state();
            let help = "0 waiting, 1 training, 2 inferring, 3 retraining, 4 error.";
            gauge("predictivex_model_state", help, f64::from(state as u8));
            if state == forecast::State::Waiting {
                let help = "Share of the values that a first training needs.";
                gauge("predictivex_model_warmup_progress", help, life.progress());
            }
            let with_bounds = self.config.emit_confidence_bounds;
            let n_exposed = forecast::exposed(&life, with_bounds, self.clock.now()).len();
            gauge("predictivex_cardinality_current", "Series of forecasts of a model.", n_exposed as f64);
            let errors = life.trouble().map_or(0, |it| it.1);
            let help = "Trainings or forecasts that failed in a row.";
            gauge("predictivex_model_consecutive_errors", help, f64::from(errors));
            let drift = life.drift();
            let help = "By how much the error of forecasts exceeds what was expected, as a share.";
            gauge("sentinel_forecast_drift_ratio", help, drift.relative);
            if let Some(mae) = drift.mae {
                gauge(
                    "sentinel_forecast_absolute_error",
                    "Mean absolute error of late, in the unit of the series.",
                    mae,
                );
            }
            if let Some(coverage) = drift.coverage {
                let help = "Share of values inside the interval of their forecast.";
                gauge("sentinel_forecast_coverage_ratio", help, coverage);
            }
            let refused = life.registry().versions().iter().filter(|it| it.status == Status::Refused).count();
            let help = "Versions that are kept and were refused.";
            gauge("sentinel_forecast_versions_refused", help, refused as f64);
        }
        metrics
    }
}
