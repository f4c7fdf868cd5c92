//! How long does a start take that learns from what is stored, and can its first scores be trusted?
//!
//! A store is filled as a server would fill it that ran for days without saving its models: every hour ends in a block of
//! its own. Then the system is built over it, which is what `sentinel run` does before it listens, and every series gets
//! one point more.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use signal::{Clock as _, Point, SeriesPoints, SystemClock, Timestamp};
use store::{Store, Write};

use super::folder::{Folder, bytes_in};
use super::load::{LoadSeries, load};
use super::table;
use crate::assemble::System;
use crate::cli::BackfillArgs;
use crate::config::Config;

/// Between two points of a series.
const STEP: Duration = Duration::from_secs(60);
/// Points of a series in one block: of an hour.
const BLOCK_POINTS: u32 = 60;
/// At most so many points are stored.
const MOST_POINTS: u64 = 2_000_000_000;

/// The figures, under the names that scripts rely on.
#[derive(Debug, Serialize)]
struct Figures {
    series: usize,
    days: u32,
    points: u64,
    store_mb: f64,
    /// The making of the store, which is part of no other figure.
    build_seconds: f64,
    /// From nothing to a system that can judge: the store is opened, then warmed from.
    start_seconds: f64,
    /// Processor time of the start on all cores: what it would take if nothing else ran here.
    start_cpu_seconds: f64,
    open_seconds: f64,
    points_per_second: f64,
    /// Of the first scores after it: those that are no longer warming up, and those that are not even provisional.
    ready_share: f64,
    trusted_share: f64,
}

/// `sentinel bench backfill`.
pub(super) async fn backfill(args: &BackfillArgs, is_json: bool) -> anyhow::Result<()> {
    ensure!(args.series > 0 && args.days > 0, "--series and --days must be at least 1");
    let points = args.series as u64 * u64::from(args.days) * 1440;
    ensure!(points <= MOST_POINTS, "{points} points are too many, at most {MOST_POINTS} are stored");
    let figures = measure(*args, is_json).await?;
    if is_json {
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    table(&figures, &TARGETS)
}

/// The figures in the order in which people read them, and what is wanted.
const TARGETS: [(&str, &str); 11] = [
    ("series", ""),
    ("days", ""),
    ("points", ""),
    ("store_mb", ""),
    ("build_seconds", ""),
    ("start_seconds", "must 30, aim 5 (10,000 series, 7 days)"),
    ("start_cpu_seconds", ""),
    ("open_seconds", ""),
    ("points_per_second", ""),
    ("ready_share", ""),
    ("trusted_share", ""),
];

async fn measure(args: BackfillArgs, is_json: bool) -> anyhow::Result<Figures> {
    let points = args.series as u64 * u64::from(args.days) * 1440;
    let say = move |what: String| {
        if !is_json {
            eprintln!("{what} ...")
        }
    };
    let folder = Folder::new()?;
    let directory = folder.path().to_owned();
    let config = Config::default();
    let started = Instant::now();
    say(format!("storing {points} points of {} series over {} days", args.series, args.days));
    let (build_dir, store_config) = (directory.clone(), config.store.clone());
    let mut built = tokio::task::spawn_blocking(move || build(&build_dir, store_config, &args)).await??;
    let build_seconds = started.elapsed().as_secs_f64();
    say("starting on them".to_owned());
    let cpu = || crate::health::cpu_seconds_of("self").context("cannot read the processor time");
    let cpu_before = cpu()?;
    let started = Instant::now();
    let assemble = {
        let directory = directory.clone();
        move || System::assemble(config, &directory, Arc::new(SystemClock))
    };
    let system = tokio::task::spawn_blocking(assemble).await??;
    let start_seconds = started.elapsed().as_secs_f64();
    let start_cpu_seconds = cpu()? - cpu_before;
    let (ready_share, trusted_share) = first_scores(&system, &mut built).await;
    let open_seconds = system.recovery.took.as_secs_f64();
    Ok(Figures {
        series: args.series,
        days: args.days,
        points,
        store_mb: bytes_in(&directory, &|_| true)? as f64 / 1e6,
        build_seconds,
        start_seconds,
        start_cpu_seconds,
        open_seconds,
        points_per_second: points as f64 / (start_seconds - open_seconds),
        ready_share,
        trusted_share,
    })
}

/// What was stored, and what comes next.
struct Built {
    series: Vec<LoadSeries>,
    random: fastrand::Rng,
    next: Timestamp,
}

fn build(directory: &Path, config: store::Config, args: &BackfillArgs) -> anyhow::Result<Built> {
    let (store, _) = Store::open(directory, config).context("cannot make the store")?;
    let end = SystemClock.now().millis() / 60_000 * 60_000;
    let days = Duration::from_secs(86_400 * u64::from(args.days));
    let mut built = Built {
        series: load(args.series),
        random: fastrand::Rng::with_seed(1),
        next: Timestamp::from_millis(end).minus(days),
    };
    for _ in 0..24 * args.days {
        let hour = built.hour();
        let now = built.next;
        let stored = store.append_and_wait(&Write::samples(hour), now)?.stored;
        ensure!(stored == args.series as u64 * u64::from(BLOCK_POINTS), "only {stored} points of an hour were stored");
        ensure!(store.flush(), "the store could not write a block");
    }
    Ok(built)
}

impl Built {
    fn hour(&mut self) -> Vec<SeriesPoints> {
        let start = self.next;
        self.next = start.plus(STEP * BLOCK_POINTS);
        let random = &mut self.random;
        let one = |series: &mut LoadSeries| {
            let points = (0..BLOCK_POINTS).map(|it| {
                let time = start.plus(STEP * it);
                Point { time, value: series.value(time, random) }
            });
            SeriesPoints { points: points.collect(), labels: series.labels.clone() }
        };
        self.series.iter_mut().map(one).collect()
    }
}

/// Of the verdicts on the next point of every series: which part is ready, and which part is not even provisional.
async fn first_scores(system: &System, built: &mut Built) -> (f64, f64) {
    let (time, random) = (built.next, &mut built.random);
    let next = |it: &mut LoadSeries| SeriesPoints::one(it.labels.clone(), time, it.value(time, random));
    let batch: Vec<SeriesPoints> = built.series.iter_mut().map(next).collect();
    let n_series = batch.len() as f64;
    let judged = system.shards.judge(Arc::new(batch)).await;
    let share = |is_it: fn(&signal::Score) -> bool| {
        judged.iter().filter(|it| is_it(&it.verdict.score)).count() as f64 / n_series
    };
    (share(|it| it.is_ready), share(|it| it.is_ready && !it.is_provisional))
}
