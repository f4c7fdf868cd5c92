//! How are numbers printed for Prometheus? Text format 0.0.4 and OpenMetrics 1.0.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use signal::{Metric, MetricKind};

use crate::app::App;
use crate::error::Error;
use crate::parameters::quality;

/// The two formats a scraper can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Text,
    /// `application/openmetrics-text`.
    OpenMetrics,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// `GET /metrics`.
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Error> {
    let numbers = app.ask(|app| Ok(app.metrics())).await?;
    Ok(answer(numbers, &headers))
}

/// The numbers in the format that the scraper asks for.
pub fn answer(numbers: Vec<Metric>, headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or("");
    let wanted = quality(accept, "application/openmetrics-text");
    let is_open = wanted > 0.0 && wanted >= quality(accept, "text/plain");
    let format = if is_open { Format::OpenMetrics } else { Format::Text };
    let headers = [(CONTENT_TYPE, format.content_type()), (VARY, "accept")];
    (headers, print(numbers, format)).into_response()
}

/// Prints metrics grouped by name; of two with the same name and labels the first is kept, because a scraper refuses
/// the whole page otherwise.
pub fn print(metrics: Vec<Metric>, format: Format) -> String {
    let mut families: BTreeMap<Cow<'static, str>, Vec<Metric>> = BTreeMap::new();
    for metric in metrics {
        families.entry(family_name(&metric)).or_default().push(metric);
    }
    let mut text = String::new();
    for (name, family) in families {
        print_family(&mut text, &name, family, format);
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

/// The name over all parts of a histogram, and the name itself for all else.
fn family_name(metric: &Metric) -> Cow<'static, str> {
    let parts = ["_bucket", "_count", "_sum"];
    let stem = || parts.iter().find_map(|it| metric.name.strip_suffix(it));
    match stem().filter(|_| metric.kind == MetricKind::Histogram) {
        Some(stem) => stem.to_owned().into(),
        None => metric.name.clone(),
    }
}

fn print_family(text: &mut String, name: &str, family: Vec<Metric>, format: Format) {
    let Some(first) = family.first() else { return };
    let is_counter = first.kind == MetricKind::Counter;
    let kind = match first.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    // In OpenMetrics a counter's family is named without the suffix, its sample with it.
    let is_stem = is_counter && format == Format::OpenMetrics;
    let title = if is_stem { name.strip_suffix("_total").unwrap_or(name) } else { name };
    text.push_str(&format!("# HELP {title} {}\n# TYPE {title} {kind}\n", escape_help(&first.help, format)));
    let mut seen = BTreeSet::new();
    for metric in family {
        let suffix = if is_stem && !metric.name.ends_with("_total") { "_total" } else { "" };
        let sample = format!("{}{suffix}{}", metric.name, print_labels(&metric.labels));
        if !seen.contains(&sample) {
            text.push_str(&format!("{sample} {}\n", print_value(metric.value)));
            seen.insert(sample);
        }
    }
}

fn print_labels(labels: &[(Cow<'static, str>, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<_> = labels.iter().collect();
    sorted.sort();
    let pairs: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}=\"{}\"", escape_label(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escape_label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn escape_help(help: &str, format: Format) -> String {
    let escaped = help.replace('\\', "\\\\").replace('\n', "\\n");
    if format == Format::OpenMetrics { escaped.replace('"', "\\\"") } else { escaped }
}

fn print_value(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn sample() -> Vec<Metric> {
        vec![
            Metric::counter("sentinel_store_drops_total", "Dropped \"samples\".\nLate ones.", 3)
                .label("reason", "a\"b\\c\nd"),
            Metric::gauge("sentinel_store_bytes", "Bytes on disk.", f64::INFINITY),
            Metric::counter("sentinel_store_drops_total", "Dropped.", 4).label("reason", "late"),
            Metric::counter("sentinel_store_drops_total", "Dropped.", 5).label("reason", "late"),
        ]
    }

    /// In both formats the parts of a histogram stand together under one name, as scrapers want it.
    #[test]
    fn a_histogram_is_one_family() {
        let part = |name, value| Metric { kind: MetricKind::Histogram, ..Metric::counter(name, "Age.", value) };
        let parts = || {
            vec![
                part("age_seconds_bucket", 2).label("le", "0.1"),
                part("age_seconds_bucket", 3).label("le", "+Inf"),
                part("age_seconds_count", 3),
                part("age_seconds_sum", 7),
            ]
        };
        let text = print(parts(), Format::Text);
        expect![[r#"
            # HELP age_seconds Age.
            # TYPE age_seconds histogram
            age_seconds_bucket{le="0.1"} 2
            age_seconds_bucket{le="+Inf"} 3
            age_seconds_count 3
            age_seconds_sum 7
        "#]]
        .assert_eq(&text);
        assert_eq!(print(parts(), Format::OpenMetrics), format!("{text}# EOF\n"));
    }

    #[test]
    fn text_format() {
        expect![[r#"
            # HELP sentinel_store_bytes Bytes on disk.
            # TYPE sentinel_store_bytes gauge
            sentinel_store_bytes +Inf
            # HELP sentinel_store_drops_total Dropped "samples".\nLate ones.
            # TYPE sentinel_store_drops_total counter
            sentinel_store_drops_total{reason="a\"b\\c\nd"} 3
            sentinel_store_drops_total{reason="late"} 4
        "#]]
        .assert_eq(&print(sample(), Format::Text));
    }

    #[test]
    fn open_metrics_format() {
        expect![[r#"
            # HELP sentinel_store_bytes Bytes on disk.
            # TYPE sentinel_store_bytes gauge
            sentinel_store_bytes +Inf
            # HELP sentinel_store_drops Dropped \"samples\".\nLate ones.
            # TYPE sentinel_store_drops counter
            sentinel_store_drops_total{reason="a\"b\\c\nd"} 3
            sentinel_store_drops_total{reason="late"} 4
            # EOF
        "#]]
        .assert_eq(&print(sample(), Format::OpenMetrics));
    }
}
