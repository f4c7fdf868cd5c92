//! Which share of values lies below this one? Weighted values of all, right to well under 1 % of the rows.
//!
//! Karnin, Lang, Liberty: "Optimal quantile approximation in streams", FOCS 2016: full levels are sorted and every other
//! value moves up with twice the weight; a coin decides which half, so that errors cancel. Unlike `quantile`, whose
//! error is a share of the value, this one is right in ranks, which is what comparing two distributions needs.

use serde::{Deserialize, Serialize};

/// Capacity of the highest level; with the others the standard error of a rank is about 0.2 %.
const TOP: usize = 512;
/// No level holds fewer: sorting few values at a time would cost more than it saves.
const SMALLEST_LEVEL: usize = 128;
/// Items after [`RankSketch::condensed`]: half a step of rank is 0.15 % at most.
const CONDENSED: u64 = 384;

/// A mergeable summary of numbers that answers ranks; some 20 to 60 KiB whatever their number.
///
/// ```
/// use learn::sketch::RankSketch;
///
/// let mut sketch = RankSketch::default();
/// (0..100_000).for_each(|it| sketch.learn_one(f64::from(it * 7919 % 100_000)));
/// assert!((sketch.share_below(25_000.0) - 0.25).abs() < 0.01);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankSketch {
    /// Values of level `h` stand for `2^h` values each.
    levels: Vec<Vec<f64>>,
    count: u64,
    /// Numbers of tosses so far: the coin is a hash of it, so that the same input gives the same sketch.
    tosses: u64,
}

impl RankSketch {
    /// Takes in a value. NaN is ignored.
    pub fn learn_one(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count += 1;
        self.push(0, value);
        if self.levels.first().is_some_and(|it| it.len() >= 2 * SMALLEST_LEVEL) {
            self.shrink();
        }
    }

    /// A sketch of sorted values whose ranks are off by half a step at most.
    pub fn of_sorted(sorted: &[f64]) -> Self {
        let pairs: Vec<(f64, u64)> = sorted.iter().map(|it| (*it, 1)).collect();
        Self::of_counts(&pairs)
    }

    /// The same of values in rising order with how often each came.
    pub fn of_counts(counts: &[(f64, u64)]) -> Self {
        let count: u64 = counts.iter().map(|it| it.1).sum();
        let mut sketch = Self { levels: Vec::new(), count, tosses: 0 };
        let level = (0..64).find(|it| count >> it <= CONDENSED * 2).unwrap_or(0);
        let weight = 1u64 << level;
        // The middle of each step stands for it; the incomplete last step is put together from lower levels.
        let mut next = weight / 2;
        let (mut before, whole) = (0u64, count / weight * weight);
        for (value, n) in counts {
            before += n;
            while next < before && next < whole {
                sketch.push(level, *value);
                next += weight;
            }
        }
        let rest = count - whole;
        if let Some((value, _)) = counts.last() {
            (0..level).filter(|it| rest >> it & 1 == 1).for_each(|it| sketch.push(it, *value));
        }
        sketch
    }

    /// The same summary in at most 770 values, for a file.
    pub fn condensed(&self) -> Self {
        let items: usize = self.levels.iter().map(Vec::len).sum();
        if items as u64 <= CONDENSED * 2 { self.clone() } else { Self::of_counts(&self.counts()) }
    }

    /// Takes in all that another sketch has taken in.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.tosses = self.tosses.wrapping_add(other.tosses);
        for (level, values) in other.levels.iter().enumerate() {
            values.iter().for_each(|it| self.push(level, *it));
        }
        self.shrink();
    }

    /// How many values have come in.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Values in rising order, each once, with how many values it stands for; the numbers add up to `count`.
    pub fn counts(&self) -> Vec<(f64, u64)> {
        let weighted = |(level, values): (usize, &Vec<f64>)| {
            values.iter().map(move |it| (*it, 1u64 << level)).collect::<Vec<(f64, u64)>>()
        };
        let mut all: Vec<(f64, u64)> = self.levels.iter().enumerate().flat_map(weighted).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        all.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            kept.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        all
    }

    /// The share of values at or below this one, from 0 to 1.
    pub fn share_below(&self, value: f64) -> f64 {
        let below =
            |(level, values): (usize, &Vec<f64>)| (values.iter().filter(|it| **it <= value).count() as u64) << level;
        let below: u64 = self.levels.iter().enumerate().map(below).sum();
        below as f64 / self.count.max(1) as f64
    }

    /// Whether it can have come from values: what was read from a file may say anything.
    pub fn is_sound(&self) -> bool {
        let weight = |(level, values): (usize, &Vec<f64>)| {
            let one = u32::try_from(level).ok().and_then(|it| 1u64.checked_shl(it))?;
            one.checked_mul(values.len() as u64)
        };
        let sum = self.levels.iter().enumerate().map(weight).try_fold(0u64, |sum, it| sum.checked_add(it?));
        sum == Some(self.count) && self.levels.iter().flatten().all(|it| it.is_finite())
    }

    /// Memory in bytes.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.levels.iter().map(|it| it.capacity() * size_of::<f64>()).sum::<usize>()
    }

    fn push(&mut self, level: usize, value: f64) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        if let Some(values) = self.levels.get_mut(level) {
            values.push(value);
        }
    }

    /// Moves half of each full level up, from the lowest on.
    fn shrink(&mut self) {
        let mut level = 0;
        while level < self.levels.len() {
            let room = room(self.levels.len() - 1 - level);
            if self.levels.get(level).is_some_and(|it| it.len() >= room) {
                self.promote(level);
            }
            level += 1;
        }
    }

    fn promote(&mut self, level: usize) {
        let Some(values) = self.levels.get_mut(level) else { return };
        values.sort_unstable_by(f64::total_cmp);
        let odd = if values.len() % 2 == 1 { values.pop() } else { None };
        let values = std::mem::take(values);
        self.tosses = self.tosses.wrapping_add(1);
        let skipped = usize::from(self.tosses.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1);
        values.iter().skip(skipped).step_by(2).for_each(|it| self.push(level + 1, *it));
        // The room is used again.
        if let Some(place) = self.levels.get_mut(level) {
            *place = values;
            place.clear();
            place.extend(odd);
        }
    }
}

