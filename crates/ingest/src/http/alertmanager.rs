//! `POST /api/v2/alerts` and `POST /webhooks/alertmanager`: alerts of Prometheus and of an Alertmanager.
//!
//! Errors are a JSON text, as an Alertmanager answers them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use signal::Timestamp;

use super::{Failure, Gate, Routes, json_response};
use crate::alertmanager::{Alert, decode_alerts, decode_webhook};
use crate::{Config, Error, Problems, Source};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/api/v2/alerts", post(post_alerts))
        .route("/api/v2/status", get(status))
        .route("/webhooks/alertmanager", post(post_webhook))
}

type Decode = fn(&[u8], Timestamp, &Config) -> Result<(Vec<Alert>, Problems), Error>;

async fn post_alerts(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    take(&gate, request, decode_alerts).await
}

async fn post_webhook(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    take(&gate, request, decode_webhook).await
}

async fn take(gate: &Gate, request: Request, decode: Decode) -> Response {
    let answer = async {
        let entrance = &gate.entrance;
        let (bytes, visit) = gate.read_plain(Source::Alertmanager, request).await?;
        let (alerts, problems) = decode(&bytes, entrance.clock.now(), &entrance.config)?;
        entrance.counts.received(Source::Alertmanager, alerts.len() as u64);
        let outcome = entrance.alerts(&visit, alerts).await;
        gate.settle(Source::Alertmanager, outcome, &problems)
    };
    let text = |status, detail: &str| json_response(status, "application/json", &Value::String(detail.to_owned()));
    match answer.await {
        Ok(()) => json_response(StatusCode::OK, "application/json", &json!({})),
        // What lacks something is 422 there.
        Err(failure @ Failure::Undecodable(Error::Fields(_))) => {
            gate.failure(Source::Alertmanager, &failure, |_, detail| text(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
        Err(failure) => gate.failure(Source::Alertmanager, &failure, text),
    }
}

/// What programs ask to see whether an Alertmanager is there.
async fn status(State(gate): State<Arc<Gate>>) -> Response {
    let body = json!({
        "cluster": { "status": "disabled", "peers": [] },
        "versionInfo": {
            "version": env!("CARGO_PKG_VERSION"), "revision": "", "branch": "", "buildUser": "", "buildDate": "",
            "goVersion": "",
        },
        "config": { "original": "" },
        "uptime": gate.started.to_string(),
    });
    json_response(StatusCode::OK, "application/json", &body)
}
