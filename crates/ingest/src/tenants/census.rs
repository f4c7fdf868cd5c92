//! Which label makes the series so many? Distinct values per label name and series per metric, in bounded memory.

use std::collections::HashMap;

use signal::Labels;
use xxhash_rust::xxh3::xxh3_64;

/// Names of labels that are looked after; what comes later is not.
const MOST_NAMES: usize = 256;
/// Metrics that are looked after.
const MOST_METRICS: usize = 10_000;
/// Registers of one estimate, as a power of two: 512 bytes for a standard error of 4.6 %.
const REGISTER_BITS: u32 = 9;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// The constant of `HyperLogLog` for 128 registers and more.
const ALPHA: f64 = 0.7213 / (1.0 + 1.079 / REGISTERS as f64);

/// How many values a label has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelUse {
    /// The label.
    pub name: String,
    /// Different values, estimated.
    pub values: u64,
}

/// How many series a metric has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricUse {
    /// The metric.
    pub name: String,
    /// Its series.
    pub series: u64,
}

/// What the series of one tenant have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    labels: HashMap<Box<str>, Distinct>,
    metrics: HashMap<Box<str>, u64>,
    series: u64,
}

impl Census {
    /// Takes in a series that was not noted before.
    pub(super) fn note(&mut self, labels: &Labels) {
        self.series += 1;
        for (name, value) in labels.iter() {
            let hash = xxh3_64(value.as_bytes());
            if let Some(it) = self.labels.get_mut(name) {
                it.add(hash);
            } else if self.labels.len() < MOST_NAMES {
                self.labels.entry(name.into()).or_default().add(hash);
            }
        }
        if let Some(it) = self.metrics.get_mut(labels.name()) {
            *it += 1;
        } else if self.metrics.len() < MOST_METRICS && !labels.name().is_empty() {
            self.metrics.insert(labels.name().into(), 1);
        }
    }

    /// Series noted.
    pub(super) const fn len(&self) -> u64 {
        self.series
    }

    /// The labels of both. Metrics stay those of the first.
    pub(super) fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for (name, distinct) in &other.labels {
            joined.labels.entry(name.clone()).or_default().join(distinct);
        }
        joined
    }

    pub(super) fn labels(&self, most: usize) -> Vec<LabelUse> {
        let uses = self.labels.iter().map(|(name, it)| LabelUse { name: name.to_string(), values: it.count() });
        let mut uses: Vec<_> = uses.collect();
        uses.sort_by(|a, b| b.values.cmp(&a.values).then_with(|| a.name.cmp(&b.name)));
        uses.truncate(most);
        uses
    }

    pub(super) fn metrics(&self, most: usize) -> Vec<MetricUse> {
        let uses = self.metrics.iter().map(|(name, series)| MetricUse { name: name.to_string(), series: *series });
        let mut uses: Vec<_> = uses.collect();
        uses.sort_by(|a, b| b.series.cmp(&a.series).then_with(|| a.name.cmp(&b.name)));
        uses.truncate(most);
        uses
    }
}

/// Counts different values without keeping them: `HyperLogLog` (Flajolet, Fusy, Gandouet and Meunier 2007), with linear
/// counting for few.
#[derive(Clone, Debug)]
struct Distinct {
    /// The longest run of zeros, plus one, of the hashes that fell to each register.
    registers: Box<[u8; REGISTERS]>,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { registers: Box::new([0; REGISTERS]) }
    }
}

impl Distinct {
    fn add(&mut self, hash: u64) {
        let run = (hash << REGISTER_BITS).leading_zeros().min(64 - REGISTER_BITS) + 1;
        if let Some(it) = self.registers.get_mut((hash >> (64 - REGISTER_BITS)) as usize) {
            *it = (*it).max(run as u8);
        }
    }

    fn join(&mut self, other: &Self) {
        for (own, other) in self.registers.iter_mut().zip(other.registers.iter()) {
            *own = (*own).max(*other);
        }
    }

    fn count(&self) -> u64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|it| (-f64::from(*it)).exp2()).sum();
        let estimate = ALPHA * registers * registers / sum;
        let n_empty = self.registers.iter().filter(|it| **it == 0).count();
        let is_small = estimate <= 2.5 * registers && n_empty > 0;
        (if is_small { registers * (registers / n_empty as f64).ln() } else { estimate }).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_values_are_estimated_within_four_standard_errors() {
        for n in [1_u64, 10, 100, 1_000, 10_000, 1_000_000] {
            let mut distinct = Distinct::default();
            for value in 0..n {
                distinct.add(xxh3_64(&value.to_le_bytes()));
                distinct.add(xxh3_64(&(value / 2).to_le_bytes()));
            }
            let relative = distinct.count() as f64 / n as f64;
            assert!((relative - 1.0).abs() < 4.0 * 0.046, "{n}: {}", distinct.count());
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut census = Census::default();
        for idx in 0..20_000 {
            census.note(&Labels::metric(&format!("metric_{idx}"), &[(&format!("label_{idx}"), "x")]));
        }
        assert_eq!((census.labels.len(), census.metrics.len()), (MOST_NAMES, MOST_METRICS));
        assert_eq!(census.labels(1)[0].name, "__name__");
    }
}
