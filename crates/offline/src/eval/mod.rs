//! How good is Sentinel on published benchmarks? The published metric, on the published files, beside the published values.
//!
//! One file per benchmark, one line of `EvalCommand` and one of `run` each; `report` is what they all return.

mod competition;
pub mod drift;
mod drift_online;
pub mod feedback;
pub mod forecast;
pub mod nab;
mod nab_files;
pub mod outliers;
mod plain;
pub mod promql;
pub mod rca;
pub mod report;
pub mod retrieval;
pub mod series;
mod servers;
pub mod templates;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::Output;
pub use report::{Breakdown, Figure, Report, Row};

/// Options of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The benchmark.
    #[command(subcommand)]
    pub command: EvalCommand,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// The Numenta Anomaly Benchmark: labelled series, scored causally by one configuration.
    Nab(nab::NabArgs),
    /// Labeled series of your own: files with a time, a value and a column `label`.
    Series(SeriesArgs),
    /// The loghub sets of log lines: are lines of one statement, and only these, put into one template?
    Templates(templates::TemplatesEvalArgs),
    /// Tables of rows with labels (ADBench), or servers with the metrics to blame.
    Outliers(DataArgs),
    /// Series of the M4 competition: how far off are forecasts, how often do intervals hold the truth, how long does it take?
    Forecast(DataArgs),
    /// Results of Evidently, NannyML and River: are they reproduced, and how well are our own verdicts calibrated?
    Drift(drift::DriftEvalArgs),
    /// The scripts that Prometheus tests PromQL with: does each query have the expected outcome?
    Promql(DataArgs),
    /// Opinions on incidents: do false alarms fall, and are faults still found?
    Feedback(feedback::FeedbackEvalArgs),
    /// Questions in plain words about the loghub sets: is the right template found, by words, by vectors, by both?
    Retrieval(retrieval::RetrievalArgs),
    /// Published incidents with a known cause: is the service to blame the first of the list?
    Rca(rca::RcaArgs),
}

/// What every benchmark is given.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// The folder with the benchmark's published files.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What the benchmarks of series are given.
#[derive(Clone, Debug, Args)]
pub struct SeriesArgs {
    /// Where the files are.
    #[command(flatten)]
    pub data: DataArgs,
    /// Judges by the fast band alone, this many robust standard deviations wide to each side: every point outside counts.
    #[arg(long, value_name = "NUMBER", value_parser = crate::score::positive)]
    pub sigma: Option<f64>,
}

/// `sentinel eval`.
///
/// # Errors
/// `BadInput` if the folder does not hold the benchmark.
pub fn run(args: &EvalArgs) -> anyhow::Result<()> {
    let (report, is_json) = match &args.command {
        EvalCommand::Nab(args) => (nab::evaluate(args)?, args.series.data.json),
        EvalCommand::Series(args) => (series::evaluate(args)?, args.data.json),
        EvalCommand::Templates(args) => (templates::evaluate(args)?, args.data.json),
        EvalCommand::Outliers(args) => (outliers::evaluate(args)?, args.json),
        EvalCommand::Forecast(args) => (forecast::evaluate(args)?, args.json),
        EvalCommand::Drift(args) => (drift::evaluate(args)?, args.json),
        EvalCommand::Promql(args) => (promql::evaluate(args)?, args.json),
        EvalCommand::Feedback(args) => (feedback::evaluate(args)?, args.json),
        EvalCommand::Retrieval(args) => (retrieval::evaluate(args)?, args.data.json),
        EvalCommand::Rca(args) => (rca::evaluate(args)?, args.json),
    };
    // Not `println!`, which panics when the reader has gone (`| head`).
    let mut output = Output::create(None)?;
    if is_json {
        writeln!(output, "{}", report.to_json())?;
    } else {
        write!(output, "{report}")?;
    }
    output.finish()
}
