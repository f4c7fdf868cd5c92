//! How well are log lines grouped into templates, on the sets that loghub publishes with the true template of each line?
//!
//! Every set is mined from nothing with the same configuration: the one that a server has by default.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use learn::evaluate::grouping::{Grouping, grouping};
use learn::logs::{HeaderFinder, TemplateId, TemplateMiner, TemplateMinerConfig};

use super::{Breakdown, DataArgs, Figure, Report, Row};
use crate::bad_input::BadInput;
use crate::input::Input;
use crate::progress::Progress;
use crate::table::Table;

const ADVICE: &str = "give a folder with a folder for each set and in it the file SET_2k.log_structured.csv, also .gz";

const FIGURES: [Figure; 2] =
    [Figure::new("grouping_accuracy", "grouping accuracy", 4), Figure::new("f1_of_groups", "F1 of groups", 4)];

const COST_FIGURES: [Figure; 3] = [
    Figure::new("lines_per_second_per_core", "lines/s/core", 0),
    Figure::new("microseconds_per_line", "us/line", 2),
    Figure::new("bytes_per_template", "bytes/template", 0),
];

const SET_FIGURES: [Figure; 6] = [
    Figure::new("lines", "lines", 0),
    Figure::new("grouping_accuracy", "grouping accuracy", 4),
    Figure::new("at_arrival", "at arrival", 4),
    Figure::new("f1_of_groups", "F1 of groups", 4),
    Figure::new("templates", "templates", 0),
    Figure::new("true_templates", "true", 0),
];

/// Mean grouping accuracy over the eight sets Apache, BGL, HDFS, HPC, HealthApp, Linux, OpenSSH and Zookeeper.
const PEERS: [(&str, f64); 3] = [("Drain3", 0.831), ("Drain3 with its masks", 0.892), ("Brain, tuned per set", 0.989)];

/// Options of `eval templates`.
#[derive(Clone, Debug, Args)]
pub struct TemplatesEvalArgs {
    /// Where, and how to print.
    #[command(flatten)]
    pub data: DataArgs,
    /// Mines the log files as they were written, `SET_2k.log`, whose headers (time, level, component) must be found;
    /// without it the messages without headers, as published.
    #[arg(long)]
    pub raw: bool,
}

/// A set of lines with the true template of each.
struct Set {
    name: String,
    lines: Vec<String>,
    truth: Vec<String>,
}

/// What was found in a set.
struct Found {
    name: String,
    n_lines: usize,
    last: Grouping,
    at_arrival: Grouping,
    took: Duration,
    bytes: usize,
    n_templates: usize,
}

/// `sentinel eval templates`.
///
/// # Errors
/// `BadInput` if the folder has no set, or a set has no columns `Content` and `EventId`.
pub fn evaluate(args: &TemplatesEvalArgs) -> anyhow::Result<Report> {
    let files = files(&args.data.folder)?;
    let progress = Progress::new(files.len(), "mining");
    let mut found = vec![];
    for (name, file) in files {
        let mut set = read(name, &file)?;
        if args.raw {
            set.lines = raw_lines(&file, set.lines.len())?;
        }
        found.push(mine(&set));
        progress.advance(1);
    }
    Ok(report(&found, args.raw))
}

/// The lines of the log that lies beside the file of true templates.
fn raw_lines(truth: &Path, count: usize) -> Result<Vec<String>, BadInput> {
    let name = truth.file_name().and_then(|it| it.to_str()).unwrap_or_default().replace("_structured.csv", "");
    let file = truth.with_file_name(&name);
    let other = name.strip_suffix(".gz").map_or_else(|| format!("{name}.gz"), str::to_owned);
    let file = if file.exists() { file } else { truth.with_file_name(other) };
    let (name, bytes) = Input::open(&file)?.read_all()?;
    let lines: Vec<String> = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
    if lines.len() == count {
        return Ok(lines);
    }
    let found = format!("it has {} lines, and there are true templates of {count}", lines.len());
    Err(BadInput::of_file(&name, found, "give the log that the file of true templates was made of"))
}

/// The name of each set and its file of true templates, by name.
pub fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, BadInput> {
    let name = folder.display().to_string();
    let unreadable = |error| BadInput::of_file(&name, format!("cannot read it: {error}"), ADVICE);
    let mut found = vec![];
    for set in std::fs::read_dir(folder).map_err(unreadable)? {
        let set = set.map_err(unreadable)?;
        if !set.path().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(set.path()).map_err(unreadable)? {
            let file = file.map_err(unreadable)?;
            let is_truth = file.file_name().to_str().is_some_and(|it| it.contains("_structured.csv"));
            if is_truth {
                found.push((set.file_name().to_string_lossy().into_owned(), file.path()));
            }
        }
    }
    found.sort();
    found.dedup_by(|a, b| a.0 == b.0);
    if found.is_empty() { Err(BadInput::of_file(&name, "it has no sets", ADVICE)) } else { Ok(found) }
}

fn read(name: String, file: &Path) -> Result<Set, BadInput> {
    let table = Table::read(file)?;
    let column = |wanted: &str| -> Result<Vec<String>, BadInput> {
        let idx = table.find(wanted)?;
        Ok((0..table.n_rows()).map(|row| table.cell(row, idx).into_owned()).collect())
    };
    Ok(Set { name, lines: column("Content")?, truth: column("EventId")? })
}

