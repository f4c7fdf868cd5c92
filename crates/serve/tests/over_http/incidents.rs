//! Do people see incidents, budgets and investigations whole, and can they act?

use std::sync::Arc;

use serve::{Config, Live, router};

use crate::asking::{BROWSER, FixedClock, app, get, page, post, send};
use crate::fakes::{DIGEST, HOSTILE, World};

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
    let answer = send(&app(), "POST", "/sentinel/v1/plans/PLAN-1/approve", &headers, body.as_str()).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/incidents/INC-2"));
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
    assert!(page.contains("a number that its evidence does not have"), "{page}");
    let sessions = crate::asking::page("/agent").await.text;
    assert_eq!(sessions.matches(r#"data-testid="session""#).count(), 1);
    assert!(sessions.contains("/incidents/INC-1#investigation") && !sessions.contains(HOSTILE), "{sessions}");
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
        ("/intake", "Nothing has come in yet"),
        ("/feedback", "Nobody has said anything yet"),
    ] {
        let answer = send(&app, "GET", path, &[("accept", BROWSER)], "").await;
        assert!(answer.status == 200 && answer.text.contains(hint), "{path}");
    }
}
