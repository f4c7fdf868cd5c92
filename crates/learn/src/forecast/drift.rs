//! Has a model aged? Errors without a unit, and two detectors that notice when they grow.
//!
//! All are pure state: a number in, a word out. Errors are divided by what repeating the last value or season costs, so
//! that thresholds hold for seconds and for bytes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The newest errors of a model, in several measures.
///
/// ```
/// let mut errors = learn::forecast::drift::RecentErrors::new(60, 2.0);
/// errors.add(10.0, 11.0);
/// errors.add(10.0, 7.0);
/// assert_eq!((errors.mae(), errors.mase(), errors.relative()), (Some(2.0), Some(1.0), Some(0.2)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecentErrors {
    capacity: usize,
    naive: f64,
    /// Size of the error and of the value.
    newest: VecDeque<(f64, f64)>,
}

impl RecentErrors {
    /// Keeps the newest `capacity` errors; `naive` is the naive error of the history (`evaluate::forecast::naive_error`).
    pub fn new(capacity: usize, naive: f64) -> Self {
        Self { capacity: capacity.max(1), naive, newest: VecDeque::new() }
    }

    /// Takes in a value and what was told for it; what is not finite is left out.
    pub fn add(&mut self, actual: f64, told: f64) {
        let error = (actual - told).abs();
        if !error.is_finite() {
            return;
        }
        if self.newest.len() == self.capacity {
            self.newest.pop_front();
        }
        self.newest.push_back((error, actual.abs()));
    }

    /// Forgets the errors, after the model was trained again.
    pub fn clear(&mut self) {
        self.newest.clear();
    }

    /// How many errors there are.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// True before the first error.
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// Mean absolute error, in the unit of the series; `None` without errors.
    pub fn mae(&self) -> Option<f64> {
        let n = self.newest.len() as f64;
        (n > 0.0).then(|| self.newest.iter().map(|it| it.0 / n).sum())
    }

    /// Mean absolute error in units of the naive error; `None` without errors, or if the history never changed.
    pub fn mase(&self) -> Option<f64> {
        let scaled = self.mae()? / self.naive;
        scaled.is_finite().then_some(scaled)
    }

    /// Sum of the errors as a share of the sum of the values; `None` without errors, or if all values are 0.
    pub fn relative(&self) -> Option<f64> {
        let n = self.newest.len() as f64;
        let size: f64 = self.newest.iter().map(|it| it.1 / n).sum();
        let share = self.mae()? / size;
        share.is_finite().then_some(share)
    }
}

/// Page's and Hinkley's test for a mean that has grown.
///
/// Source: Page: Continuous inspection schemes, Biometrika 41 (1954); Hinkley: Inference about the change-point from cumulative
/// sum tests, Biometrika 58 (1971).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    /// Growth that does not count, in units of the numbers.
    allowance: f64,
    /// How much growth is summed up before it is told.
    threshold: f64,
    /// Numbers before the first alarm.
    n_least: u64,
    n: u64,
    mean: f64,
    sum: f64,
    lowest: f64,
}

impl PageHinkley {
    /// For numbers of a size near 1, as scaled errors are: allowance 0.25, threshold 10, after 30 numbers.
    pub fn for_scaled_errors() -> Self {
        Self::new(0.25, 10.0, 30)
    }

    /// With an allowance and a threshold in units of the numbers.
    pub fn new(allowance: f64, threshold: f64, n_least: u64) -> Self {
        Self { allowance, threshold, n_least, n: 0, mean: 0.0, sum: 0.0, lowest: 0.0 }
    }

    /// Takes in a number; true if the mean has grown, and then begins anew. What is not finite is left out.
    pub fn learn_one(&mut self, x: f64) -> bool {
        if !x.is_finite() {
            return false;
        }
        self.n += 1;
        self.mean += (x - self.mean) / self.n as f64;
        self.sum += x - self.mean - self.allowance;
        self.lowest = self.lowest.min(self.sum);
        let has_grown = self.n >= self.n_least && self.sum - self.lowest > self.threshold;
        if has_grown {
            *self = Self::new(self.allowance, self.threshold, self.n_least);
        }
        has_grown
    }
}

/// Buckets of one size before two are put together.
const MOST_OF_A_SIZE: usize = 5;
/// Numbers between two looks.
const LOOK_EVERY: u64 = 8;
const LEAST_IN_A_PART: f64 = 5.0;

/// A window that shrinks when its older and its newer part differ (ADWIN), in memory that grows with the logarithm of its
/// length.
///
/// Source: Bifet, Gavalda: Learning from time-changing data with adaptive windowing, SDM 2007.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adwin {
    /// The share of windows without a change that may be taken for one.
    confidence: f64,
    /// Oldest first; sizes are powers of two that never grow towards the newest.
    buckets: VecDeque<Bucket>,
    n_seen: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bucket {
    n: f64,
    mean: f64,
    /// Sum of squares around the mean.
    squares: f64,
}

impl Bucket {
    fn with(self, other: Self) -> Self {
        let n = self.n + other.n;
        if n == 0.0 {
            return self;
        }
        let distance = other.mean - self.mean;
        Self {
            n,
            mean: self.mean + distance * other.n / n,
            squares: self.squares + other.squares + distance * distance * self.n * other.n / n,
        }
    }
}

