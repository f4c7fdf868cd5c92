//! What would have alerted? A question about stored samples, and its answer.

use serde::{Deserialize, Serialize};

use crate::{AlertBudget, Labels, PortError, Score, Severity, TimeRange, Timestamp};

/// One way to set the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The policies as they are configured, without any budget.
    Configured,
    /// So many alerts.
    Budget(AlertBudget),
    /// So many robust standard deviations.
    Sigma(f64),
    /// So large a share of the points is above the threshold.
    Contamination(f64),
    /// A fixed score in place of 1.0.
    Threshold(f64),
}

impl Choice {
    /// What is wrong with its number, if anything.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Sigma(it) if !(0.5..=100.0).contains(it) => Some("sigma: must lie between 0.5 and 100"),
            Self::Contamination(it) if !(0.0001..=0.5).contains(it) => {
                Some("contamination: must lie between 0.0001 and 0.5")
            }
            Self::Threshold(it) if !(0.1..=1000.0).contains(it) => Some("threshold: must lie between 0.1 and 1000"),
            _ => None,
        }
    }

    /// In words, for tables.
    pub fn name(&self) -> String {
        match self {
            Self::Configured => "as configured".to_owned(),
            Self::Budget(it) => it.to_string(),
            Self::Sigma(it) => format!("sigma {it}"),
            Self::Contamination(it) => format!("contamination {it}"),
            Self::Threshold(it) => format!("threshold {it}"),
        }
    }
}

/// What shall be tried.
#[derive(Clone, Debug, PartialEq)]
pub struct BackTestQuestion {
    /// Series with all of these labels.
    pub selector: Labels,
    /// Alerts in this span are told.
    pub range: TimeRange,
    /// Tried side by side.
    pub choices: Vec<Choice>,
}

/// What would have alerted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackTest {
    /// The series that were replayed.
    pub series: Vec<Labels>,
    /// The span that is told about.
    #[serde(flatten)]
    pub range: TimeRange,
    /// Points in the span.
    pub points: usize,
    /// Points before it that the detector learned from.
    pub points_before: usize,
    /// From the first to the last point of the span, in days; the base of alerts per day.
    pub days: f64,
    /// One for each choice, in the order of the question.
    pub outcomes: Vec<BackTestOutcome>,
    /// Verdicts on the first series under the first choice, the worst of each step, for a chart.
    pub band: Vec<BandPoint>,
}

/// What would have alerted under one choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackTestOutcome {
    /// The choice in words.
    pub name: String,
    /// The choice.
    pub choice: Choice,
    /// Alerts in order of onset.
    pub alerts: Vec<BackTestAlert>,
    /// Alerts beyond those listed.
    pub alerts_left_out: usize,
    /// All of them per day of the span; null if it is shorter than six hours, which says nothing about a day.
    pub alerts_per_day: Option<f64>,
    /// Alerts that the budget held back.
    pub held: u64,
    /// The score from which a point counts at the end of the span.
    pub threshold: f64,
    /// The highest such score within the span.
    pub threshold_max: f64,
}

/// One alert that would have been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackTestAlert {
    /// The series that began it, as text.
    pub series: String,
    /// First anomalous point.
    pub onset: Timestamp,
    /// When it would have been told: k of n points were anomalous.
    pub detected_at: Timestamp,
    /// When the last symptom ended; null if it goes on at the end of the span.
    pub end: Option<Timestamp>,
    /// How urgent.
    pub severity: Severity,
    /// The highest score.
    pub peak_score: f64,
    /// The value there (for a counter its rate).
    pub value: f64,
    /// What was expected there.
    pub expected: f64,
    /// Lower edge of what was expected.
    pub expected_lower: f64,
    /// Upper edge of what was expected.
    pub expected_upper: f64,
    /// The reason in a sentence.
    pub why: String,
}

/// The verdict on one point of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandPoint {
    /// When.
    pub time: Timestamp,
    /// The verdict.
    #[serde(flatten)]
    pub score: Score,
}

/// Replays stored samples through a fresh detector.
pub trait BackTester: Send + Sync {
    /// What would have alerted. Takes seconds for many points; call it where blocking is allowed.
    ///
    /// # Errors
    /// `Invalid` names the field at fault, for example a selector that no series has or too many points; `Busy`
    /// says that as many back-tests run already as are allowed.
    fn back_test(&self, question: &BackTestQuestion) -> Result<BackTest, PortError>;
}
