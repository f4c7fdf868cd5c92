//! When is an unusual point worth a word? Side, least deviation, k of n, and what it may do: open an incident or not.
//!
//! Every series has a built-in rule by its role (`signal::Role`), so that nothing needs configuration to begin with;
//! the first policy of the configuration that matches changes the keys it sets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signal::{Anomaly, AnomalyKind, Choice, Direction, Labels, Role, Score, Severity, is_counter};

use crate::config::Config;
use crate::threshold::Criterion;

/// What an anomaly of a series may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// It may open an incident.
    Symptom,
    /// It is kept beside incidents, and never opens one.
    Evidence,
    /// It is not looked at.
    Ignored,
}

/// Which sides of the band count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Only points above.
    Above,
    /// Only points below.
    Below,
    /// Both.
    Both,
}

/// Changes the built-in rule of the series it matches. Keys that are not set keep the built-in value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Metric name, `*` stands for anything. Default: any.
    pub metric: Option<String>,
    /// Label values, `*` stands for anything; all must match. Default: any.
    pub labels: BTreeMap<String, String>,
    /// Only series of this role. Default: any.
    pub role: Option<Role>,
    /// `symptom` may open an incident, `evidence` never does, `ignored` is not scored. Default: by role.
    pub usage: Option<Usage>,
    /// `above`, `below` or `both` sides of the expected band. Default: by role.
    pub direction: Option<Sides>,
    /// Least distance from the expected value, in the unit of the series. Default: by role.
    pub min_absolute_deviation: Option<f64>,
    /// Least distance from the expected value as a share of it, 0.5 is 50 %. Default: by role.
    pub min_relative_deviation: Option<f64>,
    /// So many points must be anomalous (k) ... Default: by role, mostly 3.
    pub anomalous_points: Option<u8>,
    /// ... of so many in a row (n), at most 32. Default: by role, mostly 5.
    pub of_points: Option<u8>,
    /// So many normal points in a row end the anomaly. Default: 5.
    pub recovery_points: Option<u8>,
    /// The score from which a point counts in place of 1.0. Default: 1.0, or what the budget of the series asks for.
    pub threshold: Option<f64>,
    /// The threshold is so many robust standard deviations of the residuals, for example 2.5 or 3, in place of the
    /// calibrated one. Default: calibrated.
    pub sigma: Option<f64>,
    /// The threshold is such that this share of the series' points is above, for example 0.05 or 0.1, in place of the
    /// calibrated one. Default: calibrated.
    pub contamination: Option<f64>,
    /// Values below this are impossible and reported at once. Default: by name, else none.
    pub lowest: Option<f64>,
    /// Values above this are impossible and reported at once. Default: by name, else none.
    pub highest: Option<f64>,
}

