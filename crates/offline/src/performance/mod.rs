//! `sentinel performance`: how good were the answers in a file, and how good are they before their labels have come?
//!
//! `told` reads what a model said of each row, `measure` computes what came true and what is expected. With labels the
//! measures are computed; with a reference that has labels they are estimated from the rows alone.

mod measure;
mod told;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use self::measure::Measures;
use self::told::Told;
use super::bad_input::BadInput;

/// Options of `performance`.
#[derive(Debug, Args)]
pub struct PerformanceArgs {
    /// The rows that are judged: CSV (also packed with gzip) or Parquet; `-` is standard input. Labels may be missing.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Earlier rows with labels: from them the measures of rows without labels are estimated.
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// The column with what the model said: a class, a number, or of rankings a score.
    #[arg(long, value_name = "COLUMN", default_value = "prediction")]
    pub prediction: String,
    /// The column with the truth: a class, a number, or of rankings how relevant an item is.
    #[arg(long, value_name = "COLUMN", default_value = "target")]
    pub target: String,
    /// The column with the probability of the positive class, of two classes.
    #[arg(long, value_name = "COLUMN", conflicts_with = "class_probability")]
    pub probability: Option<String>,
    /// The column with the probability of a class, of more than two: give it for each class.
    #[arg(long, value_name = "CLASS=COLUMN")]
    pub class_probability: Vec<String>,
    /// The positive class of two; 1 or true if left out.
    #[arg(long, value_name = "CLASS")]
    pub positive: Option<String>,
    /// The column that says which rows are one list, for rankings.
    #[arg(long, value_name = "COLUMN")]
    pub query: Option<String>,
    /// The first items of a list that count, for rankings.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub k: u32,
    /// What the model does; seen from the columns if left out.
    #[arg(long, value_enum, value_name = "TASK")]
    pub task: Option<Task>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// One of some classes.
    Classification,
    /// A number.
    Regression,
    /// An order.
    Ranking,
}

/// Runs the command.
///
/// # Errors
/// Of the files.
pub fn run(args: &PerformanceArgs) -> anyhow::Result<()> {
    let file = Told::read(&args.file, args)?;
    let reference = args.reference.as_deref().map(|it| Told::read(it, args)).transpose()?;
    let mut columns: Vec<(&str, Measures)> = vec![];
    if let Some(reference) = &reference {
        if reference.n_labels() == 0 {
            let found = format!("its column {} has no values", args.target);
            return Err(BadInput::of_file(&reference.file, found, "give a reference whose labels are known").into());
        }
        columns.push(("reference", measure::realized(reference, args)?));
    }
    if file.n_labels() > 0 {
        columns.push(("measured", measure::realized(&file, args)?));
    }
    if let Some(reference) = &reference {
        columns.push(("estimated", measure::estimated(reference, &file, args)?));
    }
    if columns.is_empty() {
        let found = format!("its column {} has no values, and there is no reference", args.target);
        let advice = "give --reference FILE with earlier rows whose labels are known";
        return Err(BadInput::of_file(&file.file, found, advice).into());
    }
    print(&columns, args.json)
}

fn print(columns: &[(&str, Measures)], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let number = |it: f64| if it.is_finite() { json!(it) } else { Value::Null };
        let object = |all: &Measures| all.iter().map(|(name, it)| (name.clone(), number(*it))).collect::<Map<_, _>>();
        let all: Map<String, Value> =
            columns.iter().map(|(name, it)| ((*name).to_owned(), object(it).into())).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let mut names: Vec<&String> = vec![];
    for (name, _) in columns.iter().flat_map(|it| &it.1) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let heading = std::iter::once(String::new()).chain(columns.iter().map(|it| it.0.to_owned())).collect::<Vec<_>>();
    let cell = |all: &Measures, name: &String| {
        let value = all.iter().find(|it| it.0 == *name).map(|it| it.1).filter(|it| it.is_finite());
        value.map_or_else(|| "-".to_owned(), |it| if it.fract() == 0.0 { format!("{it}") } else { format!("{it:.5}") })
    };
    let row = |name: &String| std::iter::once(name.clone()).chain(columns.iter().map(|it| cell(&it.1, name))).collect();
    crate::aligned::print(&heading, &names.into_iter().map(row).collect::<Vec<_>>());
    Ok(())
}
