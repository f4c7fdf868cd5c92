//! `sentinel outliers`: which rows of a table are unlike the others, and which columns are to blame?

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use learn::outlier::blame::top;
use learn::outlier::detector::{Detector, DetectorConfig, Method, Verdict, judge_each_by_the_others};
use serde_json::{Map, Value, json};

use super::feature_table::FeatureTable;
use super::output::{Output, write_error};
use super::progress::Progress;

/// Options of `outliers`.
#[derive(Debug, Args)]
pub struct OutliersArgs {
    /// CSV with a heading, also packed with gzip; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How rows are judged.
    #[arg(long, value_enum, default_value_t = MethodName::IsolationForest)]
    pub method: MethodName,
    /// The share of rows that is taken for unusual, above 0 and at most 0.5.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    pub contamination: f64,
    /// The same seed gives the same result.
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    pub seed: u64,
    /// Learns what is usual from this file with the same columns; without it each row is judged by other rows of FILE.
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,
    /// Where to write the result; it appears when it is complete. Standard output if left out.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The methods by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum MethodName {
    /// Rows that few random cuts set apart.
    IsolationForest,
    /// Rows outside of where most rows lie.
    OneClassSvm,
    /// Rows far from the nearest of a few others.
    NearestNeighbors,
    /// Rows that cannot be told from a few numbers; wants some hundred rows.
    Autoencoder,
    /// Rows that do not follow from the 16 before; wants rows in the order of time.
    Tcn,
}

impl MethodName {
    fn method(self) -> Method {
        match self {
            Self::IsolationForest => Method::IsolationForest,
            Self::OneClassSvm => Method::OneClassSvm,
            Self::NearestNeighbors => Method::NearestNeighbors,
            Self::Autoencoder => Method::Autoencoder,
            Self::Tcn => Method::Tcn,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number <= 0.5 { Ok(number) } else { Err("must be above 0 and at most 0.5".to_owned()) }
}

/// `sentinel outliers`: one row out for each row in.
///
/// # Errors
/// `BadInput` for the first problem of a file; else if the result cannot be written.
pub fn run(args: &OutliersArgs) -> anyhow::Result<()> {
    let table = FeatureTable::read(&args.file)?;
    table.notes.iter().for_each(|it| eprintln!("note: {it}"));
    let config = DetectorConfig { method: args.method.method(), contamination: args.contamination, seed: args.seed };
    let train = match &args.train {
        Some(path) => Some(FeatureTable::read(path)?.with_columns(&table.names, path)?),
        None => None,
    };
    let progress = Progress::new(1, "judging");
    let verdicts = match train {
        Some(train) => Detector::fit(&train, config).judge(&table.rows),
        None => judge_each_by_the_others(&table.rows, config),
    };
    drop(progress);
    write(&table.names, &verdicts, Output::create(args.out.as_deref())?)
}

fn write(names: &[String], verdicts: &[Verdict], output: Output) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    let heading = ["row", "score", "is_anomaly", "top_feature", "contributions"];
    writer.write_record(heading).map_err(write_error)?;
    for (row, verdict) in verdicts.iter().enumerate() {
        let top = top(&verdict.contributions).and_then(|it| names.get(it)).map_or("", String::as_str);
        let score = format!("{:.6}", verdict.score);
        let is_anomaly = verdict.is_anomaly.to_string();
        let contributions = contributions(names, verdict).to_string();
        let cells = [(row + 1).to_string().as_str(), &score, &is_anomaly, top, &contributions].map(str::to_owned);
        writer.write_record(cells).map_err(write_error)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::from(error.error().kind()))?.finish()
}

fn contributions(names: &[String], verdict: &Verdict) -> Value {
    let rounded = |it: &f64| (it * 1e6).round() / 1e6;
    let shares: Map<String, Value> =
        names.iter().zip(&verdict.contributions).map(|(name, it)| (name.clone(), json!(rounded(it)))).collect();
    Value::Object(shares)
}
