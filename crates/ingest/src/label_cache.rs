//! Which labels were sent in these bytes before? A series comes again every second with the same labels: they are read,
//! checked and hashed once, and then shared.
//!
//! Bytes are known by their 128-bit XXH3, which is taken for equality. Two generations bound the memory and forget what
//! is no longer sent: when one is full it becomes the older one, and only what is asked for again is taken over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use signal::Labels;
use xxhash_rust::xxh3::xxh3_128;

/// Series of one generation: some 50 bytes each, without the labels that are shared with the rest of the program.
const MOST: usize = 262_144;

/// Labels by the bytes they came in.
#[derive(Default)]
pub struct LabelCache(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    newer: HashMap<u128, Labels>,
    older: HashMap<u128, Labels>,
}

/// What stands for these labels; `scratch` is memory to work in.
pub(crate) fn key<'a>(labels: impl Iterator<Item = &'a [u8]>, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    for label in labels {
        // The length first, so that no two rows of labels have the same bytes.
        scratch.extend_from_slice(&(label.len() as u64).to_le_bytes());
        scratch.extend_from_slice(label);
    }
    xxh3_128(scratch)
}

impl LabelCache {
    /// The labels, if they came lately.
    pub(crate) fn get(&self, key: u128) -> Option<Labels> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(labels) = generations.newer.get(&key) {
            return Some(labels.clone());
        }
        let labels = generations.older.remove(&key)?;
        generations.keep(key, labels.clone());
        Some(labels)
    }

    /// Remembers labels that have been checked.
    pub(crate) fn put(&self, key: u128, labels: &Labels) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(key, labels.clone());
    }
}

impl Generations {
    fn keep(&mut self, key: u128, labels: Labels) {
        if self.newer.len() >= MOST {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(labels: &[&str]) -> u128 {
        super::key(labels.iter().map(|it| it.as_bytes()), &mut vec![])
    }

    #[test]
    fn the_same_bytes_have_the_same_labels_and_others_have_others() {
        let cache = LabelCache::default();
        let labels = Labels::metric("latency", &[("service", "pay")]);
        cache.put(key(&["ab", "c"]), &labels);
        assert_eq!(cache.get(key(&["ab", "c"])), Some(labels));
        assert_eq!(cache.get(key(&["a", "bc"])), None);
        assert_eq!(cache.get(key(&["abc"])), None);
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let cache = LabelCache::default();
        let labels = Labels::metric("latency", &[]);
        for idx in 0..3 * MOST as u128 {
            cache.put(idx, &labels);
            assert!(idx % 1000 != 0 || cache.get(0).is_some(), "{idx}");
        }
        let generations = cache.0.lock().unwrap();
        assert!(generations.newer.len() <= MOST && generations.older.len() <= MOST);
        drop(generations);
        assert_eq!(cache.get(1), None, "what nobody asks for is forgotten");
    }
}
