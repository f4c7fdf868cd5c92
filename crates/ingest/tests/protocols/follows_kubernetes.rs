//! Are pods followed as the API of Kubernetes wants it, and do signals get the labels of their pod? The API is a fake that
//! takes only what the real one takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use ingest::{KubernetesConfig, KubernetesCounts, PodLabels, Pods, Sink, Source, Versions, watch_pods};
use serde_json::{Value, json};
use signal::{Labels, LogRecord, SeriesPoints, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::fake::Recorder;

type Line = Result<Vec<u8>, std::io::Error>;

/// What the fake knows and has seen.
#[derive(Default)]
struct Api {
    token: Mutex<String>,
    pods: Mutex<Vec<Value>>,
    version: Mutex<u64>,
    /// Where watches get their lines from, the newest last.
    watches: Mutex<Vec<mpsc::Sender<Line>>>,
    /// Version from which each watch began, and the number of pages listed.
    begun_at: Mutex<Vec<String>>,
    pages: Mutex<usize>,
}

fn pod(name: &str, app: &str, version: &str, minute: u32) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
            "labels": { "app.kubernetes.io/name": app, "app.kubernetes.io/version": version, "pod-template-hash": "7d9f" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-7d9f"), "controller": true, "uid": "x" }],
        },
        "spec": { "nodeName": "n1", "containers": [{ "name": "main", "image": "r:5000/x:1" }] },
        "status": { "phase": "Running" },
    })
}

fn failure(code: u16, reason: &str) -> Response {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason });
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

async fn list_or_watch(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let wanted = format!("Bearer {}", api.token.lock().unwrap());
    if headers.get("authorization").and_then(|it| it.to_str().ok()) != Some(wanted.as_str()) {
        return failure(401, "Unauthorized");
    }
    let known =
        ["limit", "continue", "watch", "resourceVersion", "allowWatchBookmarks", "timeoutSeconds", "fieldSelector"];
    if query.keys().any(|it| !known.contains(&it.as_str()))
        || query.get("fieldSelector").map(String::as_str) != Some("spec.nodeName=n1")
    {
        return failure(400, "BadRequest");
    }
    if query.get("watch").is_some_and(|it| it == "1") {
        api.begun_at.lock().unwrap().push(query["resourceVersion"].clone());
        let (sender, mut lines) = mpsc::channel(16);
        api.watches.lock().unwrap().push(sender);
        return Response::new(Body::from_stream(futures_util::stream::poll_fn(move |context| {
            lines.poll_recv(context)
        })));
    }
    // Two pods a page, whatever limit is asked for, which the API may do.
    *api.pages.lock().unwrap() += 1;
    let begin: usize = query.get("continue").map_or(0, |it| it.parse().unwrap());
    let pods = api.pods.lock().unwrap();
    let items: Vec<_> = pods.iter().skip(begin).take(2).cloned().collect();
    let token = if begin + 2 < pods.len() { (begin + 2).to_string() } else { String::new() };
    let version = api.version.lock().unwrap().to_string();
    let list = json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": version, "continue": token }, "items": items });
    Response::new(Body::from(list.to_string()))
}

impl Api {
    /// Tells the newest watch, in two pieces, as a network may cut it.
    async fn tell(&self, kind: &str, object: Value) {
        let watch = self.watches.lock().unwrap().last().unwrap().clone();
        let line = format!("{}\n", json!({ "type": kind, "object": object }));
        let (first, second) = line.split_at(line.len() / 2);
        watch.send(Ok(first.into())).await.unwrap();
        watch.send(Ok(second.into())).await.unwrap();
    }

    fn versioned(&self, mut object: Value) -> Value {
        let mut version = self.version.lock().unwrap();
        *version += 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object
    }

    fn end_watch(&self) {
        self.watches.lock().unwrap().pop();
    }

