//! Does a pack hold a word? A Bloom filter answers "no" or "perhaps", in ten bits per word.
//!
//! Source: Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970; two hashes make all the others
//! (Kirsch and Mitzenmacher, 2006).

use xxhash_rust::xxh3::xxh3_64;

/// About 1 % of the words that are not there are taken for there.
const BITS_PER_WORD: usize = 10;
const PROBES: u64 = 6;

/// Hash of a word in lower case.
pub fn hash(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// Calls `add` with the hash of each word of a text: runs of letters and digits, in lower case.
pub fn hashes(text: &str, out: &mut Vec<u64>) {
    let mut buffer = [0_u8; 64];
    for word in text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()) {
        match buffer.get_mut(..word.len()).filter(|_| word.is_ascii()) {
            Some(lower) => {
                lower.copy_from_slice(word.as_bytes());
                lower.make_ascii_lowercase();
                out.push(xxh3_64(lower));
            }
            None => out.push(hash(&word.to_lowercase())),
        }
    }
}

/// The bytes of a filter for these hashes, which may repeat.
pub fn build(mut hashes: Vec<u64>) -> Vec<u8> {
    hashes.sort_unstable();
    hashes.dedup();
    let mut bytes = vec![0_u8; (hashes.len() * BITS_PER_WORD).div_ceil(8).max(8)];
    let n_bits = bytes.len() as u64 * 8;
    for position in hashes.iter().flat_map(|it| positions(*it, n_bits)) {
        if let Some(byte) = bytes.get_mut(position / 8) {
            *byte |= 1 << (position % 8);
        }
    }
    bytes
}

/// False if one of the words is certainly not there.
pub fn may_hold_all(filter: &[u8], words: &[u64]) -> bool {
    let n_bits = filter.len() as u64 * 8;
    let has = |position: usize| filter.get(position / 8).is_some_and(|it| it & (1 << (position % 8)) != 0);
    n_bits > 0 && words.iter().all(|it| positions(*it, n_bits).all(has))
}

fn positions(hash: u64, n_bits: u64) -> impl Iterator<Item = usize> {
    let step = hash.rotate_left(32) | 1;
    (0..PROBES).map(move |it| (hash.wrapping_add(step.wrapping_mul(it)) % n_bits) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<u64> {
        let mut found = vec![];
        hashes(text, &mut found);
        found
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(of("DB_pool: \u{dc}ber 17"), ["db", "pool", "\u{fc}ber", "17"].map(hash));
        let long = "x".repeat(100);
        assert_eq!(of(&long.to_uppercase()), [hash(&long)]);
        assert!(of("*** --").is_empty());
    }

    #[test]
    fn what_is_there_is_always_found_and_little_else() {
        let words: Vec<u64> = (0..10_000).map(|it| hash(&it.to_string())).collect();
        let filter = build(words.clone());
        assert_eq!(filter.len(), 12_500);
        assert!(words.iter().all(|it| may_hold_all(&filter, &[*it])));
        let wrong = (10_000..30_000).filter(|it| may_hold_all(&filter, &[hash(&it.to_string())])).count();
        assert!(wrong < 400, "{wrong} of 20,000");
        assert!(may_hold_all(&filter, &[]) && !may_hold_all(&[], &[1]));
        assert!(!may_hold_all(&build(vec![]), &[hash("x")]));
    }
}