fn mine(set: &Set) -> Found {
    let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
    let started = Instant::now();
    let headers = HeaderFinder::of(set.lines.iter().map(String::as_str));
    let at_arrival: Vec<TemplateId> = set.lines.iter().map(|it| miner.learn_one(headers.message(it))).collect();
    miner.settle();
    let took = started.elapsed();
    let last: Vec<TemplateId> = at_arrival.iter().map(|it| miner.current(*it)).collect();
    Found {
        name: set.name.clone(),
        n_lines: set.lines.len(),
        last: grouping(&last, &set.truth),
        at_arrival: grouping(&at_arrival, &set.truth),
        took,
        bytes: miner.state_bytes(),
        n_templates: miner.len(),
    }
}

fn report(found: &[Found], is_raw: bool) -> Report {
    let mean = |of: fn(&Found) -> f64| Some(found.iter().map(of).sum::<f64>() / found.len() as f64);
    let n_lines: usize = found.iter().map(|it| it.n_lines).sum();
    let secs: f64 = found.iter().map(|it| it.took.as_secs_f64()).sum();
    let n_templates: usize = found.iter().map(|it| it.n_templates).sum();
    let bytes: usize = found.iter().map(|it| it.bytes).sum();
    let cost =
        vec![Some(n_lines as f64 / secs), Some(secs * 1e6 / n_lines as f64), Some(bytes as f64 / n_templates as f64)];
    let set = |it: &Found| {
        let groups = [it.last.accuracy, it.at_arrival.accuracy, it.last.f1];
        let counts = [it.last.n_predicted as f64, it.last.n_true as f64];
        Row::new(&it.name, [it.n_lines as f64].into_iter().chain(groups).chain(counts).map(Some).collect())
    };
    Report {
        name: "templates",
        title: format!(
            "Log templates: {} sets, {n_lines} {}, one configuration",
            found.len(),
            if is_raw { "raw lines" } else { "lines" }
        ),
        figures: FIGURES.to_vec(),
        ours: vec![
            Row::new("sentinel", vec![mean(|it| it.last.accuracy), mean(|it| it.last.f1)]),
            Row::new("at arrival", vec![mean(|it| it.at_arrival.accuracy), mean(|it| it.at_arrival.f1)]),
        ],
        peers: PEERS.iter().map(|(name, accuracy)| Row::new(*name, vec![Some(*accuracy), None])).collect(),
        breakdowns: vec![
            Breakdown {
                key: "sets",
                title: "By set".to_owned(),
                rows_are: "set",
                figures: SET_FIGURES.to_vec(),
                rows: found.iter().map(set).collect(),
            },
            Breakdown {
                key: "cost",
                title: "Cost, the learning of each set from nothing included".to_owned(),
                rows_are: "",
                figures: COST_FIGURES.to_vec(),
                rows: vec![Row::new("all sets", cost)],
            },
        ],
        notes: vec![
            "Grouping accuracy: share of lines whose group has exactly the lines of their true group; mean over sets."
                .to_owned(),
            "at arrival: by the identity that a line got when it came, before later lines showed which templates are one."
                .to_owned(),
            "Peers: means over Apache, BGL, HDFS, HPC, HealthApp, Linux, OpenSSH and Zookeeper; compare the same sets."
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_sets_is_evaluated_and_another_one_is_refused() {
        let folder = std::env::temp_dir().join(format!("sentinel-eval-templates-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("Shop")).unwrap();
        let data = DataArgs { folder: folder.clone(), json: false };
        let args = TemplatesEvalArgs { data: data.clone(), raw: false };
        let problem = evaluate(&args).unwrap_err().to_string();
        assert!(problem.contains("it has no sets"), "{problem}");
        let csv = "LineId,Content,EventId\n1,put 3 items,E1\n2,put 5 items,E1\n3,\"cart, empty\",E2\n4,cart lost,E2\n";
        std::fs::write(folder.join("Shop/Shop_2k.log_structured.csv"), csv).unwrap();
        let json = evaluate(&args).unwrap().to_json();
        let raw = TemplatesEvalArgs { data, raw: true };
        let problem = evaluate(&raw).unwrap_err().to_string();
        assert!(problem.contains("Shop_2k.log"), "{problem}");
        let log = "10:00:01 INFO ui: put 3 items\n10:00:02 WARN ui: put 5 items\n10:00:03 INFO pay: cart, empty\n";
        std::fs::write(folder.join("Shop/Shop_2k.log"), log).unwrap();
        let problem = evaluate(&raw).unwrap_err().to_string();
        assert!(problem.contains("3 lines") && problem.contains("of 4"), "{problem}");
        std::fs::write(folder.join("Shop/Shop_2k.log"), format!("{log}10:00:03 WARN pay: cart lost\n")).unwrap();
        let of_raw = evaluate(&raw).unwrap().to_json();
        assert_eq!(of_raw.pointer("/ours/grouping_accuracy"), json.pointer("/ours/grouping_accuracy"));
        std::fs::remove_dir_all(&folder).unwrap();
        let value = |pointer: &str| json.pointer(pointer).and_then(serde_json::Value::as_f64);
        assert_eq!(value("/ours/grouping_accuracy"), Some(0.5));
        assert_eq!(value("/ours/sets/Shop/templates"), Some(3.0));
        assert_eq!(value("/peers/Drain3/grouping_accuracy"), Some(0.831));
        assert!(value("/ours/cost/all sets/lines_per_second_per_core").is_some_and(|it| it > 0.0));
    }
}
