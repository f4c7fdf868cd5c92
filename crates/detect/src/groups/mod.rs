//! Which series do not fit the others? One of a fleet, or several signals of one service together.
//!
//! This stage lies behind the verdicts of the shards. Members of one group live in different shards, so that each shard
//! hands over a sample per series and interval, and one `GroupWatch` brings them together; shards wait for nothing.

mod config;
mod fleets;
mod joints;
mod sample;
mod timing;

use std::sync::Arc;

pub use config::{FleetConfig, GroupsConfig, JointConfig};
pub use sample::GroupSample;
use signal::{Anomaly, GroupStatus, Metric};

use crate::config::Config;
use fleets::Fleets;
use joints::Joints;

/// What is found among groups at a tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// May open an incident.
    pub symptoms: Vec<Anomaly>,
    /// Only stand beside one.
    pub evidence: Vec<Anomaly>,
}

impl Findings {
    /// True if nothing was found.
    pub fn is_empty(&self) -> bool {
        self.symptoms.is_empty() && self.evidence.is_empty()
    }
}

/// All groups. Belongs to one thread.
pub struct GroupWatch {
    fleets: Fleets,
    joints: Joints,
    taken: u64,
    told: u64,
}

impl GroupWatch {
    /// Knows no group yet. The configuration must be valid.
    pub fn new(config: Arc<Config>) -> Self {
        Self { fleets: Fleets::new(Arc::clone(&config)), joints: Joints::new(config), taken: 0, told: 0 }
    }

    /// Takes in what a shard has handed over.
    pub fn observe(&mut self, sample: &GroupSample) {
        self.taken += 1;
        self.fleets.observe(sample);
        self.joints.observe(sample);
    }

    /// Compares what has come in. Call it about every second; time is that of the samples.
    pub fn tick(&mut self) -> Findings {
        let mut found = Findings::default();
        self.fleets.tick(&mut found);
        self.joints.tick(&mut found);
        self.told += (found.symptoms.len() + found.evidence.len()) as u64;
        found
    }

    /// Fleets of at least the least number of members, then services whose signals are known; each in order of labels.
    pub fn groups(&self) -> Vec<GroupStatus> {
        self.fleets.statuses().into_iter().chain(self.joints.statuses()).collect()
    }

    /// What this stage has done.
    pub fn metrics(&self) -> Vec<Metric> {
        const TAKEN: &str = "Samples compared among groups.";
        let mut metrics = vec![
            Metric::counter("sentinel_detect_group_samples_total", TAKEN, self.taken),
            Metric::counter("sentinel_detect_group_anomalies_total", "Anomalies told of groups.", self.told),
        ];
        metrics.extend(self.fleets.metrics());
        metrics.extend(self.joints.metrics());
        metrics
    }
}

#[cfg(test)]
mod joint_tests;
#[cfg(test)]
mod tests;
