//! Does the evaluator do what scripts in Prometheus' test language say? Reads and runs them.
//!
//! A script loads series and says what queries answer. Source of the language:
//! <https://github.com/prometheus/prometheus/blob/main/promql/promqltest/README.md>.

mod annotated;
mod command;
mod compare;
mod expand;
mod histogram_text;
mod nhcb;
mod run;
mod store;

pub use command::BadScript;
pub use store::ScriptStore;

/// What came of one evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The line of its command, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// What was wrong; none if all was as expected.
    pub problem: Option<String>,
}

/// Runs a script.
///
/// # Errors
/// `BadScript` if the script is not in the language.
pub fn run(text: &str) -> Result<Vec<Evaluation>, BadScript> {
    let commands = command::commands(text)?;
    Ok(run::run(commands))
}

/// The series that the lines of a `load` command describe, `interval_millis` from one value to the next.
///
/// # Errors
/// `BadScript` if a line is not in the language.
pub fn load(interval_millis: i64, lines: &str) -> Result<ScriptStore, BadScript> {
    let mut store = ScriptStore::default();
    for (idx, line) in lines.lines().enumerate().filter(|it| !it.1.trim().is_empty()) {
        let series = expand::series(line.trim()).map_err(|text| BadScript { line: idx + 1, text })?;
        store.add(&series, interval_millis);
    }
    store.finish();
    Ok(store)
}
