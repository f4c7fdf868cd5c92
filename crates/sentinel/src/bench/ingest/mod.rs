//! How many events come in, how long do they wait for their verdict, and what do they take on disk? Over each protocol,
//! with detection on, from outside; and how other programs fare with the very same requests.

mod bounds;
mod disk;
mod flood;
mod peers;
mod print;
pub(super) mod protocol;
mod real;
mod steady;

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use self::disk::{Amount, Lines, Samples};
use self::flood::{Flooded, SENDERS, flood};
pub use self::peers::Peer;
use self::peers::Rival;
use self::protocol::Protocol;
use self::steady::Steady;
use super::kafka;
use super::load::{HOST_SERIES, METRIC_COUNT};
use super::server::Server;
use crate::cli::{IngestArgs, KafkaArgs, ScaleArgs};

/// The longest that one protocol is measured at full speed.
const LONGEST: Duration = Duration::from_secs(30);
/// Events and seconds are at most so many.
const MOST_EVENTS: u64 = 20_000_000;
const MOST_SECS: u64 = 3600;
/// Messages of Kafka are smaller, so more of them are read in the same time.
const KAFKA_SERIES: usize = 2_000;

/// The figures, under the names that scripts rely on.
#[derive(Debug, Serialize)]
struct Figures {
    cores: usize,
    seconds: f64,
    full_speed: Vec<Speed>,
    steady: Vec<Wait>,
    /// Of the mix of a fleet: see [`disk::MIX`].
    bytes_per_sample: f64,
    samples: Vec<Samples>,
    /// Of the lines of the simulated shop.
    log_raw_bytes_per_byte: f64,
    logs: Vec<Lines>,
    /// This build first.
    peers: Vec<Rival>,
    ratios: Vec<Ratio>,
}

/// A protocol at full speed.
#[derive(Debug, Serialize)]
struct Speed {
    protocol: &'static str,
    #[serde(flatten)]
    flooded: Flooded,
}

/// A protocol at a steady rate.
#[derive(Debug, Serialize)]
struct Wait {
    protocol: &'static str,
    #[serde(flatten)]
    steady: Steady,
}

/// This build's figure divided by the peer's.
#[derive(Debug, Serialize)]
struct Ratio {
    peer: String,
    events_per_second: f64,
    cpu_seconds_per_million: f64,
    peak_rss: f64,
    bytes_per_sample: f64,
}

/// `sentinel bench ingest`.
pub(super) async fn ingest(args: &IngestArgs, is_json: bool) -> anyhow::Result<()> {
    check(args)?;
    let figures = measure(args, &|what| {
        if !is_json {
            eprintln!("measuring {what} ...");
        }
    })
    .await?;
    if is_json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print::print(&figures);
    }
    Ok(())
}

fn check(args: &IngestArgs) -> anyhow::Result<()> {
    ensure!((1..=MOST_EVENTS).contains(&args.events), "--events must be between 1 and {MOST_EVENTS}");
    let is_whole = args.series > 0 && args.series <= 1_000_000 && args.series.is_multiple_of(METRIC_COUNT);
    ensure!(is_whole, "--series must be a multiple of {METRIC_COUNT} up to 1000000");
    let is_whole = args.rate > 0 && args.rate <= 1_000_000 && args.rate.is_multiple_of(HOST_SERIES);
    ensure!(is_whole, "--rate must be a multiple of {HOST_SERIES} up to 1000000");
    ensure!((1..=MOST_SECS).contains(&args.secs), "--secs must be between 1 and {MOST_SECS}");
    ensure!(args.warm_up_secs <= MOST_SECS, "--warm-up-secs must be at most {MOST_SECS}");
    ensure!((1..=MOST_EVENTS).contains(&args.lines), "--lines must be between 1 and {MOST_EVENTS}");
    ensure!((1..=168).contains(&args.hours), "--hours must be between 1 and 168");
    ensure!((1..=99).contains(&args.rounds), "--rounds must be between 1 and 99");
    Ok(())
}

async fn measure(args: &IngestArgs, say: &dyn Fn(&str)) -> anyhow::Result<Figures> {
    let started = Instant::now();
    let full_speed = full_speed(args, say).await?;
    let steady = steady(args, say).await?;
    say("what samples and lines take on disk");
    let args_of_disk = args.clone();
    let (samples, logs) = tokio::task::spawn_blocking(move || on_disk(&args_of_disk)).await??;
    let peers = peers(args, say).await?;
    let of = |name: &str| samples.iter().find(|it| it.name == name).map_or(f64::NAN, |it| it.bytes_per_sample);
    let bytes_per_sample = disk::MIX.iter().map(|(name, share)| share * of(name)).sum();
    let of_lines = logs.iter().find(|it| it.name == disk::LINES);
    Ok(Figures {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        seconds: started.elapsed().as_secs_f64(),
        full_speed,
        steady,
        bytes_per_sample,
        samples,
        log_raw_bytes_per_byte: of_lines.map_or(f64::NAN, |it| it.raw_bytes_per_byte),
        logs,
        ratios: ratios(&peers),
        peers,
    })
}

