//! `sentinel drift`: is the current data still like the reference?
//!
//! `source` reads both sides, column by column where the format allows; the crate `drift` compares; `terminal` prints the
//! verdict, and pages are written only when everything is known.

mod csv_source;
mod fed;
mod groups;
mod parquet_source;
mod run;
mod source;

pub use source::profile_of as reference_profile;

mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::bad_input::EXIT_CODE;

/// Exit code when something drifted or an expectation failed.
const DRIFT: u8 = 1;

/// Options of `drift`.
#[derive(Clone, Debug, Args)]
pub struct DriftArgs {
    /// The data that is taken as right: CSV (also packed with gzip), Parquet, or a profile that `--save-profile` wrote.
    #[arg(long, value_name = "FILE")]
    pub reference: PathBuf,
    /// The data that is judged: CSV or Parquet; `-` is standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "save_profile")]
    pub current: Option<PathBuf>,
    /// Writes the report as a page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Writes the report as JSON; `-` is standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The shape of the JSON.
    #[arg(long, value_enum, value_name = "SHAPE", default_value_t)]
    pub json_shape: Shape,
    /// Methods, limits and expectations as YAML.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judges as another program does: its choice of tests, its limits.
    #[arg(long, value_enum, value_name = "PROGRAM")]
    pub compat: Option<Compat>,
    /// The column with what the model predicts: its drift is told apart.
    #[arg(long, value_name = "COLUMN")]
    pub prediction: Option<String>,
    /// The column with the truth, `target` if left out; it may be missing in the current data.
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// Leaves a column out (may be given several times).
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
    /// Compares also within each value of this column.
    #[arg(long, value_name = "COLUMN")]
    pub segment: Option<String>,
    /// Compares also each span of time of the current data, such as 1h, 1d or 7d.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub window: Option<i64>,
    /// The column with the time, for `--window`; found by itself if it has a usual name.
    #[arg(long, value_name = "COLUMN")]
    pub timestamp: Option<String>,
    /// Compares each span with the one before, not with the reference.
    #[arg(long, requires = "window")]
    pub sliding: bool,
    /// Rate of false alarms over all columns together, from 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub alpha: Option<f64>,
    /// Keeps no more than this many numbers of a column as they are; beyond it ranks are right to 1 %.
    #[arg(long, value_name = "ROWS", default_value_t = 4_000_000)]
    pub exact_rows: usize,
    /// Writes a profile of the reference, some hundred kilobytes that stand for it from then on.
    #[arg(long, value_name = "FILE")]
    pub save_profile: Option<PathBuf>,
}

/// Programs whose verdicts are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compat {
    /// Evidently 0.7.
    Evidently,
}

/// Shapes of the JSON form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Everything, by the published schema.
    #[default]
    Sentinel,
    /// As Evidently 0.7 writes it.
    Evidently,
    /// As Evidently up to 0.6 wrote it.
    EvidentlyLegacy,
}

/// Milliseconds of a span.
fn span(text: &str) -> Result<i64, String> {
    let wrong = || "must be a number with s, m, h or d, such as 6h or 7d".to_owned();
    let (unit_start, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let number: i64 = text.get(..unit_start).and_then(|it| it.parse().ok()).filter(|it| *it > 0).ok_or_else(wrong)?;
    let millis = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).ok_or_else(wrong)
}

/// `sentinel drift`: exit code 0 without drift, 1 with drift or a failed expectation, 2 if the input cannot be used.
///
/// # Errors
/// If a result cannot be written.
pub fn run(args: &DriftArgs) -> anyhow::Result<ExitCode> {
    match run::run(args) {
        Ok(true) => Ok(ExitCode::from(DRIFT)),
        Ok(false) => Ok(ExitCode::SUCCESS),
        Err(error) => match super::finish(Err(error)) {
            Ok(code) => Ok(code),
            // Anything that keeps the verdict from being given is 2, so that 1 always is a verdict.
            Err(error) => {
                eprintln!("error: {error:#}");
                Ok(ExitCode::from(EXIT_CODE))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        assert_eq!((span("6h"), span("7d"), span("90s")), (Ok(21_600_000), Ok(604_800_000), Ok(90_000)));
        for wrong in ["", "6", "h", "0d", "-1d", "1.5h", "1w", "9999999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
