//! How do labels that come late in a file get to a running server? `sentinel labels FILE` sends its columns `id` and `label`.

use std::path::PathBuf;

use clap::Args;
use offline::BadInput;
use offline::progress::Progress;
use offline::table::{Table, number};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::RemoteArgs;
use crate::client::call;

/// Labels of a request.
const BATCH: usize = 5000;

/// Options of `labels`.
#[derive(Debug, Args)]
pub struct LabelsArgs {
    /// CSV with a heading (also packed with gzip) or Parquet; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Column with the id of the prediction.
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    pub id: String,
    /// Column with what turned out to be true.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    pub label: String,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Runs the command.
///
/// # Errors
/// Of the file, and of the server.
pub async fn run(args: &LabelsArgs) -> anyhow::Result<()> {
    let (labels, n_without) = read(args)?;
    let progress = Progress::new(labels.len(), "sending labels");
    let (mut joined, mut pending) = (0, 0);
    for batch in labels.chunks(BATCH) {
        let answer = call(&args.remote, Method::POST, "/feedback", Some(Value::from(batch.to_vec()))).await?;
        let count = |key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or_default();
        (joined, pending) = (joined + count("joined"), pending + count("pending"));
        progress.advance(batch.len());
    }
    drop(progress);
    println!("{} labels sent; {n_without} rows without an id or a label left out.", labels.len());
    println!("{joined} have a prediction; {pending} wait for one with their id.");
    Ok(())
}

fn read(args: &LabelsArgs) -> Result<(Vec<Value>, usize), BadInput> {
    let table = Table::read(&args.file)?;
    let (id, label) = (table.find(&args.id)?, table.find(&args.label)?);
    let cells = |row| (table.cell(row, id).trim().to_owned(), table.cell(row, label).trim().to_owned());
    let rows = (0..table.n_rows()).map(cells).filter(|it| !it.0.is_empty() && !it.1.is_empty());
    let value = |text: &str| number(text).filter(|it| it.is_finite()).map_or(json!(text), |it| json!(it));
    let labels: Vec<Value> = rows.map(|(id, label)| json!({"id": id, "label": value(&label)})).collect();
    let n_without = table.n_rows() - labels.len();
    Ok((labels, n_without))
}
