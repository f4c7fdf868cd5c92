//! What may another Prometheus take from here? `/federate`: the newest sample of each selected series, as text:
//! <https://prometheus.io/docs/prometheus/latest/federation/>.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use signal::{Labels, Point, TimeRange};

use super::fault::Fault;
use super::form::Form;
use super::numbers::put_value;
use super::series::selectors;
use crate::app::App;
use crate::queries::select;

/// `GET /federate`.
pub async fn federate(State(app): State<Arc<App>>, request: Request) -> Response {
    let outcome = async {
        let form = Form::of(request).await?;
        let queries = Arc::clone(&app.ports.queries);
        queries.work(move || text(&app, &form)).await?
    };
    match outcome.await {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(fault) => fault.into_response(),
    }
}

fn text(app: &App, form: &Form) -> Result<String, Fault> {
    let lookback = u64::try_from(app.ports.queries.config().lookback_secs).unwrap_or(0);
    let range = TimeRange::ending_at(app.now(), Duration::from_secs(lookback));
    // Sorted, so that the series of a metric stand together.
    let mut found: BTreeMap<String, BTreeMap<Labels, Point>> = BTreeMap::new();
    for matchers in selectors(form)? {
        let series = select(&*app.ports.history, &matchers, Some(range))?;
        let points = app.ports.history.read(&series, range, &|_| true)?;
        for (labels, points) in series.into_iter().zip(points) {
            if let Some(last) =
                points.last().filter(|it| !promql::is_stale(it.value) && !signal::is_histogram_mark(it.value))
            {
                found.entry(labels.name().to_owned()).or_default().insert(labels, *last);
            }
        }
    }
    let mut out = String::new();
    for (name, series) in &found {
        let known = app.ports.metadata.metadata(Some(name)).into_values().flatten().next();
        let kind =
            known.map_or("untyped".to_owned(), |it| if it.kind == "unknown" { "untyped".to_owned() } else { it.kind });
        // Writing to a text cannot fail.
        let _ = writeln!(out, "# TYPE {} {kind}", quoted_if_needed(name));
        for (labels, point) in series {
            put_series(&mut out, labels);
            out.push(' ');
            put_value(&mut out, point.value);
            let _ = writeln!(out, " {}", point.time.millis());
        }
    }
    Ok(out)
}

fn is_plain(name: &str) -> bool {
    !name.starts_with(|it: char| it.is_ascii_digit())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == ':')
}

fn quoted_if_needed(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{}\"", escaped(name)) }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The selector of exactly these labels.
pub fn selector(labels: &Labels) -> String {
    let mut out = String::new();
    put_series(&mut out, labels);
    out
}

/// `name{a="b"}`, or `{"name.with.dots",a="b"}`.
fn put_series(out: &mut String, labels: &Labels) {
    let name = labels.name();
    let mut parts = vec![];
    if is_plain(name) {
        out.push_str(name);
    } else {
        parts.push(quoted_if_needed(name));
    }
    let others = labels.iter().filter(|(name, _)| *name != "__name__");
    parts.extend(others.map(|(name, value)| format!("{}=\"{}\"", quoted_if_needed(name), escaped(value))));
    if !parts.is_empty() {
        out.push_str(&format!("{{{}}}", parts.join(",")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_letters_are_quoted() {
        let check = |labels: Labels, text: &str| {
            let mut out = String::new();
            put_series(&mut out, &labels);
            assert_eq!(out, text);
        };
        check(Labels::metric("up", &[]), "up");
        check(Labels::metric("up", &[("job", "a\"b")]), "up{job=\"a\\\"b\"}");
        check(Labels::metric("http.requests", &[("a.b", "1")]), "{\"http.requests\",\"a.b\"=\"1\"}");
    }
}
