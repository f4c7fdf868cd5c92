//! Which requests stand behind measured values? `query_exemplars` of the Prometheus HTTP API, as Grafana asks for it:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#querying-exemplars>.

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};
use signal::{Exemplar, Labels, TimeRange, Timestamp, TraceId};

use super::traces::trace_id;
use crate::app::App;
use crate::error::Error;
use crate::parameters::{given, is_form, time};
use crate::selectors::selectors;

/// Longest body of a POST: an expression is at most 64 KiB, and three bytes stand for one when it is encoded.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Labels under which senders tell the trace.
const TRACE_LABELS: [&str; 4] = ["trace_id", "traceID", "traceId", "TraceID"];

/// What is asked; other parameters, such as `timeout`, are passed over.
#[derive(Default, Deserialize)]
pub struct ExemplarsQuery {
    query: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

/// `GET` and `POST /api/v1/query_exemplars`.
pub async fn query(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async {
        let asked = parameters(request).await?;
        app.ask(move |app| find(app, &asked)).await
    };
    match answer.await {
        Ok(data) => Json(json!({ "status": "success", "data": data })).into_response(),
        Err(error) => refused(&error),
    }
}

/// Those of the address, and for a POST those of the form before them.
async fn parameters(request: Request) -> Result<ExemplarsQuery, Error> {
    let of_address = read(request.uri())?;
    if !is_form(request.headers()) {
        return Ok(of_address);
    }
    let unreadable = || Error::Malformed("the body is not a form".to_owned());
    let bytes = to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|_| Error::TooLarge)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
    let of_form = read(&format!("/?{text}").parse().map_err(|_| unreadable())?)?;
    Ok(ExemplarsQuery {
        query: of_form.query.or(of_address.query),
        start: of_form.start.or(of_address.start),
        end: of_form.end.or(of_address.end),
    })
}

fn read(uri: &Uri) -> Result<ExemplarsQuery, Error> {
    Query::try_from_uri(uri).map(|it| it.0).map_err(|it| Error::Malformed(it.body_text()))
}

fn find(app: &App, asked: &ExemplarsQuery) -> Result<Vec<Value>, Error> {
    let instant = |name: &str, text: &Option<String>, without: Timestamp| {
        given(text).map_or(Ok(without), |it| time(name, it, app.now()))
    };
    let from = instant("start", &asked.start, TimeRange::ALL.from)?;
    let to = instant("end", &asked.end, TimeRange::ALL.to)?;
    if to < from {
        return Err(Error::Unusable("end timestamp must not be before start timestamp".to_owned()));
    }
    let expression = asked.query.as_deref().unwrap_or("");
    let wrong = |detail: String| Error::Unusable(format!("invalid parameter \"query\": {detail}"));
    if expression.trim().is_empty() {
        return Err(wrong("unknown position: parse error: no expression found in input".to_owned()));
    }
    let selectors = selectors(expression).map_err(wrong)?;
    let fits = |labels: &Labels| selectors.iter().any(|it| it.fits(labels));
    Ok(by_series(&app.ports.exemplars.exemplars(&fits, TimeRange::new(from, to))))
}

/// One object for each series, as Prometheus prints it.
fn by_series(exemplars: &[Exemplar]) -> Vec<Value> {
    let series = exemplars.chunk_by(|a, b| a.series == b.series);
    let one = |it: &Exemplar| {
        let time = Number::from_f64(it.point.time.secs_f64());
        json!({ "labels": labels(&it.labels), "value": number(it.point.value), "timestamp": time })
    };
    let object = |all: &[Exemplar]| {
        let series = all.first().map(|it| labels(&it.series));
        json!({ "seriesLabels": series, "exemplars": all.iter().map(one).collect::<Vec<_>>() })
    };
    series.map(object).collect()
}

fn labels(labels: &Labels) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// As Prometheus prints numbers: as text, because JSON has neither NaN nor infinity.
fn number(value: f64) -> String {
    if value.is_infinite() { if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned() } else { value.to_string() }
}

