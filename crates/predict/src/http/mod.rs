//! Which paths ask models? The whole table; every file beside this one speaks one protocol.

mod body;
pub(crate) mod cloudevents;
mod feedback;
mod inferences;
mod mlflow;
mod models;
mod oip;
mod plain;
mod problem;
mod proxy;
mod read;
pub(crate) mod tensor;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use crate::desk::Desk;

/// All routes of models and their log.
pub fn routes(desk: Arc<Desk>) -> Router {
    let limit = DefaultBodyLimit::max(desk.config.max_body_bytes);
    Router::new()
        .route("/predict", post(plain::predict))
        .route("/predict/batch", post(plain::batch))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::one))
        .route("/models/{name}/files", get(models::files))
        .route("/models/{name}/files/{file}", get(models::file))
        .route("/models/{name}/predict", post(plain::predict_of))
        .route("/models/{name}/predict/batch", post(plain::batch_of))
        .route("/feedback", post(feedback::take))
        .route("/invocations", post(mlflow::invocations))
        .route("/v2", get(oip::server))
        .route("/v2/health/live", get(oip::live))
        .route("/v2/health/ready", get(oip::ready))
        .route("/v2/models/{name}", get(oip::model))
        .route("/v2/models/{name}/ready", get(oip::model_ready))
        .route("/v2/models/{name}/infer", post(oip::infer))
        .route("/v2/models/{name}/versions/{version}", get(oip::model))
        .route("/v2/models/{name}/versions/{version}/ready", get(oip::model_ready))
        .route("/v2/models/{name}/versions/{version}/infer", post(oip::infer))
        .route("/sentinel/v1/inferences", get(inferences::list).post(inferences::take))
        .route("/", post(cloudevents::take))
        .route("/cloudevents", post(cloudevents::take))
        // What passes a proxy is passed on as it came.
        .layer(from_fn_with_state(Arc::clone(&desk), body::unpacked))
        .route("/proxy/{name}/{*rest}", any(proxy::pass))
        .layer(limit)
        .with_state(desk)
}
