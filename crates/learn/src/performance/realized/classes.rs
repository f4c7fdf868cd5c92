//! How often is the class right, of many? A square table and the averages over its classes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each class was said for each class that came true. Classes are whatever can be ordered: names, numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "C: Ord + Deserialize<'de>"))]
pub struct Classes<C: Ord> {
    /// Rows by actual class, then by predicted class.
    counts: BTreeMap<C, BTreeMap<C, u64>>,
}

/// Precision, recall and F1 of one class or on average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Share of the rows said to be of the class that are.
    pub precision: f64,
    /// Share of the rows of the class that were said to be.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Rows of the class.
    pub n: u64,
}

impl<C: Ord> Default for Classes<C> {
    fn default() -> Self {
        Self { counts: BTreeMap::new() }
    }
}

impl<C: Ord + Clone> Classes<C> {
    /// Counts one more row.
    pub fn add(&mut self, predicted: C, actual: C) {
        *self.counts.entry(actual).or_default().entry(predicted).or_default() += 1;
    }

    /// Every class that was said or came true, in order.
    pub fn classes(&self) -> Vec<C> {
        let mut classes: Vec<C> = self.counts.keys().cloned().collect();
        classes.extend(self.counts.values().flat_map(|it| it.keys().cloned()));
        classes.sort();
        classes.dedup();
        classes
    }

    /// Rows of `actual` for which `predicted` was said.
    pub fn count(&self, predicted: &C, actual: &C) -> u64 {
        self.counts.get(actual).and_then(|it| it.get(predicted)).copied().unwrap_or(0)
    }

    /// All rows.
    pub fn n(&self) -> u64 {
        self.counts.values().flat_map(BTreeMap::values).sum()
    }

    /// Share of rows that were right; it is also the micro average of precision, recall and F1. NaN without rows.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.counts.iter().map(|(class, said)| said.get(class).copied().unwrap_or(0)).sum();
        right as f64 / self.n() as f64
    }

    /// One class. What has no value is 0 here, so that averages over classes are those of scikit-learn.
    pub fn of(&self, class: &C) -> Quality {
        let right = self.count(class, class);
        let actual: u64 = self.counts.get(class).into_iter().flat_map(BTreeMap::values).sum();
        let said: u64 = self.counts.values().map(|it| it.get(class).copied().unwrap_or(0)).sum();
        Quality {
            precision: share(right, said),
            recall: share(right, actual),
            f1: share(2 * right, said + actual),
            n: actual,
        }
    }

    /// The mean over classes, each as heavy as any other. NaN without rows.
    pub fn macro_average(&self) -> Quality {
        self.average(|_| 1.0)
    }

    /// The mean over classes, each as heavy as it has rows. NaN without rows.
    pub fn weighted_average(&self) -> Quality {
        self.average(|it| it.n as f64)
    }

    fn average(&self, weight: impl Fn(&Quality) -> f64) -> Quality {
        let all: Vec<Quality> = self.classes().iter().map(|it| self.of(it)).collect();
        let total: f64 = all.iter().map(&weight).sum();
        let mean = |part: fn(&Quality) -> f64| all.iter().map(|it| weight(it) * part(it)).sum::<f64>() / total;
        Quality { precision: mean(|it| it.precision), recall: mean(|it| it.recall), f1: mean(|it| it.f1), n: self.n() }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_was_only_said_counts_in_the_mean() {
        let mut table = Classes::default();
        for (predicted, actual) in [("a", "a"), ("a", "b"), ("c", "b")] {
            table.add(predicted, actual);
        }
        assert_eq!(table.classes(), ["a", "b", "c"]);
        assert_eq!((table.n(), table.count(&"c", &"b")), (3, 1));
        assert!((table.macro_average().recall - 1.0 / 3.0).abs() < 1e-15);
        assert!((table.accuracy() - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_has_no_mean() {
        let table = Classes::<u8>::default();
        assert!(table.accuracy().is_nan() && table.macro_average().f1.is_nan());
    }
}
