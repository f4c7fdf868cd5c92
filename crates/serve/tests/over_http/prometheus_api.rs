//! Do clients of Prometheus get what they ask for? The requests of Grafana's datasource one after the other, and every
//! endpoint with its mistakes.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};
use serve::{Config, Live, router};

use crate::asking::{Answer, FixedClock, app, get, send};
use crate::fakes::World;

/// Seconds at which the world stands still.
const NOW: i64 = 1_769_860_800;

/// What a client takes out of a good answer.
fn data(answer: &Answer) -> Value {
    let json = answer.json();
    assert_eq!((answer.status, &json["status"]), (200, &"success".into()), "{json}");
    json["data"].clone()
}

async fn post(path: &str, form: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(&app(), "POST", path, &headers, form).await
}

fn len(value: &Value) -> usize {
    value.as_array().unwrap_or_else(|| panic!("no array: {value}")).len()
}

/// What Grafana 10 to 12 send to a Prometheus datasource: save and test, the builder of queries, a dashboard with
/// variables and annotations, and the list of alert rules.
/// Guarantees: MUST 350 to 356 of docs/specs/query-api.md.
#[tokio::test]
async fn the_requests_of_grafana_are_answered() {
    // Save and test: the health check evaluates, then the flavor is looked up.
    let health = post("/api/v1/query", &format!("query=1%2B1&time={NOW}")).await;
    assert_eq!(health.headers["content-type"], "application/json");
    assert_eq!(data(&health), json!({ "resultType": "scalar", "result": [NOW, "2"] }));
    let build = data(&get("/api/v1/status/buildinfo").await);
    assert!(build["version"].as_str().unwrap().starts_with("3."), "{build}");
    assert!(build.get("features").is_none(), "with features it would be taken for Mimir: {build}");

    // The builder of queries: names of metrics, what they mean, labels and their values.
    let span = format!("start={}&end={NOW}", NOW - 3600);
    let names = data(&get(&format!("/api/v1/label/__name__/values?{span}")).await);
    assert!(names.as_array().unwrap().contains(&"queue_depth".into()), "{names}");
    assert!(names.as_array().unwrap().is_sorted_by_key(|it| it.as_str().unwrap().to_owned()));
    let with_match = "match%5B%5D=queue_depth%7Bservice%3D%22checkout%22%7D";
    let values = data(&get(&format!("/api/v1/label/service/values?{with_match}&{span}&limit=40000")).await);
    assert_eq!(values, json!(["checkout"]));
    let metadata = data(&get("/api/v1/metadata?limit=1000&limit_per_metric=1").await);
    assert_eq!(metadata["queue_depth"], json!([{ "type": "gauge", "help": "Jobs that wait.", "unit": "" }]));
    let labels = data(&post("/api/v1/labels", &format!("{with_match}&{span}")).await);
    assert!(labels.as_array().unwrap().contains(&"service".into()), "{labels}");
    let series = data(&post("/api/v1/series", &format!("{with_match}&{span}")).await);
    assert!(len(&series) > 0 && series.as_array().unwrap().iter().all(|it| it["__name__"] == "queue_depth"));

    // A panel.
    let query = "sum+by+%28service%29+%28queue_depth%29";
    let range = format!("query={query}&start={}&end={NOW}&step=15", NOW - 900);
    let panel = data(&post("/api/v1/query_range", &range).await);
    assert_eq!(panel["resultType"], "matrix");
    assert!(len(&panel["result"]) > 1);
    for series in panel["result"].as_array().unwrap() {
        assert_eq!(series["metric"].as_object().unwrap().keys().collect::<Vec<_>>(), ["service"]);
        assert_eq!(len(&series["values"]), 61);
        let (time, value) = (&series["values"][60][0], &series["values"][60][1]);
        assert_eq!(time.as_i64(), Some(NOW));
        value.as_str().unwrap().parse::<f64>().unwrap();
    }
    let exemplars = data(&post("/api/v1/query_exemplars", &format!("query=up&start={}&end={NOW}", NOW - 900)).await);
    assert_eq!(len(&exemplars), 0);

    // The list of alert rules.
    let rules = data(&get("/api/v1/rules").await);
    let (alerting, recording) = (&rules["groups"][0]["rules"][0], &rules["groups"][0]["rules"][1]);
    assert_eq!(
        (&alerting["type"], &alerting["state"], &alerting["health"]),
        (&"alerting".into(), &"firing".into(), &"ok".into())
    );
    assert_eq!((&alerting["duration"], &alerting["alerts"][0]["state"]), (&json!(60.0), &"firing".into()));
    assert_eq!((&recording["type"], &recording["name"]), (&"recording".into(), &"queue:long".into()));
    assert!(recording.get("alerts").is_none() && recording.get("state").is_none(), "{recording}");
    assert_eq!(data(&get("/api/v1/alerts").await)["alerts"][0]["annotations"]["summary"], "17 jobs wait");
    let managers = data(&get("/api/v1/alertmanagers").await);
    assert_eq!(managers["activeAlertmanagers"][0]["url"], "http://127.0.0.1:9093/api/v2/alerts");
}