impl Policy {
    /// All problems, each naming its key.
    pub(crate) fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        for (key, value) in [
            ("min_absolute_deviation", self.min_absolute_deviation),
            ("min_relative_deviation", self.min_relative_deviation),
        ] {
            if value.is_some_and(|it| !(it.is_finite() && it >= 0.0)) {
                problems.push(format!("{key}: must be a number of at least 0"));
            }
        }
        let n = self.of_points.unwrap_or(32);
        if n == 0 || n > 32 {
            problems.push("of_points: must lie between 1 and 32".to_owned());
        }
        if self.anomalous_points.is_some_and(|k| k == 0 || k > n) {
            problems.push("anomalous_points: must lie between 1 and of_points".to_owned());
        }
        if self.recovery_points == Some(0) {
            problems.push("recovery_points: must be at least 1".to_owned());
        }
        if let (Some(lowest), Some(highest)) = (self.lowest, self.highest)
            && lowest.total_cmp(&highest).is_ge()
        {
            problems.push("lowest: must be below highest".to_owned());
        }
        problems.extend(self.criterion_problems());
        problems
    }

    fn criterion_problems(&self) -> Vec<String> {
        let criteria = [
            self.threshold.map(Choice::Threshold),
            self.sigma.map(Choice::Sigma),
            self.contamination.map(Choice::Contamination),
        ];
        let mut problems: Vec<String> =
            criteria.iter().flatten().filter_map(Choice::problem).map(str::to_owned).collect();
        if criteria.iter().flatten().count() > 1 {
            problems.push("threshold: only one of threshold, sigma and contamination can be set".to_owned());
        }
        problems
    }

    /// How the threshold is set, if this policy says so.
    fn criterion(&self) -> Option<Criterion> {
        let threshold = self.threshold.map(Criterion::Score);
        threshold.or(self.sigma.map(Criterion::Sigma)).or(self.contamination.map(Criterion::Contamination))
    }

    fn matches(&self, labels: &Labels, role: Role) -> bool {
        self.metric.as_ref().is_none_or(|it| signal::glob_matches(it, labels.name()))
            && self.role.is_none_or(|it| it == role)
            && self.labels.iter().all(|(name, pattern)| signal::glob_matches(pattern, labels.get(name).unwrap_or("")))
    }

    fn apply(&self, rule: &mut Rule) {
        if let Some(usage) = self.usage {
            let sides = [&mut rule.above, &mut rule.below];
            let is_all_ignored = sides.iter().all(|it| it.usage == Usage::Ignored);
            sides.into_iter().filter(|it| is_all_ignored || it.usage != Usage::Ignored).for_each(|it| it.usage = usage);
        }
        if let Some(direction) = self.direction {
            let usage = match (rule.above.usage, rule.below.usage) {
                (Usage::Symptom, _) | (_, Usage::Symptom) => Usage::Symptom,
                (Usage::Evidence, _) | (_, Usage::Evidence) => Usage::Evidence,
                _ => Usage::Ignored,
            };
            rule.above.usage = if direction == Sides::Below { Usage::Ignored } else { usage };
            rule.below.usage = if direction == Sides::Above { Usage::Ignored } else { usage };
        }
        for side in [&mut rule.above, &mut rule.below] {
            side.min_absolute = self.min_absolute_deviation.unwrap_or(side.min_absolute);
            side.min_relative = self.min_relative_deviation.unwrap_or(side.min_relative);
        }
        if let Some(n) = self.of_points {
            (rule.k, rule.n) = (rule.k.min(n), n);
        }
        if let Some(k) = self.anomalous_points {
            (rule.k, rule.n) = (k, rule.n.max(k));
        }
        rule.criterion = self.criterion().unwrap_or(rule.criterion);
        rule.recovery_points = self.recovery_points.unwrap_or(rule.recovery_points);
        if self.lowest.is_some() || self.highest.is_some() {
            rule.lowest = self.lowest.unwrap_or(rule.lowest);
            rule.highest = self.highest.unwrap_or(rule.highest);
            rule.bound_slack = 0.0;
            rule.is_bound_certain = true;
        }
    }
}

/// What one side of the band may do, and from which distance on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side {
    /// What an anomaly on this side may do.
    pub usage: Usage,
    /// Least distance in the unit of the series.
    pub min_absolute: f64,
    /// Least distance as a share of the expected value.
    pub min_relative: f64,
}

const fn side(usage: Usage, min_absolute: f64, min_relative: f64) -> Side {
    Side { usage, min_absolute, min_relative }
}

/// A side that is not looked at.
const IGNORED: Side = side(Usage::Ignored, 0.0, 0.0);

/// The rule of one series: built in, then changed by the first policy that matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// What the series tells of.
    pub role: Role,
    /// Points above the band.
    pub above: Side,
    /// Points below it.
    pub below: Side,
    /// So many anomalous points ...
    pub k: u8,
    /// ... of so many.
    pub n: u8,
    /// So many normal points end the anomaly.
    pub recovery_points: u8,
    /// Values outside `lowest..=highest` are impossible.
    pub lowest: f64,
    /// Values outside `lowest..=highest` are impossible.
    pub highest: f64,
    /// So far outside a value is rounding, not physics.
    pub bound_slack: f64,
    /// False if the bounds are only guessed from the name: then the series must have kept them so far.
    pub is_bound_certain: bool,
    /// A counter, judged by its rate per second.
    pub is_counter: bool,
    /// True if the band covers heavy tails; false for series whose duration of deviation decides (CPU).
    pub guards_tails: bool,
    /// How the threshold is set.
    pub criterion: Criterion,
    /// Above this the resource is used up; infinite if there is no such limit.
    pub saturation: f64,
}

