//! Does the drift stage say what others say where it is asked to, and hold its own false-alarm rate otherwise?

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use learn::drift::Options;
use learn::evaluate::drift::{self, Input, Tallies};
use learn::evaluate::drift_calibration::{self, Column, Rates};
use serde::de::DeserializeOwned;

use super::{Breakdown, Figure, Report, Row, drift_online};
use crate::bad_input::BadInput;

const FIGURES: [Figure; 4] = [
    Figure::new("passed", "passed", 0),
    Figure::new("total", "cases", 0),
    Figure::new("share", "%", 2),
    Figure::new("left_out", "random, left out", 0),
];
const RATE_FIGURES: [Figure; 7] = [
    Figure::new("reference", "reference", 0),
    Figure::new("current", "current", 0),
    Figure::new("significant", "p <= 0.05, %", 1),
    Figure::new("surest", "p <= 0.0025, %", 2),
    Figure::new("drifted", "drift, %", 1),
    Figure::new("kolmogorov_smirnov", "K-S, %", 1),
    Figure::new("evidently", "Evidently's default, %", 1),
];
const FAMILY_FIGURES: [Figure; 4] = [
    Figure::new("reference", "reference", 0),
    Figure::new("current", "current", 0),
    Figure::new("named", "with a drifted column, %", 2),
    Figure::new("scatter", "standard error", 2),
];
/// Failures that are told one by one.
const MAX_TOLD: usize = 20;
const ADVICE: &str = "give the folder with golden_inputs.jsonl, golden_expected.jsonl, golden_nannyml.jsonl and \
                      golden_online.jsonl, or ask for --calibration or --online";

/// Options of `eval drift`.
#[derive(Debug, Args)]
pub struct DriftEvalArgs {
    /// The folder with published inputs and results.
    #[arg(value_name = "DIR", required_unless_present_any = ["calibration", "online"])]
    pub folder: Option<std::path::PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Measures how often made-up columns without drift are called drifted, and small drift is found.
    #[arg(long)]
    pub calibration: bool,
    /// Measures how late monitors of streams see changes, and how often they see one that is none.
    #[arg(long)]
    pub online: bool,
    /// Where the randomness of made-up data begins.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Pairs of samples, or streams, for each row of the measurements.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub runs: u32,
}

/// `sentinel eval drift`.
///
/// # Errors
/// `BadInput` if the folder has no such files, or a line of one cannot be read.
pub fn evaluate(args: &DriftEvalArgs) -> Result<Report, BadInput> {
    let mut report = match &args.folder {
        Some(folder) => conformance(folder, args.json)?,
        None => Report { name: "drift", title: "Made-up data with and without drift".to_owned(), ..Report::default() },
    };
    if args.calibration {
        calibrate(&mut report, args.runs, args.seed);
    }
    if args.online {
        drift_online::measure(&mut report, args.runs, args.seed);
    }
    Ok(report)
}

fn conformance(folder: &Path, as_json: bool) -> Result<Report, BadInput> {
    let inputs: Vec<Input> = lines(&folder.join("golden_inputs.jsonl"))?;
    let inputs: BTreeMap<String, Input> = inputs.into_iter().map(|it| (it.id.clone(), it)).collect();
    let parts = [
        ("Evidently 0.7.23", drift::evidently(&inputs, &lines(&folder.join("golden_expected.jsonl"))?)),
        ("NannyML 0.13", drift::nannyml(&inputs, &lines(&folder.join("golden_nannyml.jsonl"))?)),
        ("River 0.23", drift::river(&lines(&folder.join("golden_online.jsonl"))?)),
    ];
    let ours = parts.iter().map(|(name, tallies)| row(&format!("sentinel as {name}"), tallies)).collect();
    let errors: usize = parts.iter().flat_map(|it| it.1.values()).map(|it| it.errors).sum();
    let failures: Vec<&String> = parts.iter().flat_map(|it| it.1.values()).flat_map(|it| &it.failures).collect();
    let told = if as_json { failures.len() } else { MAX_TOLD };
    let mut notes: Vec<String> = failures.iter().take(told).map(|it| (*it).clone()).collect();
    if failures.len() > told {
        notes.push(format!("and {} more failures, which --json tells", failures.len() - told));
    }
    notes.push(format!("{errors} of the cases are errors that were asked for; numbers agree to 1e-9 of their value,"));
    notes.push("p-values that are the difference of one and a number near one to 5e-15".to_owned());
    let breakdowns = parts.iter().zip(["evidently", "nannyml", "river"]).map(|((name, tallies), key)| Breakdown {
        key,
        title: format!("As {name}"),
        rows_are: "test",
        figures: FIGURES.to_vec(),
        rows: tallies.iter().map(|(test, it)| cases(test, it.passed, it.total, it.random)).collect(),
    });
    Ok(Report {
        name: "drift",
        title: format!("Results of others on {} pairs of samples and on streams that are reproduced", inputs.len()),
        figures: FIGURES.to_vec(),
        ours,
        peers: Vec::new(),
        breakdowns: breakdowns.collect(),
        notes,
    })
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, BadInput> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| BadInput::of_file(&file, error.to_string(), ADVICE))?;
    let parse = |(idx, line): (usize, &str)| {
        let line_number = u64::try_from(idx).unwrap_or(u64::MAX).saturating_add(1);
        serde_json::from_str(line).map_err(|error| BadInput::of_line(&file, line_number, error.to_string(), ADVICE))
    };
    text.lines().enumerate().filter(|it| !it.1.trim().is_empty()).map(parse).collect()
}

