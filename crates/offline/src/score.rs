//! `sentinel score`: how unusual is each row of a series, judged by the rows before it?

use std::path::PathBuf;

use clap::Args;

use super::output::{Output, write_error};
use super::progress::Progress;
use super::scorer::{self, Verdict};
use super::series;
use super::table::Table;

/// Scores from here on are anomalies.
pub const THRESHOLD: f64 = 1.0;
/// Rows between two moves of the progress bar.
const ROWS_PER_STEP: usize = 1024;

/// Options of `score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// CSV (also packed with gzip) or Parquet; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The column with the time, by name or number; found by itself if it has a usual name or comes first.
    #[arg(long, value_name = "COLUMN")]
    pub timestamp: Option<String>,
    /// The column with the values, by name or number.
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<String>,
    /// Half the width of the expected band in robust standard deviations; smaller finds more and errs more.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub sigma: Option<f64>,
    /// Adds a column with a sentence for each anomaly: what was new, and what the past looked like.
    #[arg(long)]
    pub explain: bool,
    /// Where to write the result; it appears when it is complete. Standard output if left out.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A number above 0.
///
/// # Errors
/// The text is anything else.
pub fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("must be above 0".to_owned()) }
}

/// `sentinel score`: one row out for each row in.
///
/// # Errors
/// `BadInput` for the first problem of the file; else if the result cannot be written.
pub fn run(args: &ScoreArgs) -> anyhow::Result<()> {
    let table = Table::read(&args.file)?;
    let columns = series::find_columns(&table, args.timestamp.as_deref(), args.value.as_deref())?;
    let series = series::read(&table, &columns)?;
    tell(&table, &columns, &series);
    let verdicts = judge(&series, args.sigma);
    write(args, &table, &columns, &verdicts)
}

/// What was assumed goes to standard error, because the user may know better.
fn tell(table: &Table, columns: &series::Columns, series: &[(i64, f64)]) {
    let name = |idx: usize| table.columns.get(idx).map_or("", |it| it.name.as_str());
    if columns.is_guess {
        eprintln!("note: scoring column {}; choose another one with --value", name(columns.value));
    }
    if columns.time.is_none() {
        eprintln!("note: no column with times; rows are taken to be a minute apart");
    }
    if scorer::runs_backwards(series) {
        eprintln!("note: the newest row comes first; the file is scored from its end");
    }
}

fn judge(series: &[(i64, f64)], sigma: Option<f64>) -> Vec<Verdict> {
    let progress = Progress::new(series.len(), "scoring");
    let mut n_rows = 0;
    scorer::judge_all(series, sigma, || {
        n_rows += 1;
        if n_rows % ROWS_PER_STEP == 0 {
            progress.advance(ROWS_PER_STEP);
        }
    })
}

fn write(args: &ScoreArgs, table: &Table, columns: &series::Columns, verdicts: &[Verdict]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Output::create(args.out.as_deref())?);
    let heading = ["timestamp", "value", "yhat", "yhat_lower", "yhat_upper", "anomaly_score", "is_anomaly"];
    let heading = heading.into_iter().chain(args.explain.then_some("explanation"));
    writer.write_record(heading).map_err(write_error)?;
    for (row, verdict) in verdicts.iter().enumerate() {
        let time = columns.time.map_or_else(|| (row + 1).to_string().into(), |it| table.cell(row, it));
        let numbers = [verdict.yhat, verdict.yhat_lower, verdict.yhat_upper, verdict.value].map(series::shown);
        let is_anomaly = if verdict.value >= THRESHOLD { "true" } else { "false" };
        let cells = [time.as_ref(), table.cell(row, columns.value).as_ref()].map(str::to_owned);
        let cells = cells.into_iter().chain(numbers).chain([is_anomaly.to_owned()]);
        let explanation = args.explain.then(|| verdict.explanation.clone().unwrap_or_default());
        writer.write_record(cells.chain(explanation)).map_err(write_error)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::from(error.error().kind()))?.finish()
}