/// Names of run-time internals of exporters: interesting beside an incident, never a reason for one.
const INTERNALS: [&str; 12] = [
    "go_",
    "process_",
    "prometheus_",
    "promhttp_",
    "scrape_",
    "net_conntrack_",
    "python_",
    "jvm_",
    "node_",
    "nodejs_",
    "rust_",
    "sentinel_",
];

impl Rule {
    /// The rule of a series.
    pub fn of(labels: &Labels, config: &Config) -> Self {
        let mut rule = Self::built_in(labels, config);
        if let Some(policy) = config.policies.iter().find(|it| it.matches(labels, rule.role)) {
            policy.apply(&mut rule);
        }
        rule
    }

    /// The rule for a side.
    #[inline]
    pub fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Above => &self.above,
            Direction::Below => &self.below,
        }
    }

    /// True if no side is looked at.
    pub fn is_ignored(&self) -> bool {
        self.above.usage == Usage::Ignored && self.below.usage == Usage::Ignored
    }

    /// True if some side may open an incident.
    pub fn has_symptoms(&self) -> bool {
        self.above.usage == Usage::Symptom || self.below.usage == Usage::Symptom
    }

    /// True if a point outside its band is far enough away to count.
    #[inline]
    pub fn accepts(&self, score: &Score) -> bool {
        let distance = (score.y - score.yhat).abs();
        let side = self.side(direction_of(score));
        score.value > 1.0
            && side.usage != Usage::Ignored
            && distance >= side.min_absolute
            && distance >= side.min_relative * score.yhat.abs()
    }

    /// k and n for a side and an interval: evidence is noted earlier than a symptom is believed, and series with long
    /// intervals need fewer points, because five of them would be minutes.
    pub fn k_of_n(&self, direction: Direction, interval_secs: f64) -> (u8, u8) {
        let is_early = self.side(direction).usage == Usage::Evidence || interval_secs > 10.0;
        if is_early { (self.k.min(2), self.n.min(3)) } else { (self.k, self.n) }
    }

    /// How urgent an anomaly is.
    pub fn severity(&self, kind: AnomalyKind, score: &Score) -> Severity {
        let is_far = score.value > 3.0 && kind != AnomalyKind::Novelty;
        let is_felt = matches!(self.role, Role::Latency | Role::Errors) && is_far;
        let is_used_up = score.y > self.saturation && score.y > score.yhat;
        let is_critical =
            kind == AnomalyKind::Impossible || kind != AnomalyKind::MissingData && (is_felt || is_used_up);
        if is_critical { Severity::Critical } else { Severity::Warning }
    }

    fn built_in(labels: &Labels, config: &Config) -> Self {
        let (role, name) = (Role::of(labels), labels.name());
        let counts = is_counter(labels);
        let is_percent = name.ends_with("_percent") || name == "cpu_usage";
        let (above, below) = sides(role, name, counts, is_percent);
        let (k, n) = duration(role, name);
        let (lowest, highest, is_bound_certain) = bounds(role, name, is_percent, f64::from(config.max_cores));
        let is_whole = is_percent && role.is_resource() && highest <= 100.0 && name != "host_cpu_core_percent";
        Self {
            role,
            above,
            below,
            k,
            n,
            recovery_points: 5,
            lowest,
            highest,
            bound_slack: if highest <= 1.0 { 0.001 } else { 1.0 },
            is_bound_certain,
            is_counter: counts,
            guards_tails: !(role == Role::Cpu && is_percent),
            criterion: Criterion::Calibrated,
            saturation: if is_whole { 95.0 } else { f64::INFINITY },
        }
    }
}

/// What an anomaly found in log lines may do: by its kind and level, then as the first policy that matches says.
pub(crate) fn usage_of_logs(anomaly: &Anomaly, config: &Config) -> Usage {
    let usage = config.logs.usage(anomaly);
    let role = Role::of(&anomaly.labels);
    config.policies.iter().find(|it| it.matches(&anomaly.labels, role)).and_then(|it| it.usage).unwrap_or(usage)
}