fn row(label: &str, tallies: &Tallies) -> Row {
    let sum = |of: fn(&drift::Tally) -> usize| tallies.values().map(of).sum();
    cases(label, sum(|it| it.passed), sum(|it| it.total), sum(|it| it.random))
}

fn cases(label: &str, passed: usize, total: usize, random: usize) -> Row {
    let share = (total > 0).then(|| 100.0 * passed as f64 / total as f64);
    Row::new(label, vec![Some(passed as f64), Some(total as f64), share, Some(random as f64)])
}

const SIZES: [(usize, usize); 6] =
    [(200, 200), (1000, 1000), (200, 10_000), (1000, 10_000), (10_000, 1000), (10_000, 10_000)];
const NO_DRIFT: [Column; 18] = [
    Column::Normal(0.0),
    Column::HeavyTailed,
    Column::Pareto,
    Column::Integers,
    Column::HalfZeros,
    Column::MostlyZeros,
    Column::LogNormal,
    Column::Cauchy,
    Column::Rounded,
    Column::Categories(2),
    Column::Categories(3),
    Column::Categories(10),
    Column::Categories(50),
    Column::EqualCategories(10),
    Column::EqualCategories(50),
    Column::EqualCategories(500),
    Column::Unbalanced(2),
    Column::Unbalanced(10),
];
/// Columns of a table whose false alarms are counted together.
const FAMILY: usize = 20;
const DRIFT: [(Column, (usize, usize)); 4] = [
    (Column::Normal(0.1), (1000, 1000)),
    (Column::Normal(0.1), (1000, 10_000)),
    (Column::Normal(0.2), (200, 200)),
    (Column::Spread(1.1), (1000, 1000)),
];

fn calibrate(report: &mut Report, runs: u32, seed: u64) {
    let options = Options { seed: Options::default().seed ^ seed, ..Options::default() };
    let rate_row = |name: String, sizes: (usize, usize), rates: Rates| {
        let percent = |it: f64| Some(100.0 * it);
        let by_distance = rates.kolmogorov_smirnov.and_then(percent);
        let sizes = [Some(sizes.0 as f64), Some(sizes.1 as f64)];
        let ours = [percent(rates.significant), percent(rates.surest), percent(rates.drifted)];
        let shares = ours.into_iter().chain([by_distance, percent(rates.evidently)]);
        Row::new(name, sizes.into_iter().chain(shares).collect())
    };
    let table = |key, title: &str, rows| Breakdown {
        key,
        title: title.to_owned(),
        rows_are: "column",
        figures: RATE_FIGURES.to_vec(),
        rows,
    };
    let without = SIZES.iter().flat_map(|sizes| NO_DRIFT.iter().map(move |it| (*it, *sizes)));
    let rows = without
        .map(|(it, sizes)| rate_row(it.name(), sizes, drift_calibration::rates(it, it, sizes, runs, &options)))
        .collect();
    report.breakdowns.push(table("false_alarms", "Without drift: share of columns that are called drifted", rows));
    let rows = DRIFT
        .iter()
        .map(|(it, sizes)| {
            let rates = drift_calibration::rates(Column::Normal(0.0), *it, *sizes, runs, &options);
            rate_row(it.name(), *sizes, rates)
        })
        .collect();
    report.breakdowns.push(table("power", "With drift: share of columns in which it is found", rows));
    report.breakdowns.push(families(runs, &options));
}

/// Tables without drift in which at least one column is named.
fn families(runs: u32, options: &Options) -> Breakdown {
    let columns: Vec<Column> = NO_DRIFT.iter().cycle().take(FAMILY).copied().collect();
    let row = |name: &str, sizes: (usize, usize), columns: &[Column]| {
        let rate = drift_calibration::family_rate(columns, sizes, runs, options);
        let scatter = (rate * (1.0 - rate) / f64::from(runs)).sqrt();
        Row::new(name, [sizes.0 as f64, sizes.1 as f64, 100.0 * rate, 100.0 * scatter].map(Some).to_vec())
    };
    let mut rows: Vec<Row> = SIZES.iter().map(|it| row("of every kind", *it, &columns)).collect();
    rows.push(row("all normal", (1000, 1000), &[Column::Normal(0.0); FAMILY]));
    Breakdown {
        key: "families",
        title: format!("Without drift: share of tables of {FAMILY} columns in which one is called drifted"),
        rows_are: "columns",
        figures: FAMILY_FIGURES.to_vec(),
        rows,
    }
}
