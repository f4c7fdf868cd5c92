//! How does Sentinel do on the Numenta Anomaly Benchmark (NAB)?
//!
//! `nab_files` reads the benchmark's folder, `learn::evaluate::nab` is its metric; here they meet the estimator, and the
//! detectors whose results are published.

use clap::Args;
use learn::evaluate::nab::{self, Alarms, Profile, ScoredFile};

use super::nab_files::{Benchmark, Labeled};
use super::{Breakdown, Figure, Report, Row, SeriesArgs};
use crate::progress::Progress;
use crate::score::THRESHOLD;
use crate::scorer;

/// The name that means this program, not a detector with published results.
const OURS: &str = "ours";

/// Options of `eval nab`.
#[derive(Debug, Args)]
pub struct NabArgs {
    /// Where the files are.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// Whose scores to evaluate: ours, or those of a detector with result files in DIR/results, as a check of the metric.
    #[arg(long, value_name = "NAME", default_value = OURS)]
    pub detector: String,
}

const FIGURES: [Figure; 6] = [
    Figure::new("standard", "standard", 2),
    Figure::new("reward_low_FP_rate", "low FP", 2),
    Figure::new("reward_low_FN_rate", "low FN", 2),
    Figure::new("windows_hit", "windows hit", 0),
    Figure::new("false_alarms_per_series_day", "false alarms/day", 4),
    Figure::new("false_episodes_per_series_day", "episodes/day", 4),
];

const FAMILY_FIGURES: [Figure; 7] = [
    Figure::new("files", "files", 0),
    Figure::new("windows", "windows", 0),
    Figure::new("windows_hit", "hit", 0),
    Figure::new("false_alarms_per_series_day", "false alarms/day", 4),
    Figure::new("standard", "standard", 2),
    Figure::new("standard_left_out", "left out", 2),
    Figure::new("standard_without", "without it", 2),
];

/// False alarms and windows hit of detectors whose result files are large and often absent: measured from the files
/// that the benchmark publishes, at the threshold that it chose for the standard profile.
const MEASURED: [(&str, f64, f64); 2] = [("ARTime", 106.0, 0.107), ("numenta", 96.0, 0.075)];

/// `sentinel eval nab`.
///
/// # Errors
/// `BadInput` if the folder is not that of the benchmark.
pub fn evaluate(args: &NabArgs) -> anyhow::Result<Report> {
    let benchmark = Benchmark::open(&args.series.data.folder)?;
    let profiles = benchmark.profiles()?;
    let labeled = benchmark.labeled()?;
    let is_ours = args.detector == OURS;
    let files =
        if is_ours { score(&labeled, args.series.sigma) } else { benchmark.results_of(&args.detector, &labeled)? };
    let label = if is_ours { "sentinel" } else { args.detector.as_str() };
    let mut report = Report { name: "nab", title: title(&files), figures: FIGURES.to_vec(), ..Report::default() };
    report.ours.push(Row::new(label, best_values(&files, &profiles)));
    if is_ours {
        report.ours.push(Row::new("frozen", frozen_values(&files, &profiles)));
        report.breakdowns.push(families(&labeled, &files, &profiles[0]));
    }
    for (name, scores) in benchmark.published()? {
        report.peers.push(peer(&benchmark, &labeled, &name, scores, &profiles));
    }
    report.notes = notes(is_ours, nab::best(&files, &profiles[0]).threshold);
    Ok(report)
}

/// Our scores, each row judged by the rows of its file before it, one configuration for all files.
fn score(labeled: &[Labeled], sigma: Option<f64>) -> Vec<ScoredFile> {
    let progress = Progress::new(labeled.len(), "scoring");
    let scored = labeled.iter().map(|file| {
        let scores = scorer::judge_all(&file.series, sigma, || ()).into_iter().map(|it| it.value).collect();
        progress.advance(1);
        file.scored(scores)
    });
    scored.collect()
}

fn title(files: &[ScoredFile]) -> String {
    let n_rows: usize = files.iter().map(|it| it.scores.len()).sum();
    let n_windows: usize = files.iter().map(|it| it.windows.len()).sum();
    format!("Numenta Anomaly Benchmark: {} files, {n_rows} rows, {n_windows} windows", files.len())
}

