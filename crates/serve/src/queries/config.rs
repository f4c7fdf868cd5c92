//! What may queries use? Limits on time, samples, memory and how many run at once.

use serde::{Deserialize, Serialize};

/// The `query` section of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// Seconds that a query may take, waiting included; a request may ask for less with `timeout`. Default: 120.
    pub timeout_secs: u64,
    /// Queries that are evaluated at the same time. Default: 8.
    pub max_concurrent: usize,
    /// Queries that may wait for others; more are answered 503. Default: 64.
    pub max_waiting: usize,
    /// Samples that one query may hold at a time. Default: 50000000.
    pub max_samples: usize,
    /// Megabytes that the samples of one query may take. Default: 1024.
    pub max_megabytes: usize,
    /// Seconds for which a sample is valid when no newer one comes. Default: 300.
    pub lookback_secs: i64,
    /// Step of subqueries that name none, in seconds. Default: 60.
    pub subquery_step_secs: i64,
    /// Web sites whose pages may read answers of the Prometheus API, such as `https://grafana.example.org`; `*` for
    /// all. Prometheus allows all by default, which lets any page that is open in a browser read what the browser's
    /// machine can reach. Default: none.
    pub cors_origins: Vec<String>,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            timeout_secs: 120,
            max_concurrent: 8,
            max_waiting: 64,
            max_samples: 50_000_000,
            max_megabytes: 1024,
            lookback_secs: 300,
            subquery_step_secs: 60,
            cors_origins: vec![],
        }
    }
}

impl QueryConfig {
    /// Every problem, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let mut check = |is_good: bool, key: &str, wanted: &str, found: &dyn std::fmt::Display| {
            if !is_good {
                problems.push(format!("query.{key}: must be {wanted}, not {found}"));
            }
        };
        check((1..=86_400).contains(&self.timeout_secs), "timeout_secs", "1 to 86400", &self.timeout_secs);
        check((1..=1024).contains(&self.max_concurrent), "max_concurrent", "1 to 1024", &self.max_concurrent);
        check(self.max_waiting <= 100_000, "max_waiting", "at most 100000", &self.max_waiting);
        check(self.max_samples > 0, "max_samples", "at least 1", &self.max_samples);
        check((1..=1 << 20).contains(&self.max_megabytes), "max_megabytes", "1 to 1048576", &self.max_megabytes);
        check((1..=86_400).contains(&self.lookback_secs), "lookback_secs", "1 to 86400", &self.lookback_secs);
        check(
            (1..=86_400).contains(&self.subquery_step_secs),
            "subquery_step_secs",
            "1 to 86400",
            &self.subquery_step_secs,
        );
        for origin in &self.cors_origins {
            let is_origin = origin == "*"
                || origin.split_once("://").is_some_and(|(scheme, host)| {
                    matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/')
                });
            check(is_origin, "cors_origins", "`*` or a scheme and a host such as https://grafana.example.org", origin);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_names_its_key_and_value() {
        assert_eq!(QueryConfig::default().validate(), Vec::<String>::new());
        let wrong = QueryConfig {
            timeout_secs: 0,
            max_concurrent: 0,
            max_waiting: 1_000_000,
            max_samples: 0,
            max_megabytes: 0,
            lookback_secs: 0,
            subquery_step_secs: -1,
            cors_origins: vec!["grafana".to_owned(), "https://a/b".to_owned(), "*".to_owned()],
        };
        let problems = wrong.validate();
        assert_eq!(problems.len(), 9, "{problems:#?}");
        assert!(
            problems.iter().any(|it| it == "query.subquery_step_secs: must be 1 to 86400, not -1"),
            "{problems:#?}"
        );
    }
}
