//! What is told about a comparison? The types whose JSON form is the published schema `sentinel.drift_report/1`.

use serde::{Deserialize, Serialize};

use crate::column::{ColumnProfile, Data};
use crate::config::Mode;
use crate::kind::Kind;
use crate::quality::Issue;
use crate::shape::Shape;
use crate::texts::Descriptor;

/// Name and version of the schema.
pub const SCHEMA: &str = "sentinel.drift_report/1";
/// Frequent words that are told of a side of a column.
const TOP_WORDS: usize = 10;

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name and version of the schema.
    pub schema: String,
    /// Version of Sentinel.
    pub version: String,
    /// When it was made, in UTC; empty where nobody told.
    pub generated_at: String,
    /// Which rules decided.
    pub mode: Mode,
    /// The whole in short.
    pub verdict: Verdict,
    /// The data that is taken as right.
    pub reference: Facts,
    /// The data that is judged.
    pub current: Facts,
    /// Columns of both sides, the most drifted first.
    pub columns: Vec<ColumnReport>,
    /// Columns that are missing, new, or hold something else.
    pub schema_changes: Vec<SchemaChange>,
    /// What is wrong with the current data, whether it drifted or not.
    pub issues: Vec<Issue>,
    /// Pairs of numeric columns whose correlation changed, the most changed first.
    pub correlations: Vec<CorrelationChange>,
    /// Whether groups of rows drifted, by the segment column.
    pub segments: Vec<Part>,
    /// Whether spans of time drifted.
    pub over_time: Vec<Part>,
    /// The user's own tests.
    pub expectations: Vec<Outcome>,
    /// What was left out or estimated, in words.
    pub notes: Vec<String>,
}

/// The whole in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether anything calls for attention: drift of the data set, of the prediction or of the schema.
    pub drift: bool,
    /// Whether enough columns drifted.
    pub dataset_drift: bool,
    /// Whether what the model predicts drifted, where that column is known.
    pub prediction_drift: Option<bool>,
    /// Whether a column is missing or holds something else.
    pub schema_drift: bool,
    /// Columns that drifted.
    pub drifted: usize,
    /// Columns that were compared.
    pub compared: usize,
    /// Share of drifted columns among those compared: `data_drift_score` of the server.
    pub share: f64,
    /// From which share on the data set has drifted; 0 says that one column is enough.
    pub drift_share: f64,
    /// Expectations that failed.
    pub failed_expectations: usize,
    /// All that as a sentence.
    pub summary: String,
}

/// Facts of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The file, or what else the user called it.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: usize,
    /// Rows that are the same as an earlier one; none where that was not counted.
    pub duplicates: Option<u64>,
    /// Columns whose distribution is a sketch with ranks right to 1 %.
    pub sketched: Vec<String>,
    /// Whether it came from a stored profile.
    pub is_profile: bool,
}

/// What a column is to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An input.
    #[default]
    Feature,
    /// What it predicts.
    Prediction,
    /// The truth.
    Target,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// What it is to the model.
    pub role: Role,
    /// What it holds in the reference.
    pub kind: Kind,
    /// The verdict; none if it could not be compared.
    pub finding: Option<Finding>,
    /// Why it could not be compared.
    pub not_compared: Option<String>,
    /// Numbers of the reference.
    pub reference: Summary,
    /// Numbers of the current data.
    pub current: Summary,
    /// Share of current numbers outside of the reference's range.
    pub out_of_range_share: Option<f64>,
    /// Share of current cells with words that the reference does not have.
    pub new_category_share: Option<f64>,
    /// Of free text: the numbers that describe it; the verdict is that of the one that changed most surely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Descriptor>,
    /// Both distributions over the same bins.
    pub shape: Option<Shape>,
    /// What is wrong with its current data.
    pub issues: Vec<Issue>,
    /// By segment, the most drifted first.
    pub segments: Vec<Part>,
    /// By time, in order.
    pub over_time: Vec<Part>,
    /// Numbers of the same rows of each column of a side, for correlations; not told.
    #[serde(skip)]
    pub samples: (Vec<f32>, Vec<f32>),
}