/// Guarantees: MUST 357 of docs/specs/query-api.md.
#[tokio::test]
async fn mistakes_have_the_status_and_the_type_of_prometheus() {
    let check = async |path: &str, status: u16, kind: &str, text: &str| {
        let answer = get(path).await;
        let json = answer.json();
        assert_eq!(
            (answer.status, &json["status"], &json["errorType"]),
            (status, &"error".into(), &kind.into()),
            "{path}: {json}"
        );
        assert!(json["error"].as_str().unwrap().contains(text), "{path}: {json}");
    };
    let bad = "bad_data";
    check("/api/v1/query", 400, bad, "no expression found").await;
    check("/api/v1/query?query=up%7B", 400, bad, "invalid parameter \"query\": 1:").await;
    check("/api/v1/query?query=up&time=yesterday", 400, bad, "cannot parse \"yesterday\" to a valid timestamp").await;
    check("/api/v1/query?query=up&limit=-1", 400, bad, "limit").await;
    check("/api/v1/query?query=up&timeout=x", 400, bad, "valid duration").await;
    check("/api/v1/query_range?query=up&start=1&end=2", 400, bad, "\"step\"").await;
    check("/api/v1/query_range?query=up&start=2&end=1&step=1", 400, bad, "must not be before").await;
    check("/api/v1/query_range?query=up&start=1&end=2&step=0", 400, bad, "zero or negative").await;
    check("/api/v1/query_range?query=up&start=0&end=11000&step=1", 400, bad, "11,000 points").await;
    check("/api/v1/query_range?query=up%5B5m%5D&start=0&end=1&step=1", 400, bad, "instant Vector").await;
    check("/api/v1/series", 400, bad, "no match[]").await;
    check("/api/v1/series?match[]=%7Ba%3D%22%22%7D", 400, bad, "match[]").await;
    check("/api/v1/series?match[]=1", 400, bad, "series selector").await;
    check("/api/v1/rules?type=x", 400, bad, "not supported").await;
    check("/api/v1/format_query?query=%28", 400, bad, "parse error").await;
    let double = "queue_depth+*+on%28%29+queue_depth";
    check(&format!("/api/v1/query?query={double}&time={NOW}"), 422, "execution", "many-to-many").await;
}

#[tokio::test]
async fn answers_are_cut_and_say_so() {
    let answer = get(&format!("/api/v1/query?query=queue_depth&time={NOW}&limit=1&stats=all")).await;
    let json = answer.json();
    assert_eq!((len(&json["data"]["result"]), &json["warnings"]), (1, &json!(["results truncated due to limit"])));
    assert!(json["data"]["stats"]["samples"]["totalQueryableSamples"].as_u64().unwrap() > 0);
    let json = get("/api/v1/labels?limit=1").await.json();
    assert_eq!((len(&json["data"]), len(&json["warnings"])), (1, 1));
    assert_eq!(len(&data(&get("/api/v1/rules?type=record").await)["groups"][0]["rules"]), 1);
    assert_eq!(len(&data(&get("/api/v1/rules?rule_name[]=none").await)["groups"]), 0);
    assert_eq!(data(&get("/api/v1/format_query?query=sum%28up%29by%28a%29").await), "sum by (a) (up)");
    let target = data(&get("/api/v1/targets").await)["activeTargets"][0].clone();
    assert_eq!((&target["scrapeUrl"], &target["labels"]["job"]), (&"http://web-1:9100/metrics".into(), &"node".into()));
    for path in ["runtimeinfo", "flags", "tsdb"] {
        assert!(data(&get(&format!("/api/v1/status/{path}")).await).is_object(), "{path}");
    }
}

/// Guarantees: MUST 358 of docs/specs/query-api.md.
#[tokio::test]
async fn pages_of_other_sites_read_only_where_they_may() {
    let foreign = [("origin", "https://grafana.example.org"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = send(&app(), "POST", "/api/v1/query", &foreign, "query=1").await;
    assert_eq!(answer.status, 403, "nobody may without being asked");
    let world = World::busy(Arc::new(FixedClock));
    let mut ports = Arc::into_inner(world.ports()).expect("one owner");
    let query = serve::QueryConfig {
        cors_origins: vec!["https://grafana.example.org".to_owned()],
        ..serve::QueryConfig::default()
    };
    ports.queries = serve::Queries::new(&query, world);
    let app = router(Arc::new(ports), Live::new(), &Config::default(), Router::new());
    let answer = send(&app, "POST", "/api/v1/query", &foreign, "query=1").await;
    assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (200, &foreign[0].1.parse().unwrap()));
    let asked = send(&app, "OPTIONS", "/api/v1/query", &foreign, "").await;
    assert_eq!(
        (asked.status, &asked.headers["access-control-allow-methods"]),
        (204, &"GET, POST, OPTIONS".parse().unwrap())
    );
    let other = [("origin", "https://evil.example"), foreign[1]];
    assert_eq!(send(&app, "POST", "/api/v1/query", &other, "query=1").await.status, 403);
    let change = [foreign[0], ("content-type", "application/json")];
    assert_eq!(send(&app, "POST", "/sentinel/v1/incidents/INC-1/acknowledge", &change, "{}").await.status, 403);
}

#[tokio::test]
async fn federation_tells_the_newest_sample() {
    let answer = get("/federate?match%5B%5D=queue_depth").await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines[0], "# TYPE queue_depth gauge");
    assert!(lines.len() > 1);
    for line in &lines[1..] {
        let time = line.rsplit(' ').next().unwrap().parse::<i64>().unwrap();
        assert!(line.starts_with("queue_depth{") && (NOW * 1000 - time) < 60_000, "{line}");
    }
    assert_eq!(get("/federate").await.text, "");
}
