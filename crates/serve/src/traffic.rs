//! How busy is the server? Requests and seconds by route, method and class of status.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use signal::{Meter, Metric, MetricKind};

use crate::app::App;

/// Counters of requests. All labels come from closed sets: the routes, the methods below, the classes of status.
#[derive(Default)]
pub struct Traffic {
    counts: Mutex<BTreeMap<Key, Count>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Copy, Default)]
struct Count {
    requests: u64,
    seconds: f64,
}

impl Traffic {
    fn count(&self, key: Key, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        count.requests += 1;
        count.seconds += took.as_secs_f64();
    }
}

impl Meter for Traffic {
    fn metrics(&self) -> Vec<Metric> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let labeled = |metric: Metric, key: &Key| {
            metric.label("route", &key.route).label("method", key.method).label("status", key.status)
        };
        let mut metrics = vec![];
        for (key, count) in counts.iter() {
            let requests = "HTTP requests answered.";
            metrics.push(labeled(Metric::counter("sentinel_serve_requests_total", requests, count.requests), key));
            let seconds = Metric {
                name: "sentinel_serve_request_seconds_total".into(),
                help: "Seconds from request to the first byte of the answer, summed.".into(),
                kind: MetricKind::Counter,
                labels: vec![],
                value: count.seconds,
            };
            metrics.push(labeled(seconds, key));
        }
        metrics
    }
}

/// Counts every request.
pub async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    };
    let started = Instant::now();
    let response = next.run(request).await;
    let status = match response.status().as_u16() {
        0..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    app.traffic.count(Key { route, method, status }, started.elapsed());
    response
}
