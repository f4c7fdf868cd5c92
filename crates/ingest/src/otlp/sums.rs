//! How do increases become counters? They are added up per series, because everything behind this point knows only
//! counters that are told as a whole.
//!
//! Memory is bounded by two generations, as in `label_cache`: series that are no longer told are forgotten, and begin
//! again at 0 when they come back, which a reader of counters takes for a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use signal::{SeriesId, Timestamp};

/// Buckets of one exponential histogram by the order of their bounds.
pub(super) type Buckets = BTreeMap<i32, f64>;

/// What was added up so far.
#[derive(Debug)]
pub(super) struct Sums {
    numbers: Mutex<Generations<f64>>,
    buckets: Mutex<Generations<Buckets>>,
}

/// An increase is older than the one before it.
#[derive(Debug, PartialEq)]
pub(super) struct OutOfOrder;

/// Histograms take some twenty times the memory of a number.
const NUMBERS_PER_HISTOGRAM: usize = 20;

impl Sums {
    /// Holds at most twice `most` series.
    pub(super) fn new(most: usize) -> Self {
        let most_histograms = (most / NUMBERS_PER_HISTOGRAM).max(1);
        Self { numbers: Generations::new(most.max(1)).into(), buckets: Generations::new(most_histograms).into() }
    }

    /// Adds the increase of a series; the sum now. What comes again with the time of the last increase is answered
    /// with the same sum and not added, so that a batch that is sent again counts once.
    pub(super) fn add(&self, series: SeriesId, time: Timestamp, increase: f64) -> Result<f64, OutOfOrder> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = numbers.at(series, time, |sum| *sum += increase)?;
        Ok(*sum)
    }

    /// The same for the buckets of an exponential histogram; `tidy` bounds their number.
    pub(super) fn add_buckets(
        &self,
        series: SeriesId,
        time: Timestamp,
        increase: &Buckets,
        tidy: impl Fn(&mut Buckets),
    ) -> Result<Buckets, OutOfOrder> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = buckets.at(series, time, |sum| {
            for (bound, count) in increase {
                *sum.entry(*bound).or_default() += count;
            }
            tidy(sum);
        })?;
        Ok(sum.clone())
    }
}

#[derive(Debug)]
struct Generations<T> {
    most: usize,
    newer: HashMap<SeriesId, (Timestamp, T)>,
    older: HashMap<SeriesId, (Timestamp, T)>,
}

impl<T: Default> Generations<T> {
    fn new(most: usize) -> Self {
        Self { most, newer: HashMap::new(), older: HashMap::new() }
    }

    fn at(&mut self, series: SeriesId, time: Timestamp, add: impl FnOnce(&mut T)) -> Result<&T, OutOfOrder> {
        if !self.newer.contains_key(&series) {
            let known = self.older.remove(&series).unwrap_or((Timestamp::MIN, T::default()));
            if self.newer.len() >= self.most {
                self.older = std::mem::take(&mut self.newer);
            }
            self.newer.insert(series, known);
        }
        let (last, sum) = self.newer.entry(series).or_insert_with(|| (Timestamp::MIN, T::default()));
        if time < *last {
            return Err(OutOfOrder);
        }
        if time > *last {
            *last = time;
            add(sum);
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(number: u64) -> SeriesId {
        SeriesId::from_hash(number)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// Guarantees: MUST 216 of docs/specs/ingest.md.
    #[test]
    fn increases_are_added_up_and_repeats_are_not() {
        let sums = Sums::new(10);
        assert_eq!(sums.add(series(1), at(1), 5.0), Ok(5.0));
        assert_eq!(sums.add(series(1), at(2), 2.0), Ok(7.0));
        assert_eq!(sums.add(series(1), at(2), 2.0), Ok(7.0), "the same batch again");
        assert_eq!(sums.add(series(1), at(1), 5.0), Err(OutOfOrder));
        assert_eq!(sums.add(series(2), at(1), 1.0), Ok(1.0), "series do not mix");
    }

    /// Guarantees: MUST 216.
    #[test]
    fn memory_is_bounded_and_what_is_told_stays() {
        let sums = Sums::new(100);
        for idx in 1..1000 {
            sums.add(series(idx), at(1), 1.0).unwrap();
            assert_eq!(sums.add(series(0), at(i64::try_from(idx).unwrap()), 1.0), Ok(idx as f64));
        }
        let numbers = sums.numbers.lock().unwrap();
        assert!(numbers.newer.len() <= 100 && numbers.older.len() <= 100);
        drop(numbers);
        assert_eq!(sums.add(series(1), at(2), 1.0), Ok(1.0), "what is not told any more begins again");
    }

    #[test]
    fn buckets_are_added_one_by_one() {
        let sums = Sums::new(10);
        let none = |_: &mut Buckets| {};
        sums.add_buckets(series(1), at(1), &Buckets::from([(3, 5.0)]), none).unwrap();
        let sum = sums.add_buckets(series(1), at(2), &Buckets::from([(1, 2.0)]), none).unwrap();
        assert_eq!(sum, Buckets::from([(1, 2.0), (3, 5.0)]));
    }
}
