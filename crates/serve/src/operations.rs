//! What does a process answer that has no incidents to show? Whether it is alive and ready, and its metrics; gateways and
//! workers have no more than that beside their own routes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use signal::Meter;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{Config, Error, Health, exposition, guard};

/// What is asked by those who run the process.
pub struct Operations {
    /// The stages that count what they do.
    pub meters: Vec<Arc<dyn Meter>>,
    /// Readiness and role.
    pub health: Arc<dyn Health>,
    /// Version of the program.
    pub version: &'static str,
}

/// A server with these answers and the routes of `others`, behind the same guard as [`crate::router`].
pub fn operations(operations: Operations, config: &Config, others: Router) -> Router {
    let allowed: Arc<[String]> = config.allowed_hosts.clone().into();
    Router::new()
        .route("/healthz", get(alive))
        .route("/health", get(alive))
        .route("/-/healthy", get(alive))
        .route("/readyz", get(ready))
        .route("/-/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(operations))
        .merge(others)
        .layer(CatchPanicLayer::custom(|_| Error::Crashed.into_response()))
        .layer(from_fn_with_state(allowed, guard::protect_hosts))
}

async fn alive(State(it): State<Arc<Operations>>) -> Response {
    Json(json!({ "status": "ok", "version": it.version, "mode": it.health.mode() })).into_response()
}

async fn ready(State(it): State<Arc<Operations>>) -> Response {
    let (version, mode) = (it.version, it.health.mode());
    match it.health.ready() {
        Ok(()) => Json(json!({ "status": "ready", "version": version, "mode": mode })).into_response(),
        Err(reason) => {
            let body = json!({ "status": "not ready", "reason": reason, "version": version, "mode": mode });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(it): State<Arc<Operations>>, headers: HeaderMap) -> Response {
    let numbers = tokio::task::spawn_blocking(move || it.meters.iter().flat_map(|it| it.metrics()).collect()).await;
    numbers.map_or_else(|_| Error::Crashed.into_response(), |it| exposition::answer(it, &headers))
}
