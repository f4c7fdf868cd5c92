//! Does `POST /monitor` answer what clients of seed 0 expect?

use axum::http::StatusCode;
use ingest::{Config, Refused};
use serde_json::json;

use crate::fake::Service;

/// Guarantees: MUST 1 and 2 of docs/specs/ingest.md.
#[tokio::test]
async fn healthy_and_critical() {
    let service = Service::new();
    let body = r#"{"timestamp":"10:00","service_name":"PaymentGateway","cpu_usage":50}"#;
    let answer = service.post("/monitor", &[], body).await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::OK, json!({"status": "Healthy", "message": "Normal", "z_score": 50.0}))
    );
    let body = r#"{"timestamp":"10:00","service_name":"PaymentGateway","cpu_usage":900}"#;
    let answer = service.post("/monitor", &[("content-type", "application/json")], body).await.json();
    for (key, value) in [
        ("status", "CRITICAL"),
        ("service", "PaymentGateway"),
        ("deviation", "900.00 sigma"),
        ("incident_report", "Root cause: minerd"),
        ("investigation_report", "Root cause: minerd"),
        ("investigation", "Root cause: minerd"),
        ("incident_id", "INC-7"),
    ] {
        assert_eq!(answer[key], value, "{key}");
    }
}

/// Guarantees: MUST 3: bare times of day do not make observations duplicates of each other.
#[tokio::test]
async fn an_array_is_answered_by_an_array_and_arrivals_are_distinct() {
    let service = Service::new();
    let one = r#"{"timestamp":"10:00","service_name":"a","cpu_usage":1}"#;
    let answer = service.post("/monitor", &[], format!("[{one},{one},{one}]")).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 3);
    let samples = service.recorder.samples.lock().unwrap();
    let times: Vec<i64> = samples.iter().map(|it| it.points[0].time.millis()).collect();
    assert!(times.windows(2).all(|it| it[0] < it[1]), "{times:?}");
}

/// Guarantees: MUST 4: all fields at fault are named, and nothing of the body is stored.
#[tokio::test]
async fn a_wrong_body_names_the_fields_and_stores_nothing() {
    let service = Service::new();
    let body = r#"[{"timestamp":"10:00","service_name":"a","cpu_usage":1},{"timestamp":"10:00","cpu_usage":"x"}]"#;
    let answer = service.post("/monitor", &[], body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = answer.json()["detail"].clone();
    assert_eq!(detail[0]["loc"], json!(["body", 1, "service_name"]));
    assert_eq!(detail[0]["type"], "missing");
    assert_eq!(detail[1]["loc"], json!(["body", 1, "cpu_usage"]));
    assert!(service.recorder.samples.lock().unwrap().is_empty());
    assert_eq!(service.metric("sentinel_ingest_errors_total", "monitor", "malformed"), 1.0);
}

/// Guarantees: MUST 5: overload is 503 with Retry-After, a failing store is 500, never 4xx.
#[tokio::test]
async fn overload_asks_to_come_back() {
    let service = Service::new();
    service.recorder.refusals.lock().unwrap().push(Refused::Busy { retry_after_secs: 3 });
    let body = r#"{"timestamp":"10:00","service_name":"a","cpu_usage":1}"#;
    let answer = service.post("/monitor", &[], body).await;
    assert_eq!(
        (answer.status, answer.headers["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "3")
    );
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    service.recorder.refusals.lock().unwrap().push(Refused::Failed("disk full".to_owned()));
    let answer = service.post("/monitor", &[], body).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["detail"], "cannot store: disk full");
}

/// Guarantees: MUST 6: large bodies are refused before they are read.
#[tokio::test]
async fn large_bodies_are_refused() {
    let service = Service::with(&Config { max_body_bytes: 100, ..Config::default() });
    for headers in [&[("content-length", "100000000")][..], &[]] {
        let answer = service.post("/monitor", headers, "x".repeat(101)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.json()["detail"].as_str().unwrap().contains("ingest.max_body_bytes"), "{}", answer.text);
    }
    assert_eq!(service.metric("sentinel_ingest_errors_total", "monitor", "too_large"), 2.0);
}
