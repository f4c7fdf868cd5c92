//! Do the decoders of OpenTelemetry hold? Three signals in two encodings.

use ingest::{Decoded, Error, OtlpConfig, OtlpDecoder, OtlpSignal, otlp_json_to_protobuf};

use crate::{ARRIVAL, holds};

/// `ExportMetricsServiceRequest`.
pub fn otlp_metrics(bytes: &[u8]) {
    let decoder = decoder();
    if let Ok(decoded) = decoder.metrics(bytes) {
        holds::exemplars(&decoded.exemplars, bytes.len());
    }
    // Sums of increases are remembered.
    checked(decoder.metrics(bytes), |it| holds::points(it, bytes.len()));
}

/// `ExportLogsServiceRequest`.
pub fn otlp_logs(bytes: &[u8]) {
    checked(decoder().logs(bytes, ARRIVAL), |it| holds::lines(it, bytes.len()));
}

/// `ExportTraceServiceRequest`.
pub fn otlp_traces(bytes: &[u8]) {
    checked(decoder().traces(bytes), |it| holds::spans(it, bytes.len()));
}

/// All three in JSON. What JSON becomes is always whole protobuf.
pub fn otlp_json(bytes: &[u8]) {
    for signal in [OtlpSignal::Metrics, OtlpSignal::Logs, OtlpSignal::Traces] {
        match otlp_json_to_protobuf(signal, bytes) {
            Ok(protobuf) => {
                // Two fixed-width numbers stand for a digit.
                assert!(protobuf.len() <= 16 * bytes.len().max(1), "{} of {}", protobuf.len(), bytes.len());
                match signal {
                    OtlpSignal::Metrics => otlp_metrics(&protobuf),
                    OtlpSignal::Logs => otlp_logs(&protobuf),
                    OtlpSignal::Traces => otlp_traces(&protobuf),
                }
            }
            Err(error) => holds::error(&error),
        }
    }
}

fn decoder() -> OtlpDecoder {
    OtlpDecoder::new(&holds::small(), &OtlpConfig { max_delta_series: 10, ..OtlpConfig::default() })
}

fn checked<T>(decoded: Result<Decoded<T>, Error>, batch_holds: impl FnOnce(&[T])) {
    match decoded {
        Ok(decoded) => {
            batch_holds(&decoded.batch);
            holds::problems(&decoded.problems);
        }
        Err(error) => holds::error(&error),
    }
}
