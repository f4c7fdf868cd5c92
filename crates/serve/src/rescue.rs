//! Which status has an error, and how is it told? The only place that knows: RFC 9457 problem+json for programs, a
//! plain page for browsers. The cause of an internal failure goes to the log and nowhere else.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use signal::PortError;
use tracing::error;

use crate::app::App;
use crate::parameters::prefers_html;
use crate::{Error, ui};

/// Seconds after which a refused listener may come back.
const RETRY_SECS: HeaderValue = HeaderValue::from_static("5");

/// An RFC 9457 problem; `type` is `about:blank`, so the title is the status in words.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The status code.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
}

impl Error {
    /// The status code of the error.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Port(PortError::NotFound(_)) | Self::NoSuchPath(_) => StatusCode::NOT_FOUND,
            Self::Port(PortError::Refused(_)) => StatusCode::CONFLICT,
            Self::Port(PortError::Invalid(_)) | Self::Unusable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Port(PortError::Failed { .. }) | Self::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Foreign(_) => StatusCode::FORBIDDEN,
            Self::NoSuchMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Port(PortError::Busy(_)) | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if let Self::Port(PortError::Failed { operation, source }) = &self {
            error!(operation, error = %source, "Request failed.");
        }
        let is_busy = matches!(self, Self::Port(PortError::Busy(_)) | Self::Busy);
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = Problem { kind: "about:blank", title, status: status.as_u16(), detail: self.to_string() };
        let mut response = (status, Json(&problem)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if is_busy {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECS);
        }
        // The outer layer knows who asks and may print the same problem as a page.
        response.extensions_mut().insert(problem);
        response
    }
}

/// Gives every error a body: bare 404 and 405 of the router become problems, and browsers get a page.
pub async fn shape(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_browser = prefers_html(request.headers()) && !request.uri().path().starts_with("/sentinel/");
    let what = format!("{} {}", request.method(), request.uri().path());
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED && !response.headers().contains_key(CONTENT_TYPE) {
        let allow = response.headers().get("allow").cloned();
        response = Error::NoSuchMethod(what).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert("allow", allow);
        }
    }
    match response.extensions().get::<Problem>() {
        Some(problem) if is_browser => (response.status(), Html(ui::error(&app, problem))).into_response(),
        _ => response,
    }
}

/// The answer for paths that do not exist.
pub async fn no_such_path(request: Request) -> Error {
    Error::NoSuchPath(request.uri().path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_causes_stay_inside() {
        let source = "secret path /var/x".into();
        let error = Error::Port(PortError::Failed { operation: "read the log", source });
        assert_eq!(error.to_string(), "cannot read the log");
        assert_eq!(error.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn each_port_error_has_its_status() {
        let status = |it: PortError| Error::from(it).status().as_u16();
        assert_eq!(status(PortError::NotFound("INC-1".to_owned())), 404);
        assert_eq!(status(PortError::Refused("expired".to_owned())), 409);
        assert_eq!(status(PortError::Invalid("limit".to_owned())), 422);
        assert_eq!(status(PortError::Busy("two run".to_owned())), 503);
    }
}
