//! Are alerts answered as an Alertmanager answers them?

use axum::http::StatusCode;
use ingest::Refused;
use serde_json::json;

use crate::fake::Service;

/// Guarantees: MUST 110 and 115 of docs/specs/ingest.md: good alerts are taken, the first bad one is told.
#[tokio::test]
async fn alerts_are_taken_and_mistakes_told() {
    let service = Service::new();
    let good = r#"{"labels":{"alertname":"A","service":"pay"},"annotations":{"summary":"slow"},"startsAt":"2023-11-14T22:13:00Z","endsAt":"2023-11-14T22:17:00Z","generatorURL":"http://p"}"#;
    let answer = service.post("/api/v2/alerts", &[], format!("[{good}]")).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "{}"));
    assert_eq!(service.post("/api/v2/alerts", &[], "[]").await.status, StatusCode::OK);
    for (body, status, expected) in [
        (format!("[{good},{{\"labels\":{{}}}}]"), StatusCode::BAD_REQUEST, "alerts[1]: at least one label pair"),
        (r#"[{"annotations":{}}]"#.to_owned(), StatusCode::UNPROCESSABLE_ENTITY, "[0]: missing field `labels`"),
        (r#"[{"labels":{"a":1}}]"#.to_owned(), StatusCode::BAD_REQUEST, "the body: [0].labels.a: invalid type"),
        (r#"{"labels":{"a":"b"}}"#.to_owned(), StatusCode::BAD_REQUEST, "the body: invalid type: map"),
        ("17".to_owned(), StatusCode::BAD_REQUEST, "the body: invalid type: integer"),
        ("[".to_owned(), StatusCode::BAD_REQUEST, "the body: EOF"),
    ] {
        let answer = service.post("/api/v2/alerts", &[], body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.json().as_str().unwrap().starts_with(expected), "{} {expected}", answer.text);
    }
    let alerts = service.recorder.alerts.lock().unwrap();
    assert_eq!(alerts.len(), 2, "the good one of a partly bad request too");
    assert_eq!(
        (alerts[0].labels.to_string().as_str(), alerts[0].summary.as_str()),
        (r#"{alertname="A",service="pay"}"#, "slow")
    );
    assert_eq!(service.metric("sentinel_ingest_signals_received_total", "alertmanager", ""), 2.0);
    assert_eq!(service.metric("sentinel_ingest_signals_dropped_total", "alertmanager", "unnamed"), 1.0);
}

/// Guarantees: MUST 5: a sender that must come back is told so.
#[tokio::test]
async fn overload_is_503() {
    let service = Service::new();
    service.recorder.refusals.lock().unwrap().push(Refused::Busy { retry_after_secs: 2 });
    let body = json!({"alerts": [{"status": "firing", "labels": {"alertname": "A"}}]}).to_string();
    let answer = service.post("/webhooks/alertmanager", &[], body).await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"2".parse().unwrap())
    );
    let answer = service.send("GET", "/api/v2/status", &[], "").await;
    assert_eq!((answer.status, &answer.json()["cluster"]["status"]), (StatusCode::OK, &json!("disabled")));
}
