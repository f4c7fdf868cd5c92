//! How are things found whose key is a hash already? In a map that does not hash it again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by keys that are hashes: of series, or under a secret of this process.
pub(crate) type Hashed<K, T> = HashMap<K, T, BuildHasherDefault<Identity>>;

/// Hands on 64 bits of the key, of 128 the lower ones.
#[derive(Debug, Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    /// Other keys are not expected; they are still told apart.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, it| hash.rotate_left(8) ^ u64::from(*it));
    }
}
