//! Does a tenant that sends too much hear of it in its protocol's words, and do the others not notice?

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use ingest::{Config, Counts, Limited, OtlpConfig, OtlpReceiver, Tenants, TenantsConfig};
use prost::Message;
use serde_json::json;
use signal::Meter;

use crate::fake;
use crate::fake::{Answer, Recorder, Service, StillClock};
use crate::otlp_wire::*;

/// A service behind the limits that are set by `json`.
struct Limits {
    service: Service,
    tenants: Arc<Tenants>,
}

fn limits(json: &str) -> Limits {
    let config: TenantsConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.validate(), Vec::<String>::new());
    let (recorder, counts) = (Arc::new(Recorder::default()), Arc::new(Counts::default()));
    let tenants = Tenants::new(&config, Arc::new(StillClock));
    let sink = Arc::new(Limited::new(recorder.clone(), Arc::clone(&tenants)));
    let entrance = fake::entrance(sink, &Config::default(), counts.clone());
    let otlp = OtlpReceiver::new(entrance.clone(), &OtlpConfig::default());
    let router = ingest::router(entrance).merge(otlp.http_routes());
    Limits { service: Service { recorder, counts, router }, tenants }
}

impl Limits {
    async fn influx(&self, tenant: &str, lines: &str) -> Answer {
        self.service.post("/write", &[("x-scope-orgid", tenant)], lines.to_owned()).await
    }

    fn series(&self) -> Vec<String> {
        let samples = self.service.recorder.samples.lock().unwrap();
        samples.iter().map(|it| it.labels.to_string()).collect()
    }

    fn count(&self, name: &str, tenant: &str) -> f64 {
        let metrics = self.tenants.metrics();
        let is_it = |it: &&signal::Metric| it.name == name && it.labels.contains(&("tenant".into(), tenant.to_owned()));
        metrics.iter().filter(is_it).map(|it| it.value).sum()
    }
}

fn logins(users: std::ops::Range<usize>) -> String {
    users.map(|user| format!("logins,service=shop,user_id=u{user} total=1\n")).collect()
}