/// An error in the shape of Prometheus.
fn refused(error: &Error) -> Response {
    let (status, kind) = match error {
        Error::Malformed(_) | Error::Unusable(_) | Error::TooLarge => (StatusCode::BAD_REQUEST, "bad_data"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    let body = json!({ "status": "error", "errorType": kind, "error": error.to_string() });
    (status, Json(body)).into_response()
}

/// The trace that an exemplar leads to, if it names one.
pub fn trace_of(exemplar: &Exemplar) -> Option<TraceId> {
    TRACE_LABELS.iter().find_map(|it| trace_id(exemplar.labels.get(it)?).ok())
}

/// Exemplars that lead to a trace, of a series or of the others of its metric: a symptom may be a mean or a quantile,
/// and exemplars belong to buckets. The largest values come first.
pub fn beside(app: &App, series: &Labels, range: TimeRange, limit: usize) -> Vec<(Exemplar, TraceId)> {
    let family = family(series);
    let found = app.ports.exemplars.exemplars(&|it| self::family(it) == family, range);
    let mut found: Vec<(Exemplar, TraceId)> =
        found.into_iter().filter_map(|it| trace_of(&it).map(|trace| (it, trace))).collect();
    found.sort_by(|(a, _), (b, _)| b.point.value.total_cmp(&a.point.value));
    found.truncate(limit);
    found
}

/// What the series of one metric share: the name without its ending, and the labels but those of buckets and quantiles.
fn family(series: &Labels) -> Vec<(&str, &str)> {
    let name = series.name();
    let base = ["_bucket", "_count", "_sum", "_total"].iter().find_map(|it| name.strip_suffix(it)).unwrap_or(name);
    let others = series.iter().filter(|(name, _)| !matches!(*name, "__name__" | "le" | "quantile"));
    std::iter::once(("__name__", base)).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use signal::Point;

    use super::*;

    fn exemplar(series: &str, pairs: &[(&str, &str)], millis: i64, value: f64) -> Exemplar {
        let point = Point { time: Timestamp::from_millis(millis), value };
        Exemplar { series: series.parse().unwrap(), labels: Labels::new(pairs.iter().copied()), point }
    }

    #[test]
    fn the_answer_is_that_of_prometheus() {
        let all = [
            exemplar("x{a=\"b\"}", &[("trace_id", "EpTxMJ40fUus7aGY")], 1_600_096_945_479, 6.0),
            exemplar("x{a=\"b\"}", &[], 1_600_096_955_000, 0.25),
            exemplar("y", &[("traceID", "z")], 5, f64::INFINITY),
        ];
        let expected = json!([
            {
                "seriesLabels": {"__name__": "x", "a": "b"},
                "exemplars": [
                    {"labels": {"trace_id": "EpTxMJ40fUus7aGY"}, "value": "6", "timestamp": 1_600_096_945.479},
                    {"labels": {}, "value": "0.25", "timestamp": 1_600_096_955.0}
                ]
            },
            {
                "seriesLabels": {"__name__": "y"},
                "exemplars": [{"labels": {"traceID": "z"}, "value": "+Inf", "timestamp": 0.005}]
            }
        ]);
        assert_eq!(Value::from(by_series(&all)), expected);
    }

    #[test]
    fn series_of_one_metric_are_a_family() {
        let labels = |text: &str| text.parse::<Labels>().unwrap();
        let bucket = labels("x_seconds_bucket{le=\"0.5\",service=\"pay\"}");
        for (other, is_family) in [
            ("x_seconds_sum{service=\"pay\"}", true),
            ("x_seconds{service=\"pay\",quantile=\"0.9\"}", true),
            ("x_seconds_sum{service=\"cart\"}", false),
            ("y_seconds_sum{service=\"pay\"}", false),
        ] {
            assert_eq!(family(&bucket) == family(&labels(other)), is_family, "{other}");
        }
    }

    #[test]
    fn traces_are_found_under_the_usual_names() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for name in TRACE_LABELS {
            let found = trace_of(&exemplar("x", &[(name, trace)], 1, 1.0));
            assert_eq!(found.map(|it| it.to_string()).as_deref(), Some(trace), "{name}");
        }
        assert_eq!(trace_of(&exemplar("x", &[("trace_id", "no id")], 1, 1.0)), None);
        assert_eq!(trace_of(&exemplar("x", &[], 1, 1.0)), None);
    }
}
