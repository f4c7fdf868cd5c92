//! How much is kept, and from where on is a difference drift?

use std::collections::BTreeMap;

use learn::drift::Method;
use learn::drift::evidently::Test;
use serde::{Deserialize, Serialize};

use crate::expectations::Expectation;

/// Bounds on what a profile keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Numbers of a column that are kept as they are; beyond it a sketch answers ranks to within 1 %.
    pub exact_values: usize,
    /// Different words of a column that are counted; beyond it rare ones are counted together.
    pub categories: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { exact_values: 4_000_000, categories: 20_000 }
    }
}

/// Which rules decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Two-sample tests whose false alarms are as rare as stated, adjusted over the columns, and a practical size.
    #[default]
    Calibrated,
    /// Evidently's choice of test, thresholds and share of columns.
    Evidently,
}

/// How two profiles are compared. The keys `drift_share`, `method`, `threshold` and their kin are those of Evidently's
/// `DataDriftPreset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which rules decide.
    pub mode: Mode,
    /// Columns that are compared; all that both sides have if left out.
    pub columns: Vec<String>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// The column with what the model predicts: its drift is told apart, as prediction drift.
    pub prediction: Option<String>,
    /// The column with the truth.
    pub target: Option<String>,
    /// Rate of false alarms, over all columns together; from 0 to 1.
    pub alpha: f64,
    /// A difference smaller than this is no drift, however sure it is; in standard deviations of the reference.
    pub min_effect: Option<f64>,
    /// Share of drifted columns from which on the data set has drifted. In calibrated mode one column is enough if this
    /// is left out; in Evidently's it is 0.5.
    pub drift_share: Option<f64>,
    /// The test of every column.
    pub method: Option<String>,
    /// The test of columns with categories.
    pub cat_method: Option<String>,
    /// The test of columns with numbers.
    pub num_method: Option<String>,
    /// The test of columns with text.
    pub text_method: Option<String>,
    /// The test of single columns.
    pub per_column_method: BTreeMap<String, String>,
    /// From where on a test's score is drift, for every column.
    pub threshold: Option<f64>,
    /// The same for columns with categories.
    pub cat_threshold: Option<f64>,
    /// The same for columns with numbers.
    pub num_threshold: Option<f64>,
    /// The same for columns with text.
    pub text_threshold: Option<f64>,
    /// The same for single columns.
    pub per_column_threshold: BTreeMap<String, f64>,
    /// Tests of your own; one that fails ends the command with exit code 1.
    pub expectations: Vec<Expectation>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            columns: Vec::new(),
            ignore: Vec::new(),
            prediction: None,
            target: None,
            alpha: 0.05,
            min_effect: None,
            drift_share: None,
            method: None,
            cat_method: None,
            num_method: None,
            text_method: None,
            per_column_method: BTreeMap::new(),
            threshold: None,
            cat_threshold: None,
            num_threshold: None,
            text_threshold: None,
            per_column_threshold: BTreeMap::new(),
            expectations: Vec::new(),
        }
    }
}

impl Config {
    /// What is wrong with the values, in words.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut share = |name: &str, value: Option<f64>| {
            if value.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
                problems.push(format!("{name} must be from 0 to 1"));
            }
        };
        share("alpha", Some(self.alpha));
        share("drift_share", self.drift_share);
        let named = [&self.method, &self.cat_method, &self.num_method, &self.text_method];
        for name in named.into_iter().flatten().chain(self.per_column_method.values()) {
            let problem = match self.mode {
                Mode::Calibrated => name.parse::<Method>().err(),
                Mode::Evidently => name.parse::<Test>().err(),
            };
            problems.extend(problem.map(|it| it.to_string()));
        }
        problems
    }

    /// Whether a column takes part.
    pub fn has(&self, column: &str) -> bool {
        let is_listed = self.columns.is_empty() || self.columns.iter().any(|it| it == column);
        is_listed && !self.ignore.iter().any(|it| it == column)
    }
}