/// What ADWIN saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The newer numbers are larger.
    Grown,
    /// The newer numbers are smaller.
    Shrunk,
}

impl Adwin {
    /// `confidence` as 0.002: the share of windows without a change that may be taken for one.
    pub fn new(confidence: f64) -> Self {
        Self { confidence, buckets: VecDeque::new(), n_seen: 0 }
    }

    /// Numbers in the window.
    pub fn len(&self) -> usize {
        self.buckets.iter().map(|it| it.n as usize).sum()
    }

    /// True before the first number.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Mean of the window.
    pub fn mean(&self) -> Option<f64> {
        let all = self.whole();
        (all.n > 0.0).then_some(all.mean)
    }

    fn whole(&self) -> Bucket {
        self.buckets.iter().fold(Bucket::default(), |sum, it| sum.with(*it))
    }

    /// Takes in a number of a size near 1; if there was a change, the older part is forgotten. What is not finite is left
    /// out.
    pub fn learn_one(&mut self, x: f64) -> Change {
        if !x.is_finite() {
            return Change::None;
        }
        self.buckets.push_back(Bucket { n: 1.0, mean: x, squares: 0.0 });
        self.put_together();
        self.n_seen += 1;
        let mut change = Change::None;
        while self.n_seen.is_multiple_of(LOOK_EVERY)
            && let Some(found) = self.change()
        {
            change = found;
            self.buckets.pop_front();
        }
        change
    }

    /// Joins the two oldest buckets of every size that has too many.
    fn put_together(&mut self) {
        let mut size = 1.0;
        loop {
            let of_size: Vec<usize> =
                (0..self.buckets.len()).filter(|it| self.buckets.get(*it).is_some_and(|it| it.n == size)).collect();
            let [oldest, next, ..] = of_size.as_slice() else { return };
            if of_size.len() <= MOST_OF_A_SIZE {
                return;
            }
            if let (Some(old), Some(new)) = (self.buckets.get(*oldest).copied(), self.buckets.remove(*next))
                && let Some(bucket) = self.buckets.get_mut(*oldest)
            {
                *bucket = old.with(new);
            }
            size *= 2.0;
        }
    }

    /// How the newer part differs from the older one, at the first cut where it does.
    fn change(&self) -> Option<Change> {
        let all = self.whole();
        let variance = all.squares / all.n;
        let mut older = Bucket::default();
        for bucket in &self.buckets {
            older = older.with(*bucket);
            let n_newer = all.n - older.n;
            if older.n < LEAST_IN_A_PART || n_newer < LEAST_IN_A_PART {
                continue;
            }
            let newer_mean = (all.mean * all.n - older.mean * older.n) / n_newer;
            let harmonic = 1.0 / (1.0 / older.n + 1.0 / n_newer);
            let logarithm = (2.0 * all.n.ln().max(1.0) / self.confidence).ln();
            let limit = (2.0 / harmonic * variance * logarithm).sqrt() + 2.0 / (3.0 * harmonic) * logarithm;
            if (newer_mean - older.mean).abs() > limit {
                return Some(if newer_mean > older.mean { Change::Grown } else { Change::Shrunk });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Errors of a fitted model, and of one whose series has moved away.
    fn errors(seed: u64, n_good: usize, n_bad: usize) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..n_good + n_bad).map(|it| random.normal().abs() * if it < n_good { 1.0 } else { 3.0 }).collect()
    }

    #[test]
    fn both_notice_growth_soon_and_are_silent_before() {
        for seed in 0..10 {
            let (mut test, mut window) = (PageHinkley::for_scaled_errors(), Adwin::new(0.002));
            let numbers = errors(seed, 300, 100);
            let test = numbers.iter().position(|it| test.learn_one(*it)).unwrap();
            let window = numbers.iter().position(|it| window.learn_one(*it) == Change::Grown).unwrap();
            assert!((300..340).contains(&test), "{seed} {test}");
            assert!((300..360).contains(&window), "{seed} {window}");
        }
    }

    #[test]
    fn the_window_is_long_without_a_change_and_short_after_one() {
        let mut window = Adwin::new(0.002);
        errors(1, 2000, 0).into_iter().for_each(|it| assert_eq!(window.learn_one(it), Change::None));
        assert_eq!(window.len(), 2000);
        assert!(window.buckets.len() < 70, "{}", window.buckets.len());
        assert!((window.mean().unwrap() - 0.8).abs() < 0.05);
        let changes: Vec<Change> = errors(2, 0, 200).into_iter().map(|it| window.learn_one(it)).collect();
        assert!(changes.contains(&Change::Grown));
        assert!(window.len() < 400 && window.mean().unwrap() > 2.0, "{} {:?}", window.len(), window.mean());
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let mut errors = RecentErrors::new(2, 0.0);
        errors.add(f64::NAN, 1.0);
        assert!(errors.is_empty() && errors.mae().is_none());
        errors.add(0.0, 0.0);
        assert_eq!((errors.mae(), errors.mase(), errors.relative()), (Some(0.0), None, None));
        (0..5).for_each(|it| errors.add(f64::from(it), 0.0));
        assert_eq!((errors.len(), errors.mae()), (2, Some(3.5)));
        assert!(!PageHinkley::new(0.0, 1.0, 1).learn_one(f64::INFINITY));
        assert_eq!(Adwin::new(0.002).learn_one(f64::NAN), Change::None);
    }
}
