//! How much of PromQL is answered as Prometheus answers it? By the scripts that Prometheus itself is tested with.

use std::path::{Path, PathBuf};

use promql::script;

use super::{Breakdown, DataArgs, Figure, Report, Row};
use crate::bad_input::BadInput;

const FIGURES: [Figure; 3] =
    [Figure::new("passed", "passed", 0), Figure::new("total", "evaluations", 0), Figure::new("share", "%", 2)];

/// Shares of queries that are answered as Prometheus answers them, as published.
const PUBLISHED: [(&str, f64); 3] = [
    ("engines with Prometheus' code", 100.0),
    ("GreptimeDB (compliance queries)", 93.4),
    ("VictoriaMetrics (compliance queries, 2021)", 74.2),
];

/// Failures that are told one by one.
const MAX_TOLD: usize = 20;
const ADVICE: &str = "give the folder of Prometheus' promqltest files, which end in .test";

/// The outcome of one file.
struct Judged {
    name: String,
    passed: usize,
    total: usize,
    failures: Vec<String>,
}

/// `sentinel eval promql`.
///
/// # Errors
/// `BadInput` if the folder has no scripts, or one that is not in the language.
pub fn evaluate(args: &DataArgs) -> Result<Report, BadInput> {
    let mut files = Vec::new();
    for path in scripts(&args.folder)? {
        files.push(judge(&path)?);
    }
    Ok(report(&files))
}

/// The scripts of a folder in the order of their names.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>, BadInput> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| BadInput::of_file(&name, error.to_string(), ADVICE))?;
    let is_script = |it: &PathBuf| it.extension().is_some_and(|it| it == "test");
    let mut files: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).filter(is_script).collect();
    files.sort();
    if files.is_empty() { Err(BadInput::of_file(&name, "it has no scripts", ADVICE)) } else { Ok(files) }
}

fn judge(path: &Path) -> Result<Judged, BadInput> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| BadInput::of_file(&file, error.to_string(), ADVICE))?;
    let evaluations = script::run(&text).map_err(|bad| {
        BadInput::of_line(&file, u64::try_from(bad.line).unwrap_or(u64::MAX), bad.text, "write it as promqltest does")
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let told = |it: &script::Evaluation| Some(format!("{name}:{}: {}: {}", it.line, it.query, it.problem.as_ref()?));
    let failures: Vec<String> = evaluations.iter().filter_map(told).collect();
    let total = evaluations.len();
    Ok(Judged { passed: total - failures.len(), total, failures, name })
}

fn row(label: impl Into<String>, passed: usize, total: usize) -> Row {
    let share = (total > 0).then(|| 100.0 * passed as f64 / total as f64);
    Row::new(label, vec![Some(passed as f64), Some(total as f64), share])
}

fn report(files: &[Judged]) -> Report {
    let passed = files.iter().map(|it| it.passed).sum();
    let total = files.iter().map(|it| it.total).sum();
    let failures: Vec<&String> = files.iter().flat_map(|it| &it.failures).collect();
    let mut notes: Vec<String> = failures.iter().take(MAX_TOLD).map(|it| (*it).clone()).collect();
    if failures.len() > MAX_TOLD {
        notes.push(format!("and {} more failures", failures.len() - MAX_TOLD));
    }
    Report {
        name: "promql",
        title: format!("Evaluations of {} promqltest files that have the expected outcome", files.len()),
        figures: FIGURES.to_vec(),
        ours: vec![row("sentinel", passed, total)],
        peers: PUBLISHED.iter().map(|(name, share)| Row::new(*name, vec![None, None, Some(*share)])).collect(),
        breakdowns: vec![Breakdown {
            key: "files",
            title: "By file".to_owned(),
            rows_are: "file",
            figures: FIGURES.to_vec(),
            rows: files.iter().map(|it| row(&it.name, it.passed, it.total)).collect(),
        }],
        notes,
    }
}
