//! What is the identity of a text? A 64-bit hash that is the same on all machines and in all releases.

use std::hash::{BuildHasherDefault, Hasher};

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Eight bytes at a time, multiply and fold; not meant to resist an attacker, who could only merge two templates.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut state = MULTIPLIER ^ bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    mix(mix(state, tail), MULTIPLIER)
}

/// Joins two hashes; the order matters.
pub(super) fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word) * u128::from(MULTIPLIER | 1);
    (product as u64 ^ (product >> 64) as u64).rotate_left(23).wrapping_add(word)
}

/// Keys that are hashes already.
pub(super) type AlreadyHashed = BuildHasherDefault<Identity>;

/// Gives a `u64` key back as its hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn near_texts_have_far_hashes_and_the_value_is_fixed() {
        let texts = ["", "a", "b", "aa", "ab", "ba", "abcdefgh", "abcdefgi", "abcdefgh\0", "hgfedcba"];
        let hashes: HashSet<u64> = texts.iter().map(|it| hash(it.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        let low_bits: HashSet<u64> = (0..1000).map(|it| hash(format!("line {it}").as_bytes()) & 0xffff).collect();
        assert!(low_bits.len() > 980, "{}", low_bits.len());
    }
}
