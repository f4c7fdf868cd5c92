//! Do trackers of experiments hear of trainings, each by its own protocol, and does one that is away cost nothing?
//!
//! MLflow and Weights & Biases are faked at the wire, strictly: what their servers refuse is refused here.
//! `SENTINEL_TEST_MLFLOW=http://127.0.0.1:5000` asks a real MLflow (`mlflow server`) in place of the fake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::free_port;
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(180);
const KEY: &str = "0123456789012345678901234567890123456789";

/// What a fake has heard: method and path, body, in order.
#[derive(Default)]
struct Heard {
    requests: Mutex<Vec<(String, Value)>>,
    /// The first requests fail with 503.
    failures_left: Mutex<u32>,
}

impl Heard {
    fn of(&self, path: &str) -> Vec<Value> {
        self.requests.lock().unwrap().iter().filter(|it| it.0 == path).map(|it| it.1.clone()).collect()
    }
}

/// Serves both fakes on a port of its own until the test ends.
fn fake(heard: &Arc<Heard>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/{*path}", any(answer)).with_state(Arc::clone(heard));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    address
}

async fn answer(
    State(heard): State<Arc<Heard>>,
    method: Method,
    Path(path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    {
        let mut failures = heard.failures_left.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    let name = format!("{method} {path}");
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = if path.starts_with("api/2.0/mlflow") {
        mlflow(&heard, &name, uri.query().unwrap_or(""), &json, &body)
    } else {
        wandb(&name, &headers, &json)
    };
    heard.requests.lock().unwrap().push((name, json));
    match answer {
        Ok(value) => axum::Json(value).into_response(),
        Err((status, value)) => (StatusCode::from_u16(status).unwrap(), axum::Json(value)).into_response(),
    }
}

type Told = Result<Value, (u16, Value)>;

/// A request may have these fields only, and must have the first `n`.
fn fields(body: &Value, n: usize, names: &[&str]) -> Result<(), (u16, Value)> {
    let bad = |why: String| Err((400, json!({"error_code": "INVALID_PARAMETER_VALUE", "message": why})));
    let Some(object) = body.as_object() else { return bad("no object".to_owned()) };
    if let Some(missing) = names.iter().take(n).find(|it| !object.contains_key(**it)) {
        return bad(format!("missing {missing}"));
    }
    match object.keys().find(|it| !names.contains(&it.as_str())) {
        Some(unknown) => bad(format!("unknown {unknown}")),
        None => Ok(()),
    }
}

/// The parts of the tracking server's REST API 2.0 that are used.
fn mlflow(heard: &Heard, name: &str, query: &str, body: &Value, bytes: &[u8]) -> Told {
    let missing = |what: &str| Err((404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": what})));
    match name.trim_start_matches("GET ").trim_start_matches("POST ").trim_start_matches("api/2.0/mlflow/") {
        "experiments/get-by-name" => {
            assert_eq!(query, "experiment_name=forecasts+of+us");
            if heard.of("POST api/2.0/mlflow/experiments/create").is_empty() {
                return missing("experiment");
            }
            Ok(json!({"experiment": {"experiment_id": "7", "name": "forecasts of us"}}))
        }
        "experiments/create" => fields(body, 1, &["name"]).map(|()| json!({"experiment_id": "7"})),
        "runs/create" => {
            fields(body, 1, &["experiment_id", "run_name", "start_time", "tags"])?;
            let uri = "mlflow-artifacts:/7/abc/artifacts";
            Ok(json!({"run": {"info": {"run_id": "abc", "artifact_uri": uri, "status": "RUNNING"}}}))
        }
        "runs/log-batch" => fields(body, 1, &["run_id", "metrics", "params", "tags"]).map(|()| json!({})),
        "runs/update" => fields(body, 1, &["run_id", "status", "end_time"]).map(|()| json!({"run_info": {}})),
        "registered-models/create" => {
            fields(body, 1, &["name"])?;
            match heard.of("POST api/2.0/mlflow/registered-models/create").len() {
                0 => Ok(json!({"registered_model": {"name": body["name"]}})),
                _ => Err((400, json!({"error_code": "RESOURCE_ALREADY_EXISTS", "message": "it is there"}))),
            }
        }
        "model-versions/create" => {
            fields(body, 2, &["name", "source", "run_id", "description"])?;
            let number = heard.of("POST api/2.0/mlflow/model-versions/create").len() + 1;
            Ok(json!({"model_version": {"name": body["name"], "version": number.to_string()}}))
        }
        "registered-models/alias" => fields(body, 3, &["name", "alias", "version"]).map(|()| json!({})),
        "PUT api/2.0/mlflow-artifacts/artifacts/7/abc/artifacts/model/model.bin" if !bytes.is_empty() => Ok(json!({})),
        other => missing(other),
    }
}

/// The two requests of the client of Weights & Biases that are used.
fn wandb(name: &str, headers: &HeaderMap, body: &Value) -> Told {
    let wanted = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("api:{KEY}")));
    if headers.get("authorization").and_then(|it| it.to_str().ok()) != Some(&*wanted) {
        return Err((401, json!({"error": "user is not logged in"})));
    }
    if name == "POST graphql" {
        fields(body, 2, &["query", "variables"])?;
        let variables = &body["variables"];
        fields(variables, 3, &["name", "project", "config", "entity", "displayName", "tags"])?;
        let config: BTreeMap<String, Value> = serde_json::from_str(variables["config"].as_str().unwrap()).unwrap();
        assert!(config.values().all(|it| !it["value"].is_null()), "{config:?}");
        let project = json!({"name": variables["project"], "entity": {"name": "team"}});
        return Ok(
            json!({"data": {"upsertBucket": {"bucket": {"id": "x", "name": variables["name"], "project": project}}}}),
        );
    }
    assert!(name.starts_with("POST files/team/sentinel/") && name.ends_with("/file_stream"), "{name}");
    fields(body, 3, &["files", "complete", "exitcode"])?;
    for (_, file) in body["files"].as_object().unwrap() {
        fields(file, 2, &["offset", "content"])?;
        for line in file["content"].as_array().unwrap() {
            assert!(serde_json::from_str::<Value>(line.as_str().unwrap()).unwrap().is_object());
        }
    }
    Ok(json!({"limits": {}}))
}

/// A server with a watch whose first training can begin at once.
fn watching(name: &str, tracking: &str) -> Server {
    let folder = Folder::new(name);
    let key = folder.write("key", KEY);
    let tracking = tracking.replace("KEY", &key.display().to_string());
    let watch =
        "watches:\n  - {metric: queue_length, granularity: 1s, horizon: 5s, lookback: 1m, model_class: linear_trend}\n";
    let server = Server::start_in(folder, &format!("{QUIET}forecast:\n  tracking: {tracking}\n{watch}"), vec![]);
    let now = jiff::Timestamp::now().as_second();
    let past = (0..60).rev().map(|age| {
        let time = jiff::Timestamp::from_second(now - age).unwrap().to_string();
        json!({"timestamp": time, "service_name": "pay", "metrics": {"queue_length": 100 - age % 7}})
    });
    assert_eq!(server.post_json("/monitor", &past.collect()).status, 200);
    server
}

/// Guarantees: MUST 430 and 431 of docs/specs/forecast.md.
#[test]
fn trackers_hear_of_each_training_also_when_they_fail_at_first() {
    let heard = Arc::new(Heard::default());
    *heard.failures_left.lock().unwrap() = 1;
    let address = fake(&heard);
    let server = watching(
        "tracks",
        &format!(
            "{{mlflow: {{tracking_uri: \"http://{address}\", experiment: forecasts of us}}, \
             wandb: {{base_url: \"http://{address}\", api_key_file: KEY}}}}"
        ),
    );
    let told = |tracker: &str| {
        let tracker = format!("tracker=\"{tracker}\"");
        server.metric("sentinel_forecast_tracked_total", &[&tracker, "result=\"told\""])
    };
    wait_for(LIMIT, "both were told", || (told("mlflow") >= 1.0 && told("wandb") >= 1.0).then_some(()));

    let batch = &heard.of("POST api/2.0/mlflow/runs/log-batch")[0];
    let metrics: BTreeMap<&str, f64> = batch["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["key"].as_str().unwrap(), it["value"].as_f64().unwrap()))
        .collect();
    assert!(metrics["mae"].is_finite() && metrics["n_samples"] > 10.0, "{metrics:?}");
    let text = batch.to_string();
    assert!(text.contains("linear_trend") && text.contains("\"v1\"") && text.contains("active"), "{text}");
    let alias = &heard.of("POST api/2.0/mlflow/registered-models/alias")[0];
    assert_eq!((&alias["alias"], &alias["version"]), (&json!("champion"), &json!("1")));
    let end = &heard.of("POST api/2.0/mlflow/runs/update")[0];
    assert_eq!(end["status"], "FINISHED");

    // A second training makes a second run of the same experiment and model.
    let models = server.list("/sentinel/v1/models");
    let key = crate::support::client::encoded(models[0]["metric_key"].as_str().unwrap());
    assert!(server.send("POST", &format!("/manage/retrain/{key}"), &[], b"").status < 300);
    wait_for(LIMIT, "both hear of it", || (told("mlflow") >= 2.0 && told("wandb") >= 2.0).then_some(()));
    assert_eq!(heard.of("POST api/2.0/mlflow/experiments/create").len(), 1);
    let names: Vec<Value> = heard.of("POST graphql").iter().map(|it| it["variables"]["name"].clone()).collect();
    assert_ne!(names[0], names[1], "each version has a run of its own");
}

/// Guarantees: MUST 432 of docs/specs/forecast.md.
#[test]
fn a_tracker_that_is_away_costs_nothing() {
    let nobody = free_port();
    let server = watching("tracker-away", &format!("{{mlflow: {{tracking_uri: \"http://127.0.0.1:{nobody}\"}}}}"));
    wait_for(LIMIT, "the model serves", || {
        let models = server.list("/sentinel/v1/models");
        models.iter().any(|it| it["active_version"] == "v1").then_some(())
    });
    let failed = || server.metric("sentinel_forecast_tracked_total", &["result=\"failed\""]);
    wait_for(LIMIT, "the failure is counted", || (failed() >= 1.0).then_some(()));
}

/// The same against a real tracking server, if there is one.
#[test]
fn a_real_mlflow_shows_the_run() {
    let Ok(url) = std::env::var("SENTINEL_TEST_MLFLOW") else {
        eprintln!("SKIPPED: SENTINEL_TEST_MLFLOW names no MLflow; the fake has been asked");
        return;
    };
    let server = watching("real-mlflow", &format!("{{mlflow: {{tracking_uri: \"{url}\"}}}}"));
    let told = || server.metric("sentinel_forecast_tracked_total", &["result=\"told\""]);
    wait_for(LIMIT, "it was told", || (told() >= 1.0).then_some(()));
    let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let headers = [("content-type", "application/json")];
    let body = json!({"filter": "name LIKE '%queue_length%'"}).to_string();
    let found = send(address, "GET", "/api/2.0/mlflow/registered-models/search", &headers, body.as_bytes()).unwrap();
    assert!(found.text().contains("champion"), "{}", found.text());
}
