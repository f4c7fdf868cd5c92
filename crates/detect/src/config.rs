//! What may the operator choose about detection?

use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::calendar::Maintenance;
use crate::groups::GroupsConfig;
use crate::log_config::LogConfig;
use crate::log_rules::LogRule;
use crate::policy::Policy;
use crate::spans::SpanConfig;
use crate::windows::WindowConfig;

/// Rules, and windows, at most.
const MOST: usize = 64;

/// Which series get which policy, and how anomalies become incidents. Everything works without any of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Policies over the built-in ones; of those that match a series the first counts. Default: none.
    pub policies: Vec<Policy>,
    /// How many alerts there may be; of those that match a series the first counts. Default: no limit.
    pub budgets: Vec<Budget>,
    /// Times in which nothing is reported. Default: none.
    pub maintenance: Vec<Maintenance>,
    /// IANA time zone in which days and weeks have their rhythm. Default: `UTC`.
    pub time_zone: String,
    /// Half the width of the expected band, in robust standard deviations. Default: 5.5.
    pub threshold_scales: f32,
    /// Seconds after which a new level is taken for normal. Default: 600.
    pub adopt_after_secs: u32,
    /// What happens around the same hour day by day, and stays within what was seen, is not told from the third day on; errors
    /// and availability always are. Default: true.
    pub habits: bool,
    /// CPU percentages that count all cores together are impossible above 100 times this. Default: 8.
    pub max_cores: u32,
    /// Points further ahead of now than this are not scored, in seconds. Default: 60.
    pub future_tolerance_secs: u32,
    /// Points older than this are learned but never reported, in seconds. Default: 3600.
    pub backfill_age_secs: u32,
    /// A regular series is missing after so many of its intervals without a point. Default: 10.
    pub missing_after_intervals: u32,
    /// A series is never missing before so many seconds without a point. Default: 15.
    pub missing_after_secs: u32,
    /// Only series with at least so many points can be missing. Default: 60.
    pub missing_min_points: u32,
    /// A series without points for so many seconds is forgotten; one with a single point after four times as many, and none
    /// before it has been missing for as long as it took to call it missing. Default: 172800 (2 days).
    pub forget_after_secs: u32,
    /// At most so many series per shard; further ones are ignored and counted. Default: 1000000.
    pub max_series: usize,
    /// So many series per shard keep their newest 120 verdicts for charts. Default: 2000.
    pub band_series: usize,
    /// Anomalies in log lines.
    pub logs: LogConfig,
    /// Counts of log lines that open an incident, at most 64. Default: none.
    pub log_rules: Vec<LogRule>,
    /// Series that are made from log lines, at most 64. Default: none.
    pub windows: Vec<WindowConfig>,
    /// Series and the service graph that are made from spans.
    pub spans: SpanConfig,
    /// Comparison of series with each other.
    pub groups: GroupsConfig,
    /// How anomalies become incidents.
    pub incidents: CorrelatorConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policies: vec![],
            budgets: vec![],
            maintenance: vec![],
            time_zone: "UTC".to_owned(),
            threshold_scales: 5.5,
            adopt_after_secs: 600,
            habits: true,
            max_cores: 8,
            future_tolerance_secs: 60,
            backfill_age_secs: 3600,
            missing_after_intervals: 10,
            missing_after_secs: 15,
            missing_min_points: 60,
            forget_after_secs: 172_800,
            max_series: 1_000_000,
            band_series: 2000,
            logs: LogConfig::default(),
            log_rules: vec![],
            windows: vec![],
            spans: SpanConfig::default(),
            groups: GroupsConfig::default(),
            incidents: CorrelatorConfig::default(),
        }
    }
}

