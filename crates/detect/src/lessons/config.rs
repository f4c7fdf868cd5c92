//! How much may be learned from opinions, and of what not at all?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signal::Labels;

/// What opinions may move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackConfig {
    /// Whether anything is learned; opinions are written down in any case. Default: true.
    pub learn: bool,
    /// The highest score that opinions can ask for before a point counts; 1 to 10, 1 leaves thresholds as they are.
    /// Default: 2.
    pub most_threshold: f64,
    /// The same for the hours of the day at which noise was, on its side of what is expected: what comes again at its hour
    /// may be held back though it is far outside. 1 to 20, 1 leaves thresholds of hours as they are. Default: 5.
    pub most_at_hour: f64,
    /// The most log odds that opinions can add to a cause or take from it; 0 to 3, 0 leaves the ranking as it is. 1 makes
    /// a cause of 50 % one of 73 %. Default: 1.
    pub most_ranking: f64,
    /// After so many days half of what was learned is forgotten. Default: 30.
    pub half_life_days: f64,
    /// Series of which nothing is learned, because missing a fault of theirs is worse than any noise. Default: none.
    pub never: Vec<Never>,
}

impl Default for FeedbackConfig {
    fn default() -> Self {
        Self {
            learn: true,
            most_threshold: 2.0,
            most_at_hour: 5.0,
            most_ranking: 1.0,
            half_life_days: 30.0,
            never: vec![],
        }
    }
}

/// Series whose threshold no opinion moves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Never {
    /// Metric name, `*` stands for anything. Default: any.
    pub metric: Option<String>,
    /// Label values, `*` stands for anything; all must match. Default: any.
    pub labels: BTreeMap<String, String>,
}

impl FeedbackConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(1.0..=10.0).contains(&self.most_threshold) {
            problems.push("most_threshold: must lie between 1 and 10".to_owned());
        }
        if !(1.0..=20.0).contains(&self.most_at_hour) {
            problems.push("most_at_hour: must lie between 1 and 20".to_owned());
        }
        if !(0.0..=3.0).contains(&self.most_ranking) {
            problems.push("most_ranking: must lie between 0 and 3".to_owned());
        }
        if !(1.0..=3650.0).contains(&self.half_life_days) {
            problems.push("half_life_days: must lie between 1 and 3650".to_owned());
        }
        for (idx, it) in self.never.iter().enumerate() {
            if it.metric.is_none() && it.labels.is_empty() {
                problems.push(format!("never[{idx}]: needs a metric or labels; `learn: false` is for all series"));
            }
        }
        problems
    }

    /// True if no opinion may move the threshold of this series.
    pub(super) fn is_never(&self, labels: &Labels) -> bool {
        self.never.iter().any(|it| {
            it.metric.as_ref().is_none_or(|it| signal::glob_matches(it, labels.name()))
                && it.labels.iter().all(|(name, it)| signal::glob_matches(it, labels.get(name).unwrap_or("")))
        })
    }
}
