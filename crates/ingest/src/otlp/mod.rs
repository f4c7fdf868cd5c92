//! OpenTelemetry Protocol: metrics, logs and traces over HTTP and gRPC, as protobuf and JSON.
//!
//! Specification: <https://opentelemetry.io/docs/specs/otlp/>. JSON is turned into protobuf (`json`), and one reader per
//! signal makes series (`metrics`), lines (`logs`) and spans (`traces`) out of that. Reading order: the configuration,
//! what all signals share (`any_value`, `resource`), the signals, then how a request is taken and answered.

mod config;

mod any_value;
mod names;
mod resource;

mod exemplars;
mod exponential;
mod logs;
mod metrics;
mod series;
mod sums;
mod traces;

mod json;
mod schema;

mod answer;
mod grpc;
mod http;
mod receiver;

pub use config::OtlpConfig;
pub use receiver::OtlpReceiver;

use signal::{Exemplar, LogRecord, SeriesPoints, Span, Timestamp};

use crate::label_cache::LabelCache;
use crate::limits::shortened;
use crate::{Config, Error, Problems};

use series::Context;
use sums::Sums;

/// What one body holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<T> {
    /// What is passed on.
    pub batch: Vec<T>,
    /// Exemplars of the series.
    pub exemplars: Vec<Exemplar>,
    /// Data points, log records or spans that were rejected as a whole.
    pub rejected: u64,
    /// Why, and what else was left out.
    pub problems: Problems,
}

impl<T> Default for Decoded<T> {
    fn default() -> Self {
        Self { batch: vec![], exemplars: vec![], rejected: 0, problems: Problems::default() }
    }
}

/// Which of the three signals a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpSignal {
    /// `ExportMetricsServiceRequest`.
    Metrics,
    /// `ExportLogsServiceRequest`.
    Logs,
    /// `ExportTraceServiceRequest`.
    Traces,
}

/// Reads the protobuf messages of OTLP. Between bodies it remembers labels that were read before, and the sums of
/// metrics with delta temporality.
pub struct OtlpDecoder {
    config: Config,
    otlp: OtlpConfig,
    labels: LabelCache,
    sums: Sums,
}

impl OtlpDecoder {
    /// A decoder that remembers nothing yet.
    pub fn new(config: &Config, otlp: &OtlpConfig) -> Self {
        Self {
            config: config.clone(),
            otlp: otlp.clone(),
            labels: LabelCache::default(),
            sums: Sums::new(otlp.max_delta_series),
        }
    }

    /// Series of an `ExportMetricsServiceRequest`; times are those of the points, to the millisecond.
    pub fn metrics(&self, bytes: &[u8]) -> Result<Decoded<SeriesPoints>, Error> {
        let Self { config, otlp, labels, sums } = self;
        metrics::decode(bytes, Context { config, otlp, labels, sums })
    }

    /// Lines of an `ExportLogsServiceRequest`; those without any time get `now`.
    pub fn logs(&self, bytes: &[u8], now: Timestamp) -> Result<Decoded<LogRecord>, Error> {
        logs::decode(bytes, now, &self.config, &self.otlp)
    }

    /// Spans of an `ExportTraceServiceRequest`.
    pub fn traces(&self, bytes: &[u8]) -> Result<Decoded<Span>, Error> {
        traces::decode(bytes, &self.config, &self.otlp)
    }
}

/// A body in JSON as the protobuf message that it stands for.
pub fn otlp_json_to_protobuf(signal: OtlpSignal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let shape = match signal {
        OtlpSignal::Metrics => &schema::METRICS,
        OtlpSignal::Logs => &schema::LOGS,
        OtlpSignal::Traces => &schema::TRACES,
    };
    json::to_protobuf(body, shape)
}

/// Nanoseconds since 1970 to the millisecond.
fn millis(nanos: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
}

/// Foreign text for an error message.
fn brief(text: &str) -> &str {
    shortened(text, 60)
}
