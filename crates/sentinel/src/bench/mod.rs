//! What can this machine take? Measured on the spot: in this process for the detector, from outside for the server.

mod backfill;
mod dead_sink;
mod diagnose;
mod drift;
mod drift_data;
mod folder;
pub mod ingest;
mod kafka;
mod load;
mod made;
mod otlp;
pub mod predict;
mod process;
mod query;
mod scale;
mod senders;
mod server;
mod topic;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use detect::{LogWatch, Shard};
use serde::Serialize;
use signal::{Labels, LogRecord, Point, Timestamp};

use self::senders::Way;
use self::server::Server;
use crate::cli::{BenchArgs, BenchCommand};

/// Series of the detector's measurement: more than fit the nearest caches.
const SERIES: usize = 20_000;
/// Requests whose answer time is measured.
const REQUESTS: usize = 2_000;
/// How long the idle server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);

/// The figures, under the names that scripts rely on.
#[derive(Debug, Serialize)]
struct Figures {
    detect_points_per_second_per_core: f64,
    model_bytes_per_series: f64,
    verdict_p50_ms: f64,
    verdict_p99_ms: f64,
    ingest_events_per_second: f64,
    otlp_events_per_second: f64,
    log_lines_per_second_per_core: f64,
    idle_rss_mb: f64,
    start_ms: f64,
    binary_mb: f64,
}

/// `sentinel bench`.
pub async fn bench(args: &BenchArgs) -> anyhow::Result<()> {
    match &args.command {
        None => all(args).await,
        Some(BenchCommand::Scale(it)) => scale::scale(it, args.json).await,
        Some(BenchCommand::Backfill(it)) => backfill::backfill(it, args.json).await,
        Some(BenchCommand::Ingest(it)) => ingest::ingest(it, args.json).await,
        Some(BenchCommand::Kafka(it)) => kafka::kafka(it, args.json).await,
        Some(BenchCommand::Diagnose(it)) => diagnose::diagnose(it, args.json).await,
        Some(BenchCommand::Drift(it)) => drift::drift(it, args.json),
        Some(BenchCommand::Predict(it)) => predict::predict(it, args.json).await,
        Some(BenchCommand::Query(it)) => query::query(it, args.json).await,
    }
}

async fn all(args: &BenchArgs) -> anyhow::Result<()> {
    ensure!(args.seconds.is_finite() && args.seconds > 0.0, "--seconds must be above 0");
    let limit = Duration::from_secs_f64(args.seconds);
    let say = |what: &str| {
        if !args.json {
            eprintln!("measuring {what} ...")
        }
    };
    say("the detector");
    let (detect_points_per_second_per_core, model_bytes_per_series) = detector(limit);
    say("the log templates");
    let log_lines_per_second_per_core = templates(limit);
    say("start and idle memory");
    let server = Server::start(&[]).await?;
    tokio::time::sleep(IDLE).await;
    let idle = server.resident_bytes()?;
    say("the answer time of /monitor");
    let times = server.verdict_times().await?;
    say("remote write");
    let ingest_events_per_second = Way::RemoteWrite.events_per_second(&server, limit).await?;
    say("OpenTelemetry");
    let otlp_events_per_second = Way::Otlp.events_per_second(&server, limit).await?;
    let binary = std::fs::metadata(std::env::current_exe()?)?.len();
    let figures = Figures {
        detect_points_per_second_per_core,
        model_bytes_per_series,
        verdict_p50_ms: quantile(&times, 0.5),
        verdict_p99_ms: quantile(&times, 0.99),
        ingest_events_per_second,
        otlp_events_per_second,
        log_lines_per_second_per_core,
        idle_rss_mb: idle / 1e6,
        start_ms: server.start_ms,
        binary_mb: binary as f64 / 1e6,
    };
    print(args, &figures)
}

fn print(args: &BenchArgs, figures: &Figures) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    table(
        figures,
        &[
            ("detect_points_per_second_per_core", "must 2,000,000, aim 10,000,000"),
            ("model_bytes_per_series", "must 2,048, aim 1,024"),
            ("verdict_p50_ms", ""),
            ("verdict_p99_ms", "must 50, aim 5"),
            ("ingest_events_per_second", "must 300,000, aim 1,000,000"),
            ("otlp_events_per_second", "must 300,000, aim 1,000,000"),
            ("log_lines_per_second_per_core", "must 300,000, aim 1,000,000"),
            ("idle_rss_mb", "must 60, aim 30"),
            ("start_ms", "must 300, aim 100"),
            ("binary_mb", "must 40, aim 25"),
        ],
    )
}

