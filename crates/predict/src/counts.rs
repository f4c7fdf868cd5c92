//! How busy is a version, and how well does it do? Requests by outcome, their times, and what was odd about rows.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use signal::{Metric, MetricKind};

use crate::error::PredictError;
use crate::model::Answer;
use crate::schema::Row;

/// Upper ends of the histogram, in seconds.
const BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// What passed through to other servers.
#[derive(Default)]
pub struct Proxied {
    logged: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    /// Answers with an error of the client (4xx) and of the server (5xx).
    errors: [AtomicU64; 2],
}

impl Proxied {
    /// Rows went to the log.
    pub fn log(&self, rows: usize) {
        self.logged.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// A call could not be logged: no JSON, no known shape, too long, or broken off.
    pub fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// The other server did not answer, or not for as long as the client waited.
    pub fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The other server answered; errors have no prediction, but somebody wants to know how many there are.
    pub fn answer(&self, status: StatusCode) {
        let [client, server] = &self.errors;
        if status.is_client_error() {
            client.fetch_add(1, Ordering::Relaxed);
        } else if status.is_server_error() {
            server.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All numbers.
    pub fn metrics(&self) -> Vec<Metric> {
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let skipped = "Proxied calls whose bodies could not be logged.";
        let help = "Proxied calls that the server behind answered with an error.";
        let [client, server] = &self.errors;
        let error =
            |status, n| Metric::counter("sentinel_predict_proxied_errors_total", help, get(n)).label("status", status);
        vec![
            error("4xx", client),
            error("5xx", server),
            Metric::counter("sentinel_predict_proxied_rows_total", "Rows of proxied calls logged.", get(&self.logged)),
            Metric::counter("sentinel_predict_proxied_skipped_total", skipped, get(&self.skipped)),
            Metric::counter("sentinel_predict_proxied_failed_total", "Proxied calls not answered.", get(&self.failed)),
        ]
    }
}

/// Counters of a version.
#[derive(Default)]
pub struct Counts {
    succeeded: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    rows: AtomicU64,
    defaults: AtomicU64,
    warnings: AtomicU64,
    nanos: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len() + 1],
}

impl Counts {
    /// A request was answered, or the model failed.
    pub fn note(&self, answers: &Result<Vec<Answer>, PredictError>, rows: &[Row], seconds: f64) {
        let add = |to: &AtomicU64, n: usize| to.fetch_add(n as u64, Ordering::Relaxed);
        add(if answers.is_ok() { &self.succeeded } else { &self.failed }, 1);
        add(&self.rows, rows.len());
        add(&self.defaults, rows.iter().map(|it| it.defaulted.len()).sum());
        add(&self.warnings, rows.iter().map(|it| it.warnings.len()).sum());
        self.nanos.fetch_add((seconds * 1e9) as u64, Ordering::Relaxed);
        let bucket = BUCKETS.iter().position(|it| seconds <= *it).unwrap_or(BUCKETS.len());
        if let Some(it) = self.buckets.get(bucket) {
            add(it, 1);
        }
    }

    /// A request was refused because of its fields.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// All numbers with the names that model servers share (`model_infer_request_*`), and ours.
    pub fn metrics(&self, model: &str, version: &str) -> Vec<Metric> {
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let own = |it: Metric| it.label("model", model).label("version", version);
        let counter = |name, help, value: &AtomicU64| own(Metric::counter(name, help, get(value)));
        let mut metrics = vec![
            counter("model_infer_request_success_total", "Requests that the model answered.", &self.succeeded),
            counter("model_infer_request_failure_total", "Requests that the model failed on.", &self.failed),
            counter("sentinel_predict_refused_total", "Requests refused because of their fields.", &self.refused),
            counter("sentinel_predict_rows_total", "Rows that were asked about.", &self.rows),
            counter("sentinel_predict_defaults_total", "Values that were missing and had a default.", &self.defaults),
            counter("sentinel_predict_warnings_total", "Values that training has not seen.", &self.warnings),
        ];
        let part = |name: &'static str, value: f64| {
            own(Metric {
                name: name.into(),
                help: "Seconds that the model takes for a request.".into(),
                kind: MetricKind::Histogram,
                labels: vec![],
                value,
            })
        };
        let mut total = 0;
        let ends = BUCKETS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (count, end) in self.buckets.iter().zip(ends) {
            total += get(count);
            metrics.push(part("model_infer_request_duration_seconds_bucket", total as f64).label("le", &end));
        }
        metrics.push(part("model_infer_request_duration_seconds_sum", get(&self.nanos) as f64 / 1e9));
        metrics.push(part("model_infer_request_duration_seconds_count", total as f64));
        metrics
    }
}