    fn n_watches(&self) -> usize {
        self.begun_at.lock().unwrap().len()
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(120), "not so: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn labels_of(sink: &PodLabels, recorder: &Recorder, pairs: &[(&str, &str)]) -> String {
    let series = SeriesPoints::one(Labels::metric("m", pairs), Timestamp::from_secs(1), 1.0);
    sink.samples(Source::Scrape, vec![series]).await.unwrap();
    recorder.samples.lock().unwrap().last().unwrap().labels.to_string()
}

/// Guarantees: MUST 182 and 183 of docs/specs/ingest.md.
#[tokio::test]
async fn pods_are_listed_watched_and_listed_again() {
    let api = Arc::new(Api::default());
    *api.version.lock().unwrap() = 100;
    *api.token.lock().unwrap() = "second".to_owned();
    *api.pods.lock().unwrap() =
        vec![pod("pay-1", "pay", "1.0", 0), pod("pay-2", "pay", "1.0", 1), pod("cart-1", "cart", "7", 2)];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/api/v1/namespaces/shop/pods", get(list_or_watch)).with_state(Arc::clone(&api));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let token_file = std::env::temp_dir().join(format!("kubernetes-token-{}", std::process::id()));
    std::fs::write(&token_file, "first\n").unwrap();
    let config = KubernetesConfig {
        enabled: true,
        api: format!("http://{address}/"),
        token_file: Some(token_file.clone()),
        namespace: Some("shop".to_owned()),
        node: Some("n1".to_owned()),
        ..KubernetesConfig::default()
    };
    assert_eq!(config.validate(), Vec::<String>::new());
    let recorder = Arc::new(Recorder::default());
    let pods = Arc::new(Pods::new(&config.labels));
    let sink = PodLabels::new(recorder.clone(), Arc::clone(&pods));
    let counts = Arc::new(KubernetesCounts::default());
    let (stop, stopped) = watch::channel(false);
    let versions = Arc::new(Versions::default());
    let task =
        tokio::spawn(watch_pods(config, Arc::clone(&pods), versions, recorder.clone(), Arc::clone(&counts), stopped));

    // The token was wrong at first; the file is read again.
    let metric = |name: &str| signal::Meter::metrics(&*counts).into_iter().find(|it| it.name == name).unwrap().value;
    until("the first failure", || metric("sentinel_ingest_kubernetes_failures_total") >= 1.0).await;
    std::fs::write(&token_file, "second\n").unwrap();
    until("the first watch", || api.n_watches() == 1).await;
    assert_eq!((api.begun_at.lock().unwrap()[0].as_str(), *api.pages.lock().unwrap()), ("100", 2));
    let expected = r#"m{app_kubernetes_io_name="pay",namespace="shop",node="n1",pod="pay-1",workload="pay"}"#;
    assert_eq!(labels_of(&sink, &recorder, &[("pod", "pay-1"), ("namespace", "shop")]).await, expected);
    let own = labels_of(&sink, &recorder, &[("pod", "pay-1"), ("node", "mine")]).await;
    assert!(own.contains(r#"node="mine""#), "what a signal says of itself stays: {own}");
    assert!(recorder.changes.lock().unwrap().is_empty(), "what runs already was not deployed now");
    let mut line = LogRecord::new(Timestamp::from_secs(1), Labels::new([("service", "pay")]), "hello");
    line.metadata = Labels::new([("k8s_pod_name", "pay-1")]);
    sink.logs(Source::Otlp, vec![line]).await.unwrap();
    assert_eq!(recorder.lines.lock().unwrap()[0].metadata.get("workload"), Some("pay"));

    // A rollout.
    api.tell("ADDED", api.versioned(pod("pay-3", "pay", "1.1", 30))).await;
    until("the new pod", || pods.count() == 4).await;
    until("the deploy", || recorder.changes.lock().unwrap().len() == 1).await;
    let change = recorder.changes.lock().unwrap()[0].clone();
    assert_eq!((change.service.as_str(), change.title.as_str()), ("pay", "1.1 after 1.0"));
    assert_eq!(change.time, "2026-01-01T00:30:00Z".parse().unwrap());
    api.tell("DELETED", api.versioned(pod("pay-1", "pay", "1.0", 0))).await;
    until("the pod is gone", || pods.count() == 3).await;
    assert_eq!(labels_of(&sink, &recorder, &[("pod", "pay-1")]).await, r#"m{pod="pay-1"}"#);
    api.tell("BOOKMARK", json!({ "kind": "Pod", "metadata": { "resourceVersion": "150" } })).await;

    // A connection that ends is no reason to list again.
    api.end_watch();
    until("the second watch", || api.n_watches() == 2).await;
    assert_eq!((api.begun_at.lock().unwrap()[1].as_str(), *api.pages.lock().unwrap()), ("150", 2));

    // A version that is too old is.
    *api.version.lock().unwrap() = 900;
    *api.pods.lock().unwrap() = vec![pod("cart-1", "cart", "7", 2)];
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old resource version" });
    api.tell("ERROR", status).await;
    until("the third watch", || api.n_watches() == 3).await;
    assert_eq!((api.begun_at.lock().unwrap()[2].as_str(), pods.count()), ("900", 1));
    assert_eq!(recorder.changes.lock().unwrap().len(), 1, "a list tells no deploy twice");

    stop.send(true).unwrap();
    task.await.unwrap();
    server.abort();
    std::fs::remove_file(token_file).unwrap();
}
