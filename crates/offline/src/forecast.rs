//! `sentinel forecast`: what comes after the last row of a series, and how sure is that?

use std::path::PathBuf;

use clap::Args;
use learn::forecast::{Calibrated, Forecast, ModelKind};

use super::bad_input::BadInput;
use super::calendar::Grid;
use super::output::{Output, write_error};
use super::progress::Progress;
use super::series;
use super::table::Table;

/// More steps than anyone can use; the models could.
const MOST_STEPS: usize = 100_000;

/// Options of `forecast`.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// CSV (also packed with gzip) or Parquet; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How many steps to tell; a step is the usual distance of two rows.
    #[arg(long, value_name = "STEPS", default_value_t = 48, value_parser = steps)]
    pub horizon: usize,
    /// The model by its name, or with parameters as JSON: '{"kind":"arima","p":2,"d":1,"q":1}'.
    #[arg(long, value_name = "MODEL", default_value = "auto", value_parser = model)]
    pub model: ModelKind,
    /// Probabilities of the intervals, above 0 and below 1.
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', default_values_t = [0.8, 0.95], value_parser = level)]
    pub level: Vec<f64>,
    /// The column with the time, by name or number; found by itself if it has a usual name or comes first.
    #[arg(long, value_name = "COLUMN")]
    pub timestamp: Option<String>,
    /// The column with the values, by name or number.
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<String>,
    /// Where to write the result; it appears when it is complete. Standard output if left out.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn steps(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "not a whole number".to_owned())?;
    let is_good = (1..=MOST_STEPS).contains(&number);
    if is_good { Ok(number) } else { Err(format!("must be 1 to {MOST_STEPS}")) }
}

fn level(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let is_good = number > 0.0 && number < 1.0;
    if is_good { Ok(number) } else { Err("must be above 0 and below 1, as 0.95".to_owned()) }
}

fn model(text: &str) -> Result<ModelKind, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    ModelKind::named(text).ok_or_else(|| format!("the models are {}", ModelKind::names().join(", ")))
}

/// `sentinel forecast`: one row out for each step ahead.
///
/// # Errors
/// `BadInput` for the first problem of the file; else if the result cannot be written.
pub fn run(args: &ForecastArgs) -> anyhow::Result<()> {
    let table = Table::read(&args.file)?;
    let columns = series::find_columns(&table, args.timestamp.as_deref(), args.value.as_deref())?;
    let series = series::read(&table, &columns)?;
    let grid = Grid::of(&table, &columns, &series)?;
    tell(&table, &columns, &grid);
    let progress = Progress::waiting("forecasting");
    let fitted = Calibrated::fit(&args.model, &grid.history, args.horizon);
    let forecast = fitted.map_err(|error| unfit(&table, &error.to_string()))?;
    let forecast = forecast.forecast(args.horizon, &args.level).map_err(|error| unfit(&table, &error.to_string()))?;
    drop(progress);
    write(args, &grid, &forecast)
}

fn unfit(table: &Table, problem: &str) -> BadInput {
    BadInput::of_file(&table.file, problem, "give more rows, or choose another --model")
}

/// What was assumed goes to standard error, because the user may know better.
fn tell(table: &Table, columns: &series::Columns, grid: &Grid) {
    if columns.is_guess {
        let name = table.columns.get(columns.value).map_or("", |it| it.name.as_str());
        eprintln!("note: forecasting column {name}; choose another one with --value");
    }
    if columns.time.is_none() {
        eprintln!("note: no column with times; rows are taken to be a minute apart");
    }
    let n_missing = grid.history.values.len() - grid.history.n_finite();
    if n_missing > 0 {
        eprintln!("note: {n_missing} of {} points have no value", grid.history.values.len());
    }
}

fn write(args: &ForecastArgs, grid: &Grid, forecast: &Forecast) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Output::create(args.out.as_deref())?);
    let percent = |level: f64| series::shown((level * 1e6).round() / 1e4).trim_end_matches(".0").to_owned();
    let edges = args.level.iter().map(|it| percent(*it));
    let edges = edges.flat_map(|it| [format!("yhat_lower_{it}"), format!("yhat_upper_{it}")]);
    let heading = ["timestamp".to_owned(), "yhat".to_owned()].into_iter().chain(edges);
    writer.write_record(heading).map_err(write_error)?;
    for (step, value) in forecast.values.iter().enumerate() {
        let edges = forecast.intervals.iter().flat_map(|it| [it.lower.get(step), it.upper.get(step)]);
        let numbers = std::iter::once(Some(value)).chain(edges).flatten().map(|it| series::shown(*it));
        writer.write_record(std::iter::once(grid.time_ahead(step)).chain(numbers)).map_err(write_error)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::from(error.error().kind()))?.finish()
}
