//! Are rows judged, thresholds tried on the past, models watched and forecasts managed?

use serde_json::Value;

use crate::asking::{app, get, page, post, send, series_id};
use crate::fakes::HOSTILE;

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
    assert!(card.contains("/sentinel/v1/drift/income/B?format=html#column-age%3Cscript%3E"));
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

/// Guarantees: MUST 861 of docs/specs/model-watch.md.
#[tokio::test]
async fn a_model_that_nobody_watches_has_a_card_too() {
    let list = page("/model-watch").await.text;
    assert_eq!(list.matches(r#"data-testid="served-row""#).count(), 1, "one is watched, so it is not told twice");
    assert!(list.contains("/model-watch/churn%3Cscript%3E") && !list.contains("churn<script>"));
    let card = page("/model-watch/churn%3Cscript%3E").await;
    assert!(card.status == 200 && card.text.contains("Nobody watches it"), "{}", card.text);
    assert_eq!(card.text.matches(r#"data-testid="promote-version""#).count(), 1);
    assert_eq!(page("/model-watch/nobody").await.status, 404);
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
