//! Does every route answer as documented, and does nothing foreign get through?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "functions of tests, outside of #[test]"
)]

mod fakes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use fakes::{DIGEST, HOSTILE, World};
use http_body_util::BodyExt;
use serde_json::Value;
use serve::{Config, Live, router};
use signal::{Clock, Event, IncidentBook, IncidentId, Timestamp};
use tower::ServiceExt;

const HOST: &str = "127.0.0.1:8080";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_769_860_800)
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    fn assert_problem(&self, status: u16, detail: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["type"], &problem["status"]), (&"about:blank".into(), &status.into()));
        assert_eq!(problem["title"], StatusCode::from_u16(status).unwrap().canonical_reason().unwrap());
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
}

fn world() -> Arc<World> {
    World::busy(Arc::new(FixedClock))
}

fn app() -> Router {
    router(world().ports(), Live::new(), &Config::default(), axum::Router::new())
}

async fn send(app: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

async fn get(path: &str) -> Answer {
    send(&app(), "GET", path, &[], "").await
}

async fn page(path: &str) -> Answer {
    send(&app(), "GET", path, &[("accept", BROWSER)], "").await
}

async fn post(app: &Router, path: &str, body: &str) -> Answer {
    send(app, "POST", path, &[("content-type", "application/json")], body).await
}

async fn series_id() -> String {
    let found = get("/sentinel/v1/series?match=db_pool_connections_in_use+checkout").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    found["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_root_negotiates() {
    let status = get("/").await;
    assert_eq!(status.json(), serde_json::json!({"status": "ready", "version": "0.1.0"}));
    let overview = page("/").await;
    assert!(overview.header("content-type").starts_with("text/html"));
    assert!(overview.text.contains(r#"data-testid="incident-card""#));
    assert_eq!(overview.header("vary"), "accept");
}

#[tokio::test]
async fn health_has_its_usual_names() {
    for path in ["/healthz", "/health", "/-/healthy"] {
        assert_eq!(get(path).await.json()["status"], "ok", "{path}");
    }
    let empty =
        router(World::empty(Arc::new(FixedClock)).ports(), Live::new(), &Config::default(), axum::Router::new());
    for path in ["/readyz", "/-/ready"] {
        assert_eq!(get(path).await.json()["status"], "ready", "{path}");
        let unready = send(&empty, "GET", path, &[], "").await;
        assert_eq!((unready.status, &unready.json()["reason"]), (503, &"no series yet".into()));
    }
}

#[tokio::test]
async fn lists_have_pages() {
    let first = get("/sentinel/v1/incidents?limit=1").await.json();
    assert_eq!((&first["items"][0]["id"], &first["next_cursor"]), (&"INC-2".into(), &"INC-2".into()));
    let second = get("/sentinel/v1/incidents?limit=1&cursor=INC-2").await.json();
    assert_eq!((&second["items"][0]["id"], &second["next_cursor"]), (&"INC-1".into(), &Value::Null));
    let open = get("/sentinel/v1/incidents?status=open&service=cart").await.json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    let audit = get("/sentinel/v1/audit?limit=2").await.json();
    assert_eq!(audit["next_cursor"], "2");
    assert_eq!(get("/sentinel/v1/audit?after=2").await.json()["items"][0]["sequence"], 3);
    let series = get("/sentinel/v1/series?limit=3").await.json();
    assert_eq!(series["next_cursor"], "3");
    for path in [
        "anomalies",
        "changes",
        "plans",
        "plans?incident=INC-2",
        "topology",
        "templates",
        "logs",
        "logs/templates",
        "logs/anomalies",
    ] {
        let list = get(&format!("/sentinel/v1/{path}")).await.json();
        assert!(!list["items"].as_array().unwrap().is_empty() && list.get("next_cursor").is_some(), "{path}");
    }
}

#[tokio::test]
async fn single_things_are_answered() {
    assert_eq!(get("/sentinel/v1/incidents/INC-2").await.json()["severity"], "critical");
    assert_eq!(get("/sentinel/v1/plans/PLAN-1").await.json()["digest"], DIGEST);
    let verdict = get("/sentinel/v1/audit/verify").await.json();
    assert_eq!(verdict, serde_json::json!({"is_intact": true, "entries": 3}));
    for (format, content_type) in [("html", "text/html"), ("md", "text/markdown"), ("json", "application/json")] {
        let report = get(&format!("/sentinel/v1/incidents/INC-2/report?format={format}")).await;
        assert!(report.header("content-type").starts_with(content_type), "{format}");
        assert!(report.header("content-security-policy").contains("default-src 'none'"));
    }
}

#[tokio::test]
async fn a_chart_has_points_and_band() {
    let chart = get(&format!("/sentinel/v1/series/{}/points?from=-10m&step=5", series_id().await)).await.json();
    assert_eq!(chart["step_secs"], 5.0);
    let (points, band) = (chart["points"].as_array().unwrap(), chart["band"].as_array().unwrap());
    assert!(points.len() > 100 && points.len() <= 2 * 121, "{}", points.len());
    assert!(band.iter().any(|it| it["value"].as_f64().unwrap() > 1.0));
    assert!(band.iter().all(|it| it["yhat_lower"].as_f64() < it["yhat_upper"].as_f64()));
}

#[tokio::test]
async fn logs_are_found_by_service_level_and_words() {
    let errors = get("/sentinel/v1/logs?service=checkout&level=error&q=POOL+exhausted").await.json();
    let lines = errors["items"].as_array().unwrap();
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|it| it["line"] == "pool exhausted after 5000 ms"));
}

#[tokio::test]
async fn the_page_of_logs_shows_kinds_of_line_and_what_is_unusual() {
    let text = page("/logs").await.text;
    let count = |id: &str| text.matches(&format!(r#"data-testid="{id}""#)).count();
    assert_eq!((count("log-template"), count("log-anomaly")), (2, 2));
    assert!(text.contains("pool exhausted after &lt;*&gt; ms") && text.contains("42 lines within a minute"));
    assert!(text.contains(r#"href="/incidents/INC-"#) && text.contains("No incident: kept as evidence."));
    let of_cart = page("/logs?service=cart").await.text;
    assert!(!of_cart.contains("pool exhausted after &lt;*&gt; ms") && of_cart.contains("Kinds of line"));
    assert!(!page("/logs?q=pool").await.text.contains("Kinds of line"), "who asks for words gets lines");
    let errors = get("/sentinel/v1/logs/templates?level=error").await.json();
    assert_eq!(errors["items"].as_array().unwrap().len(), 1);
    let warnings = get("/sentinel/v1/logs/anomalies?level=error&service=cart").await.json();
    assert_eq!(warnings["items"].as_array().unwrap().len(), 0);
    assert_eq!(get("/sentinel/v1/logs/anomalies?level=loud").await.status, 422);
}

#[tokio::test]
async fn budgets_are_told_and_metered_on_the_overview() {
    let budgets = get("/sentinel/v1/budgets").await.json();
    assert_eq!(budgets["items"][1]["budget"], "3 per day");
    assert_eq!(budgets["items"][1]["alerts_by_day"].as_array().unwrap().len(), 7);
    let overview = page("/").await.text;
    assert_eq!(overview.matches(r#"data-testid="budget""#).count(), 2);
    assert!(overview.contains("2</span> in 24 h, budget 3 per day") && !overview.contains(HOSTILE));
}

#[tokio::test]
async fn tenants_are_shown_with_the_label_that_is_too_much() {
    let status = get("/sentinel/v1/intake").await.json();
    assert_eq!(status["tenants"][1]["labels"][0], serde_json::json!({ "name": "user_id", "count": 970 }));
    let text = page("/intake").await.text;
    assert_eq!(text.matches(r#"data-testid="tenant""#).count(), 2);
    assert_eq!(text.matches(r#"data-testid="over-limit""#).count(), 1);
    assert!(text.contains("1000 of 1000") && text.contains("user_id") && !text.contains(HOSTILE));
}

/// Guarantees: MUST 651, 653 and 669 of docs/specs/knowledge.md.
#[tokio::test]
async fn knowledge_and_answers_are_shown_with_their_warnings_and_without_markup_of_others() {
    let found = get("/sentinel/v1/knowledge?q=pool").await.json();
    assert_eq!((&found["items"][0]["id"], &found["items"][0]["standing"]), (&"pool.md#1".into(), &"changed".into()));
    get("/sentinel/v1/knowledge?q=pool&kind=rumor").await.assert_problem(422, "kind");
    get("/sentinel/v1/knowledge").await.assert_problem(422, "q");
    get("/sentinel/v1/ask?question=why&q=why").await.assert_problem(400, "duplicate");
    let answer = get("/sentinel/v1/ask?question=why").await.json();
    assert_eq!((&answer["question"], &answer["is_clear"]), (&"why".into(), &true.into()));
    assert_eq!(get("/sentinel/v1/ask?q=why&format=md").await.text, "# Answer");
    for path in ["/ask?q=why", "/knowledge?q=pool", "/incidents/INC-2"] {
        let text = page(path).await.text;
        assert!(text.contains("changed since it was pinned"), "{path}");
        assert!(!text.contains(HOSTILE) && text.contains("&lt;script&gt;"), "{path}");
    }
}

#[tokio::test]
async fn groups_with_a_member_apart_come_first() {
    let groups = get("/sentinel/v1/groups").await.json();
    assert_eq!(groups["items"].as_array().unwrap().len(), 5);
    assert_eq!(groups["items"][0]["members"][2]["is_apart"], true);
    assert_eq!((&groups["items"][0]["kind"], &groups["items"][4]["kind"]), (&"fleet".into(), &"signals".into()));
    let count = |query: &'static str| async move {
        get(&format!("/sentinel/v1/groups?{query}")).await.json()["items"].as_array().unwrap().len()
    };
    assert_eq!((count("apart=true").await, count("kind=signals").await, count("match=quiet+c").await), (1, 1, 3));
    let first = get("/sentinel/v1/groups?limit=2").await.json();
    assert_eq!(first["next_cursor"], "2");
    get("/sentinel/v1/groups?kind=herd").await.assert_problem(400, "kind");
    let page = page("/groups").await.text;
    assert_eq!(page.matches(r#"data-testid="group""#).count(), 5);
    assert!(page.contains("is at 0.3.") && page.contains("learning") && page.contains("not compared"));
    let apart = page.find(r#"data-testid="apart""#).unwrap();
    assert!(apart < page.find("quiet-0").unwrap(), "what is apart comes first");
}

#[tokio::test]
async fn traces_are_found_and_opened() {
    let found = get("/sentinel/v1/traces").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    let failed = "fa".repeat(16);
    for query in ["errors=true", "min_duration=2s", "service=payments"] {
        let found = get(&format!("/sentinel/v1/traces?{query}")).await.json();
        assert_eq!(
            (found["items"].as_array().unwrap().len(), &found["items"][0]["trace"]),
            (1, &failed.clone().into())
        );
    }
    for (query, field) in [("min_duration=soon", "min_duration"), ("attribute=x", "attribute"), ("from=x", "from")] {
        get(&format!("/sentinel/v1/traces?{query}")).await.assert_problem(422, field);
    }
    let trace = get(&format!("/sentinel/v1/traces/{failed}")).await.json();
    assert_eq!((trace["spans"].as_array().unwrap().len(), &trace["spans"][1]["status"]), (2, &"error".into()));
    get("/sentinel/v1/traces/0123456789abcdef").await.assert_problem(404, "no span of trace");
    get("/sentinel/v1/traces/12").await.assert_problem(422, "32 hexadecimal digits");
    let page = page(&format!("/traces/{failed}")).await.text;
    assert_eq!(page.matches(r#"data-testid="span""#).count(), 2);
    assert!(page.contains("connection refused") && page.contains("2.1 s") && page.contains("depth-1"));
}

/// Guarantees: MUST 225 and 226 of docs/specs/ingest.md.
#[tokio::test]
async fn exemplars_are_answered_and_lead_to_traces() {
    let failed = "fa".repeat(16);
    let expression = "rate(http_request_duration_seconds_bucket%7Bservice%3D%22checkout%22%7D%5B5m%5D)";
    let answer = get(&format!("/api/v1/query_exemplars?query={expression}&start=1769000000&end=1770000000")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let found = answer.json();
    assert_eq!((&found["status"], found["data"].as_array().unwrap().len()), (&"success".into(), 2));
    let slow = &found["data"][1];
    assert_eq!((&slow["seriesLabels"]["le"], &slow["seriesLabels"]["service"]), (&"1".into(), &"checkout".into()));
    let wanted = serde_json::json!([{"labels": {"trace_id": failed}, "value": "0.75", "timestamp": 1769860622.0}]);
    assert_eq!(slow["exemplars"], wanted);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let posted = send(&app(), "POST", "/api/v1/query_exemplars", &form, &format!("query={expression}")).await;
    assert_eq!(posted.json(), found, "without times all of them");
    let before = get(&format!("/api/v1/query_exemplars?query={expression}&end=1769860621.5")).await;
    assert_eq!(before.json()["data"].as_array().unwrap().len(), 1);
    let wrong = get("/api/v1/query_exemplars?query=x%5B5m").await;
    assert_eq!((wrong.status, &wrong.json()["errorType"]), (400, &"bad_data".into()));
    let huge = format!("query={}", "x".repeat(300_000));
    assert_eq!(send(&app(), "POST", "/api/v1/query_exemplars", &form, &huge).await.status, 400);

    let link = format!("/traces/{failed}");
    let incident = page("/incidents/INC-2").await.text;
    assert!(incident.contains(&link) && incident.contains(r#"data-testid="exemplars""#));
    let found = get("/sentinel/v1/series?match=http_request_duration_seconds+checkout").await.json();
    let series = page(&format!("/series/{}", found["items"][0]["id"].as_str().unwrap())).await.text;
    let first = series.find(&link).expect("the slowest request has a link");
    assert!(first < series.find(&"90".repeat(16)).unwrap(), "the largest value comes first");
}

#[tokio::test]
async fn expressions_are_explored() {
    let empty = page("/explore").await.text;
    assert!(empty.contains("name=\"expr\"") && empty.contains("topk(5"), "{empty}");
    let drawn = page("/explore?expr=sum+by+(service)+(queue_depth)&range=15m").await.text;
    assert!(drawn.contains(r#"data-testid="explore-graph""#) && drawn.matches("<polyline").count() > 1, "{drawn}");
    assert!(drawn.contains(r#"data-testid="explore-table""#) && drawn.contains("checkout"));
    let wrong = page("/explore?expr=sum(%3Cscript%3E").await;
    assert_eq!(wrong.status, 200);
    assert!(
        wrong.text.contains(r#"data-testid="explore-error""#) && !wrong.text.contains("<script>"),
        "{}",
        wrong.text
    );
    assert_eq!(page("/explore?expr=up&range=soon").await.status, 422);
    let series = page(&format!("/series/{}", series_id().await)).await.text;
    assert!(series.contains("/explore?expr=db_pool_connections_in_use%7B"), "{series}");
}

#[tokio::test]
async fn rows_are_judged_as_they_come() {
    let app = app();
    let body = r#"[{"latency": 90, "cpu": 40, "service": "pay"}, {"latency": 2500, "cpu": null}]"#;
    let found = post(&app, "/detect", body).await.json();
    assert_eq!(found["score"], serde_json::json!([1, -1]));
    assert_eq!(found["anomalies"], serde_json::json!([{"latency": 2500, "cpu": null}]));
    assert_eq!(found["anomaly_score"], serde_json::json!([0.09, 2.5]));
    assert_eq!(found["top_feature"], serde_json::json!(["latency", "latency"]));
    assert_eq!(post(&app, "/detect", "[]").await.json()["score"], serde_json::json!([]));
    for (body, field) in [
        ("{}", "body: must be an array"),
        (r#"[{"latency": 1}, {"latency": "slow"}]"#, "[1].latency: must be a number, not text"),
        ("[1]", "[0]: must be an object"),
    ] {
        post(&app, "/detect", body).await.assert_problem(422, field);
    }
    post(&app, "/detect", "[").await.assert_problem(400, "JSON");
}

#[tokio::test]
async fn a_back_test_compares_thresholds() {
    let app = app();
    let path = "/sentinel/v1/backtest";
    let body =
        r#"{"selector": "queue_depth{service=\"cart\"}", "from": "-1h", "budgets": ["3 per day"], "sigma": [3]}"#;
    let found = post(&app, path, body).await.json();
    let names: Vec<&Value> = found["outcomes"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["as configured", "3 per day", "sigma 3"]);
    assert_eq!(
        (&found["outcomes"][1]["choice"], &found["outcomes"][0]["choice"]),
        (&serde_json::json!({"budget": "3 per day"}), &"configured".into())
    );
    assert!(found["band"].as_array().unwrap().len() > 100 && found["from"].is_string());
    for (body, field) in [
        (r#"{"selector": "nothing_like_it"}"#, "selector: no stored series"),
        (r#"{"selector": "a b"}"#, "selector: "),
        (r#"{}"#, "selector: "),
        (r#"{"selector": "queue_depth", "from": "yesterday"}"#, "from: "),
        (r#"{"selector": "queue_depth", "budgets": ["3 per day", "many"]}"#, "budgets[1]: "),
        (r#"{"selector": "queue_depth", "sigma": [3, -1]}"#, "sigma[1]: must lie between"),
        (r#"{"selector": "queue_depth", "contamination": [0.9]}"#, "contamination[0]: must lie"),
        (r#"{"selector": "queue_depth", "configured": false}"#, "1 to 8 choices"),
        (r#"{"selector": "queue_depth", "threshold": [1, 2, 3, 4, 5, 6, 7, 8]}"#, "1 to 8 choices"),
        (r#"{"selector": "queue_depth", "limit": 3}"#, "limit"),
    ] {
        post(&app, path, body).await.assert_problem(422, field);
    }
    post(&app, path, "{").await.assert_problem(400, "JSON");
}

#[tokio::test]
async fn the_page_of_a_back_test_draws_lanes_and_lists_alerts() {
    let empty = page("/backtest").await.text;
    assert!(empty.contains(r#"data-testid="backtest-form""#) && empty.contains("/backtest?match="), "{empty}");
    let asked =
        page("/backtest?match=queue_depth%7Bservice%3D%22cart%22%7D&range=1h&alerts=5&per=week&sigma3=on").await;
    assert_eq!(asked.status, 200);
    for part in ["5 per week", "sigma 3", r#"data-testid="lane""#, "data-band=\"[[", r#"data-testid="backtest-alerts""#]
    {
        assert!(asked.text.contains(part), "{part}");
    }
    assert!(!asked.text.contains(HOSTILE) && !asked.text.contains("as configured \u{b7}"));
    let wrong = page("/backtest?match=cart&range=1h").await;
    assert!(wrong.status == 200 && wrong.text.contains("no stored series") && wrong.text.contains("queue_depth"));
    let series = page(&format!("/series/{}", series_id().await)).await.text;
    assert!(series.contains(r#"data-testid="backtest-link""#));
}

#[tokio::test]
async fn people_can_act() {
    let app = app();
    let acknowledged = post(&app, "/sentinel/v1/incidents/INC-2/acknowledge", "").await;
    assert_eq!(acknowledged.json()["status"], "acknowledged");
    let told = post(&app, "/sentinel/v1/incidents/INC-2/feedback", r#"{"opinion":"right","actor":"alice"}"#).await;
    assert_eq!(told.json()["feedback"], "right");
    let body = serde_json::json!({"opinion": "wrong", "cause": "db", "action": "PLAN-1", "comment": HOSTILE});
    post(&app, "/sentinel/v1/incidents/INC-2/feedback", &body.to_string()).await.json();
    let page = send(&app, "GET", "/feedback", &[], "").await.text;
    assert!(page.contains("alice: Cause is right") && page.contains("1.00 to 1.32, now 1.30"), "{page}");
    assert!(page.contains("PLAN-1") && page.contains("it was db") && !page.contains(HOSTILE), "{page}");
    let listed = send(&app, "GET", "/sentinel/v1/feedback?limit=1", &[], "").await.json();
    assert_eq!((&listed["items"][0]["id"], &listed["next_cursor"]), (&2.into(), &"1".into()));
    let undone = post(&app, "/sentinel/v1/feedback/2/undo", r#"{"actor":"bob"}"#).await.json();
    assert_eq!(undone["undone_by"], "bob");
    post(&app, "/sentinel/v1/feedback/9/undo", "{}").await.assert_problem(409, "9");
    post(&app, "/sentinel/v1/feedback/x/undo", "{}").await.assert_problem(404, "x");
    let approve = "/sentinel/v1/plans/PLAN-1/approve";
    post(&app, approve, r#"{"digest":"other"}"#).await.assert_problem(409, "digest");
    let approved = post(&app, approve, &format!(r#"{{"digest":"{DIGEST}","actor":"alice"}}"#)).await.json();
    assert_eq!((&approved["state"], &approved["approval"]["actor"]), (&"approved".into(), &"alice".into()));
    post(&app, "/sentinel/v1/plans/PLAN-1/reject", "{}").await.assert_problem(409, "PLAN-1");
}

#[tokio::test]
async fn a_form_of_our_own_page_leads_back_to_it() {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "http://127.0.0.1:8080")];
    let body = format!("digest={DIGEST}&actor=web");
    let answer = send(&app(), "POST", "/sentinel/v1/plans/PLAN-1/approve", &headers, &body).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/incidents/INC-2"));
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

/// Guarantees: MUST 548 of docs/specs/model-watch.md, and the addresses of watched models.
#[tokio::test]
async fn watched_models_are_listed_drawn_and_compared() {
    let list = get("/sentinel/v1/drift").await.json();
    assert_eq!((&list["items"][0]["model"], &list["items"][0]["state"]), (&"income".into(), &"drift".into()));
    let one = get("/sentinel/v1/drift/income?limit=1").await.json();
    assert_eq!((&one["runs"]["items"][0]["id"], one["runs"]["items"].as_array().unwrap().len()), (&"B".into(), 1));
    assert_eq!(get("/sentinel/v1/drift/income/latest").await.json()["schema"], "sentinel.drift_report/1");
    let report = get("/sentinel/v1/drift/income/B?format=html").await;
    assert!(report.text.contains("<html>"), "{}", report.text);
    let both = get("/sentinel/v1/drift/income/B?against=A").await.json();
    assert_eq!((&both["before"]["id"], &both["features"][0][2]["drifted"]), (&"A".into(), &true.into()));
    get("/sentinel/v1/drift/income/B?format=pdf").await.assert_problem(422, "none of json, html");
    get("/sentinel/v1/drift/nobody").await.assert_problem(404, "nobody");
    get("/sentinel/v1/drift/income/C").await.assert_problem(404, "C");
    let app = app();
    assert_eq!(post(&app, "/sentinel/v1/drift/income/run", "{}").await.json()["id"], "B");

    assert!(page("/model-watch").await.text.contains(r#"data-testid="model-row""#));
    let card = page("/model-watch/income").await.text;
    for part in
        [r#"data-testid="heatmap""#, r#"data-testid="performance""#, r#"data-testid="report""#, "heat-cell marked"]
    {
        assert!(card.contains(part), "{part}");
    }
    assert!(!card.contains("age<script>") && card.contains("age&lt;script&gt;"));
    assert!(page("/model-watch/income/compare?before=A&after=B").await.text.contains("mean 38.5"));
}

/// Guarantees: MUST 766 of docs/specs/predict.md: only a version that does not answer has a button, and what cannot be
/// promoted is told.
#[tokio::test]
async fn a_version_is_promoted() {
    let (app, path) = (app(), "/sentinel/v1/served/income/promote");
    let done = post(&app, path, r#"{"version":"2","actor":"alice"}"#).await.json();
    assert_eq!((&done["status"], &done["before"]), (&"promoted".into(), &"1".into()));
    assert_eq!(done["model"], "income by alice");
    post(&app, path, "{}").await.assert_problem(422, "GET /models lists them");
    post(&app, path, r#"{"version":"1"}"#).await.assert_problem(409, "answers already");
    post(&app, path, r#"{"version":"9"}"#).await.assert_problem(404, "\"9\" of income does not exist");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let own = ("origin", "http://127.0.0.1:8080");
    let answer = send(&app, "POST", path, &[form, own], "version=2&actor=web").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/model-watch/income"));
    let foreign = send(&app, "POST", path, &[form, ("origin", "http://evil.example")], "version=2").await;
    assert_eq!(foreign.status, 403);
    let card = page("/model-watch/income").await.text;
    assert_eq!(card.matches(r#"data-testid="promote-version""#).count(), 1);
    assert!(card.contains("Let version 2 answer?"), "{card}");
}

#[tokio::test]
async fn forecasts_are_listed_drawn_and_managed() {
    assert_eq!(get("/sentinel/v1/watches").await.json()["items"][0]["expr"], "queue_length");
    let found = |query: &'static str| async move {
        get(&format!("/sentinel/v1/models?{query}")).await.json()["items"].as_array().unwrap().len()
    };
    assert_eq!((found("").await, found("match=checkout").await, found("state=error").await), (2, 1, 1));
    get("/sentinel/v1/models?state=asleep").await.assert_problem(422, "state: \"asleep\" is none of waiting");
    let chart = get("/sentinel/v1/models/00000000000000aa/chart").await.json();
    assert_eq!((chart["actual"][4][1].is_null(), chart["forecast"][0]["intervals"][0][0].as_f64()), (true, Some(0.95)));
    get("/sentinel/v1/models/ff/chart").await.assert_problem(404, "ff");

    let list = page("/forecasts").await.text;
    assert!(list.contains("queue_length") && list.contains("93 %") && list.contains(r#"data-testid="watch-error""#));
    assert!(list.contains("&lt;script&gt;alert('x')&lt;/script&gt;"), "what fails is told");
    let one = page("/forecasts/00000000000000aa").await.text;
    for part in [r#"data-testid="fan""#, r#"class="interval""#, "/manage/rollback/00000000000000aa", "/manage/promote/"]
    {
        assert!(one.contains(part), "{part}");
    }
    assert_eq!(one.matches(r#"data-testid="promote""#).count(), 1, "what was refused has no button");

    // As the older product was asked: without a body, and with `run_id`.
    let app = app();
    let answer = send(&app, "POST", "/manage/retrain/queue", &[], "").await;
    assert_eq!((answer.json()["status"].as_str(), answer.json()["run_id"].as_str()), (Some("triggered"), Some("v4")));
    let answer = post(&app, "/manage/rollback/queue", r#"{"run_id": "v1"}"#).await.json();
    assert_eq!((&answer["status"], &answer["artifact_path"]), (&"rolled_back".into(), &"x/v1/model.bin".into()));
    assert_eq!(post(&app, "/manage/promote/queue", r#"{"version": "v1"}"#).await.json()["status"], "promoted");
    post(&app, "/manage/promote/queue", "{}").await.assert_problem(422, "version: missing");
    post(&app, "/manage/promote/queue", r#"{"version": "v3"}"#).await.assert_problem(409, "refused in training");
    post(&app, "/manage/retrain/nobody", "").await.assert_problem(404, "nobody");
    let foreign = [("origin", "http://evil.example"), ("content-type", "application/json")];
    send(&app, "POST", "/manage/retrain/queue", &foreign, "{}").await.assert_problem(403, "evil.example");
}

#[tokio::test]
async fn every_chart_of_an_incident_has_points_also_if_a_whole_service_is_silent() {
    let text = page("/incidents/INC-2").await.text;
    let ids: Vec<&str> = text.split("data-chart=\"").skip(1).filter_map(|it| it.split('"').next()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    for id in ids {
        let chart = get(&format!("/sentinel/v1/series/{id}/points")).await;
        assert!(chart.status == 200 && !chart.json()["points"].as_array().unwrap().is_empty(), "{id}");
    }
    assert!(text.contains(r#"href="/series?match=cart""#), "what is silent as a whole links to its series");
}

#[tokio::test]
async fn the_incident_page_offers_all_it_should() {
    let text = page("/incidents/INC-2").await.text;
    let ids = ["incident-title", "cause", "evidence", "plan", "plan-state", "approve", "reject", "digest", "timeline"];
    let more = ["feedback-right", "feedback-wrong", "feedback-noise", "acknowledge", "chart", "report-html"];
    for id in ids.iter().chain(&more) {
        assert!(text.contains(&format!(r#"data-testid="{id}""#)), "{id}");
    }
    assert!(text.contains(&format!(r#"name="digest" value="{DIGEST}""#)));
}

/// Guarantees: MUST 712 and 713 of docs/specs/agent.md.
#[tokio::test]
async fn an_investigation_is_shown_with_its_evidence_and_nothing_foreign() {
    let answer = get("/sentinel/v1/incidents/INC-1").await.json();
    assert_eq!(answer["investigation"]["claims"][0]["evidence"], serde_json::json!(["T1"]));
    assert_eq!(answer["investigation_report"], format!("Three lines of catalog fit {HOSTILE} [T1]"));
    assert!(get("/sentinel/v1/incidents/INC-2").await.json().get("investigation").is_none());
    let page = page("/incidents/INC-1").await.text;
    assert!(page.contains("href=\"#inv-T1\"") && page.contains("id=\"inv-T1\""), "{page}");
    assert!(page.contains("1200 tokens read, 80 written, 0.0123 US dollars."), "{page}");
    assert!(page.contains("2 that did not hold were left out."), "{page}");
    assert!(!page.contains(HOSTILE), "{page}");
}

#[tokio::test]
async fn an_empty_server_says_what_to_do() {
    let app = router(World::empty(Arc::new(FixedClock)).ports(), Live::new(), &Config::default(), axum::Router::new());
    for (path, hint) in [
        ("/", "/monitor"),
        ("/incidents", "No incidents"),
        ("/series", "/api/v1/write"),
        ("/logs", "/loki/api/v1/push"),
        ("/audit", "Nothing was done"),
    ] {
        let answer = send(&app, "GET", path, &[("accept", BROWSER)], "").await;
        assert!(answer.status == 200 && answer.text.contains(hint), "{path}");
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

#[tokio::test]
async fn swagger_works_offline() {
    let start = get("/docs/").await;
    assert_eq!(start.status, 200);
    assert!(start.header("content-security-policy").contains("default-src 'self'"));
    assert!(!start.text.contains("https://"), "{}", start.text);
    assert!(get("/docs/swagger-initializer.js").await.text.contains("/openapi.json"));
    assert_eq!(get("/docs/swagger-ui-bundle.js").await.status, 200);
    assert_eq!(get("/docs").await.status, 303);
    assert_eq!(get("/openapi.json").await.json()["info"]["version"], "0.1.0");
}

#[tokio::test]
async fn metrics_follow_the_format_that_was_asked_for() {
    let app = app();
    send(&app, "GET", "/sentinel/v1/incidents/INC-2", &[], "").await;
    let text = send(&app, "GET", "/metrics", &[], "").await;
    assert!(text.header("content-type").starts_with("text/plain; version=0.0.4"));
    let samples = parse(&text.text);
    let own = "sentinel_serve_requests_total{method=\"GET\",route=\"/sentinel/v1/incidents/{id}\",status=\"2xx\"}";
    assert!(samples.contains(&(own.to_owned(), 1.0)), "{samples:?}");
    assert!(samples.contains(&("sentinel_ingest_dropped_samples_total{reason=\"a\\\"b\\\\c\\nd\"}".to_owned(), 3.0)));
    let accept = ("accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    let open = send(&app, "GET", "/metrics", &[accept], "").await;
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text.ends_with("\n# EOF\n"));
    assert!(open.text.contains("# TYPE sentinel_serve_requests counter\n"));
    parse(open.text.strip_suffix("# EOF\n").unwrap());
}

/// A strict reader of the text format: every family is announced once and before its samples, names and labels are
/// well formed, no sample comes twice.
fn parse(text: &str) -> Vec<(String, f64)> {
    let mut samples: Vec<(String, f64)> = vec![];
    let mut families: Vec<String> = vec![];
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(matches!(kind, "counter" | "gauge"), "{line}");
            assert!(!families.contains(&name.to_owned()), "{name} comes twice");
            families.push(name.to_owned());
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_'), "{line}");
        let family = families.last().unwrap();
        assert!(name == family || name == format!("{family}_total"), "{line} is not of {family}");
        if let Some(labels) = series.strip_prefix(name).filter(|it| !it.is_empty()) {
            let inner = labels.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap();
            check_labels(inner);
        }
        assert!(samples.iter().all(|(it, _)| it != series), "{series} comes twice");
        samples.push((series.to_owned(), value.replace("+Inf", "inf").parse().unwrap()));
    }
    samples
}

fn check_labels(mut rest: &str) {
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(!name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_'), "{name}");
        let mut is_escaped = false;
        let end = after.find(|it: char| {
            assert!(!is_escaped || matches!(it, '\\' | '"' | 'n'), "unknown escape in {after}");
            let is_end = it == '"' && !is_escaped;
            is_escaped = it == '\\' && !is_escaped;
            is_end
        });
        rest = &after[end.unwrap() + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

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
    let whole = tokio::time::timeout(Duration::from_secs(20), response.into_body().collect());
    String::from_utf8(whole.await.expect("the stream ends").unwrap().to_bytes().to_vec()).unwrap()
}
