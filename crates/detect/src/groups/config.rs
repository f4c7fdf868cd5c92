//! What may the operator choose about groups?

use serde::{Deserialize, Serialize};
use signal::{Labels, Role};

use crate::policy::Rule;

/// Labels that tell members of a fleet from each other.
const LABELS: [&str; 11] =
    ["instance", "pod", "pod_name", "host", "hostname", "host_name", "node", "replica", "shard", "task", "worker"];

/// Comparison of series with each other, beside the comparison of each series with its own past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupsConfig {
    /// Compare series with each other at all. Default: true.
    pub enabled: bool,
    /// Each series is compared at most once in so many seconds. Default: 5.
    pub sample_secs: u32,
    /// Series that differ in one label only, such as the replicas of a service.
    pub fleet: FleetConfig,
    /// Several signals of one service together.
    pub joint: JointConfig,
}

impl Default for GroupsConfig {
    fn default() -> Self {
        Self { enabled: true, sample_secs: 5, fleet: FleetConfig::default(), joint: JointConfig::default() }
    }
}

/// Which series are a fleet, and when one has left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetConfig {
    /// Compare the members of fleets. Default: true.
    pub enabled: bool,
    /// Series with the same metric and the same labels but for these are a fleet. Default: `instance`, `pod`, `pod_name`,
    /// `host`, `hostname`, `host_name`, `node`, `replica`, `shard`, `task`, `worker`.
    pub labels: Vec<String>,
    /// Only fleets with at least so many members are judged. Default: 4.
    pub min_members: usize,
    /// At most so many members per fleet; further ones are ignored and counted. Default: 256.
    pub max_members: usize,
    /// At most so many series in all fleets; further ones are ignored and counted. Default: 65536.
    pub max_series: usize,
    /// Half the width of what is usual for a member beside its peers, in robust standard deviations. Default: 6.
    pub threshold_scales: f64,
    /// A member must differ by this share of the least deviations in `policies`: what peers say is surer than what the
    /// past says. Default: 0.5.
    pub deviation_share: f64,
    /// A new member is judged after so many comparisons. Default: 60.
    pub warm_up_samples: u32,
    /// A member that comes back after a gap is not judged for so many seconds. Default: 120.
    pub restart_grace_secs: u32,
    /// After so many seconds apart the new place of a member is its usual place. Default: 3600.
    pub adopt_after_secs: u32,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            labels: LABELS.map(str::to_owned).to_vec(),
            min_members: 4,
            max_members: 256,
            max_series: 65_536,
            threshold_scales: 6.0,
            deviation_share: 0.5,
            warm_up_samples: 60,
            restart_grace_secs: 120,
            adopt_after_secs: 3600,
        }
    }
}

/// Which services are judged as a whole, and when their signals no longer fit together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JointConfig {
    /// Judge the signals of a service together. Default: true.
    pub enabled: bool,
    /// Only services with at least so many signals (traffic, latency, CPU, pools, queues) are judged. Default: 3.
    pub min_signals: usize,
    /// At most so many services, each host of a service by itself; further ones are ignored and counted. Default: 4096.
    pub max_services: usize,
    /// Distance from what the other signals imply that is anomalous, in robust standard deviations. Default: 6.
    pub threshold_scales: f64,
    /// A signal that breaks with the others must differ by this share from what they imply. Default: 0.25.
    pub min_relative_deviation: f64,
    /// A service is judged after so many comparisons. Default: 240 (20 minutes at 5 s).
    pub warm_up_samples: u32,
    /// What is found stands beside incidents; a signal that breaks with the others by this score ... Default: 1.
    pub open_score: f64,
    /// ... for so many seconds may open one. Default: 300.
    pub open_after_secs: u32,
}

impl Default for JointConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            min_signals: 3,
            max_services: 4096,
            threshold_scales: 6.0,
            min_relative_deviation: 0.25,
            warm_up_samples: 240,
            open_score: 1.0,
            open_after_secs: 300,
        }
    }
}

impl JointConfig {
    /// True if the series is a signal of a service: what follows the load, by a policy that may open incidents. Memory
    /// and disks creep, failures are rare; the series by themselves are watched for both.
    pub(crate) fn wants(&self, labels: &Labels, rule: &Rule) -> bool {
        let follows = matches!(rule.role, Role::Traffic | Role::Latency | Role::Cpu | Role::Pool | Role::Queue);
        self.enabled && follows && labels.service().is_some() && rule.has_symptoms()
    }

    fn validate(&self) -> Vec<String> {
        let is_share = |it: f64| it.is_finite() && it >= 0.0;
        let checks = [
            (self.min_signals < 2, "joint.min_signals: must be at least 2"),
            (!(1.0..=100.0).contains(&self.threshold_scales), "joint.threshold_scales: must lie between 1 and 100"),
            (!is_share(self.min_relative_deviation), "joint.min_relative_deviation: must be a number of at least 0"),
            (self.warm_up_samples < 48, "joint.warm_up_samples: must be at least 48"),
            (
                !(self.open_score.is_finite() && self.open_score >= 1.0),
                "joint.open_score: must be a number of at least 1",
            ),
        ];
        checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, text)| text.to_owned()).collect()
    }
}

impl GroupsConfig {
    /// All problems, each naming its key.
    pub(crate) fn validate(&self) -> Vec<String> {
        let fleet = &self.fleet;
        let is_share = |it: f64| it.is_finite() && it >= 0.0;
        let checks = [
            (!(1..=3600).contains(&self.sample_secs), "sample_secs: must lie between 1 and 3600"),
            (fleet.min_members < 4, "fleet.min_members: must be at least 4"),
            (fleet.max_members < fleet.min_members, "fleet.max_members: must be at least min_members"),
            (!(1.0..=100.0).contains(&fleet.threshold_scales), "fleet.threshold_scales: must lie between 1 and 100"),
            (!is_share(fleet.deviation_share), "fleet.deviation_share: must be a number of at least 0"),
            (fleet.warm_up_samples < 12, "fleet.warm_up_samples: must be at least 12"),
            (fleet.adopt_after_secs < 60, "fleet.adopt_after_secs: must be at least 60"),
            (fleet.labels.iter().any(String::is_empty), "fleet.labels: must not be empty"),
            (fleet.labels.iter().any(|it| it == "__name__"), "fleet.labels: must not be the metric's name"),
        ];
        let own = checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, text)| text.to_owned());
        own.chain(self.joint.validate()).collect()
    }

    /// True if a series may belong to a group, so that its shard hands samples over.
    pub(crate) fn wants(&self, labels: &Labels, rule: &Rule) -> bool {
        self.enabled && !rule.is_ignored() && (self.fleet.wants(labels) || self.joint.wants(labels, rule))
    }
}

impl FleetConfig {
    /// True if the series may be a member of a fleet.
    pub(crate) fn wants(&self, labels: &Labels) -> bool {
        self.enabled && self.labels.iter().any(|it| labels.get(it).is_some())
    }

    /// What all members of the series' fleet have in common.
    pub(crate) fn common(&self, labels: &Labels) -> Labels {
        Labels::new(labels.iter().filter(|(name, _)| !self.labels.iter().any(|it| it == name)))
    }
}
