//! A strict Airflow on the loopback: both versions of the API, as their descriptions say, and nothing more lenient.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Json;
use serde_json::{Value, json};

/// The DAG that is there.
pub const DAG: &str = "retrain";
/// What version 2 asks for.
pub const TOKEN: &str = "a.jwt.token";
/// What version 1 asks for.
pub const USER: &str = "sentinel:secret";
/// `sentinel:secret` in base64.
const BASIC: &str = "Basic c2VudGluZWw6c2VjcmV0";

type Answer = (StatusCode, Json<Value>);

pub struct Airflow {
    pub address: String,
    /// Runs by id.
    pub runs: Mutex<BTreeMap<String, Value>>,
    /// The state that a run has when it was started.
    pub begins_as: Mutex<String>,
    /// `METHOD path`.
    pub requests: Mutex<Vec<String>>,
}

impl Airflow {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (runs, begins_as) = (Mutex::default(), Mutex::new("queued".to_owned()));
        let airflow = Arc::new(Self { address, runs, begins_as, requests: Mutex::default() });
        let app = axum::Router::new()
            .route("/api/{version}/dags/{dag}/dagRuns", axum::routing::post(Self::trigger))
            .route("/api/{version}/dags/{dag}/dagRuns/{run}", axum::routing::get(Self::one).patch(Self::change))
            .with_state(Arc::clone(&airflow));
        tokio::spawn(async move { axum::serve(listener, app).await });
        airflow
    }

    async fn trigger(
        State(it): State<Arc<Self>>,
        Path((version, dag)): Path<(String, String)>,
        request: Request,
    ) -> Answer {
        let (headers, body) = match it.open(&version, &dag, request).await {
            Ok(it) => it,
            Err(answer) => return answer,
        };
        if headers.get("content-type").is_none_or(|it| it != "application/json") {
            return problem(415, "the content is no JSON");
        }
        let known =
            ["dag_run_id", "logical_date", "data_interval_start", "data_interval_end", "run_after", "conf", "note"];
        let Some(fields) = body.as_object() else { return problem(422, "the body is no object") };
        if let Some(name) = fields.keys().find(|it| !known.contains(&it.as_str())) {
            return problem(422, &format!("{name}: extra inputs are not permitted"));
        }
        if version == "v2" && !fields.contains_key("logical_date") {
            return problem(422, "logical_date: field required");
        }
        if fields.get("conf").is_some_and(|it| !it.is_object()) {
            return problem(422, "conf: must be an object");
        }
        let Some(id) = fields.get("dag_run_id").and_then(Value::as_str) else {
            return problem(422, "dag_run_id: no text");
        };
        let mut runs = it.runs.lock().unwrap();
        if runs.contains_key(id) {
            return problem(409, &format!("DAGRun with dag_id {dag} and run_id {id} already exists"));
        }
        let run = json!({
            "dag_run_id": id, "dag_id": dag, "logical_date": null, "run_type": "manual",
            "state": *it.begins_as.lock().unwrap(), "conf": fields.get("conf").cloned().unwrap_or(json!({})),
            "note": fields.get("note"),
        });
        runs.insert(id.to_owned(), run.clone());
        (StatusCode::OK, Json(run))
    }

    async fn one(
        State(it): State<Arc<Self>>,
        Path((version, dag, run)): Path<(String, String, String)>,
        request: Request,
    ) -> Answer {
        if let Err(answer) = it.open(&version, &dag, request).await {
            return answer;
        }
        let runs = it.runs.lock().unwrap();
        runs.get(&run).map_or_else(|| problem(404, "the DagRun was not found"), |it| (StatusCode::OK, Json(it.clone())))
    }

    async fn change(
        State(it): State<Arc<Self>>,
        Path((version, dag, run)): Path<(String, String, String)>,
        request: Request,
    ) -> Answer {
        let body = match it.open(&version, &dag, request).await {
            Ok(it) => it.1,
            Err(answer) => return answer,
        };
        let state = body.get("state").and_then(Value::as_str).unwrap_or("");
        if !["queued", "success", "failed"].contains(&state) {
            return problem(422, "state: must be queued, success or failed");
        }
        let mut runs = it.runs.lock().unwrap();
        let Some(found) = runs.get_mut(&run) else { return problem(404, "the DagRun was not found") };
        found["state"] = json!(state);
        (StatusCode::OK, Json(found.clone()))
    }

    /// Headers and body of a request that is allowed.
    async fn open(&self, version: &str, dag: &str, request: Request) -> Result<(HeaderMap, Value), Answer> {
        let (parts, body) = request.into_parts();
        self.requests.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
        let asked = parts.headers.get("authorization").and_then(|it| it.to_str().ok()).unwrap_or("").to_owned();
        let is_allowed = match version {
            "v2" => asked == format!("Bearer {TOKEN}"),
            "v1" => asked == BASIC,
            _ => return Err(problem(404, "no such API")),
        };
        if !is_allowed {
            return Err(problem(401, "invalid credentials"));
        }
        if dag != DAG {
            return Err(problem(404, &format!("DAG with dag_id: '{dag}' not found")));
        }
        let bytes = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        if parts.method == Method::GET {
            return Ok((parts.headers, Value::Null));
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| problem(422, "the body is no JSON"))?;
        Ok((parts.headers, body))
    }
}

fn problem(status: u16, detail: &str) -> Answer {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"detail": detail})))
}
