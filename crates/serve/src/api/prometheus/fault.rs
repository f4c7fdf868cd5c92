//! How does the Prometheus API say no? A status, a type and words, in the JSON that its clients know:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview>.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use signal::PortError;

use crate::error::Error;

/// Seconds after which a query that found no room may come back.
const RETRY_SECS: HeaderValue = HeaderValue::from_static("1");

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind, from which follows the status.
    pub kind: FaultKind,
    /// What is wrong, for people.
    pub text: String,
}

/// The error types of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The question is wrong.
    BadData,
    /// The expression cannot be evaluated on these data, or asks for too much.
    Execution,
    /// It took too long.
    Timeout,
    /// There is no room now.
    Unavailable,
    /// It is not here.
    NotFound,
    /// Our own fault; the log has the details.
    Internal,
}

impl FaultKind {
    /// As the answer names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
            Self::Internal => "internal",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Fault {
    /// The question is wrong.
    pub fn bad(text: impl Into<String>) -> Self {
        Self { kind: FaultKind::BadData, text: text.into() }
    }

    /// A parameter is wrong.
    pub fn parameter(name: &str, text: &str) -> Self {
        Self::bad(format!("invalid parameter {name:?}: {text}"))
    }

    /// Another kind.
    pub fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl From<PortError> for Fault {
    fn from(error: PortError) -> Self {
        let kind = match &error {
            PortError::NotFound(_) => FaultKind::NotFound,
            PortError::Refused(_) => FaultKind::Execution,
            PortError::Busy(_) => FaultKind::Unavailable,
            PortError::Invalid(_) => FaultKind::BadData,
            PortError::Failed { operation, source } => {
                tracing::error!(operation, error = %source, "Request failed.");
                FaultKind::Internal
            }
        };
        Self::new(kind, error.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Port(error) => error.into(),
            Error::Malformed(_) | Error::Unusable(_) | Error::TooLarge => Self::bad(error.to_string()),
            _ => Self::new(FaultKind::Internal, error.to_string()),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = json!({ "status": "error", "errorType": self.kind.as_str(), "error": self.text });
        let mut response = (self.kind.status(), Json(body)).into_response();
        if self.kind == FaultKind::Unavailable {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECS);
        }
        response
    }
}
