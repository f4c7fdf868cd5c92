//! Which pages of other web sites may read answers? Those of `query.cors_origins`, in the way of Prometheus.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;

/// Where remote write is taken.
const WRITTEN: [&str; 3] = ["/api/v1/write", "/api/v1/push", "/api/v1/receive"];

const HEADERS: HeaderValue = HeaderValue::from_static("Accept, Authorization, Content-Type, Origin");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
const EXPOSED: HeaderValue = HeaderValue::from_static("Date");

/// True if a page of this origin may read the Prometheus API.
pub fn is_allowed(app: &App, path: &str, origin: &HeaderValue) -> bool {
    let origin = origin.to_str().unwrap_or("");
    // Signals in are no business of other pages.
    let takes = WRITTEN.contains(&path) || path.starts_with("/api/v1/otlp/");
    let is_read = (path.starts_with("/api/v1/") && !takes) || path == "/federate";
    is_read && app.ports.queries.config().cors_origins.iter().any(|it| it == "*" || it == origin)
}

/// Adds the headers by which a browser lets such a page read the answer.
pub async fn allow(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).filter(|it| is_allowed(&app, request.uri().path(), it)).cloned();
    let Some(origin) = origin else { return next.run(request).await };
    let is_asking = request.method() == Method::OPTIONS;
    let mut response = if is_asking { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("Origin"));
    response
}
