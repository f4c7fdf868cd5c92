//! What belongs to a series? A map by its identity, which is a hash already and is not hashed again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::labels::SeriesId;

/// A map by series.
pub type SeriesMap<T> = HashMap<SeriesId, T, BuildHasherDefault<Identity>>;

/// Hands on the 64 bits of a [`SeriesId`]: they come from XXH3 and are spread evenly.
#[derive(Debug, Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Other keys are not expected; they are still told apart.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, it| hash.rotate_left(8) ^ u64::from(*it));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_found_again() {
        let mut map = SeriesMap::default();
        for hash in 0..1000_u64 {
            map.insert(SeriesId::from_hash(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)), hash);
        }
        assert_eq!(map.len(), 1000);
        assert_eq!(map.get(&SeriesId::from_hash(0x9e37_79b9_7f4a_7c15)), Some(&1));
    }
}
