//! Does nothing foreign get in or out, and is what is wrong told in words? And do pages have all they need?

use axum::body::Body;
use axum::http::Request;
use serve::{Config, Live, router};
use signal::{IncidentBook, IncidentId};
use tower::ServiceExt;

use crate::asking::{app, get, page, post, send, series_id, world};
use crate::fakes::HOSTILE;

#[tokio::test]
async fn tenants_are_shown_with_the_label_that_is_too_much() {
    let status = get("/sentinel/v1/intake").await.json();
    assert_eq!(status["tenants"][1]["labels"][0], serde_json::json!({ "name": "user_id", "count": 970 }));
    let text = page("/intake").await.text;
    assert_eq!(text.matches(r#"data-testid="tenant""#).count(), 2);
    assert_eq!(text.matches(r#"data-testid="over-limit""#).count(), 1);
    assert!(text.contains("1000 of 1000") && text.contains("user_id") && !text.contains(HOSTILE));
}

/// Guarantees: MUST 860 of docs/specs/ingest.md.
#[tokio::test]
async fn sources_are_shown_with_what_was_left_out_and_kafka_with_its_lag() {
    let status = get("/sentinel/v1/intake").await.json();
    let names: Vec<&str> =
        status["sources"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["otlp", "loki"]);
    assert_eq!(status["sources"][0]["dropped"], serde_json::json!([{ "name": "over_limit", "count": 42 }]));
    assert_eq!(status["sources"][1]["failed"], serde_json::json!([{ "name": "malformed", "count": 3 }]));
    assert_eq!(status["kafka"]["topics"][0]["partitions"], serde_json::json!([[0, 17], [1, 0]]));
    assert_eq!(status["workers"]["workers"][0]["partitions"], serde_json::json!([0, 1, 2, 5]));
    assert!(status["rate_secs"].as_f64().is_some_and(|it| it > 0.0), "{status}");
    let text = page("/intake").await.text;
    for part in ["over limit 42", "malformed 3", "no memory, come later 5", "No worker answers for partitions 3-4, 6."]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches(r#"data-testid="topic""#).count(), 1);
    assert!(!text.contains(HOSTILE));
}

#[tokio::test]
async fn foreign_requests_are_refused() {
    let (world, form) = (world(), ("content-type", "application/x-www-form-urlencoded"));
    let app = router(world.ports(), Live::new(), &Config::default(), axum::Router::new());
    let path = "/sentinel/v1/incidents/INC-2/acknowledge";
    send(&app, "POST", path, &[form], "actor=x").await.assert_problem(403, "form");
    send(&app, "POST", path, &[form, ("origin", "http://evil.example")], "").await.assert_problem(403, "origin");
    let json = ("content-type", "application/json");
    send(&app, "POST", path, &[json, ("origin", "http://evil.example")], "{}").await.assert_problem(403, "origin");
    send(&app, "POST", path, &[("content-type", "text/plain")], "{}").await.assert_problem(415, "application/json");
    send(&app, "POST", path, &[], "").await.assert_problem(415, "application/json");
    assert!(world.incident(IncidentId(2)).unwrap().feedback.is_none());
    assert_eq!(world.incident(IncidentId(2)).unwrap().status, signal::IncidentStatus::Open);
    let rebound = Request::get("/sentinel/v1/incidents").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(rebound).await.unwrap().status(), 403);
}

#[tokio::test]
async fn problems_say_what_is_wrong() {
    let cases = [
        ("/sentinel/v1/incidents/INC-99", 404, "INC-99"),
        ("/sentinel/v1/incidents/x", 404, "x"),
        ("/sentinel/v1/plans/PLAN-9", 404, "PLAN-9"),
        ("/sentinel/v1/series/zz/points", 404, "zz"),
        ("/sentinel/v1/series/00000000000000ff/points", 404, "00000000000000ff"),
        ("/sentinel/v1/nothing", 404, "/sentinel/v1/nothing"),
        ("/sentinel/v1/incidents?status=broken", 422, "status"),
        ("/sentinel/v1/incidents?limit=0", 422, "limit"),
        ("/sentinel/v1/incidents?limit=many", 400, "limit"),
        ("/sentinel/v1/incidents?colour=red", 400, "colour"),
        ("/sentinel/v1/incidents?cursor=7", 422, "cursor"),
        ("/sentinel/v1/series?match=%7Ba%3D1%7D", 422, "match"),
        ("/sentinel/v1/logs?level=loud", 422, "level"),
        ("/sentinel/v1/logs?from=soon", 422, "from"),
        ("/sentinel/v1/changes?from=-1m&to=-1h", 422, "from"),
        ("/sentinel/v1/templates?window=5", 422, "window"),
        ("/sentinel/v1/incidents/INC-2/report?format=docx", 400, "docx"),
    ];
    for (path, status, detail) in cases {
        get(path).await.assert_problem(status, detail);
    }
    let app = app();
    post(&app, "/sentinel/v1/plans/PLAN-1/approve", "{").await.assert_problem(400, "JSON");
    post(&app, "/sentinel/v1/plans/PLAN-1/approve", "{}").await.assert_problem(422, "digest");
    post(&app, "/sentinel/v1/incidents/INC-2/feedback", r#"{"opinion":"meh"}"#).await.assert_problem(422, "meh");
    let long = format!(r#"{{"opinion":"right","comment":"{}"}}"#, "x".repeat(1001));
    post(&app, "/sentinel/v1/incidents/INC-2/feedback", &long).await.assert_problem(422, "comment");
    let action = r#"{"opinion":"right","action":"restart"}"#;
    post(&app, "/sentinel/v1/incidents/INC-2/feedback", action).await.assert_problem(422, "action");
    post(&app, "/sentinel/v1/incidents/INC-2/feedback", r#"{"opinion":"right","actor":" "}"#)
        .await
        .assert_problem(422, "actor");
    post(&app, "/sentinel/v1/audit", "{}").await.assert_problem(405, "POST /sentinel/v1/audit");
    let lost = page("/incidents/INC-99").await;
    assert_eq!(lost.status, 404);
    assert!(lost.text.contains("INC-99 does not exist") && lost.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn every_page_escapes_and_protects() {
    let series = format!("/series/{}", series_id().await);
    let evil = get("/sentinel/v1/series?match=cache_hits").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let evil = format!("/series/{evil}?range=1h");
    let paths = ["/", "/incidents", "/incidents?status=resolved", "/incidents/INC-1", "/incidents/INC-2", "/series"];
    let more = [
        "/series?match=cache",
        "/logs",
        "/logs?q=script",
        "/audit",
        "/audit?verify=1",
        "/groups",
        "/ask",
        "/ask?q=why",
        "/knowledge",
        "/knowledge?q=pool",
        "/forecasts",
        "/forecasts/00000000000000aa",
        "/forecasts/00000000000000bb",
        "/model-watch",
        "/model-watch/income",
        "/model-watch/income/compare?before=A&after=B",
        "/traces",
        &series,
        &evil,
    ];
    let traces = format!("/traces/{}", "fa".repeat(16));
    for path in paths.iter().chain(&more).copied().chain([traces.as_str()]) {
        let answer = page(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        for part in ["<script>alert", "<img src=x", "\u{1b}", "\u{202e}", "style=\"", "onclick"] {
            assert!(!answer.text.contains(part), "{path} contains {part:?}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let hostile = "&lt;script&gt;alert('x')&lt;/script&gt;";
    for path in
        ["/", "/incidents", "/incidents/INC-1", "/incidents/INC-2", "/logs", "/groups", "/traces", &traces, &evil]
    {
        assert!(page(path).await.text.contains(hostile), "{path}");
    }
    assert!(get("/sentinel/v1/logs").await.text.contains("<script>alert('x')"), "{HOSTILE} stays data in JSON");
    for path in ["/logs?level=loud", "/series?match=%7Bx"] {
        assert!(page(path).await.text.contains(r#"role="alert""#), "{path}");
    }
}

#[tokio::test]
async fn assets_are_found_under_their_hashed_names() {
    let text = page("/").await.text;
    let urls: Vec<&str> = text.split('"').filter(|it| it.starts_with("/assets/")).collect();
    assert_eq!(urls.len(), 3);
    for url in urls {
        let asset = get(url).await;
        assert_eq!(asset.status, 200, "{url}");
        assert!(asset.header("cache-control").contains("immutable") && !asset.text.is_empty());
    }
    assert_eq!(get("/assets/sentinel-0.css").await.status, 404);
    assert_eq!(get("/favicon.ico").await.status, 200);
}

/// Guarantees: MUST 824 of docs/specs/build.md.
#[tokio::test]
async fn swagger_works_offline() {
    let start = get("/docs/").await;
    assert_eq!(start.status, 200);
    assert!(start.header("content-security-policy").contains("default-src 'self'"));
    assert!(!start.text.contains("https://"), "{}", start.text);
    let initializer = get("/docs/swagger-initializer.js").await;
    assert!(initializer.text.contains("/openapi.json") && initializer.header("content-type") == "text/javascript");
    assert_eq!(get("/docs/gone.js").await.status, 404);
    let script = get("/docs/swagger-ui-bundle.js").await;
    assert_eq!((script.status, script.header("content-encoding")), (200, ""));
    assert!(script.text.len() > 1_000_000 && script.text.contains("SwaggerUIBundle"), "{}", script.text.len());
    let packed = send(&app(), "GET", "/docs/swagger-ui-bundle.js", &[("accept-encoding", "gzip, br")], "").await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
    assert_eq!(get("/docs").await.status, 303);
    assert_eq!(get("/openapi.json").await.json()["info"]["version"], "0.1.0");
}
