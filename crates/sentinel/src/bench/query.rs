//! How long do the queries of a dashboard take, and how long do they take Prometheus? The same samples by remote write
//! to both, then the same requests to one after the other in turn.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;
use signal::{Labels, Point, Timestamp};

use super::ingest::Peer;
use super::quantile;
use super::server::Server;
use crate::cli::QueryBenchArgs;
use crate::write_request::encode;

/// What dashboards of services ask: by range, as panels do.
const QUERIES: [(&str, &str); 10] = [
    ("requests a second by service", "sum by (service) (rate(http_requests_total[5m]))"),
    (
        "share of errors",
        "sum by (service) (rate(http_requests_total{code=~\"5..\"}[5m])) / sum by (service) (rate(http_requests_total[5m]))",
    ),
    (
        "latency, 99th percentile",
        "histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
    (
        "latency, mean",
        "sum by (service) (rate(http_request_duration_seconds_sum[5m])) / sum by (service) (rate(http_request_duration_seconds_count[5m]))",
    ),
    ("memory by instance", "memory_bytes{service=\"service-3\"}"),
    ("highest memory", "topk(10, max by (service) (memory_bytes))"),
    ("processors of one service", "avg by (instance) (rate(cpu_seconds_total{service=\"service-7\"}[5m]))"),
    ("mean over the hour", "avg_over_time(memory_bytes{service=~\"service-1.\"}[1h])"),
    ("against an hour ago", "sum(rate(http_requests_total[5m])) - sum(rate(http_requests_total[5m] offset 1h))"),
    ("targets that answer", "count by (service) (up == 1) / on (service) count by (service) (up)"),
];
const BUCKETS: [&str; 10] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "5", "+Inf"];
const CODES: [&str; 4] = ["200", "404", "500", "503"];
/// Series of one instance.
const PER_INSTANCE: usize = BUCKETS.len() + CODES.len() + 6;
const INSTANCES_PER_SERVICE: usize = 25;
/// Seconds between samples.
const STEP_SECS: i64 = 15;
/// Seconds between the points of a panel.
const PANEL_STEP_SECS: i64 = 60;
/// Samples of a series that are sent in one request.
const BATCH: usize = 20;

/// The figures.
#[derive(Debug, Serialize)]
struct Figures {
    series: usize,
    samples: usize,
    panel_hours: f64,
    queries: Vec<Timing>,
    /// Of all queries together: ours by theirs.
    ratio: Option<f64>,
}

/// One query.
#[derive(Debug, Serialize)]
struct Timing {
    name: &'static str,
    query: &'static str,
    ms: f64,
    prometheus_ms: Option<f64>,
    ratio: Option<f64>,
}

/// `sentinel bench query`.
pub async fn query(args: &QueryBenchArgs, is_json: bool) -> anyhow::Result<()> {
    ensure!(args.hours > 0 && args.series >= PER_INSTANCE, "at least one hour and {PER_INSTANCE} series are needed");
    let server = Server::start(&[("SENTINEL_HOST__ENABLED", "false")]).await?;
    let peer = match &args.prometheus {
        Some(program) => Some(Peer::prometheus(program.clone())),
        None => Peer::on_path().into_iter().find(Peer::is_prometheus),
    };
    let started = match &peer {
        Some(it) => Some(it.start().await?),
        None => None,
    };
    let mut urls = vec![server.url.clone()];
    urls.extend(started.as_ref().map(|it| it.url().to_owned()));
    let client = &server.client;
    let end = signal::Clock::now(&signal::SystemClock).millis() / 60_000 * 60;
    let samples = fill(client, &urls, args, end).await?;
    let mut queries = vec![];
    for (name, query) in QUERIES {
        let mut all = vec![vec![]; urls.len()];
        for _ in 0..args.rounds {
            for (url, times) in urls.iter().zip(&mut all) {
                times.push(time_of(client, url, query, end, args.panel_hours).await?);
            }
        }
        all.iter_mut().for_each(|it| it.sort_by(f64::total_cmp));
        let mut medians = all.iter().map(|it| quantile(it, 0.5));
        let (ms, prometheus_ms) = (medians.next().unwrap_or(f64::NAN), medians.next());
        queries.push(Timing { name, query, ms, prometheus_ms, ratio: prometheus_ms.map(|it| ms / it) });
    }
    let total: f64 = queries.iter().map(|it| it.ms).sum();
    let theirs: Option<f64> = queries.iter().map(|it| it.prometheus_ms).sum();
    let figures = Figures {
        series: series(args.series).len(),
        samples,
        panel_hours: args.panel_hours,
        queries,
        ratio: theirs.map(|it| total / it),
    };
    print(&figures, is_json)
}

