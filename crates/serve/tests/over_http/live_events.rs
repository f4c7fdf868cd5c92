//! Do live events come in order, end with the server, and wait for nobody?

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use serve::{Config, Live, router};
use signal::{Event, IncidentBook, IncidentId};
use tower::ServiceExt;

use crate::asking::{HOST, send, world};

#[tokio::test]
async fn live_events_begin_with_hello_and_end_on_close() {
    let (world, live) = (world(), Live::new());
    let app =
        router(world.ports(), live.clone(), &Config { max_live_clients: 1, ..Config::default() }, axum::Router::new());
    let request = || Request::get("/sentinel/v1/events").header("host", HOST).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let busy = app.clone().oneshot(request()).await.unwrap();
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    live.send(Event::Anomaly(Box::new(world.anomaly(0))));
    live.send(Event::Incident(Box::new(world.incident(IncidentId(2)).unwrap())));
    live.close();
    let text = collect(response).await;
    let events: Vec<&str> = text.lines().filter_map(|it| it.strip_prefix("event: ")).collect();
    assert_eq!(events, ["hello", "anomaly", "incident"]);
    let data = text.lines().filter_map(|it| it.strip_prefix("data: ")).nth(2).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["data"]["id"], "INC-2");
}

#[tokio::test]
async fn a_listener_that_falls_behind_is_told_and_dropped() {
    let (world, live) = (world(), Live::new());
    let app = router(world.ports(), live.clone(), &Config::default(), axum::Router::new());
    let request = Request::get("/sentinel/v1/events").header("host", HOST).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    for idx in 0..300 {
        live.send(Event::Anomaly(Box::new(world.anomaly(idx))));
    }
    let text = collect(response).await;
    assert!(text.contains("event: lagged\ndata: {\"missed\":44}"), "{text}");
    let metrics = send(&app, "GET", "/metrics", &[], "").await.text;
    assert!(metrics.contains("sentinel_serve_live_clients_dropped_total{reason=\"lagged\"} 1\n"), "{metrics}");
    assert!(metrics.contains("sentinel_serve_live_clients 0\n"), "{metrics}");
}

async fn collect(response: axum::response::Response) -> String {
    let whole = tokio::time::timeout(Duration::from_secs(120), response.into_body().collect());
    String::from_utf8(whole.await.expect("the stream ends").unwrap().to_bytes().to_vec()).unwrap()
}