/// Values that a level so far below the highest may hold.
fn room(below_top: usize) -> usize {
    let share = (2.0_f64 / 3.0).powi(i32::try_from(below_top).unwrap_or(i32::MAX));
    ((TOP as f64 * share) as usize).max(SMALLEST_LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn values(shape: usize, n: usize) -> Vec<f64> {
        let mut random = Random::new(shape as u64 + 3);
        let value = |idx: usize| match shape {
            0 => random.normal(),
            1 => (1.0 - random.uniform()).powf(-1.5),
            2 => idx as f64,
            3 => (random.uniform() * 20.0).floor(),
            _ => -(idx as f64) + random.normal(),
        };
        (0..n).map(value).collect()
    }

    /// The largest difference between true and told shares, over all values.
    fn worst(sketch: &RankSketch, values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let counts = sketch.counts();
        assert_eq!(counts.iter().map(|it| it.1).sum::<u64>(), values.len() as u64);
        let (mut before, mut worst, mut items) = (0, 0.0_f64, counts.iter().peekable());
        for (idx, value) in sorted.iter().enumerate() {
            if sorted.get(idx + 1) == Some(value) {
                continue;
            }
            while let Some((_, weight)) = items.next_if(|it| it.0 <= *value) {
                before += weight;
            }
            worst = worst.max((before as f64 - (idx + 1) as f64).abs());
        }
        worst / values.len() as f64
    }

    #[test]
    fn ranks_are_right_to_one_percent_in_any_order_and_shape() {
        for shape in 0..5 {
            for n in [10, 1_000, 50_000, 400_000] {
                let values = values(shape, n);
                let mut sketch = RankSketch::default();
                values.iter().for_each(|it| sketch.learn_one(*it));
                assert!(worst(&sketch, &values) <= 0.01, "{shape} {n}: {}", worst(&sketch, &values));
                assert!(worst(&sketch.condensed(), &values) <= 0.01);
                assert!(sketch.state_bytes() < 100_000, "{}", sketch.state_bytes());
            }
        }
    }

    #[test]
    fn parts_of_many_workers_merge() {
        let values = values(0, 200_000);
        let mut merged = RankSketch::default();
        for part in values.chunks(1_000) {
            let mut sorted = part.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            merged.merge(&RankSketch::of_sorted(&sorted));
        }
        assert_eq!(merged.count(), 200_000);
        assert!(worst(&merged, &values) <= 0.01, "{}", worst(&merged, &values));
    }

    #[test]
    fn few_values_are_kept_as_they_are() {
        let mut sketch = RankSketch::default();
        [3.0, f64::NAN, 1.0, 3.0].iter().for_each(|it| sketch.learn_one(*it));
        assert_eq!(sketch.counts(), [(1.0, 1), (3.0, 2)]);
        assert_eq!(RankSketch::of_counts(&[(1.0, 1), (3.0, 2)]).counts(), [(1.0, 1), (3.0, 2)]);
        assert_eq!(RankSketch::default().share_below(1.0), 0.0);
    }

    #[test]
    fn what_cannot_have_come_from_values_is_not_sound() {
        let sound = RankSketch { levels: vec![vec![1.0], vec![2.0]], count: 3, tosses: 0 };
        assert!(sound.is_sound() && RankSketch::default().is_sound());
        assert!(!RankSketch { count: 4, ..sound.clone() }.is_sound());
        assert!(!RankSketch { levels: vec![vec![f64::NAN], vec![2.0]], ..sound.clone() }.is_sound());
        assert!(!RankSketch { levels: vec![vec![1.0]; 70], ..sound }.is_sound());
    }
}