/// As the benchmark does it: for each profile the threshold that suits it best; alarms at that of the first profile.
fn best_values(files: &[ScoredFile], profiles: &[Profile; 3]) -> Vec<Option<f64>> {
    let scores = profiles.iter().map(|it| Some(nab::best(files, it).score));
    let threshold = nab::best(files, &profiles[0]).threshold;
    scores.chain(alarm_values(&nab::alarms(files, threshold))).collect()
}

/// At the threshold that users get.
fn frozen_values(files: &[ScoredFile], profiles: &[Profile; 3]) -> Vec<Option<f64>> {
    let scores = profiles.iter().map(|it| Some(nab::at_threshold(files, it, THRESHOLD).score));
    scores.chain(alarm_values(&nab::alarms(files, THRESHOLD))).collect()
}

fn alarm_values(alarms: &Alarms) -> [Option<f64>; 3] {
    let per_day = |count: usize| Some(count as f64 / alarms.series_days);
    [Some(alarms.windows_hit as f64), per_day(alarms.false_points), per_day(alarms.false_episodes)]
}

/// A published detector; its alarms only where its result files are there or were measured.
fn peer(
    benchmark: &Benchmark,
    labeled: &[Labeled],
    name: &str,
    scores: [Option<f64>; 3],
    profiles: &[Profile; 3],
) -> Row {
    let alarms = match benchmark.results_of(name, labeled) {
        Ok(files) => alarm_values(&nab::alarms(&files, nab::best(&files, &profiles[0]).threshold)),
        Err(_) => match MEASURED.iter().find(|it| it.0 == name) {
            Some((_, hit, false_alarms)) => [Some(*hit), Some(*false_alarms), None],
            None => [None; 3],
        },
    };
    Row::new(name, scores.into_iter().chain(alarms).collect())
}

/// Does it hold for data of another kind? For each family: its score at our frozen threshold; its score at the threshold
/// that suits all other families best; the score of all others at the frozen threshold.
fn families(labeled: &[Labeled], files: &[ScoredFile], profile: &Profile) -> Breakdown {
    let mut names: Vec<&str> = labeled.iter().map(Labeled::family).collect();
    names.dedup();
    let rows = names.iter().map(|name| {
        let part = |is_inside: bool| -> Vec<ScoredFile> {
            let chosen = labeled.iter().zip(files).filter(|it| (it.0.family() == *name) == is_inside);
            chosen.map(|it| it.1.clone()).collect()
        };
        let (inside, outside) = (part(true), part(false));
        let alarms = nab::alarms(&inside, THRESHOLD);
        let [hit, false_alarms, _] = alarm_values(&alarms);
        let score = |files: &[ScoredFile], threshold| {
            Some(nab::at_threshold(files, profile, threshold).score).filter(|it| it.is_finite())
        };
        let left_out = score(&inside, nab::best(&outside, profile).threshold);
        let (n_files, n_windows) = (Some(inside.len() as f64), Some(alarms.windows as f64));
        let (own, without) = (score(&inside, THRESHOLD), score(&outside, THRESHOLD));
        Row::new(*name, vec![n_files, n_windows, hit, false_alarms, own, left_out, without])
    });
    Breakdown {
        key: "families",
        title: "By family of data, at the frozen threshold".to_owned(),
        rows_are: "family",
        figures: FAMILY_FIGURES.to_vec(),
        rows: rows.collect(),
    }
}

fn notes(is_ours: bool, best: f64) -> Vec<String> {
    let mut notes = vec![format!(
        "The benchmark chooses the threshold on the labels it scores (first row; {best:.4} for the standard profile)."
    )];
    if is_ours {
        notes.push(format!("frozen: the threshold that Sentinel ships with, {THRESHOLD:.1} for all data."));
        notes.push(
            "left out: at the threshold that is best for all other families; without it: the other families."
                .to_owned(),
        );
    }
    notes.push(
        "False alarms: rows at or above the threshold, after probation and outside of all windows, per day of a series; \
         episodes: those within an hour of the last one counted once."
            .to_owned(),
    );
    notes.push(
        "Peers: scores as published; alarms from their published results at the threshold of the standard profile."
            .to_owned(),
    );
    notes
}
