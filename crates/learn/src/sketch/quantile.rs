//! Which value is larger than 95 % of all? Counts in buckets that grow by 2 %, so that the answer is right to 1 %.
//!
//! Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019.
//! Positive and negative values have buckets of their own; zero and what is smaller than `SMALLEST` is counted apart.
//! When there are too many buckets the ones nearest to zero are joined, so that high percentiles of what is large stay
//! exact to 1 %.

use std::collections::BTreeMap;

/// Relative error of a quantile.
const ACCURACY: f64 = 0.01;
/// Values nearer to zero than this are zero.
const SMALLEST: f64 = 1e-9;
/// Buckets per sign. They span a factor of about 27,000 before the smallest are joined.
const MAX_BUCKETS: usize = 512;

/// A mergeable summary of numbers that answers quantiles within 1 % of the value.
///
/// ```
/// use learn::sketch::QuantileSketch;
///
/// let mut sketch = QuantileSketch::default();
/// (1..=1000).for_each(|it| sketch.learn_one(f64::from(it)));
/// let p95 = sketch.quantile(0.95).unwrap();
/// assert!((p95 - 950.0).abs() < 0.011 * 950.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantileSketch {
    positive: BTreeMap<i32, u32>,
    negative: BTreeMap<i32, u32>,
    zeros: u64,
    count: u64,
    lowest: f64,
    highest: f64,
}

impl QuantileSketch {
    /// Takes in a value. What is not finite is ignored.
    pub fn learn_one(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        (self.lowest, self.highest) = match self.count {
            0 => (value, value),
            _ => (self.lowest.min(value), self.highest.max(value)),
        };
        self.count += 1;
        if value.abs() < SMALLEST {
            self.zeros += 1;
            return;
        }
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        add(side, bucket_of(value.abs()), 1);
    }

    /// Takes in all that another sketch has taken in.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        (self.lowest, self.highest) = match self.count {
            0 => (other.lowest, other.highest),
            _ => (self.lowest.min(other.lowest), self.highest.max(other.highest)),
        };
        self.count += other.count;
        self.zeros += other.zeros;
        other.positive.iter().for_each(|(bucket, count)| add(&mut self.positive, *bucket, *count));
        other.negative.iter().for_each(|(bucket, count)| add(&mut self.negative, *bucket, *count));
    }

    /// The value at a share between 0 and 1 (0.5 is the median), within 1 %; None without values. It is never outside
    /// the values that came in.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 || share.is_nan() {
            return None;
        }
        let rank = share.clamp(0.0, 1.0) * (self.count - 1) as f64;
        let negative = self.negative.iter().rev().map(|(bucket, count)| (-value_of(*bucket), u64::from(*count)));
        let positive = self.positive.iter().map(|(bucket, count)| (value_of(*bucket), u64::from(*count)));
        let mut before = 0;
        let mut found = self.highest;
        for (value, count) in negative.chain([(0.0, self.zeros)]).chain(positive) {
            before += count;
            if before as f64 > rank {
                found = value;
                break;
            }
        }
        Some(found.clamp(self.lowest, self.highest))
    }

    /// How many values have come in.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Memory in bytes, about.
    pub fn state_bytes(&self) -> usize {
        // A node of the tree holds up to 11 pairs and is at least half full.
        size_of::<Self>() + (self.positive.len() + self.negative.len()) * 2 * size_of::<(i32, u32)>()
    }
}

fn gamma_ln() -> f64 {
    ((1.0 + ACCURACY) / (1.0 - ACCURACY)).ln()
}

fn bucket_of(magnitude: f64) -> i32 {
    // The logarithm of a finite number over 0.02 is far within 32 bits.
    (magnitude.ln() / gamma_ln()).ceil() as i32
}

/// The value whose relative distance to both edges of the bucket is the same.
fn value_of(bucket: i32) -> f64 {
    (f64::from(bucket) * gamma_ln()).exp() * (1.0 - ACCURACY)
}

fn add(side: &mut BTreeMap<i32, u32>, bucket: i32, count: u32) {
    let entry = side.entry(bucket).or_default();
    *entry = entry.saturating_add(count);
    while side.len() > MAX_BUCKETS {
        let Some((_, smallest)) = side.pop_first() else { return };
        if let Some(mut next) = side.first_entry() {
            *next.get_mut() = next.get().saturating_add(smallest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(values: &[f64], share: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[(share * (sorted.len() - 1) as f64) as usize]
    }

    #[test]
    fn quantiles_are_right_to_one_percent_whatever_the_distribution() {
        let mut random = fastrand::Rng::with_seed(5);
        let exponential = |random: &mut fastrand::Rng| -(1.0 - random.f64()).ln() * 40.0;
        let heavy = |random: &mut fastrand::Rng| (1.0 - random.f64()).powf(-1.2);
        let signed = |random: &mut fastrand::Rng| random.f64() * 200.0 - 100.0;
        let sources: [&dyn Fn(&mut fastrand::Rng) -> f64; 3] = [&exponential, &heavy, &signed];
        for source in sources {
            let values: Vec<f64> = (0..20_000).map(|_| source(&mut random)).collect();
            let mut sketch = QuantileSketch::default();
            values.iter().for_each(|it| sketch.learn_one(*it));
            for share in [0.0, 0.01, 0.25, 0.5, 0.95, 0.99, 1.0] {
                let (found, expected) = (sketch.quantile(share).unwrap(), exact(&values, share));
                assert!((found - expected).abs() <= 0.0101 * expected.abs() + 1e-9, "{share}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn edges() {
        let mut sketch = QuantileSketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        [f64::NAN, f64::INFINITY].iter().for_each(|it| sketch.learn_one(*it));
        assert_eq!(sketch.count(), 0);
        sketch.learn_one(0.0);
        assert_eq!(sketch.quantile(0.99), Some(0.0));
        sketch.learn_one(-7.0);
        assert_eq!(sketch.quantile(0.0), Some(-7.0));
        assert_eq!(sketch.quantile(f64::NAN), None);
    }

    #[test]
    fn memory_is_bounded_and_high_percentiles_survive_it() {
        let mut sketch = QuantileSketch::default();
        for exponent in -300..300 {
            sketch.learn_one(10_f64.powi(exponent));
            sketch.learn_one(-(10_f64.powi(exponent)));
        }
        (0..100_000).for_each(|it| sketch.learn_one(1e6 * (1.0 + f64::from(it))));
        assert!(sketch.state_bytes() < 40_000, "{}", sketch.state_bytes());
        let p90 = sketch.quantile(0.9).unwrap();
        assert!((p90 / 9e10 - 1.0).abs() < 0.02, "{p90}");
    }

    proptest::proptest! {
        #[test]
        fn merging_parts_is_the_same_as_taking_the_whole(
            values in proptest::collection::vec(-1e6..1e6_f64, 0..200), cut in 0usize..200,
        ) {
            let (one, other) = values.split_at(cut.min(values.len()));
            let of = |values: &[f64]| {
                let mut sketch = QuantileSketch::default();
                values.iter().for_each(|it| sketch.learn_one(*it));
                sketch
            };
            let mut merged = of(one);
            merged.merge(&of(other));
            proptest::prop_assert_eq!(merged, of(&values));
        }
    }
}
