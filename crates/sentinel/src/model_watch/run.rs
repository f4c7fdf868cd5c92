//! What came of one comparison? The short form, which lists and gauges need; the report stands beside it on disk.

use std::collections::BTreeMap;

use drift::watch::{ConceptDrift, Estimated, Measures, Performance};
use serde::{Deserialize, Serialize};
use signal::Timestamp;

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name: the instant, such as `20260131T120000Z`.
    pub id: String,
    /// The model.
    pub model: String,
    /// When it was made.
    pub time: Timestamp,
    /// Why: `schedule`, `predictions` or `request`.
    pub reason: String,
    /// First and last prediction that were compared.
    pub from: Timestamp,
    /// The last of them.
    pub to: Timestamp,
    /// Their number by version.
    pub versions: BTreeMap<String, u64>,
    /// Rows of the window.
    pub rows: u64,
    /// What it was compared with, for people.
    pub reference: String,
    /// The numbers that rules name.
    pub measures: Measures,
    /// The features, the most drifted first.
    pub features: Vec<Feature>,
    /// The answers.
    pub prediction: Option<Feature>,
    /// How right answers are with those labels that have come.
    pub performance: Option<Performance>,
    /// Whether they are worse than they were.
    pub concept: Option<ConceptDrift>,
    /// How right answers are expected to be before their labels come, with what is usual.
    #[serde(default)]
    pub estimated: Vec<Estimated>,
    /// Why that is not known.
    #[serde(default)]
    pub no_estimate: Option<String>,
    /// Groups with a feature that drifted in them, the strongest first: `country=DE: age`.
    #[serde(default)]
    pub drifted_segments: Vec<String>,
    /// Columns that are missing, new or of another type, in words.
    pub schema_changes: Vec<String>,
    /// Half and 99 % of the predictions took no longer, in milliseconds.
    pub latency_ms: Option<(f64, f64)>,
    /// The verdict as a sentence.
    pub summary: String,
    /// How long the comparison took, in milliseconds.
    pub took_ms: f64,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The test.
    pub method: String,
    /// Its score.
    pub score: f64,
    /// How large the difference is, comparable between columns.
    pub effect: f64,
    /// From where on that is large in practice, or the threshold of the score.
    pub limit: f64,
    /// Probability of such a difference without drift, adjusted for the number of columns.
    pub adjusted_p: Option<f64>,
    /// The same before the adjustment.
    pub p_value: Option<f64>,
    /// Whether it drifted.
    pub drifted: bool,
    /// Share of values that are missing, in the reference and now.
    pub missing: (f64, f64),
    /// The groups in which it drifted more than in the whole: `sex=Male`.
    pub segment: Option<String>,
    /// Since when, if it drifted.
    pub since: Option<Timestamp>,
    /// What changed, in words: `mean 38.5 -> 48.2`.
    pub said: String,
}

impl Feature {
    /// A sentence for incidents.
    pub fn sentence(&self) -> String {
        let p = self.adjusted_p.map_or_else(String::new, |it| format!(", adjusted p {it:.1e}"));
        let where_ = self.segment.as_ref().map_or_else(String::new, |it| format!("; most in {it}"));
        format!("{}: {} ({} {:.3}{p}){where_}", self.name, self.said, self.method, self.score)
    }
}