/// Guarantees: MUST 170 and 171 of docs/specs/ingest.md.
#[tokio::test]
async fn a_series_too_many_is_left_out_and_its_label_is_named() {
    let limits = limits(r#"{"limits": {"max_series": 50}, "overrides": {"big": {"max_series": 500}}}"#);
    assert_eq!(limits.influx("a", &logins(0..40)).await.status, StatusCode::NO_CONTENT);
    let answer = limits.influx("a", &logins(30..60)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let detail = answer.json()["error"].as_str().unwrap().to_owned();
    for part in [
        "partial write",
        "\"a\" has 50 series",
        "tenants.limits.max_series",
        "\"user_id\" has most values",
        "10 left out",
    ] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // What was there goes on, what fits was taken, other tenants have room of their own.
    assert_eq!(limits.influx("a", &logins(0..50)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(limits.influx("b", &logins(0..50)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(limits.influx("big", &logins(0..500)).await.status, StatusCode::NO_CONTENT);
    let series = limits.series();
    assert_eq!(series.len(), 40 + 20 + 50 + 50 + 500);
    assert!(
        series.iter().all(|it| ["a", "b", "big"].iter().any(|tenant| it.contains(&format!("tenant=\"{tenant}\""))))
    );
    assert_eq!(limits.count("sentinel_ingest_tenant_over_limit_total", "a"), 10.0);
    assert_eq!(limits.service.metric("sentinel_ingest_signals_dropped_total", "influx", "over_limit"), 10.0);
    let usage = limits.tenants.usage();
    let top = &usage[0].labels[0];
    assert_eq!((usage[0].name.as_str(), usage[0].series, top.name.as_str()), ("a", 50, "user_id"));
}

/// Guarantees: MUST 170 of docs/specs/ingest.md.
#[tokio::test]
async fn nobody_can_write_into_another_tenants_series() {
    let limits = limits("{}");
    limits.influx("a", "cpu,tenant=b value=1").await;
    assert_eq!(limits.series(), [r#"cpu{tenant="a"}"#]);
    let answer = limits.influx("a|b", "cpu value=1").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("X-Scope-OrgID"), "{}", answer.text);
    // Without the header the label decides: a gateway before Sentinel, or a scraped target, may have set it.
    let answer = limits.service.post("/write", &[], "cpu,tenant=c value=1").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let names: Vec<_> = limits.tenants.usage().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["a", "c"]);
}

/// Guarantees: MUST 171 of docs/specs/ingest.md.
#[tokio::test]
async fn each_protocol_says_it_in_its_own_way() {
    let limits = limits(r#"{"limits": {"max_series": 1, "max_streams": 1}}"#);
    let push = json!({ "streams": [
        { "stream": { "app": "a" }, "values": [["1700000000000000000", "one"]] },
        { "stream": { "app": "b" }, "values": [["1700000000000000000", "two"], ["1700000001000000000", "three"]] },
    ] });
    let headers = [("content-type", "application/json")];
    let answer = limits.service.post("/loki/api/v1/push", &headers, push.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("1 streams") && answer.text.contains("2 left out"), "{}", answer.text);
    assert_eq!(limits.service.recorder.lines.lock().unwrap().len(), 1);

    let metric = |name: &str| gauge(name, "", vec![number(&[], 1_700_000_000_000_000_000, 1.0)]);
    let request = metrics(&[("service.name", "shop")], vec![metric("a"), metric("b"), metric("c")]).encode_to_vec();
    let answer = limits.service.post("/v1/metrics", &[("content-type", "application/x-protobuf")], request).await;
    assert_eq!(answer.status, StatusCode::OK, "a partial success");
    assert!(answer.text.contains("tenants.limits.max_series"), "{}", answer.text);
}

/// Guarantees: MUST 173 of docs/specs/ingest.md.
#[tokio::test]
async fn who_is_too_fast_is_asked_to_wait() {
    let limits = limits(r#"{"limits": {"events_per_sec": 10}, "overrides": {"free": {"events_per_sec": 0}}}"#);
    assert_eq!(limits.influx("a", &logins(0..70)).await.status, StatusCode::NO_CONTENT, "a burst is taken");
    let answer = limits.influx("a", &logins(0..1)).await;
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "2"));
    assert!(answer.text.contains("tenants.limits.events_per_sec"), "{}", answer.text);
    let request = metrics(&[], vec![gauge("m", "", vec![number(&[], 1_700_000_000_000_000_000, 1.0)])]).encode_to_vec();
    let headers = [("content-type", "application/x-protobuf"), ("x-scope-orgid", "a")];
    let answer = limits.service.post("/v1/metrics", &headers, Body::from(request)).await;
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "2"));
    assert_eq!(limits.influx("free", &logins(0..500)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(limits.count("sentinel_ingest_tenant_throttled_total", "a"), 2.0);
    assert_eq!(limits.series().len(), 70 + 500);
}

/// Guarantees: MUST 170 of docs/specs/ingest.md.
#[tokio::test]
async fn made_up_tenants_do_not_fill_the_memory() {
    let limits = limits(r#"{"max_tenants": 3}"#);
    let mut statuses = vec![];
    for idx in 0..5 {
        statuses.push(limits.influx(&format!("t{idx}"), "cpu value=1").await.status.as_u16());
    }
    assert_eq!(statuses, [204, 204, 204, 400, 400]);
}

/// Guarantees: MUST 174 of docs/specs/ingest.md.
#[tokio::test]
async fn bodies_that_together_are_too_large_are_asked_to_come_later() {
    let config = Config { max_in_flight_bytes: 1 << 20, ..Config::default() };
    let service = Service::with(&config);
    let slow = service.router.clone();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = Body::from_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
    let request = axum::http::Request::builder().method("POST").uri("/write").body(body).unwrap();
    let first = tokio::spawn(tower::ServiceExt::oneshot(slow, request));
    // A comment line, and room for two parts of it: the second send returns when the first was read.
    let comment = [b"#".to_vec(), vec![b'x'; 500_000]].concat();
    sender.send(Ok(comment)).await.unwrap();
    sender.send(Ok(vec![])).await.unwrap();
    sender.send(Ok(vec![])).await.unwrap();
    let large = format!("#{}\ncpu value=1", "x".repeat(300_000));
    let answer = service.post("/write", &[("content-length", "300013")], large.clone()).await;
    assert_eq!(
        (answer.status, answer.headers["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    assert_eq!(service.post("/write", &[], "cpu value=1").await.status, StatusCode::NO_CONTENT, "small ones go on");
    sender.send(Ok(b"\ncpu value=2".to_vec())).await.unwrap();
    drop(sender);
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(service.post("/write", &[], large).await.status, StatusCode::NO_CONTENT, "the memory was given back");
}

/// Guarantees: MUST 880: a body that stops in the middle gives its place and memory back, and may be sent again.
#[tokio::test]
async fn a_body_that_stops_is_asked_to_come_again() {
    let service = Service::with(&Config { max_body_pause_secs: 1, ..Config::default() });
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = Body::from_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
    sender.send(Ok(b"cpu val".to_vec())).await.unwrap();
    let answer = service.post("/write", &[], body).await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
    );
    assert!(service.recorder.samples.lock().unwrap().is_empty());
    drop(sender);
}