fn print(figures: &Figures, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    let number = |it: Option<f64>| it.map_or_else(String::new, |it| format!("{it:.2}"));
    let mut rows: Vec<Vec<String>> = figures
        .queries
        .iter()
        .map(|it| vec![it.name.to_owned(), number(Some(it.ms)), number(it.prometheus_ms), number(it.ratio)])
        .collect();
    rows.push(vec!["all (must: at most 1.00)".to_owned(), String::new(), String::new(), number(figures.ratio)]);
    println!("{} series, {} samples, panels of {} h", figures.series, figures.samples, figures.panel_hours);
    offline::aligned::print(&["QUERY", "MS", "PROMETHEUS MS", "RATIO"].map(str::to_owned), &rows);
    Ok(())
}

/// Milliseconds from the request to the last byte of the answer.
async fn time_of(client: &reqwest::Client, url: &str, query: &str, end: i64, hours: f64) -> anyhow::Result<f64> {
    let start = end - (hours * 3600.0) as i64;
    let form = [
        ("query", query.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
        ("step", PANEL_STEP_SECS.to_string()),
    ];
    let encoded = |it: &str| -> String {
        it.bytes()
            .map(|it| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { format!("%{it:02X}") })
            .collect()
    };
    let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let started = Instant::now();
    let answer = client
        .post(format!("{url}/api/v1/query_range"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.join("&"))
        .send()
        .await?;
    let status = answer.status();
    let text = answer.bytes().await?;
    let took = started.elapsed();
    ensure!(status.is_success(), "{url} answered {status} to {query}: {}", String::from_utf8_lossy(&text));
    ensure!(text.len() > 200, "{url} has no values for {query}");
    Ok(took.as_secs_f64() * 1000.0)
}

/// Labels of the series, those of one instance after the other.
fn series(n_series: usize) -> Vec<Labels> {
    let instance = |idx: usize| {
        let service = format!("service-{}", idx / INSTANCES_PER_SERVICE);
        let instance = format!("10.0.{}.{}:9100", idx / 250, idx % 250);
        let labels = |name: &str, pairs: &[(&str, &str)]| {
            let all = [("service", service.as_str()), ("instance", instance.as_str()), ("job", "shop")];
            Labels::metric(name, &[&all, pairs].concat())
        };
        let mut all = vec![];
        all.extend(BUCKETS.iter().map(|it| labels("http_request_duration_seconds_bucket", &[("le", it)])));
        all.extend(CODES.iter().map(|it| labels("http_requests_total", &[("code", it)])));
        for name in ["http_request_duration_seconds_sum", "http_request_duration_seconds_count", "cpu_seconds_total"] {
            all.push(labels(name, &[]));
        }
        for name in ["memory_bytes", "up", "open_files"] {
            all.push(labels(name, &[]));
        }
        all
    };
    (0..n_series / PER_INSTANCE).flat_map(instance).collect()
}

/// Sends the samples of some hours up to the end to all of them, and says how many.
async fn fill(client: &reqwest::Client, urls: &[String], args: &QueryBenchArgs, end: i64) -> anyhow::Result<usize> {
    let all = series(args.series);
    let mut random = fastrand::Rng::with_seed(1);
    let mut counted: Vec<f64> = vec![0.0; all.len()];
    let n_steps = usize::try_from(i64::from(args.hours) * 3600 / STEP_SECS)?;
    let steps: Vec<i64> = (0..n_steps as i64).map(|it| end - (n_steps as i64 - it) * STEP_SECS).collect();
    for steps in steps.chunks(BATCH) {
        let mut points = vec![];
        for (labels, counted) in all.iter().zip(&mut counted) {
            for time in steps {
                let name = labels.name();
                let value = if name.ends_with("_bytes") {
                    (200.0 + 50.0 * ((*time as f64) / 3000.0).sin() + random.f64() * 20.0).round() * 1e6
                } else if name == "up" {
                    1.0
                } else if name == "open_files" {
                    f64::from(random.u32(20..60))
                } else {
                    let share = labels.get("le").and_then(|it| BUCKETS.iter().position(|le| *le == it)).unwrap_or(9);
                    *counted += f64::from(random.u32(0..30)) * (share + 1) as f64 / 10.0;
                    if name.contains("seconds_sum") { *counted * 0.0321 } else { counted.round() }
                };
                points.push((labels, Point { time: Timestamp::from_secs(*time), value }));
            }
        }
        for part in points.chunks(20_000) {
            let body = encode(part.iter().map(|(labels, point)| (*labels, *point)))?;
            for url in urls {
                send(client, url, &body).await?;
            }
        }
    }
    Ok(all.len() * n_steps)
}

/// Sends until it is taken: a server may ask to come later.
async fn send(client: &reqwest::Client, url: &str, body: &[u8]) -> anyhow::Result<()> {
    loop {
        let answer = client
            .post(format!("{url}/api/v1/write"))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(body.to_vec())
            .send()
            .await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        ensure!(status.as_u16() == 503 || status.as_u16() == 429, "{url} answered {status}: {}", answer.text().await?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
