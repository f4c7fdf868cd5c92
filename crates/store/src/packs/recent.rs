//! Was a record there before? Digests of the newest ones tell, so that a push whose acknowledgement was lost can come
//! again.

use std::collections::{HashMap, HashSet, VecDeque};

/// Digests of the newest records.
#[derive(Debug)]
pub struct Recent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
    capacity: usize,
}

impl Recent {
    /// Remembers this many records.
    pub fn new(capacity: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), capacity }
    }

    /// Remembers a digest; false if it is known.
    pub fn insert(&mut self, digest: u64) -> bool {
        if self.capacity == 0 {
            return true;
        }
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// Makes the digests of one push different. The second of two equal records in one push has a digest of its own: a
/// program may say the same thing twice in one millisecond, and a push that comes again has the same digests again.
/// Of stored records, which are all different, it makes the same digests that they were stored with.
pub fn told_apart(digests: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut seen: HashMap<u64, u64> = HashMap::with_capacity(digests.size_hint().0);
    let apart = |digest: u64| {
        let times_before = seen.entry(digest).or_default();
        *times_before += 1;
        digest.wrapping_add((*times_before - 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    };
    digests.map(apart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_again_is_known_and_a_repeated_record_is_not() {
        let mut recent = Recent::new(2);
        let mut store =
            |push: &[u64]| told_apart(push.iter().copied()).into_iter().filter(|it| recent.insert(*it)).count();
        assert_eq!((store(&[7, 7]), store(&[7, 7])), (2, 0));
        assert_eq!((store(&[8]), store(&[7])), (1, 1), "the oldest is forgotten");
    }

    #[test]
    fn stored_records_have_the_digests_they_were_stored_with() {
        let mut recent = Recent::new(10);
        let pushes = [vec![5, 5], vec![5, 5, 5], vec![6]];
        let stored: Vec<u64> = pushes
            .iter()
            .flat_map(|push| push.iter().copied().zip(told_apart(push.iter().copied())).collect::<Vec<_>>())
            .filter(|(_, apart)| recent.insert(*apart))
            .map(|(digest, _)| digest)
            .collect();
        assert_eq!(stored, [5, 5, 5, 6]);
        let mut after_a_restart = Recent::new(10);
        told_apart(stored.into_iter()).into_iter().for_each(|it| assert!(after_a_restart.insert(it)));
        assert_eq!(after_a_restart.known, recent.known);
    }
}
