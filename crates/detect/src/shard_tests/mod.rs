//! What a shard promises, over simulated hosts and services.

use std::collections::BTreeMap;

use signal::{AnomalyKind, Direction, Severity};

use super::*;

mod counters;
mod hosts;
mod kept;
mod levels;
mod past;

/// A shard, its clock and everything it has told.
struct World {
    shard: Shard,
    now: Timestamp,
    told: Vec<Anomaly>,
}

/// 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);

impl World {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        assert_eq!(config.validate(), Vec::<String>::new());
        Self { shard: Shard::new(Arc::new(config)), now: START, told: vec![] }
    }

    fn see(&mut self, labels: &str, value: f64) -> Verdict {
        self.see_at(labels, self.now, value)
    }

    fn see_at(&mut self, labels: &str, time: Timestamp, value: f64) -> Verdict {
        self.shard.observe(&labels.parse().unwrap(), Point { time, value }, self.now, &mut self.told)
    }

    fn pass(&mut self, secs: i64) {
        for _ in 0..secs {
            self.now = self.now.plus(std::time::Duration::from_secs(1));
            self.shard.tick(self.now, &mut self.told);
        }
    }

    /// One point a second.
    fn run(&mut self, labels: &str, values: impl IntoIterator<Item = f64>) -> Vec<Verdict> {
        let step = |it| {
            self.pass(1);
            self.see(labels, it)
        };
        values.into_iter().map(step).collect()
    }

    fn take(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.told)
    }

    fn fates(&self) -> BTreeMap<&'static str, u64> {
        let pairs = Fate::ALL.iter().zip(self.shard.fates).map(|(fate, count)| (fate.as_str(), count));
        pairs.filter(|(_, count)| *count > 0).collect()
    }
}

fn repeat(value: f64, count: usize) -> impl Iterator<Item = f64> {
    std::iter::repeat_n(value, count)
}

fn noisy(random: &mut fastrand::Rng, value: f64, noise: f64) -> f64 {
    (value + noise * (random.f64() + random.f64() + random.f64() - 1.5)).max(0.0)
}

fn opens(anomaly: &Anomaly) -> bool {
    let rule = crate::policy::Rule::of(&anomaly.labels, &Config::default());
    rule.side(anomaly.direction).usage == crate::policy::Usage::Symptom && !anomaly.is_over
}
