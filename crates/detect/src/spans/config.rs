//! What may the operator choose about traces?

use serde::{Deserialize, Serialize};

/// Series that are made from spans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpanConfig {
    /// Makes series of calls, failures and durations from spans, per operation and per edge of the service graph.
    /// Default: true.
    pub enabled: bool,
    /// The series have a point every so many seconds, 1 to 300. Default: 10.
    pub window_secs: u32,
    /// The two sides of a call may come so many seconds apart, 1 to 300. Default: 10.
    pub join_secs: u32,
    /// Calls of which one side waits for the other, at most; then the oldest no longer waits. Default: 100000.
    pub max_open_calls: usize,
    /// Operations of one service that have series of their own; further ones are told together as `other`. Default: 200.
    pub max_operations: usize,
    /// Edges of the service graph at most; calls along further ones are counted and not told. Default: 5000.
    pub max_edges: usize,
    /// Spans that ended longer ago make no series, in seconds; they are stored all the same. Default: 300.
    pub max_age_secs: u32,
}

impl Default for SpanConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window_secs: 10,
            join_secs: 10,
            max_open_calls: 100_000,
            max_operations: 200,
            max_edges: 5000,
            max_age_secs: 300,
        }
    }
}

impl SpanConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        for (key, value) in [("window_secs", self.window_secs), ("join_secs", self.join_secs)] {
            if !(1..=300).contains(&value) {
                problems.push(format!("{key}: {value} does not lie between 1 and 300"));
            }
        }
        let counts = [
            ("max_open_calls", self.max_open_calls),
            ("max_operations", self.max_operations),
            ("max_edges", self.max_edges),
        ];
        problems.extend(counts.iter().filter(|it| it.1 == 0).map(|it| format!("{}: must be at least 1", it.0)));
        problems
    }
}
