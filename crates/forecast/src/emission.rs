//! Under which names and labels are forecasts told? On /metrics per step, in the store at the time they are made for.

use signal::{Labels, Metric, Point, SeriesPoints, Timestamp};

use crate::life::Life;
use crate::outlook::Forecast;
use crate::period::period_text;

/// Forecasts of a series on /metrics: `<metric>_sentinel_predicted`, and with `with_bounds` also `_lower` and `_upper` of
/// the first level, each with the labels of the series and `sentinel_horizon`, `sentinel_version`, `sentinel_step`.
pub fn exposed(life: &Life, with_bounds: bool, now: Timestamp) -> Vec<Metric> {
    let Some(forecast) = life.forecast(now) else { return vec![] };
    let watch = life.watch();
    let help = format!("Sentinel prediction for {}", watch.metric);
    let mut found = vec![];
    let mut tell = |suffix: &str, values: &mut dyn Iterator<Item = f64>| {
        for (idx, value) in values.enumerate() {
            let own = life.labels().iter().filter(|it| it.0 != "__name__" && !is_ours(it.0));
            let mut labels: Vec<_> = own.map(|(name, value)| (name.to_owned().into(), value.to_owned())).collect();
            labels.push(("sentinel_horizon".into(), period_text(watch.horizon)));
            labels.push(("sentinel_version".into(), forecast.version.clone()));
            labels.push(("sentinel_step".into(), (idx + 1).to_string()));
            let name = format!("{}_sentinel_predicted{suffix}", watch.metric);
            found.push(Metric {
                name: name.into(),
                help: help.clone().into(),
                kind: signal::MetricKind::Gauge,
                labels,
                value,
            });
        }
    };
    tell("", &mut forecast.values.iter().copied());
    if let Some(bounds) = forecast.bounds.first().filter(|_| with_bounds) {
        tell("_lower", &mut bounds.iter().map(|it| it.0));
        tell("_upper", &mut bounds.iter().map(|it| it.1));
    }
    found
}

/// How many series [`exposed`] makes of a series with a forecast.
pub fn n_exposed(n_steps: usize, with_bounds: bool) -> usize {
    n_steps * if with_bounds { 3 } else { 1 }
}

fn is_ours(label: &str) -> bool {
    matches!(label, "sentinel_horizon" | "sentinel_version" | "sentinel_step")
}

/// The name of a forecast at the time it is made for; `suffix` is empty, `_lower` or `_upper`.
pub fn forecast_labels(life: &Life, suffix: &str) -> Labels {
    let watch = life.watch();
    let name = format!("{}_sentinel_forecast{suffix}", watch.metric);
    let horizon = period_text(watch.horizon);
    let labels = life.labels().with("__name__", &name);
    labels.with("sentinel_horizon", &horizon)
}

/// A forecast as samples at the times they are made for: the values, and the bounds of the first level.
pub fn samples(life: &Life, forecast: &Forecast) -> Vec<SeriesPoints> {
    let time = |idx: usize| Timestamp::from_secs(forecast.first_secs + forecast.step_secs * idx as i64);
    let series = |suffix: &str, values: &mut dyn Iterator<Item = f64>| SeriesPoints {
        labels: forecast_labels(life, suffix),
        points: values.enumerate().map(|(idx, value)| Point { time: time(idx), value }).collect(),
    };
    let mut all = vec![series("", &mut forecast.values.iter().copied())];
    if let Some(bounds) = forecast.bounds.first() {
        all.push(series("_lower", &mut bounds.iter().map(|it| it.0)));
        all.push(series("_upper", &mut bounds.iter().map(|it| it.1)));
    }
    all
}
