//! Which samples does another Prometheus, or Thanos, read from here? Remote read, by samples:
//! <https://prometheus.io/docs/specs/prw/remote_read_spec/>.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use promql::{MatchOp, Matcher};
use prost::Message;
use signal::{TimeRange, Timestamp, is_histogram_mark};

use super::fault::{Fault, FaultKind};
use super::time_series::TimeSeries;
use crate::app::App;
use crate::queries::select;

/// Largest question, compressed and not.
const MAX_BYTES: usize = 1 << 20;

#[derive(Clone, PartialEq, Message)]
struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<Query>,
}

#[derive(Clone, PartialEq, Message)]
struct Query {
    #[prost(int64, tag = "1")]
    start_ms: i64,
    #[prost(int64, tag = "2")]
    end_ms: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<LabelMatcher>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelMatcher {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, Message)]
struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// `POST /api/v1/read`.
pub async fn read(State(app): State<Arc<App>>, request: Request) -> Response {
    let outcome = async {
        let too_large = |_| Fault::bad("the body is too large");
        let body = to_bytes(request.into_body(), MAX_BYTES).await.map_err(too_large)?;
        let queries = Arc::clone(&app.ports.queries);
        queries.work(move || answer(&app, &body)).await?
    };
    match outcome.await {
        Ok(bytes) => {
            let mut response = bytes.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
            response
        }
        Err(fault) => fault.into_response(),
    }
}

fn answer(app: &App, body: &Bytes) -> Result<Vec<u8>, Fault> {
    let length = snap::raw::decompress_len(body).map_err(|it| Fault::bad(format!("the body is not snappy: {it}")))?;
    if length > MAX_BYTES {
        return Err(Fault::bad("the body is too large"));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body);
    let plain = plain.map_err(|it| Fault::bad(format!("the body is not snappy: {it}")))?;
    let request = ReadRequest::decode(&*plain).map_err(|it| Fault::bad(format!("not a ReadRequest: {it}")))?;
    let n_read = AtomicUsize::new(0);
    let results = request.queries.iter().map(|it| result(app, it, &n_read)).collect::<Result<_, _>>()?;
    let bytes = ReadResponse { results }.encode_to_vec();
    let failed = |it| Fault::new(FaultKind::Internal, format!("cannot compress the answer: {it}"));
    snap::raw::Encoder::new().compress_vec(&bytes).map_err(failed)
}

fn result(app: &App, query: &Query, n_read: &AtomicUsize) -> Result<QueryResult, Fault> {
    let matchers = query.matchers.iter().map(matcher).collect::<Result<Vec<_>, _>>()?;
    let range = TimeRange::new(Timestamp::from_millis(query.start_ms), Timestamp::from_millis(query.end_ms));
    let mut series = select(&*app.ports.history, &matchers, Some(range))?;
    series.sort_unstable();
    let max_samples = app.ports.queries.config().max_samples;
    let is_within = |n: usize| n_read.fetch_add(n, Relaxed).saturating_add(n) <= max_samples;
    let points = app.ports.history.read(&series, range, &is_within)?;
    if n_read.load(Relaxed) > max_samples {
        let text = format!("exceeded sample limit ({max_samples}); see query.max_samples");
        return Err(Fault::new(FaultKind::Execution, text));
    }
    // A mark of a native histogram is no number, and histograms are not told here.
    let without_marks = points.into_iter().map(|mut it| {
        it.retain(|it| !is_histogram_mark(it.value));
        it
    });
    let with_points = series.iter().zip(without_marks).filter(|(_, points)| !points.is_empty());
    let timeseries = with_points.map(|(labels, points)| TimeSeries::new(labels, &points));
    Ok(QueryResult { timeseries: timeseries.collect() })
}

fn matcher(told: &LabelMatcher) -> Result<Matcher, Fault> {
    let op = match told.kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        other => return Err(Fault::bad(format!("matcher type {other} is unknown"))),
    };
    Matcher::new(&told.name, op, &told.value).map_err(Fault::bad)
}
