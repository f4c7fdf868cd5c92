//! How well are a user's own labeled series judged? By the threshold that users get, and without any threshold.

use std::path::{Path, PathBuf};

use learn::evaluate::nab::{self, ScoredFile};
use learn::evaluate::ranking;

use super::{Breakdown, Figure, Report, Row, SeriesArgs, plain};
use crate::bad_input::BadInput;
use crate::input::unreadable;
use crate::progress::Progress;
use crate::score::THRESHOLD;
use crate::table::Table;
use crate::{scorer, series};

/// Rows around a window that count in part for the volume under the surface.
const BUFFER_ROWS: usize = 10;
/// Thresholds around the frozen one, to see how much depends on it.
const THRESHOLDS: [f64; 6] = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0];
const ENDINGS: [&str; 3] = [".csv", ".csv.gz", ".parquet"];

const ALARM_FIGURES: [Figure; 4] = [
    Figure::new("windows_hit", "windows hit", 0),
    Figure::new("windows", "windows", 0),
    Figure::new("false_alarms_per_series_day", "false alarms/day", 4),
    Figure::new("false_episodes_per_series_day", "episodes/day", 4),
];
const RANKING_FIGURES: [Figure; 2] = [Figure::new("auc_pr", "AUC-PR", 4), Figure::new("vus_pr", "VUS-PR", 4)];

/// One file with its labels, our scores and those of the plain detector.
struct Judged {
    name: String,
    labels: Vec<bool>,
    ours: ScoredFile,
    plain: ScoredFile,
}

/// `sentinel eval series`.
///
/// # Errors
/// `BadInput` for the first problem of a file, or if there is none.
pub fn evaluate(args: &SeriesArgs) -> anyhow::Result<Report> {
    let files = files_of(&args.data.folder)?;
    let progress = Progress::new(files.len(), "scoring");
    let mut judged = Vec::new();
    for file in &files {
        judged.push(judge(file, args.sigma)?);
        progress.advance(1);
    }
    let n_rows: usize = judged.iter().map(|it| it.labels.len()).sum();
    let row = |label: &str, scores: fn(&Judged) -> &ScoredFile| Row::new(label, values(&judged, scores));
    Ok(Report {
        name: "series",
        title: format!("Labeled series: {} files, {n_rows} rows", judged.len()),
        figures: [&ALARM_FIGURES[..], &RANKING_FIGURES[..]].concat(),
        ours: vec![row("sentinel", |it| &it.ours)],
        peers: vec![row("z-score", |it| &it.plain)],
        breakdowns: vec![thresholds(&judged), by_file(&judged)],
        notes: vec![
            "Windows: runs of labeled rows. Alarms: at the threshold 1.0, after the first 15 % of a file (at most 750 rows)."
                .to_owned(),
            "AUC-PR and VUS-PR: mean over the files with labels, no threshold, not adjusted to windows.".to_owned(),
            "z-score: three standard deviations from an exponentially weighted mean, computed in this run.".to_owned(),
        ],
    })
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, BadInput> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(&name, &error))?;
    let paths = entries.filter_map(|it| Some(it.ok()?.path()));
    let mut files: Vec<PathBuf> = paths.filter(|it| ENDINGS.iter().any(|end| file_name(it).ends_with(end))).collect();
    files.sort();
    if files.is_empty() {
        return Err(BadInput::of_file(&name, "it has no CSV or Parquet files", "give a folder of labeled series"));
    }
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn judge(path: &Path, sigma: Option<f64>) -> Result<Judged, BadInput> {
    let table = Table::read(path)?;
    let columns = series::find_columns(&table, None, None)?;
    let series = series::read(&table, &columns)?;
    let labels: Vec<bool> = table.numbers(series::find_labels(&table)?)?.into_iter().map(|it| it > 0.0).collect();
    let scored = |scores: Vec<f64>| ScoredFile {
        times: series.iter().map(|it| it.0.div_euclid(1000)).collect(),
        scores,
        windows: ranking::spans(&labels).into_iter().map(|(first, last)| first..=last).collect(),
    };
    let ours = scored(scorer::judge_all(&series, sigma, || ()).into_iter().map(|it| it.value).collect());
    let plain = scored(plain::z_scores(series.iter().map(|it| it.1)));
    Ok(Judged { name: file_name(path), labels, ours, plain })
}

fn values(judged: &[Judged], scores: fn(&Judged) -> &ScoredFile) -> Vec<Option<f64>> {
    let files: Vec<ScoredFile> = judged.iter().map(|it| scores(it).clone()).collect();
    let rankings: Vec<[f64; 2]> = judged.iter().map(|it| ranking_of(&scores(it).scores, &it.labels)).collect();
    let [auc, vus] = [0, 1].map(|idx| mean(rankings.iter().filter_map(|it| it.get(idx).copied())));
    alarm_values(&files, THRESHOLD).into_iter().chain([auc, vus]).collect()
}

fn alarm_values(files: &[ScoredFile], threshold: f64) -> Vec<Option<f64>> {
    let alarms = nab::alarms(files, threshold);
    let per_day = |count: usize| Some(count as f64 / alarms.series_days).filter(|it| it.is_finite());
    let (hit, all) = (alarms.windows_hit as f64, alarms.windows as f64);
    vec![Some(hit), Some(all), per_day(alarms.false_points), per_day(alarms.false_episodes)]
}

/// A missing value has no score; it ranks with the least unusual.
fn ranking_of(scores: &[f64], labels: &[bool]) -> [f64; 2] {
    let known: Vec<f64> = scores.iter().map(|it| if it.is_nan() { 0.0 } else { *it }).collect();
    [ranking::average_precision(&known, labels), ranking::vus_pr(&known, labels, BUFFER_ROWS)]
}

/// The mean of what is known; a file without labels has no ranking.
fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let known: Vec<f64> = numbers.filter(|it| it.is_finite()).collect();
    Some(known.iter().sum::<f64>() / known.len() as f64).filter(|it| it.is_finite())
}

fn thresholds(judged: &[Judged]) -> Breakdown {
    let ours: Vec<ScoredFile> = judged.iter().map(|it| it.ours.clone()).collect();
    Breakdown {
        key: "thresholds",
        title: "How much depends on the threshold".to_owned(),
        rows_are: "threshold",
        figures: ALARM_FIGURES.to_vec(),
        rows: THRESHOLDS.map(|it| Row::new(format!("{it}"), alarm_values(&ours, it))).to_vec(),
    }
}

fn by_file(judged: &[Judged]) -> Breakdown {
    let row = |it: &Judged| Row::new(it.name.clone(), alarm_values(std::slice::from_ref(&it.ours), THRESHOLD));
    Breakdown {
        key: "files",
        title: "By file".to_owned(),
        rows_are: "file",
        figures: ALARM_FIGURES.to_vec(),
        rows: judged.iter().map(row).collect(),
    }
}
