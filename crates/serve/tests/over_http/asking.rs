//! How does a test ask? The whole router over a made-up world, without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use serve::{Config, Live, router};
use signal::{Clock, Timestamp};
use tower::ServiceExt;

use crate::fakes::World;

pub const HOST: &str = "127.0.0.1:8080";

pub const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_769_860_800)
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    pub fn assert_problem(&self, status: u16, detail: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["type"], &problem["status"]), (&"about:blank".into(), &status.into()));
        assert_eq!(problem["title"], StatusCode::from_u16(status).unwrap().canonical_reason().unwrap());
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
}

pub fn world() -> Arc<World> {
    World::busy(Arc::new(FixedClock))
}

pub fn app() -> Router {
    router(world().ports(), Live::new(), &Config::default(), axum::Router::new())
}

pub async fn send(app: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::from(body.as_ref().to_vec())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

pub async fn get(path: &str) -> Answer {
    send(&app(), "GET", path, &[], "").await
}

pub async fn page(path: &str) -> Answer {
    send(&app(), "GET", path, &[("accept", BROWSER)], "").await
}

pub async fn post(app: &Router, path: &str, body: &str) -> Answer {
    send(app, "POST", path, &[("content-type", "application/json")], body).await
}

/// The id of a series of the world.
pub async fn series_id() -> String {
    let found = get("/sentinel/v1/series?match=db_pool_connections_in_use+checkout").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    found["items"][0]["id"].as_str().unwrap().to_owned()
}
