//! In which order came the records of a pack, which lie sorted by what they are alike in? The ids in order are nearly
//! counted; which run of the sorted records each of them belongs to is told once, for ids and times together.
//!
//! ```text
//! ids = AS_THEY_LIE | rows: the ids
//!     | BY_RUNS                      rows: the ids in order, the run of each
//! run = records whose ids ascend; the next begins where one does not
//! ```

use super::sections::{SectionReader, Sections};
use crate::rows::{self, Effort};

const AS_THEY_LIE: u8 = 0;
const BY_RUNS: u8 = 1;

/// Places of the records of a pack in order of their ids.
#[derive(Clone, Debug)]
pub struct Order {
    places: Vec<usize>,
}

impl Order {
    /// Of the ids as the records lie.
    pub fn of(ids: &[u64]) -> Self {
        let mut places: Vec<usize> = (0..ids.len()).collect();
        places.sort_by_key(|it| ids.get(*it));
        Self { places }
    }

    /// For layouts that tell none.
    pub const fn none() -> Self {
        Self { places: vec![] }
    }

    /// What lies like the records, in order of their ids.
    pub fn sorted<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.places.iter().filter_map(|it| values.get(*it).copied()).collect()
    }

    /// The way back; None if there are not as many values as records.
    pub fn unsorted<T: Copy + Default>(&self, values: &[T]) -> Option<Vec<T>> {
        let mut out = vec![T::default(); self.places.len()];
        for (place, value) in self.places.iter().zip(values) {
            *out.get_mut(*place)? = *value;
        }
        (values.len() == self.places.len()).then_some(out)
    }
}

/// Adds the ids and returns their order.
pub fn put_ids(ids: &[u64], effort: Effort, out: &mut Sections) -> Order {
    let order = Order::of(ids);
    let numbers: Vec<i64> = ids.iter().map(|it| *it as i64).collect();
    let mut as_they_lie = vec![];
    rows::encode(&numbers, effort, &mut as_they_lie);
    let mut by_runs = vec![];
    rows::encode(&order.sorted(&numbers), effort, &mut by_runs);
    rows::encode(&order.sorted(&runs(ids)), effort, &mut by_runs);
    // Times are told in order of the ids, too, and are as dear as the ids where these are.
    let is_by_runs = by_runs.len() < 2 * as_they_lie.len();
    out.heads.push(if is_by_runs { BY_RUNS } else { AS_THEY_LIE });
    out.rows.append(if is_by_runs { &mut by_runs } else { &mut as_they_lie });
    order
}

/// Reads the ids of so many records.
pub fn read_ids(reader: &mut SectionReader<'_>, count: usize) -> Option<(Vec<u64>, Order)> {
    reader.claim(count)?;
    let way = reader.heads.byte()?;
    let first: Vec<u64> = rows::decode(&mut reader.rows, count)?.into_iter().map(|it| it as u64).collect();
    if way == AS_THEY_LIE {
        let order = Order::of(&first);
        return Some((first, order));
    }
    let runs = rows::decode(&mut reader.rows, count)?;
    let mut lengths = vec![0_usize; count];
    for run in &runs {
        *lengths.get_mut(usize::try_from(*run).ok()?)? += 1;
    }
    let mut next = 0;
    let mut starts: Vec<usize> = lengths
        .into_iter()
        .map(|it| {
            next += it;
            next - it
        })
        .collect();
    let mut places = Vec::with_capacity(count);
    for run in runs {
        let start = starts.get_mut(usize::try_from(run).ok()?)?;
        places.push(*start);
        *start += 1;
    }
    let order = Order { places };
    Some((order.unsorted(&first)?, order))
}

fn runs(ids: &[u64]) -> Vec<i64> {
    let mut run = 0;
    let mut before = None;
    let number = |id: &u64| {
        run += i64::from(before.is_some_and(|it| it >= *id));
        before = Some(*id);
        run
    };
    ids.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_after_round_trip(ids: &[u64]) -> usize {
        let mut out = Sections::default();
        let order = put_ids(ids, Effort::Dense, &mut out);
        let text = out.text();
        let (found, found_order) = read_ids(&mut out.reader(&text).unwrap(), ids.len()).unwrap();
        assert_eq!(found, ids);
        assert_eq!(order.sorted(ids), found_order.sorted(ids));
        assert_eq!(order.unsorted(&order.sorted(ids)).as_deref(), Some(ids));
        out.rows.len()
    }

    #[test]
    fn the_order_is_told_once() {
        let mut random = fastrand::Rng::with_seed(1);
        let streams: Vec<u64> = (0..8000).map(|_| random.u64(..8)).collect();
        let mut records: Vec<(u64, u64)> = streams.into_iter().zip(0..).collect();
        records.sort_unstable();
        let ids: Vec<u64> = records.into_iter().map(|it| it.1).collect();
        let bytes = bytes_after_round_trip(&ids);
        assert!(bytes < 3 * 8000 / 8 + 100, "{bytes}");
    }

    proptest! {
        #[test]
        fn any_ids_come_back(ids in prop::collection::hash_set(any::<u64>(), 0..50)) {
            bytes_after_round_trip(&ids.into_iter().collect::<Vec<_>>());
        }
    }
}
