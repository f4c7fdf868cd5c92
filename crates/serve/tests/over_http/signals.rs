//! Are series, charts, logs, traces, exemplars, expressions, groups and knowledge answered as documented?

use std::sync::Arc;

use serde_json::Value;
use serve::{Config, Live, router};

use crate::asking::{BROWSER, FixedClock, app, get, page, send, series_id};
use crate::fakes::{DIGEST, HOSTILE, World};

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
    for (tenant, is_shown) in [("shop", true), ("bakery", false)] {
        let headers = [("accept", BROWSER), ("x-scope-orgid", tenant)];
        let text = send(&app(), "GET", "/incidents/INC-2", &headers, "").await.text;
        assert_eq!(text.contains("changed since it was pinned"), is_shown, "{tenant}");
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
