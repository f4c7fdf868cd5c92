//! Do false alarms fall when people say what was noise? An operator who knows the truth speaks of the incidents of the
//! first half; the second half is judged with and without what was learned from it, and nobody speaks there.

mod course;
mod watch;

use std::path::PathBuf;

use clap::Args;
use signal::{Labels, Point, Timestamp};

use super::nab_files::{Benchmark, Labeled};
use super::{Breakdown, Figure, Report, Row};
use crate::progress::Progress;
use course::{Course, MINUTE_SECS};
use watch::{Tally, Truth, Watch};

/// Monday, 2026-01-05T00:00:00Z.
const START_SECS: i64 = 1_767_571_200;

const FIGURES: [Figure; 4] = [
    Figure::new("false_alarms", "false alarms", 0),
    Figure::new("hits", "faults found", 0),
    Figure::new("faults", "faults", 0),
    Figure::new("fall_percent", "fall of false alarms, %", 1),
];

/// Options of `eval feedback`.
#[derive(Clone, Debug, Args)]
pub struct FeedbackEvalArgs {
    /// The folder of the NAB repository, to be tried as well; without it only made-up months are.
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Months that are made up, each of another seed.
    #[arg(long, default_value_t = 5)]
    pub seeds: u64,
    /// Days of a month.
    #[arg(long, default_value_t = 28)]
    pub days: usize,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Without and with what was learned.
#[derive(Clone, Copy, Debug, Default)]
struct Compared {
    without: Tally,
    with: Tally,
    highest: f64,
}

/// `sentinel eval feedback`.
///
/// # Errors
/// `BadInput` if the folder is not that of NAB.
pub fn evaluate(args: &FeedbackEvalArgs) -> anyhow::Result<Report> {
    anyhow::ensure!(args.seeds >= 1 && args.days >= 4, "--seeds must be at least 1 and --days at least 4");
    let labeled = args.folder.as_deref().map(|it| Benchmark::open(it)?.labeled()).transpose()?.unwrap_or_default();
    let progress = Progress::new(usize::try_from(args.seeds)? + labeled.len(), "replaying");
    let mut months = vec![];
    for seed in 1..=args.seeds {
        months.push((format!("seed {seed}"), of_course(&Course::new(seed, args.days))));
        progress.advance(1);
    }
    let mut files = vec![];
    for file in &labeled {
        files.push((file.name.clone(), of_file(file)));
        progress.advance(1);
    }
    Ok(report(args, &months, &files))
}

fn of_course(course: &Course) -> Compared {
    let at = |minute: usize| Timestamp::from_secs(START_SECS + minute as i64 * MINUTE_SECS);
    let truth = |it: &course::Fault| Truth {
        owner: Course::name(it.service),
        from: at(it.minutes.start),
        to: at(it.minutes.end),
    };
    let truths: Vec<Truth> = course.faults.iter().map(truth).collect();
    let minutes = course.values.first().map_or(0, Vec::len);
    let half = at(minutes / 2);
    let run = |is_taught| {
        let mut watch = Watch::new(is_taught);
        for minute in 0..minutes {
            let time = at(minute);
            for (labels, values) in course.labels.iter().zip(&course.values) {
                watch.see(labels, Point { time, value: values.get(minute).copied().unwrap_or(f64::NAN) });
            }
            watch.tick(time, (time < half).then_some(&truths[..]));
        }
        watch
    };
    compared(run, half, &truths)
}

fn of_file(file: &Labeled) -> Compared {
    let labels = Labels::metric("value", &[("service", &file.name)]);
    let at = |row: usize| Timestamp::from_millis(file.series.get(row).map_or(0, |it| it.0));
    let truth = |rows: &std::ops::RangeInclusive<usize>| Truth {
        owner: file.name.clone(),
        from: at(*rows.start()),
        to: at(*rows.end()),
    };
    let truths: Vec<Truth> = file.windows().iter().map(truth).collect();
    let half = at(file.series.len() / 2);
    let run = |is_taught| {
        let mut watch = Watch::new(is_taught);
        for (millis, value) in &file.series {
            let time = Timestamp::from_millis(*millis);
            watch.see(&labels, Point { time, value: *value });
            watch.tick(time, (time < half).then_some(&truths[..]));
        }
        watch
    };
    compared(run, half, &truths)
}

fn compared(run: impl Fn(bool) -> Watch, half: Timestamp, truths: &[Truth]) -> Compared {
    let with = run(true);
    let highest = with.highest(half);
    Compared { without: run(false).tally(half, truths), with: with.tally(half, truths), highest }
}

fn report(args: &FeedbackEvalArgs, months: &[(String, Compared)], files: &[(String, Compared)]) -> Report {
    let sum = |of: &[(String, Compared)]| {
        let add = |all: Compared, (_, it): &(String, Compared)| Compared {
            without: all.without.with(it.without),
            with: all.with.with(it.with),
            highest: all.highest.max(it.highest),
        };
        of.iter().fold(Compared::default(), add)
    };
    let total = sum(months);
    let mut ours = vec![row("taught", total, total.with), row("not_taught", total, total.without)];
    if !files.is_empty() {
        let total = sum(files);
        ours.extend([row("nab_taught", total, total.with), row("nab_not_taught", total, total.without)]);
    }
    let figures = vec![
        Figure::new("without", "not taught", 0),
        Figure::new("with", "taught", 0),
        Figure::new("hits_without", "found, not taught", 0),
        Figure::new("hits_with", "found, taught", 0),
        Figure::new("faults", "faults", 0),
        Figure::new("highest_threshold", "highest threshold", 2),
    ];
    let line = |(name, it): &(String, Compared)| {
        let values = [it.without.false_alarms, it.with.false_alarms, it.without.hits, it.with.hits, it.with.faults];
        let counts = values.into_iter().map(|it| Some(it as f64));
        Row::new(name.clone(), counts.chain([Some(it.highest)]).collect())
    };
    let rows = months.iter().chain(files).map(line).collect();
    let title = "False alarms and faults found in the second half".to_owned();
    Report {
        name: "feedback",
        title: format!(
            "Opinions on the incidents of the first half, false alarms of the second: {} made-up months of {} days, {} files of NAB",
            months.len(),
            args.days,
            files.len()
        ),
        figures: FIGURES.to_vec(),
        ours,
        peers: vec![],
        breakdowns: vec![Breakdown { key: "parts", title, rows_are: "part", figures, rows }],
        notes: vec![
            "An operator who knows the truth says right or noise of each incident as it ends, in the first half only."
                .to_owned(),
            "False alarm: an incident that lies in no fault of its service. Found: a fault with an incident of its service."
                .to_owned(),
            "Every key of `feedback` and `detect` has its default.".to_owned(),
        ],
    }
}

fn row(label: &str, all: Compared, it: Tally) -> Row {
    let fall = 100.0 * (1.0 - it.false_alarms as f64 / (all.without.false_alarms as f64).max(1.0));
    let counts = [it.false_alarms, it.hits, it.faults].map(|it| Some(it as f64));
    Row::new(label, counts.into_iter().chain([Some(fall)]).collect())
}
