//! How long does a sample wait for its verdict while very many series come every second?
//!
//! As many agents as there are thousands of series send what they have once a second, each at its own moment within the
//! second, by remote write over HTTP. A sample's time is when it was due; the clock stops when the answer is there, which
//! is given after the sample is on disk and judged. An agent that is late because the server is slow is late in the
//! figure, too. Agents and server share the machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;
use signal::{Clock as _, SystemClock, Timestamp};
use tokio::task::JoinSet;

use super::ingest::protocol::Protocol;
use super::load::{HOST_SERIES, LoadSeries, load};
use super::server::Server;
use super::{quantile, table};
use crate::cli::ScaleArgs;

/// Every series has a point in each.
const PERIOD: Duration = Duration::from_secs(1);
/// At most so long is measured.
const MOST_SECS: u64 = 3600;
/// At most so many series.
const MOST_SERIES: usize = 1_000_000;

/// The figures, under the names that scripts rely on.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    series: usize,
    agents: usize,
    seconds: f64,
    pub events_per_second: f64,
    pub verdict_p50_ms: f64,
    pub verdict_p99_ms: f64,
    pub verdict_max_ms: f64,
    /// Requests that were answered with anything but success, or not at all.
    pub refused_requests: u64,
    /// Samples that were acknowledged but neither judged nor learned from.
    pub unjudged_samples: f64,
    /// Of the samples that were judged, those whose series had left the warm-up.
    ready_share: f64,
    /// What was found in it: the noise is the same from the first to the last second.
    anomalies: f64,
    incidents: f64,
    /// Processor time of the server over all of it, warm-up included.
    pub server_cores: f64,
    rss_mb: f64,
    bytes_per_series: f64,
}

