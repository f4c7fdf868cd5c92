//! What does Sentinel do with a user's own files, without a server?
//!
//! A command reads its input whole (`table`), complains about the first problem (`bad_input`, exit code 2), and only then
//! writes (`output`). `score` judges one series, `forecast` tells how it
//! goes on, `outliers` judges rows of many numbers, `drift` compares two tables, `performance` measures answers,
//! `diagnose` ranks the causes of an incident; `eval` computes the metrics of published benchmarks.

pub mod aligned;
pub mod bad_input;
mod calendar;
mod csv_file;
pub mod diagnose;
pub mod drift;
pub mod eval;
mod feature_table;
pub mod forecast;
mod foreign;
pub mod input;
mod instants;
mod labelled_rows;
pub mod outliers;
pub mod output;
mod parquet_file;
pub mod performance;
pub mod progress;
pub mod rca;
pub mod score;
mod scorer;
pub mod series;
pub mod table;
pub mod templates;
pub mod train;

use std::process::ExitCode;

pub use bad_input::BadInput;
pub use drift::reference_profile;
pub use labelled_rows::labelled_rows;

/// The exit code of an offline command; a problem of the input is told here.
///
/// # Errors
/// What is not about the input.
pub fn finish(outcome: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let Err(error) = outcome else { return Ok(ExitCode::SUCCESS) };
    if let Some(problem) = error.downcast_ref::<BadInput>() {
        eprintln!("error: {problem}");
        return Ok(ExitCode::from(bad_input::EXIT_CODE));
    }
    // A reader that has seen enough (`| head`) is no failure.
    let is_closed = |it: &std::io::Error| it.kind() == std::io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<std::io::Error>().is_some_and(is_closed) { Ok(ExitCode::SUCCESS) } else { Err(error) }
}
