//! How do other programs reach the tools? `POST /mcp`: a JSON-RPC message in, its answer out, without a session.
//!
//! The guards of all endpoints stand before it: the access token, the host, and that no page of another origin asks.

use std::sync::Arc;

use agent::mcp::{Served, status_of};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// The longest message that is taken, in bytes.
const MOST_BYTES: usize = 256 << 10;

struct Endpoint {
    served: Served,
    room: Semaphore,
}

/// The route; none if it is switched off.
pub fn routes(served: Served) -> Router {
    if !served.config.enabled {
        return Router::new();
    }
    let room = Semaphore::new(served.config.max_concurrent_calls);
    let endpoint = Arc::new(Endpoint { served, room });
    Router::new()
        .route("/mcp", post(message).get(no_stream).delete(no_stream))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(endpoint)
}

/// There are no messages from us that nobody asked for, and no sessions that could end.
async fn no_stream() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response()
}

async fn message(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json\n").into_response();
    }
    let version = headers.get("mcp-protocol-version").and_then(|it| it.to_str().ok());
    let Ok(parsed) = serde_json::from_slice::<Value>(&body) else {
        let error = json!({ "code": -32700, "message": "the body is not JSON" });
        return answer(400, &json!({ "jsonrpc": "2.0", "id": null, "error": error }));
    };
    // Calls do work; the rest is an answer from memory.
    let is_call = parsed.get("method").and_then(Value::as_str) == Some("tools/call");
    let _permit = match endpoint.room.try_acquire() {
        Ok(it) => Some(it),
        Err(_) if is_call => {
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "too many calls at a time\n")
                .into_response();
        }
        Err(_) => None,
    };
    match endpoint.served.answer(&parsed).await {
        None => StatusCode::ACCEPTED.into_response(),
        Some(it) => answer(status_of(&it, version), &it),
    }
}

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
