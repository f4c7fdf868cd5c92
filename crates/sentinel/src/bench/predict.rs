//! How long does a prediction take at a rate? Requests start at fixed times, whether or not the answers before have come, so
//! that a slow answer counts for all that it holds up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use learn::trees::forest::{self, ForestConfig, Target};
use learn::trees::saved;
use serde::Serialize;
use serde_json::json;

use super::dead_sink;
use super::folder::Folder;
use super::server::Server;

/// Options of `bench predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// A running server; without it one is started that serves a forest of 200 trees over 20 fields.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// File with the body of the requests; without it the bench makes one that fits its own model.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub body: Option<PathBuf>,
    /// Requests a second.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000.0)]
    pub rate: f64,
    /// Connections that share them.
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    pub connections: usize,
    /// Measures the log instead: a server of its own whose sink is dead gets `--events` predictions a second, and is killed.
    #[arg(long, conflicts_with_all = ["url", "body"])]
    pub dead_sink: bool,
    /// Predictions a second for `--dead-sink`.
    #[arg(long, value_name = "NUMBER", default_value_t = 50_000.0)]
    pub events: f64,
    /// For how long.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 10.0)]
    pub seconds: f64,
}

/// The figures.
#[derive(Debug, Serialize)]
struct Figures {
    requests: usize,
    failed: usize,
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// Fields of the bench's own model.
const FIELDS: usize = 20;

/// Runs it.
///
/// # Errors
/// If the server cannot be asked at all.
pub async fn predict(args: &PredictArgs, as_json: bool) -> anyhow::Result<()> {
    ensure!(
        args.rate > 0.0 && args.seconds > 0.0 && args.connections > 0 && args.events > 0.0,
        "rate, events, seconds and connections must be above 0"
    );
    if args.dead_sink {
        return dead_sink::dead_sink(args.events, args.seconds, as_json).await;
    }
    let folder = Folder::new()?;
    let body = match &args.body {
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        None => {
            json!((0..FIELDS).map(|it| (field(it), json!(it))).collect::<serde_json::Map<_, _>>()).to_string().into()
        }
    };
    let server = match &args.url {
        Some(_) => None,
        None => {
            model(folder.path())?;
            let models = json!([{"name": "bench", "path": folder.path()}]).to_string();
            let quiet = ("SENTINEL_HOST__ENABLED", "false");
            Some(Server::start(&[("SENTINEL_PREDICT__MODELS", models.as_str()), quiet]).await?)
        }
    };
    let url = args.url.clone().or_else(|| server.as_ref().map(|it| it.url.clone())).unwrap_or_default();
    let figures = measure(args, &format!("{}/predict", url.trim_end_matches('/')), body.into()).await?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        let Figures { requests, failed, requests_per_second, p50_ms, p99_ms, max_ms } = figures;
        println!("{requests} requests, {failed} failed, {requests_per_second:.0} a second");
        println!(
            "p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms, from the time at which a request was due"
        );
    }
    Ok(())
}

fn field(idx: usize) -> String {
    format!("field_{idx}")
}

/// A forest over fields that it has to look at.
fn model(folder: &std::path::Path) -> anyhow::Result<()> {
    let mut random = learn::random::Random::new(7);
    let columns: Vec<Vec<f64>> = (0..FIELDS).map(|_| (0..4000).map(|_| random.uniform() * 20.0).collect()).collect();
    let sum = |row: usize| columns.iter().filter_map(|it| it.get(row)).sum::<f64>();
    let classes = (0..4000).map(|row| u32::from(sum(row) > 200.0)).collect();
    let columns: Vec<forest::Column> = columns.iter().cloned().map(forest::Column::Numbers).collect();
    let trained = forest::train(&columns, &Target::Classes(classes, 2), &ForestConfig::default())?;
    let column = |idx| predict::Column { name: field(idx), ..predict::Column::default() };
    let schema = predict::Schema {
        version: predict::VERSION,
        columns: (0..FIELDS).map(column).collect(),
        ..predict::Schema::default()
    };
    std::fs::write(folder.join(predict::SCHEMA_FILE), serde_json::to_vec(&schema)?)?;
    Ok(std::fs::write(folder.join("model.trees"), saved::to_bytes(&trained.ensemble))?)
}

async fn measure(args: &PredictArgs, url: &str, body: bytes::Bytes) -> anyhow::Result<Figures> {
    let client = crate::http_client()?;
    let first = client.post(url).body(body.clone()).send().await.with_context(|| format!("cannot reach {url}"))?;
    let status = first.status();
    ensure!(status.is_success(), "{url} answered {status}: {}", first.text().await.unwrap_or_default());
    let n = (args.rate * args.seconds).ceil() as usize;
    let every = Duration::from_secs_f64(1.0 / args.rate);
    // Time for the tasks to be there when the first request is due.
    let started = Instant::now() + Duration::from_millis(50);
    let (client, url): (_, Arc<str>) = (Arc::new(client), url.into());
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..args.connections {
        let (client, url, body, step) = (Arc::clone(&client), Arc::clone(&url), body.clone(), args.connections);
        tasks.spawn(async move {
            let mut took = vec![];
            for idx in (worker..n).step_by(step) {
                let due = started + every.mul_f64(idx as f64);
                tokio::time::sleep_until(due.into()).await;
                let is_answered = ask(&client, &url, body.clone()).await;
                took.push((due.elapsed().as_secs_f64() * 1000.0, is_answered));
            }
            took
        });
    }
    let mut all = vec![];
    while let Some(took) = tasks.join_next().await {
        all.extend(took?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let failed = all.iter().filter(|it| !it.1).count();
    let mut times: Vec<f64> = all.into_iter().map(|it| it.0).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(((times.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN);
    let (p50_ms, p99_ms, max_ms) = (at(0.5), at(0.99), at(1.0));
    Ok(Figures { requests: n, failed, requests_per_second: n as f64 / seconds, p50_ms, p99_ms, max_ms })
}

async fn ask(client: &reqwest::Client, url: &str, body: bytes::Bytes) -> bool {
    match client.post(url).body(body).send().await {
        Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
        Err(_) => false,
    }
}
