//! Which status has an error? Problem documents (RFC 9457) with a list of the fields at fault.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::PredictError;

impl PredictError {
    /// The status code of the error.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy(_) | Self::Log(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Model(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Upstream(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

/// With `Retry-After` where coming back helps.
pub fn with_retry(error: &PredictError, mut response: Response) -> Response {
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl IntoResponse for PredictError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::warn!(error = %self, "A prediction was not answered.");
        }
        let title = status.canonical_reason().unwrap_or("Error");
        let mut body =
            json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": self.to_string()});
        if let (Self::Fields(problems), Some(object)) = (&self, body.as_object_mut()) {
            object.insert("errors".to_owned(), json!(problems));
        }
        let headers = [(header::CONTENT_TYPE, "application/problem+json")];
        with_retry(&self, (status, headers, body.to_string()).into_response())
    }
}