impl Config {
    /// All problems, each naming its key; empty if there are none.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        for (is_wrong, text) in [
            (!(1.0..=100.0).contains(&self.threshold_scales), "threshold_scales: must lie between 1 and 100"),
            (
                jiff::tz::TimeZone::get(&self.time_zone).is_err(),
                "time_zone: is no IANA time zone, such as Europe/Berlin",
            ),
            (self.adopt_after_secs == 0, "adopt_after_secs: must be at least 1"),
            (self.max_cores == 0, "max_cores: must be at least 1"),
            (self.missing_after_intervals < 2, "missing_after_intervals: must be at least 2"),
            (self.missing_min_points < 2, "missing_min_points: must be at least 2"),
            (self.forget_after_secs < 60, "forget_after_secs: must be at least 60"),
            (self.max_series == 0, "max_series: must be at least 1"),
        ] {
            if is_wrong {
                problems.push(text.to_owned());
            }
        }
        for (idx, policy) in self.policies.iter().enumerate() {
            problems.extend(policy.validate().into_iter().map(|it| format!("policies[{idx}].{it}")));
        }
        for (idx, budget) in self.budgets.iter().enumerate() {
            problems.extend(budget.validate().into_iter().map(|it| format!("budgets[{idx}].{it}")));
        }
        for (idx, maintenance) in self.maintenance.iter().enumerate() {
            problems.extend(maintenance.validate().into_iter().map(|it| format!("maintenance[{idx}].{it}")));
        }
        problems.extend(self.logs.validate().into_iter().map(|it| format!("logs.{it}")));
        for (idx, rule) in self.log_rules.iter().enumerate() {
            problems.extend(rule.validate().into_iter().map(|it| format!("log_rules[{idx}].{it}")));
        }
        for (idx, window) in self.windows.iter().enumerate() {
            problems.extend(window.validate().into_iter().map(|it| format!("windows[{idx}].{it}")));
        }
        for (key, count) in [("log_rules", self.log_rules.len()), ("windows", self.windows.len())] {
            if count > MOST {
                problems.push(format!("{key}: at most {MOST}"));
            }
        }
        problems.extend(self.spans.validate().into_iter().map(|it| format!("spans.{it}")));
        problems.extend(self.groups.validate().into_iter().map(|it| format!("groups.{it}")));
        problems.extend(self.incidents.validate().into_iter().map(|it| format!("incidents.{it}")));
        problems
    }
}

/// How anomalies become incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorrelatorConfig {
    /// An anomaly that began within so many seconds after the newest symptom may join its incident. Default: 60.
    pub join_within_secs: u32,
    /// Two services with one service between them are only linked if both began within so many seconds. Default: 30.
    pub two_hops_within_secs: u32,
    /// An incident is resolved when all its symptoms have been over for so many seconds. Default: 10.
    pub resolve_after_secs: u32,
    /// A symptom that comes back within so many seconds after the end re-opens its incident. Default: 60.
    pub reopen_within_secs: u32,
    /// A symptom that is neither confirmed nor ended for so many seconds counts as ended. Default: 600.
    pub symptom_timeout_secs: u32,
    /// A resource that only creeps away waits so many seconds for traffic that explains it. Default: 10.
    pub load_wait_secs: u32,
    /// Load explains a resource whose relative deviation is at most so many times that of traffic. Default: 1.5.
    pub load_factor: f64,
    /// Evidence is kept for so many seconds after it was last seen. Default: 120.
    pub evidence_secs: u32,
}

impl Default for CorrelatorConfig {
    fn default() -> Self {
        Self {
            join_within_secs: 60,
            two_hops_within_secs: 30,
            resolve_after_secs: 10,
            reopen_within_secs: 60,
            symptom_timeout_secs: 600,
            load_wait_secs: 10,
            load_factor: 1.5,
            evidence_secs: 120,
        }
    }
}

impl CorrelatorConfig {
    fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(self.load_factor.is_finite() && self.load_factor >= 0.0) {
            problems.push("load_factor: must be a number of at least 0".to_owned());
        }
        if self.symptom_timeout_secs < 30 {
            problems.push("symptom_timeout_secs: must be at least 30".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Config::default().validate(), Vec::<String>::new());
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    }

    #[test]
    fn all_problems_are_listed_with_their_keys() {
        let text = r#"{"max_cores": 0, "threshold_scales": 0,
            "policies": [{"anomalous_points": 9, "of_points": 5, "min_relative_deviation": -1}],
            "maintenance": [{"days": ["sunday"], "from": "25:00", "to": "x", "time_zone": "Mars/Base"}],
            "incidents": {"load_factor": -1}}"#;
        let problems = serde_json::from_str::<Config>(text).unwrap().validate();
        for key in [
            "max_cores",
            "threshold_scales",
            "policies[0].anomalous_points",
            "policies[0].min_relative_deviation",
            "maintenance[0].from",
            "maintenance[0].to",
            "maintenance[0].time_zone",
            "incidents.load_factor",
        ] {
            assert!(problems.iter().any(|it| it.starts_with(key)), "{key} in {problems:#?}");
        }
        assert!(serde_json::from_str::<Config>(r#"{"max_core": 1}"#).is_err());
    }
}