/// The side of the expected value that a point lies on.
pub(crate) fn direction_of(score: &Score) -> Direction {
    if score.y < score.yhat { Direction::Below } else { Direction::Above }
}

fn sides(role: Role, name: &str, is_counter: bool, is_percent: bool) -> (Side, Side) {
    // Forecasts are no measurements, also when they come back from a server that scrapes us.
    let is_forecast = ["_sentinel_forecast", "_sentinel_predicted"].iter().any(|it| name.contains(it));
    if !role.is_scored() || is_forecast {
        return (IGNORED, IGNORED);
    }
    let evidence = side(Usage::Evidence, 0.0, 0.1);
    let is_internal = INTERNALS.iter().any(|it| name.starts_with(it)) && role != Role::Availability;
    let is_sum = name.ends_with("_sum") || is_counter && role == Role::Latency;
    let is_host_detail =
        name.starts_with("host_pressure") || name.starts_with("host_load") || name.ends_with("memory_used_bytes");
    let is_throughput = role == Role::Traffic && name.contains("bytes");
    if is_internal || is_sum || is_host_detail || is_throughput {
        return (evidence, evidence);
    }
    match role {
        Role::Traffic => (evidence, side(Usage::Symptom, 1.0, 0.6)),
        Role::Errors => (side(Usage::Symptom, if is_counter { 0.2 } else { 0.01 }, 1.0), IGNORED),
        Role::Latency => (side(Usage::Symptom, if name.ends_with("_seconds") { 0.005 } else { 0.0 }, 0.5), IGNORED),
        Role::Cpu if name == "host_cpu_core_percent" => (side(Usage::Symptom, 50.0, 0.0), IGNORED),
        // A resource that is less used is nobody's concern, and its band follows within half a minute.
        Role::Cpu if is_percent => (side(Usage::Symptom, 20.0, 0.0), IGNORED),
        Role::Cpu => (side(Usage::Symptom, 0.5, 0.5), IGNORED),
        Role::Memory if is_percent => (side(Usage::Symptom, 20.0, 0.0), IGNORED),
        Role::Memory => (side(Usage::Symptom, 0.0, 0.15), IGNORED),
        Role::Disk if is_percent => (side(Usage::Symptom, 5.0, 0.0), IGNORED),
        Role::Disk => (side(Usage::Symptom, 0.0, 0.15), IGNORED),
        Role::Pool => (side(Usage::Symptom, 5.0, 0.5), IGNORED),
        Role::Queue => (side(Usage::Symptom, 10.0, 1.0), IGNORED),
        Role::Availability => (IGNORED, side(Usage::Symptom, 0.5, 0.0)),
        Role::Other if is_counter || name.starts_with("host_") => (evidence, evidence),
        Role::Other | Role::Process | Role::Description => {
            (side(Usage::Symptom, 0.0, 0.5), side(Usage::Symptom, 0.0, 0.5))
        }
    }
}

/// k of n for points every second: hosts have short bursts that are nobody's concern.
fn duration(role: Role, name: &str) -> (u8, u8) {
    match role {
        _ if name.starts_with("host_") => (6, 7),
        Role::Traffic | Role::Other => (5, 7),
        _ => (3, 5),
    }
}

