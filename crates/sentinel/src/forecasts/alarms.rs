//! Who is told that a limit will be crossed? The desk of alerts, so that it becomes an incident like any other alert.

use std::time::Duration;

use forecast::{Cross, Crossing, Forecast, Life};
use ingest::Alert;
use signal::{Metric, Severity, Timestamp};

use crate::forecasts::Forecasts;
use crate::forecasts::series::Series;

/// What the alert is called.
const NAME: &str = "WillCross";
/// An alert that is not told again for this long is over, or for five steps if those are longer.
const ENDS_AFTER: Duration = Duration::from_secs(300);

impl Forecasts {
    /// Tells the desk which limits of a series are likely to be crossed, and which no longer are. Blocks.
    pub fn tell_alarms(&self, series: &Series) {
        let now = self.clock.now();
        let mut told = series.told();
        let life = series.life();
        told.resize(life.alarms().len(), false);
        let Some(forecast) = life.forecast(now) else { return };
        let mut alerts = vec![];
        let limits = life.watch().crosses.iter().zip(&forecast.crossings).zip(life.alarms());
        for (((cross, crossing), alarm), told) in limits.zip(told.iter_mut()) {
            if alarm.is_firing || *told {
                let ends_at =
                    if alarm.is_firing { now.plus(ENDS_AFTER.max(5 * life.watch().granularity)) } else { now };
                let starts_at = Timestamp::from_secs(alarm.since_secs).min(now);
                alerts.push(alert(&life, forecast, cross, crossing, (starts_at, ends_at)));
            }
            *told = alarm.is_firing;
        }
        drop(life);
        if !alerts.is_empty()
            && let Err(error) = self.alerts.take_own(alerts, now)
        {
            tracing::error!(%error, "A limit that will be crossed could not be told.");
        }
    }

    /// `predictivex_failure_probability` of every limit.
    pub fn probabilities(&self) -> Vec<Metric> {
        let now = self.clock.now();
        let mut found = vec![];
        for (_, series) in self.all() {
            let life = series.life();
            let Some(forecast) = life.forecast(now) else { continue };
            for (cross, crossing) in life.watch().crosses.iter().zip(&forecast.crossings) {
                let help = "Probability that a limit is crossed within the horizon.";
                let value = (crossing.probability * 1e4).round() / 1e4;
                let labels = life.labels();
                let metric = Metric::gauge("predictivex_failure_probability", help, value)
                    .label("service", labels.service().unwrap_or(""))
                    .label("namespace", labels.get("namespace").unwrap_or("default"))
                    .label("cluster", labels.get("cluster").unwrap_or("local"))
                    .label("model", &life.registry().metric_key)
                    .label("metric", &life.watch().metric)
                    .label("limit", &cross.text())
                    .label("horizon", &format!("{}s", cross.within.as_secs()));
                found.push(metric);
            }
        }
        found
    }
}

fn alert(
    life: &Life,
    forecast: &Forecast,
    cross: &Cross,
    crossing: &Crossing,
    (starts_at, ends_at): (Timestamp, Timestamp),
) -> Alert {
    let severity = if cross.severity == Severity::Critical { "critical" } else { "warning" };
    let labels = life.labels().with("__name__", "").with("alertname", NAME).with("severity", severity);
    let labels = labels.with("forecast_of", &life.watch().metric).with("limit", &cross.text());
    Alert { labels, summary: summary(life, forecast, cross, crossing), starts_at, ends_at }
}

/// All that the claim rests on, in words.
fn summary(life: &Life, forecast: &Forecast, cross: &Cross, crossing: &Crossing) -> String {
    let newest = life.history().values.iter().rev().find(|it| it.is_finite()).copied().unwrap_or(f64::NAN);
    let key = &life.registry().metric_key;
    if crossing.is_crossed {
        return format!("{key} is {newest:.4} and has crossed its limit ({}).", cross.text());
    }
    let share = 100.0 * crossing.probability;
    let from = crossing.likely_from_secs.map(Timestamp::from_secs);
    let from = from.map_or_else(String::new, |it| format!(", as likely as not from {it} on"));
    let next = forecast.values.last().copied().unwrap_or(f64::NAN);
    let horizon = forecast::period_text(life.watch().horizon);
    format!(
        "{key} is {newest:.4} and will be {} with a probability of {share:.0} %{from}. Forecast for the next {horizon}: \
         {next:.4}, by version {} ({}).",
        cross.text(),
        forecast.version,
        life.registry().active().map_or("", |it| it.model_class.as_str()),
    )
}