/// Prints figures for people, each beside its target.
fn table(figures: &impl Serialize, targets: &[(&str, &str)]) -> anyhow::Result<()> {
    let values = serde_json::to_value(figures)?;
    let value = |name: &str| {
        values.get(name).and_then(serde_json::Value::as_f64).map_or_else(String::new, |it| format!("{it:.2}"))
    };
    let rows: Vec<Vec<String>> =
        targets.iter().map(|(name, target)| vec![(*name).to_owned(), value(name), (*target).to_owned()]).collect();
    offline::aligned::print(&["FIGURE", "HERE", "TARGET"].map(str::to_owned), &rows);
    Ok(())
}

/// Points per second on one core over many series, and bytes of state per series.
fn detector(limit: Duration) -> (f64, f64) {
    let mut shard = Shard::new(Arc::new(detect::Config::default()));
    let mut random = fastrand::Rng::with_seed(1);
    let slots: Vec<_> = (0..SERIES)
        .filter_map(|it| {
            shard.slot(&Labels::metric(
                "http_request_duration_seconds",
                &[("service", "bench"), ("pod", &it.to_string())],
            ))
        })
        .collect();
    let noise: Vec<f64> = (0..4096).map(|_| 0.2 + 0.01 * (random.f64() + random.f64() + random.f64() - 1.5)).collect();
    let mut anomalies = vec![];
    let mut points = 0_u64;
    let mut time = Timestamp::from_secs(1_700_000_000);
    let mut values = noise.iter().cycle();
    let started = Instant::now();
    while started.elapsed() < limit {
        time = time.plus(Duration::from_secs(1));
        for slot in &slots {
            let value = values.next().copied().unwrap_or(0.2);
            shard.observe_slot(*slot, Point { time, value }, time, &mut anomalies);
        }
        points += SERIES as u64;
        // One value more, so that a series does not always meet the same part of the noise.
        values.next();
        anomalies.clear();
    }
    (points as f64 / started.elapsed().as_secs_f64(), shard.model_bytes() as f64 / shard.series_count().max(1) as f64)
}

/// Lines of the templates' measurement: more than masked lines are remembered.
const LINES: i64 = 200_000;

/// Lines per second on one core through masking, the templates and their counts. No line comes twice: when all were
/// seen, another watch begins with none.
fn templates(limit: Duration) -> f64 {
    let mut random = fastrand::Rng::with_seed(1);
    let labels = Labels::new([("service", "bench"), ("level", "info")]);
    let records: Vec<LogRecord> = (0..LINES)
        .map(|it| Timestamp::from_secs(1_700_000_000 + it / 100))
        .map(|time| LogRecord::new(time, labels.clone(), made::line(&mut random).text))
        .collect();
    let mut lines = 0_u64;
    let mut spent = Duration::ZERO;
    while spent < limit {
        let watch = LogWatch::new(detect::LogWatchConfig::default(), Arc::default());
        let started = Instant::now();
        for part in records.chunks(1000) {
            part.iter().for_each(|it| watch.observe(it));
            lines += part.len() as u64;
            if spent + started.elapsed() >= limit {
                break;
            }
        }
        spent += started.elapsed();
    }
    lines as f64 / spent.as_secs_f64()
}

/// The value below which the given part of the measurements lies.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let idx = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(idx).copied().unwrap_or(f64::NAN)
}

impl Server {
    /// Sorted milliseconds from request to verdict, the write to disk included.
    async fn verdict_times(&self) -> anyhow::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(REQUESTS);
        for idx in 0..REQUESTS {
            let now = signal::Clock::now(&signal::SystemClock);
            let body = format!(
                r#"{{"timestamp":"{now}","service_name":"bench-{}","cpu_usage":{}}}"#,
                idx % 50,
                50.0 + (idx % 7) as f64 * 0.1
            );
            let started = Instant::now();
            let answer = self
                .client
                .post(format!("{}/monitor", self.url))
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await?;
            ensure!(answer.status().is_success(), "/monitor answered {}", answer.status());
            answer.text().await?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }
}