/// Physical bounds by name: lowest, highest, and whether they are certain.
fn bounds(role: Role, name: &str, is_percent: bool, max_cores: f64) -> (f64, f64, bool) {
    let is_of_cores = role == Role::Cpu && !name.starts_with("host_");
    match (is_percent, is_of_cores) {
        (true, true) => (0.0, 100.0 * max_cores, true),
        (true, false) => (0.0, 100.0, role.is_resource()),
        (false, _) if name.ends_with("_ratio") => (0.0, 1.0, false),
        (false, _) => (f64::NEG_INFINITY, f64::INFINITY, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(labels: &str) -> Rule {
        Rule::of(&labels.parse().unwrap(), &Config::default())
    }

    fn score(y: f64, yhat: f64) -> Score {
        Score {
            value: 2.0,
            is_ready: true,
            is_provisional: false,
            y,
            yhat,
            yhat_lower: yhat - 1.0,
            yhat_upper: yhat + 1.0,
        }
    }

    #[test]
    fn built_in_rules_by_role() {
        for (labels, y, yhat, is_accepted) in [
            ("host_cpu_percent", 55.0, 5.0, true),
            ("host_cpu_percent", 20.0, 5.0, false),
            ("host_cpu_core_percent", 100.0, 5.0, true),
            ("host_disk_used_percent", 46.0, 40.0, true),
            ("host_disk_used_percent", 44.0, 40.0, false),
            ("http_requests_total", 100.0, 300.0, true),
            ("http_requests_total", 200.0, 300.0, false),
            ("http_request_duration_seconds", 0.4, 0.2, true),
            ("http_request_duration_seconds", 0.25, 0.2, false),
            ("http_request_duration_seconds", 0.0, 0.2, false),
            ("service_memory_bytes", 1.2e9, 1e9, true),
            ("service_memory_bytes", 1.1e9, 1e9, false),
            ("service_memory_bytes", 0.1e9, 1e9, false),
            ("build_info", 5.0, 1.0, false),
            ("host_process_cpu_percent", 99.0, 1.0, false),
            ("up", 0.0, 1.0, true),
        ] {
            assert_eq!(rule(labels).accepts(&score(y, yhat)), is_accepted, "{labels} {y}");
        }
    }

    #[test]
    fn what_may_open_an_incident() {
        const EVIDENCE: Usage = Usage::Evidence;
        const IGNORED: Usage = Usage::Ignored;
        const SYMPTOM: Usage = Usage::Symptom;
        for (labels, above, below) in [
            ("http_requests_total", EVIDENCE, SYMPTOM),
            ("host_network_received_bytes_per_second", EVIDENCE, EVIDENCE),
            ("host_disk_written_bytes_per_second", EVIDENCE, EVIDENCE),
            ("host_pressure_percent", EVIDENCE, EVIDENCE),
            ("host_load1", EVIDENCE, EVIDENCE),
            ("host_memory_used_bytes", EVIDENCE, EVIDENCE),
            ("host_processes", EVIDENCE, EVIDENCE),
            ("go_goroutines", EVIDENCE, EVIDENCE),
            ("client_errors_total", SYMPTOM, IGNORED),
            ("latency", SYMPTOM, IGNORED),
            ("cpu_usage", SYMPTOM, IGNORED),
            ("temperature", SYMPTOM, SYMPTOM),
            ("host_process_memory_bytes", IGNORED, IGNORED),
        ] {
            let rule = rule(labels);
            assert_eq!((rule.above.usage, rule.below.usage), (above, below), "{labels}");
        }
    }

    #[test]
    fn the_first_policy_that_matches_changes_what_it_sets() {
        let text = r#"{"policies": [
            {"metric": "temp*", "labels": {"service": "pay*"}, "direction": "above", "min_absolute_deviation": 5,
             "anomalous_points": 1, "of_points": 1, "highest": 90},
            {"metric": "temperature", "usage": "ignored"},
            {"role": "traffic", "usage": "symptom"}]}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        let first = Rule::of(&r#"temperature{service="payments"}"#.parse().unwrap(), &config);
        assert_eq!((first.k, first.n, first.highest, first.above.min_absolute), (1, 1, 90.0, 5.0));
        assert_eq!((first.above.usage, first.below.usage), (Usage::Symptom, Usage::Ignored));
        assert!(Rule::of(&r#"temperature{service="shop"}"#.parse().unwrap(), &config).is_ignored());
        let traffic = Rule::of(&"http_requests_total".parse().unwrap(), &config);
        assert_eq!(traffic.above.usage, Usage::Symptom);
        assert_eq!((traffic.k, traffic.n), (5, 7));
    }

    #[test]
    fn slow_series_need_fewer_points() {
        let latency = rule("latency");
        assert_eq!(latency.k_of_n(Direction::Above, 1.0), (3, 5));
        assert_eq!(latency.k_of_n(Direction::Above, 15.0), (2, 3));
        assert_eq!(rule("host_cpu_percent").k_of_n(Direction::Above, 1.0), (6, 7));
        assert_eq!(rule("http_requests_total").k_of_n(Direction::Above, 1.0), (2, 3));
    }
}