/// The verdict on a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the test.
    pub method: String,
    /// Its score: a statistic, a distance or a p-value.
    #[serde(deserialize_with = "number_or_null")]
    pub score: f64,
    /// From where on the score is drift, where it decides alone.
    pub threshold: Option<f64>,
    /// Probability of such a difference without drift.
    pub p_value: Option<f64>,
    /// The same, adjusted for the number of columns (Benjamini and Hochberg).
    pub adjusted_p: Option<f64>,
    /// How large the difference is, in standard deviations of the reference: it does not depend on the number of rows.
    pub effect: f64,
    /// From where on it is large in practice.
    pub effect_threshold: Option<f64>,
    /// Whether it drifted.
    pub drifted: bool,
    /// What the user asked for, which Evidently's JSON tells apart; not stored.
    #[serde(skip)]
    pub asked: Asked,
}

/// Which parts of a finding the user named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The test.
    pub method: bool,
    /// The limit.
    pub threshold: bool,
}

/// JSON has no NaN: it is written as null.
fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// A group of rows, or a span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its value, or its begin.
    pub name: String,
    /// Rows of the reference that it is compared with.
    pub reference_rows: u64,
    /// Its rows.
    pub rows: u64,
    /// Mean of its numbers.
    pub mean: Option<f64>,
    /// Of a single column: probability of such a difference without drift.
    pub p_value: Option<f64>,
    /// Largest effect over all columns, or of the column that this belongs to.
    pub effect: f64,
    /// Columns that drifted in it; of a single column 0 or 1.
    pub drifted: usize,
    /// Columns that were compared in it.
    pub compared: usize,
}

/// Numbers of one side of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// All cells.
    pub rows: u64,
    /// Cells without a value, NaN among them.
    pub missing: u64,
    /// Cells with an infinite number.
    pub infinite: u64,
    /// Cells of words among numbers.
    pub mixed: u64,
    /// Different values.
    pub distinct: f64,
    /// Whether everything was counted, not estimated.
    pub is_exact: bool,
    /// Of numbers: mean, standard deviation, skewness.
    pub moments: Option<[f64; 3]>,
    /// Of numbers: 0, 5, 25, 50, 75, 95 and 100 %.
    pub quantiles: Option<[f64; 7]>,
    /// Of numbers: how many are zero.
    pub zeros: Option<u64>,
    /// Of words: the most frequent with their counts.
    pub top: Vec<(String, u64)>,
}

impl Summary {
    /// Of a profile.
    pub fn of(column: &ColumnProfile) -> Self {
        let mut it = Self {
            rows: column.rows,
            missing: column.missing,
            infinite: column.infinite,
            mixed: column.mixed,
            distinct: column.distinct().0.round(),
            is_exact: column.is_exact(),
            ..Self::default()
        };
        match &column.data {
            Data::Numbers(numbers) if numbers.count > 0 => {
                it.moments = Some([numbers.mean, numbers.deviation(), numbers.skewness()]);
                let quantile = |share| numbers.quantile(share).unwrap_or_default();
                it.quantiles = Some([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(quantile));
                it.zeros = Some(numbers.zeros);
            }
            Data::Words(words) => it.top = words.counts.iter().take(TOP_WORDS).cloned().collect(),
            Data::Numbers(_) | Data::Empty => {}
        }
        it
    }
}

/// A change of the columns themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// The column.
    pub column: String,
    /// What happened to it.
    pub change: Change,
    /// What the reference holds.
    pub reference: Option<Kind>,
    /// What the current data holds.
    pub current: Option<Kind>,
}

/// What can happen to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The current data lacks it.
    Missing,
    /// The reference lacks it. It is told, and is no drift by itself.
    New,
    /// It holds something else.
    Type,
    /// All of its current cells are missing.
    Empty,
}

/// A pair of columns whose correlation changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorrelationChange {
    /// One column.
    pub one: String,
    /// The other.
    pub other: String,
    /// Spearman's correlation (of ranks) in the reference.
    pub reference: f64,
    /// In the current data.
    pub current: f64,
    /// Adjusted probability of such a change by chance.
    pub adjusted_p: f64,
}

/// What became of a user's test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was asked, such as `missing_share(age) <= 0.01`.
    pub name: String,
    /// What came of it.
    pub status: Status,
    /// Why, in words.
    pub description: String,
    /// The value that was measured.
    pub value: Option<f64>,
}

/// What comes of a test, in Evidently's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It holds.
    Success,
    /// It does not.
    Fail,
    /// It does not, and was said not to be critical.
    Warning,
    /// It cannot be told.
    Error,
}

impl Status {
    /// Whether a pipeline should stop.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Error)
    }
}
