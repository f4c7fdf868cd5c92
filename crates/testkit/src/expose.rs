//! What would a Prometheus target of these samples print?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use signal::{SeriesPoints, is_counter};

/// The newest point of each series in the Prometheus text format 0.0.4, grouped by metric, without timestamps.
pub fn prometheus_text(samples: &[SeriesPoints]) -> String {
    let mut families: BTreeMap<&str, Vec<&SeriesPoints>> = BTreeMap::new();
    for series in samples {
        families.entry(series.labels.name()).or_default().push(series);
    }
    let mut text = String::new();
    for (name, members) in families {
        let kind = if members.iter().any(|it| is_counter(&it.labels)) { "counter" } else { "gauge" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for series in members {
            if let Some(point) = series.points.last() {
                let _ = writeln!(text, "{} {}", series.labels, number(point.value));
            }
        }
    }
    text
}

fn number(value: f64) -> String {
    match value {
        it if it.is_nan() => "NaN".to_owned(),
        it if it.is_infinite() => if it > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        it => it.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use signal::{Labels, Timestamp};

    use super::*;

    #[test]
    fn families_stand_together_and_special_values_are_spelled() {
        let one = |name: &str, service: &str, value: f64| {
            SeriesPoints::one(Labels::metric(name, &[("service", service)]), Timestamp::MIN, value)
        };
        let samples = [
            one("up", "a\"b", 1.0),
            one("requests_total", "x", 1e21),
            one("up", "c", f64::NAN),
            one("z", "", f64::INFINITY),
        ];
        let expected = "# TYPE requests_total counter\nrequests_total{service=\"x\"} 1000000000000000000000\n\
            # TYPE up gauge\nup{service=\"a\\\"b\"} 1\nup{service=\"c\"} NaN\n# TYPE z gauge\nz +Inf\n";
        assert_eq!(prometheus_text(&samples), expected);
    }
}
