//! What does a sender of OTLP get back? `Export...ServiceResponse` or `google.rpc.Status`, in the encoding it used.
//!
//! Specification: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>; which failures are tried again by
//! senders: <https://opentelemetry.io/docs/specs/otlp/#failures> and `#failures-1`.

use axum::http::StatusCode;
use serde_json::json;

use super::OtlpSignal;
use crate::{Error, Refused};

/// Seconds a sender is asked to wait when storing failed; a full disk does not end within a second.
const RETRY_AFTER_FAILURE_SECS: u64 = 5;
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// What became of a request that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Data points, records or spans that were rejected.
    pub(super) rejected: u64,
    /// The first mistake in words; "" if there was none.
    pub(super) message: String,
}

impl Taken {
    /// `Export...ServiceResponse { partial_success = 1 { rejected_... = 1, error_message = 2 } }`; empty if all is well.
    pub(super) fn encode(&self, signal: OtlpSignal, encoding: Encoding) -> Vec<u8> {
        let is_complete = self.rejected == 0 && self.message.is_empty();
        if encoding == Encoding::Json {
            let key = match signal {
                OtlpSignal::Metrics => "rejectedDataPoints",
                OtlpSignal::Logs => "rejectedLogRecords",
                OtlpSignal::Traces => "rejectedSpans",
            };
            let partial = json!({ key: self.rejected.to_string(), "errorMessage": self.message });
            let value = if is_complete { json!({}) } else { json!({ "partialSuccess": partial }) };
            return value.to_string().into_bytes();
        }
        let mut partial = vec![];
        number(1, self.rejected, &mut partial);
        bytes(2, self.message.as_bytes(), &mut partial);
        let mut out = vec![];
        if !is_complete {
            bytes(1, &partial, &mut out);
        }
        out
    }
}

/// Why a request was not taken: `google.rpc.Status`, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) http: StatusCode,
    /// A code of `google.rpc.Code`, which is also the status of gRPC.
    pub(super) code: u8,
    pub(super) message: String,
    /// Set if the sender shall send the same again.
    pub(super) retry_after_secs: Option<u64>,
}

impl From<&Error> for Failed {
    /// None of these is tried again: RESOURCE_EXHAUSTED only would be with `RetryInfo`.
    fn from(error: &Error) -> Self {
        let (http, code) = match error {
            Error::Malformed { .. } | Error::Fields(_) => (StatusCode::BAD_REQUEST, 3),
            Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, 8),
            Error::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 12),
            Error::Unreachable(_) => (StatusCode::BAD_GATEWAY, 14),
        };
        Self { http, code, message: error.to_string(), retry_after_secs: None }
    }
}

impl From<&Refused> for Failed {
    /// A failing store is 503 here, because senders of OTLP give up on 500.
    fn from(refused: &Refused) -> Self {
        let (http, code, retry_after_secs) = match refused {
            Refused::Invalid(_) => (StatusCode::BAD_REQUEST, 3, None),
            // Senders try RESOURCE_EXHAUSTED again, because it comes with RetryInfo.
            Refused::TooFast { retry_after_secs, .. } => (StatusCode::TOO_MANY_REQUESTS, 8, Some(*retry_after_secs)),
            Refused::Busy { retry_after_secs } => (StatusCode::SERVICE_UNAVAILABLE, 14, Some(*retry_after_secs)),
            Refused::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, 14, Some(RETRY_AFTER_FAILURE_SECS)),
        };
        Self { http, code, message: refused.to_string(), retry_after_secs }
    }
}

impl Failed {
    /// `google.rpc.Status { code = 1, message = 2, details = 3 }` with a `RetryInfo { retry_delay = 1 }`.
    pub(super) fn encode(&self, encoding: Encoding) -> Vec<u8> {
        if encoding == Encoding::Json {
            let mut value = json!({ "code": self.code, "message": self.message });
            if let (Some(secs), Some(object)) = (self.retry_after_secs, value.as_object_mut()) {
                let info = json!([{ "@type": RETRY_INFO, "retryDelay": format!("{secs}s") }]);
                object.insert("details".to_owned(), info);
            }
            return value.to_string().into_bytes();
        }
        let mut out = vec![];
        number(1, u64::from(self.code), &mut out);
        bytes(2, self.message.as_bytes(), &mut out);
        if let Some(secs) = self.retry_after_secs {
            let (mut delay, mut info, mut any) = (vec![], vec![], vec![]);
            number(1, secs, &mut delay);
            bytes(1, &delay, &mut info);
            bytes(1, RETRY_INFO.as_bytes(), &mut any);
            bytes(2, &info, &mut any);
            bytes(3, &any, &mut out);
        }
        out
    }
}

/// A varint field with a number below 16; 0 is left out, as proto3 has it.
fn number(field: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(field << 3);
        varint(value, out);
    }
}

/// A text, bytes or a message in a field with a number below 16.
fn bytes(field: u8, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        out.push(field << 3 | 2);
        varint(value.len() as u64, out);
        out.extend_from_slice(value);
    }
}

pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