async fn full_speed(args: &IngestArgs, say: &dyn Fn(&str)) -> anyhow::Result<Vec<Speed>> {
    let mut all = vec![];
    for protocol in Protocol::ALL {
        say(&format!("{} events at full speed over {}", args.events, protocol.name()));
        let lanes = protocol.payloads(args.events, args.series, SENDERS)?;
        let server = Server::start(&[("SENTINEL_HOST__ENABLED", "false")]).await?;
        let flooded = flood(&server.process, &server.url, protocol, lanes, LONGEST).await?;
        all.push(Speed { protocol: protocol.name(), flooded });
    }
    if !args.kafka.is_empty() {
        say(&format!("{} events at full speed over kafka", args.events));
        let series = KAFKA_SERIES.min(args.series);
        let of_kafka = KafkaArgs { brokers: args.kafka.clone(), events: args.events, series };
        let figures = kafka::read(&of_kafka, true).await?;
        ensure!(figures.unjudged_samples == 0.0, "{} samples were not judged", figures.unjudged_samples);
        let flooded = Flooded {
            events: figures.events as u64,
            seconds: figures.seconds,
            events_per_second: figures.events_per_second,
            refused_requests: 0,
            cpu_seconds_per_million: figures.server_cores * 1e6 / figures.events_per_second,
            peak_rss_mb: figures.peak_rss_mb,
        };
        all.push(Speed { protocol: "kafka", flooded });
    }
    Ok(all)
}

async fn steady(args: &IngestArgs, say: &dyn Fn(&str)) -> anyhow::Result<Vec<Wait>> {
    let scale = ScaleArgs { series: args.rate, secs: args.secs, warm_up_secs: args.warm_up_secs };
    say(&format!("{} events a second over otlp", args.rate));
    let mut all = vec![Wait { protocol: "otlp", steady: steady::otlp(&scale).await? }];
    if !args.kafka.is_empty() {
        say(&format!("{} events a second over kafka", args.rate));
        all.push(Wait { protocol: "kafka", steady: steady::kafka(&scale, &args.kafka).await? });
    }
    Ok(all)
}

fn on_disk(args: &IngestArgs) -> anyhow::Result<(Vec<Samples>, Vec<Lines>)> {
    let amount = Amount {
        fleet_series: args.series.min(1_000),
        hours: args.hours,
        shop_secs: args.hours.min(8) * 3600,
        lines: args.lines,
    };
    let mut samples = disk::made_samples(amount)?;
    let mut logs = disk::made_lines(amount)?;
    if let Some(folder) = &args.data {
        let (series, lines) = real::read(folder)?;
        if !series.is_empty() {
            samples.push(disk::real_samples(series)?);
        }
        if !lines.is_empty() {
            logs.extend(disk::real_lines(&lines)?);
        }
    }
    Ok((samples, logs))
}

/// All programs in turn, as often as there are rounds, so that what else happens on the machine meets all of them.
async fn peers(args: &IngestArgs, say: &dyn Fn(&str)) -> anyhow::Result<Vec<Rival>> {
    let mut programs = vec![Peer::own()?];
    match args.peers.as_slice() {
        [] if args.no_peers => return Ok(vec![]),
        [] => programs.extend(Peer::on_path()),
        named => programs.extend_from_slice(named),
    }
    let mut found: Vec<Vec<Rival>> = programs.iter().map(|_| vec![]).collect();
    for round in 1..=args.rounds {
        for (program, found) in programs.iter().zip(&mut found) {
            say(&format!("remote write to {} (round {round} of {})", program.name(), args.rounds));
            found.push(program.measure(args.events, args.series, LONGEST).await?);
        }
    }
    Ok(found.into_iter().filter_map(median).collect())
}

/// The run in the middle by speed.
fn median(mut runs: Vec<Rival>) -> Option<Rival> {
    runs.sort_by(|a, b| a.flooded.events_per_second.total_cmp(&b.flooded.events_per_second));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle)
}

fn ratios(peers: &[Rival]) -> Vec<Ratio> {
    let Some((own, others)) = peers.split_first() else { return vec![] };
    let ratio = |peer: &Rival| Ratio {
        peer: peer.name.clone(),
        events_per_second: own.flooded.events_per_second / peer.flooded.events_per_second,
        cpu_seconds_per_million: own.flooded.cpu_seconds_per_million / peer.flooded.cpu_seconds_per_million,
        peak_rss: own.flooded.peak_rss_mb / peer.flooded.peak_rss_mb,
        bytes_per_sample: own.bytes_per_sample / peer.bytes_per_sample,
    };
    others.iter().map(ratio).collect()
}
