//! What may the operator choose about groups?

use serde::{Deserialize, Serialize};
use signal::Labels;

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
}

impl Default for GroupsConfig {
    fn default() -> Self {
        Self { enabled: true, sample_secs: 5, fleet: FleetConfig::default() }
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
        checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, text)| text.to_owned()).collect()
    }

    /// True if a series may belong to a group, so that its shard hands samples over.
    pub(crate) fn wants(&self, labels: &Labels, rule: &Rule) -> bool {
        self.enabled && !rule.is_ignored() && self.fleet.wants(labels)
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
