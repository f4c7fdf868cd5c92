//! How long does `sentinel drift` take, and how much of the machine? As cold processes on two tables that are made by seed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::Serialize;

use super::drift_data;
use super::folder::Folder;
use crate::cli::DriftBenchArgs;

/// Between two looks at the memory of the process.
const LOOK: Duration = Duration::from_millis(2);
/// Numbers of a column beyond which the sketches are measured.
const SKETCHED: &str = "10000";
/// Merges of which the median is told.
const MERGES: usize = 51;
/// Numbers whose ranks are compared.
const RANKED: usize = 1_000_000;
/// Evidently on the same files: what its users write.
const EVIDENTLY: &str = "
import sys, pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current, html, json = sys.argv[1:]
result = Report([DataDriftPreset()]).run(pd.read_parquet(current), pd.read_parquet(reference))
result.save_html(html)
open(json, 'w').write(result.json())
";

/// What one run took.
#[derive(Clone, Debug, Serialize)]
struct Took {
    what: String,
    wall_seconds: f64,
    cpu_seconds: f64,
    peak_mb: f64,
    /// Of the page, or of the profile.
    wrote_kb: f64,
}

/// `sentinel bench drift`.
pub(super) fn drift(args: &DriftBenchArgs, is_json: bool) -> anyhow::Result<()> {
    ensure!(args.rows > 0 && args.columns > 0 && args.rounds > 0, "--rows, --columns and --rounds must be above 0");
    let folder = Folder::new()?;
    let path = |name: &str| folder.path().join(name);
    let (reference, current, profile) = (path("reference.parquet"), path("current.parquet"), path("reference.profile"));
    eprintln!("making two tables of {} rows and {} columns ...", args.rows, args.columns);
    drift_data::write(&reference, args.rows, args.columns, args.seed, false)?;
    drift_data::write(&current, args.rows, args.columns, args.seed + 1, true)?;
    let program = std::env::current_exe()?;
    let (html, json) = (path("report.html"), path("report.json"));
    let compare = |reference: &Path, more: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("drift").arg("--reference").arg(reference).arg("--current").arg(&current);
        command.arg("--html").arg(&html).arg("--json").arg(&json).args(more);
        command
    };
    let mut all = vec![
        median("exact", args.rounds, &html, || compare(&reference, &[]))?,
        median("sketches", args.rounds, &html, || compare(&reference, &["--exact-rows", SKETCHED]))?,
        median("make a profile", args.rounds, &profile, || {
            let mut command = Command::new(&program);
            command.arg("drift").arg("--reference").arg(&reference).arg("--save-profile").arg(&profile);
            command
        })?,
        median("against the profile", args.rounds, &html, || compare(&profile, &[]))?,
    ];
    if let Some(python) = &args.evidently {
        all.push(median("Evidently", 1, &html, || {
            let mut command = Command::new(python);
            command.args(["-c", EVIDENTLY]).args([&reference, &current, &html, &json]);
            command
        })?);
    }
    print(&all, &profile_figures(&profile)?, is_json)
}

/// What stored profiles are like.
#[derive(Clone, Debug, Serialize)]
struct ProfileFigures {
    profile_kb: f64,
    merge_ms: f64,
    rank_error_percent: f64,
}

/// Merges a stored profile with itself, and compares the ranks of a sketch with those of the numbers it is of.
fn profile_figures(path: &Path) -> anyhow::Result<ProfileFigures> {
    let bytes = std::fs::read(path)?;
    let profile_kb = bytes.len() as f64 / 1e3;
    let profile = drift::Profile::from_bytes(&bytes)?;
    let budget = drift::Budget::default();
    let mut times: Vec<f64> = (0..MERGES)
        .map(|_| {
            let mut whole = profile.clone();
            let started = Instant::now();
            whole.merge(&profile, &budget);
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let merge_ms = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(ProfileFigures { profile_kb, merge_ms, rank_error_percent: 100.0 * rank_error(budget)? })
}

/// The largest distance of a rank by the sketch from the true one, as a share of all numbers, after merging four parts.
fn rank_error(budget: drift::Budget) -> anyhow::Result<f64> {
    let mut random = learn::random::Random::new(3);
    let mut all: Vec<f64> = (0..RANKED).map(|_| random.normal().exp()).collect();
    let mut whole = drift::ColumnProfile::default();
    for part in all.chunks(RANKED / 4) {
        let mut column = drift::ColumnBuilder::new("number", drift::Kind::Number, budget);
        part.iter().for_each(|it| column.number(*it));
        whole.merge(&column.finish().condensed(usize::MAX), &budget);
    }
    all.sort_by(f64::total_cmp);
    let drift::Data::Numbers(numbers) = &whole.data else { anyhow::bail!("the column has no numbers") };
    let error = |step: u32| {
        let share = f64::from(step) / 1000.0;
        let value = numbers.quantile(share).unwrap_or(f64::NAN);
        (all.partition_point(|it| *it <= value) as f64 / all.len() as f64 - share).abs()
    };
    Ok((1..1000).map(error).fold(0.0, f64::max))
}

fn print(all: &[Took], profile: &ProfileFigures, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        println!("{}", serde_json::json!({"runs": all, "profile": profile}));
        return Ok(());
    }
    println!("{:22}{:>10}{:>10}{:>10}{:>10}", "", "wall s", "CPU s", "peak MB", "wrote kB");
    for it in all {
        println!(
            "{:22}{:>10.2}{:>10.2}{:>10.0}{:>10.0}",
            it.what, it.wall_seconds, it.cpu_seconds, it.peak_mb, it.wrote_kb
        );
    }
    let ProfileFigures { profile_kb, merge_ms, rank_error_percent } = profile;
    println!(
        "profile: {profile_kb:.0} kB, merged in {merge_ms:.3} ms, ranks wrong by at most {rank_error_percent:.2} %"
    );
    Ok(())
}

/// The run with the median of the wall time.
fn median(what: &str, rounds: usize, product: &Path, command: impl Fn() -> Command) -> anyhow::Result<Took> {
    let mut all = (0..rounds).map(|_| run(what, product, command())).collect::<anyhow::Result<Vec<Took>>>()?;
    all.sort_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds));
    let middle = all.len() / 2;
    all.into_iter().nth(middle).context("no run")
}

/// One run, which must write its product anew: a program that fails at once would look fast.
fn run(what: &str, product: &Path, mut command: Command) -> anyhow::Result<Took> {
    // There is none before the first run.
    let _ = std::fs::remove_file(product);
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("cannot start it")?;
    let pid = Pid::from_child(&child);
    let name = child.id().to_string();
    let mut peak = 0.0_f64;
    // Not reaped here: the times of a process that has ended are read before.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(pid), options)?.is_none() {
        peak = peak.max(crate::health::peak_resident_bytes_of(&name).unwrap_or(0.0));
        std::thread::sleep(LOOK);
    }
    let wall_seconds = started.elapsed().as_secs_f64();
    let cpu_seconds = crate::health::cpu_seconds_of(&name).context("cannot read its processor time")?;
    let code = child.wait()?.code();
    ensure!(matches!(code, Some(0 | 1)), "{what} ended with {code:?}");
    let written = std::fs::metadata(product).with_context(|| format!("{what} wrote no {}", product.display()))?;
    let wrote_kb = written.len() as f64 / 1e3;
    Ok(Took { what: what.to_owned(), wall_seconds, cpu_seconds, peak_mb: peak / 1e6, wrote_kb })
}