/// `sentinel bench scale`.
pub(super) async fn scale(args: &ScaleArgs, is_json: bool) -> anyhow::Result<()> {
    ensure!((1..=MOST_SERIES).contains(&args.series), "--series must be between 1 and {MOST_SERIES}");
    ensure!((1..=MOST_SECS).contains(&args.secs), "--secs must be between 1 and {MOST_SECS}");
    ensure!(args.warm_up_secs <= MOST_SECS, "--warm-up-secs must be at most {MOST_SECS}");
    if !is_json {
        eprintln!(
            "{} series a second for {} s, after a warm-up of {} s ...",
            args.series, args.secs, args.warm_up_secs
        );
    }
    // The series of this host would be counted among those that are sent.
    let server = Server::start(&[("SENTINEL_HOST__ENABLED", "false")]).await?;
    let idle_bytes = server.resident_bytes()?;
    let figures = measure(&server, Protocol::RemoteWrite, args, idle_bytes).await?;
    if is_json {
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    table(
        &figures,
        &[
            ("series", "must 100,000"),
            ("agents", ""),
            ("seconds", ""),
            ("events_per_second", ""),
            ("verdict_p50_ms", ""),
            ("verdict_p99_ms", "must 50, aim 5"),
            ("verdict_max_ms", ""),
            ("refused_requests", "must 0"),
            ("unjudged_samples", "must 0"),
            ("ready_share", ""),
            ("anomalies", ""),
            ("incidents", ""),
            ("server_cores", ""),
            ("rss_mb", ""),
            ("bytes_per_series", ""),
        ],
    )
}

pub(super) async fn measure(
    server: &Server,
    protocol: Protocol,
    args: &ScaleArgs,
    idle_bytes: f64,
) -> anyhow::Result<Figures> {
    let mut series = load(args.series);
    let n_agents = series.len().div_ceil(HOST_SERIES);
    let mut agents = vec![];
    for idx in 0..n_agents {
        let own = series.drain(..series.len().min(HOST_SERIES)).collect();
        let offset = PERIOD.mul_f64(idx as f64 / n_agents as f64);
        agents.push(Agent { protocol, idx: idx as u64, series: own, offset });
    }
    let start = Start { instant: Instant::now() + PERIOD, time: SystemClock.now().plus(PERIOD) };
    let (warm_up, rounds) = (args.warm_up_secs, args.warm_up_secs + args.secs);
    let mut tasks = JoinSet::new();
    let url: Arc<str> = format!("{}{}", server.url, protocol.path()).into();
    for agent in agents {
        tasks.spawn(agent.run(server.client.clone(), Arc::clone(&url), start, warm_up, rounds));
    }
    let mut sent = Sent::default();
    while let Some(it) = tasks.join_next().await {
        sent.add(it??);
    }
    sent.millis.sort_by(f64::total_cmp);
    let judged = server.metric("sentinel_detect_points_total", r#"fate="scored""#).await?;
    let learned = server.metric("sentinel_detect_points_total", r#"fate="warming_up""#).await?;
    let anomalies = server.metric("sentinel_detect_anomalies_total", "").await?;
    let incidents = server.metric("sentinel_detect_incidents_opened_total", "").await?;
    let rss = server.resident_bytes()?;
    let server_cores = server.cpu_seconds()? / start.instant.elapsed().as_secs_f64();
    Ok(Figures {
        series: args.series,
        agents: n_agents,
        seconds: args.secs as f64,
        events_per_second: sent.samples_measured as f64 / args.secs as f64,
        verdict_p50_ms: quantile(&sent.millis, 0.5),
        verdict_p99_ms: quantile(&sent.millis, 0.99),
        verdict_max_ms: quantile(&sent.millis, 1.0),
        refused_requests: sent.refused,
        unjudged_samples: sent.samples as f64 - judged - learned,
        ready_share: sent.samples.min(judged as u64) as f64 / sent.samples.max(1) as f64,
        anomalies,
        incidents,
        server_cores,
        rss_mb: rss / 1e6,
        bytes_per_series: (rss - idle_bytes) / args.series as f64,
    })
}

/// The same moment on both clocks.
#[derive(Clone, Copy)]
struct Start {
    instant: Instant,
    time: Timestamp,
}

/// What an agent, or all of them, has sent.
#[derive(Default)]
struct Sent {
    /// Samples that were acknowledged.
    samples: u64,
    /// The same after the warm-up.
    samples_measured: u64,
    refused: u64,
    /// Of each request after the warm-up, from the moment its samples were due until its answer.
    millis: Vec<f64>,
}

impl Sent {
    fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.samples_measured += other.samples_measured;
        self.refused += other.refused;
        self.millis.extend(other.millis);
    }
}

/// Sends the series of one host.
struct Agent {
    protocol: Protocol,
    idx: u64,
    series: Vec<LoadSeries>,
    offset: Duration,
}

impl Agent {
    async fn run(
        mut self,
        client: reqwest::Client,
        url: Arc<str>,
        start: Start,
        warm_up: u64,
        rounds: u64,
    ) -> anyhow::Result<Sent> {
        let mut random = fastrand::Rng::with_seed(self.idx);
        let mut sent = Sent::default();
        for round in 0..rounds {
            let after = self.offset + PERIOD * round as u32;
            let due = start.instant + after;
            let body = self.protocol.body(&mut self.series, start.time.plus(after), &mut random)?;
            tokio::time::sleep_until(due.into()).await;
            let mut request = client.post(&*url);
            for (name, value) in self.protocol.headers() {
                request = request.header(*name, *value);
            }
            let answer = request.body(body).send().await;
            if !answer.is_ok_and(|it| it.status().is_success()) {
                // A refused sample is lost: it would only come later if it were sent again.
                sent.refused += 1;
                continue;
            }
            sent.samples += self.series.len() as u64;
            if round >= warm_up {
                sent.samples_measured += self.series.len() as u64;
                sent.millis.push(due.elapsed().as_secs_f64() * 1000.0);
            }
        }
        Ok(sent)
    }
}
