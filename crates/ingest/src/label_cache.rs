//! Which labels were sent in these bytes before? A series comes again every second with the same labels: they are read,
//! checked and hashed once, and then shared.
//!
//! Bytes are known by their 128-bit XXH3, which is taken for equality. A sender whose bytes had the hash of another
//! series' bytes would write into that series. So the hash is made with a secret of this process, which comes from the
//! operating system's randomness and is never shown, nor is a hash: such bytes can neither be computed beforehand nor
//! looked for by trial. XXH3 is no cryptographic function; nothing beyond that is claimed.
//!
//! Two generations bound the memory and forget what is no longer sent: when one is full it becomes the older one, and
//! only what is asked for again is taken over.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use signal::Labels;
use xxhash_rust::xxh3::xxh3_128_with_secret;

use crate::hashed::Hashed;

/// Series of one generation: some 50 bytes each, without the labels that are shared with the rest of the program.
const MOST: usize = 262_144;
/// Parts with a lock of their own, so that requests that are read at once seldom wait for each other.
const PARTS: usize = 16;
/// Length of the secret; XXH3 asks for at least 136 bytes.
const SECRET_BYTES: usize = 192;

/// Whose bytes they are: the same bytes may mean something else in another protocol.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Protocol {
    /// Remote write 1.0.
    WriteV1,
    /// Remote write 2.0.
    WriteV2,
    /// Influx line protocol.
    Influx,
    /// OpenTelemetry.
    Otlp,
}

/// Labels by the bytes they came in.
pub struct LabelCache {
    secret: [u8; SECRET_BYTES],
    parts: [Mutex<Generations>; PARTS],
}

#[derive(Default)]
struct Generations {
    newer: Hashed<u128, Labels>,
    older: Hashed<u128, Labels>,
}

impl Default for LabelCache {
    fn default() -> Self {
        // SipHash under the random key that the standard library gives to hash maps stretches that key.
        let random = RandomState::new();
        let mut secret = [0; SECRET_BYTES];
        for (idx, part) in secret.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(&random.hash_one(idx).to_le_bytes());
        }
        Self { secret, parts: Default::default() }
    }
}

impl LabelCache {
    /// What stands for these parts; `scratch` is memory to work in.
    pub(crate) fn key<'a>(
        &self,
        protocol: Protocol,
        parts: impl Iterator<Item = &'a [u8]>,
        scratch: &mut Vec<u8>,
    ) -> u128 {
        scratch.clear();
        scratch.push(protocol as u8);
        for part in parts {
            // The length first, so that no two rows of parts have the same bytes.
            scratch.extend_from_slice(&(part.len() as u64).to_le_bytes());
            scratch.extend_from_slice(part);
        }
        xxh3_128_with_secret(scratch, &self.secret)
    }

    /// The labels, if they came lately.
    pub(crate) fn get(&self, key: u128) -> Option<Labels> {
        let mut generations = self.part(key);
        if let Some(labels) = generations.newer.get(&key) {
            return Some(labels.clone());
        }
        let labels = generations.older.remove(&key)?;
        generations.keep(key, labels.clone());
        Some(labels)
    }

    /// Remembers labels that have been checked.
    pub(crate) fn put(&self, key: u128, labels: &Labels) {
        self.part(key).keep(key, labels.clone());
    }

    fn part(&self, key: u128) -> MutexGuard<'_, Generations> {
        let part = self.parts.get((key >> 64) as usize % PARTS).expect("a remainder is smaller than its divisor");
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, key: u128, labels: Labels) {
        if self.newer.len() >= MOST / PARTS {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cache: &LabelCache, labels: &[&str]) -> u128 {
        cache.key(Protocol::WriteV1, labels.iter().map(|it| it.as_bytes()), &mut vec![])
    }

    #[test]
    fn the_same_bytes_have_the_same_labels_and_others_have_others() {
        let cache = LabelCache::default();
        let labels = Labels::metric("latency", &[("service", "pay")]);
        cache.put(key(&cache, &["ab", "c"]), &labels);
        assert_eq!(cache.get(key(&cache, &["ab", "c"])), Some(labels));
        assert_eq!(cache.get(key(&cache, &["a", "bc"])), None);
        assert_eq!(cache.get(key(&cache, &["abc"])), None);
        let other_protocol = cache.key(Protocol::Influx, [&b"ab"[..], b"c"].into_iter(), &mut vec![]);
        assert_eq!(cache.get(other_protocol), None);
    }

    /// Guarantees: what a sender learns from one process tells it nothing about another, for short and long labels.
    #[test]
    fn every_cache_has_a_secret_of_its_own() {
        let (a, b) = (LabelCache::default(), LabelCache::default());
        let long = "x".repeat(1000);
        for labels in [&["job"][..], &["job", &long], &[]] {
            assert_ne!(key(&a, labels), key(&b, labels), "{labels:?}");
            assert_eq!(key(&a, labels), key(&a, labels), "{labels:?}");
        }
        assert!(a.secret.chunks(8).all(|it| it != [0; 8]));
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let cache = LabelCache::default();
        let labels = Labels::metric("latency", &[]);
        // In each part as many as in the others.
        let key = |idx: u128| idx << 64 | idx;
        for idx in 0..3 * MOST as u128 {
            cache.put(key(idx), &labels);
            assert!(idx % 1000 != 0 || cache.get(key(0)).is_some(), "{idx}");
        }
        let size = |it: &Mutex<Generations>| {
            let generations = it.lock().unwrap();
            generations.newer.len().max(generations.older.len())
        };
        assert!(cache.parts.iter().all(|it| size(it) <= MOST / PARTS));
        assert_eq!(cache.get(key(1)), None, "what nobody asks for is forgotten");
    }
}
