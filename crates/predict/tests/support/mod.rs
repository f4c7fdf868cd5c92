//! What do the tests have in common? A folder that goes away, a small model in it, and its routes.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use learn::trees::forest::{self, ForestConfig, Target};
use learn::trees::saved;
use predict::{Column, ColumnKind, Config, Desk, Log, ModelConfig, Schema};
use serde_json::Value;
use signal::{SystemClock, Timestamp};
use tower::ServiceExt as _;

/// A folder of one test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("predict-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a model that says 1 for more than 40 hours or a PhD.
pub fn model(at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let n = 400;
    let hours: Vec<f64> = (0..n).map(|it| f64::from(it % 60)).collect();
    let education: Vec<Option<u32>> = (0..n as u32).map(|it| Some(it / 7 % 3)).collect();
    let classes = hours.iter().zip(&education).map(|(hours, it)| u32::from(*hours > 40.0 || *it == Some(2))).collect();
    let columns = [forest::Column::Numbers(hours), forest::Column::Categories(education, 3)];
    let config = ForestConfig { n_trees: 20, ..ForestConfig::default() };
    let trained = forest::train(&columns, &Target::Classes(classes, 2), &config).unwrap();
    std::fs::write(at.join("model.trees"), saved::to_bytes(&trained.ensemble)).unwrap();
    std::fs::write(at.join("schema.json"), serde_json::to_vec(&schema()).unwrap()).unwrap();
}

pub fn schema() -> Schema {
    let hours = Column {
        name: "hours-per-week".to_owned(),
        kind: ColumnKind::Integer,
        default: Some(40.0.into()),
        seen: Some([0.0, 59.0]),
        min: Some(0.0),
        ..Column::default()
    };
    let education = Column {
        name: "education".to_owned(),
        kind: ColumnKind::Text,
        aliases: vec!["degree".to_owned()],
        default: Some("Bachelors".into()),
        categories: vec!["Bachelors".into(), "HS-grad".into(), "PhD".into()],
        ..Column::default()
    };
    let target = predict::Target { name: "income".to_owned(), classes: vec!["<=50K".into(), ">50K".into()] };
    Schema { version: 1, columns: vec![hours, education], target, ..Schema::default() }
}

/// A configuration with the model `income` in two versions.
pub fn config(folder: &Folder) -> Config {
    model(&folder.join("model"));
    let version =
        |name: &str| predict::VersionConfig { version: name.to_owned(), path: folder.join("model"), schema: None };
    let income = ModelConfig {
        name: "income".to_owned(),
        versions: vec![version("1"), version("2")],
        default_version: Some("1".to_owned()),
        ..ModelConfig::default()
    };
    Config { models: vec![income], ..Config::default() }
}

/// A server without sockets.
pub struct Server {
    pub desk: Arc<Desk>,
    pub router: Router,
}

pub fn open(config: &Config, folder: &Folder) -> Server {
    let log = Log::open(&folder.join("log"), &config.log, Arc::new(SystemClock)).unwrap();
    let desk = Arc::new(Desk::open(config, log, Arc::new(SystemClock), None).unwrap());
    Server { router: predict::routes(Arc::clone(&desk)), desk }
}

impl Server {
    /// Status and body of the answer.
    pub async fn send(&self, request: Request<Body>) -> (u16, Value, Response<()>) {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let value = serde_json::from_slice(&bytes).unwrap_or(Value::String(text));
        (parts.status.as_u16(), value, Response::from_parts(parts, ()))
    }

    pub async fn post(&self, path: &str, body: impl Into<String>) -> (u16, Value) {
        let request = Request::post(path).header("content-type", "application/json");
        let (status, body, _) = self.send(request.body(Body::from(body.into())).unwrap()).await;
        (status, body)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let (status, body, _) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        (status, body)
    }

    /// All rows of the log, once so many are there.
    pub fn logged(&self, n: usize) -> Vec<signal::LoggedInference> {
        logged(&self.desk.log, n)
    }
}

pub fn logged(log: &Log, n: usize) -> Vec<signal::LoggedInference> {
    use signal::InferenceLog as _;
    let query = signal::InferenceQuery { model: None, version: None, range: signal::TimeRange::ALL, after: 0 };
    let started = std::time::Instant::now();
    loop {
        let mut rows = vec![];
        log.read(&query, &mut |row| {
            rows.push(row);
            true
        })
        .unwrap();
        if rows.len() >= n {
            return rows;
        }
        assert!(started.elapsed().as_secs() < 120, "{} of {n} rows came", rows.len());
        std::thread::yield_now();
    }
}

/// A row with so many features.
pub fn inference(id: &str, n_features: usize) -> signal::Inference {
    signal::Inference {
        id: id.into(),
        time: Timestamp::from_millis(1_750_000_000_000),
        model: "income".into(),
        version: "1".into(),
        features: (0..n_features).map(|it| (format!("feature {it}").into(), (it as f64).into())).collect(),
        prediction: 1.0.into(),
        probability: Some(0.75),
        probabilities: vec![],
        latency_ms: 0.5,
        is_shadow: false,
    }
}
