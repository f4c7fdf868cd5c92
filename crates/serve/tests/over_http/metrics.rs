//! Do our own metrics follow the format that was asked for?

use crate::asking::{app, send};

#[tokio::test]
async fn metrics_follow_the_format_that_was_asked_for() {
    let app = app();
    send(&app, "GET", "/sentinel/v1/incidents/INC-2", &[], "").await;
    let text = send(&app, "GET", "/metrics", &[], "").await;
    assert!(text.header("content-type").starts_with("text/plain; version=0.0.4"));
    let samples = parse(&text.text);
    let own = "sentinel_serve_requests_total{method=\"GET\",route=\"/sentinel/v1/incidents/{id}\",status=\"2xx\"}";
    assert!(samples.contains(&(own.to_owned(), 1.0)), "{samples:?}");
    assert!(samples.contains(&("sentinel_ingest_dropped_samples_total{reason=\"a\\\"b\\\\c\\nd\"}".to_owned(), 3.0)));
    let accept = ("accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    let open = send(&app, "GET", "/metrics", &[accept], "").await;
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text.ends_with("\n# EOF\n"));
    assert!(open.text.contains("# TYPE sentinel_serve_requests counter\n"));
    parse(open.text.strip_suffix("# EOF\n").unwrap());
}

/// A strict reader of the text format: every family is announced once and before its samples, names and labels are
/// well formed, no sample comes twice.
fn parse(text: &str) -> Vec<(String, f64)> {
    let mut samples: Vec<(String, f64)> = vec![];
    let mut families: Vec<String> = vec![];
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(matches!(kind, "counter" | "gauge"), "{line}");
            assert!(!families.contains(&name.to_owned()), "{name} comes twice");
            families.push(name.to_owned());
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_'), "{line}");
        let family = families.last().unwrap();
        assert!(name == family || name == format!("{family}_total"), "{line} is not of {family}");
        if let Some(labels) = series.strip_prefix(name).filter(|it| !it.is_empty()) {
            let inner = labels.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap();
            check_labels(inner);
        }
        assert!(samples.iter().all(|(it, _)| it != series), "{series} comes twice");
        samples.push((series.to_owned(), value.replace("+Inf", "inf").parse().unwrap()));
    }
    samples
}

fn check_labels(mut rest: &str) {
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(!name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_'), "{name}");
        let mut is_escaped = false;
        let end = after.find(|it: char| {
            assert!(!is_escaped || matches!(it, '\\' | '"' | 'n'), "unknown escape in {after}");
            let is_end = it == '"' && !is_escaped;
            is_escaped = it == '\\' && !is_escaped;
            is_end
        });
        rest = &after[end.unwrap() + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}
