//! Which paths ask models? The whole table; every file beside this one speaks one protocol.

mod feedback;
mod models;
mod plain;
mod problem;
mod read;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::desk::Desk;

/// All routes of models and their log.
pub fn routes(desk: Arc<Desk>) -> Router {
    let limit = DefaultBodyLimit::max(desk.config.max_body_bytes);
    Router::new()
        .route("/predict", post(plain::predict))
        .route("/predict/batch", post(plain::batch))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::one))
        .route("/models/{name}/predict", post(plain::predict_of))
        .route("/models/{name}/predict/batch", post(plain::batch_of))
        .route("/feedback", post(feedback::take))
        .layer(limit)
        .with_state(desk)
}
