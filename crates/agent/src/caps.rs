//! How much may models use in a day and in a month, over all investigations? The `agent.caps` section.

use serde::{Deserialize, Serialize};

/// What all requests to the language model may use together, in a day and in a month (both of UTC). When a cap is used up
/// no model is asked until the day or month is over; incidents have their reports as ever. Counts outlive restarts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CapsConfig {
    /// US dollars in a day at most, by the configured prices; 0 switches the cap off, and it is of no account for a model
    /// without a price. Default 20.
    pub max_dollars_per_day: f64,
    /// US dollars in a month at most, as above. Default 200.
    pub max_dollars_per_month: f64,
    /// Tokens in a day at most, read and written; 0 switches the cap off. Default 0.
    pub max_tokens_per_day: u64,
    /// Tokens in a month at most, as above. Default 0.
    pub max_tokens_per_month: u64,
}

impl Default for CapsConfig {
    fn default() -> Self {
        Self { max_dollars_per_day: 20.0, max_dollars_per_month: 200.0, max_tokens_per_day: 0, max_tokens_per_month: 0 }
    }
}

impl CapsConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let money =
            [("max_dollars_per_day", self.max_dollars_per_day), ("max_dollars_per_month", self.max_dollars_per_month)];
        for (key, value) in money {
            if !(value.is_finite() && value >= 0.0) {
                problems.push(format!("{key}: must be 0 or more"));
            }
        }
        let is_more = |day: f64, month: f64| day > 0.0 && month > 0.0 && day > month;
        if is_more(self.max_dollars_per_day, self.max_dollars_per_month) {
            problems.push("max_dollars_per_day: is more than max_dollars_per_month".to_owned());
        }
        if is_more(self.max_tokens_per_day as f64, self.max_tokens_per_month as f64) {
            problems.push("max_tokens_per_day: is more than max_tokens_per_month".to_owned());
        }
        problems
    }
}
