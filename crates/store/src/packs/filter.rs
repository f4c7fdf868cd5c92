//! Does a pack hold a word? "No" or "perhaps", in six or eight bits per word and less for numbers that lie close together.
//!
//! Numbers of which many are near each other (counted ids, times, ports) are kept as intervals: a number within one is
//! perhaps there. All other words are in a ribbon filter (Dillinger and Walzer, arXiv 2103.02515): each word says which
//! rows of a table, xored, must give its fingerprint, and the table solves all these equations. It takes 4 % more than
//! the fingerprints, a Bloom filter for as few errors 44 % more. Older packs have Bloom filters (Bloom 1970; two
//! hashes make all the others, Kirsch and Mitzenmacher 2006).
//!
//! ```text
//! filter = bits of a fingerprint (in older packs 6, without being said) | how many intervals | for each: distance from the end of the one before, length | tries | rows | bits of the rows
//! ```

use xxhash_rust::xxh3::xxh3_64;

use super::kind::Layout;
use crate::bytes::{Reader, put_varint};
use crate::rows::Effort;
use crate::rows::bits::{BitReader, BitWriter};

/// Bits of a fingerprint: 1.6 % of the words that are not there are taken for there, as always in older packs.
const QUICK_BITS: u32 = 6;
/// The same for packs that are merged, of which few words are left in the filter: 0.4 %.
const DENSE_BITS: u32 = 8;
/// Rows that the equation of a word may reach.
const WIDTH: usize = 128;
/// Numbers at most so far apart are in one interval, if it has at least so many.
const NEAR: u64 = 16;
const MIN_NEAR: usize = 6;
/// Longer numbers may not fit into 64 bits.
const MOST_DIGITS: usize = 18;
/// Of Bloom filters in older packs.
const PROBES: u64 = 6;

/// A word as filters know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    hash: u64,
    /// If it has digits only, whatever zeros are before them.
    number: Option<u64>,
}

impl Word {
    /// A word in lower case.
    pub fn new(word: &str) -> Self {
        let is_number = word.len() <= MOST_DIGITS && word.bytes().all(|it| it.is_ascii_digit());
        Self { hash: hash(word), number: word.parse().ok().filter(|_| is_number) }
    }

    /// What is no text.
    pub const fn of_hash(hash: u64) -> Self {
        Self { hash, number: None }
    }
}

/// A word that is looked for.
#[derive(Clone, Debug)]
pub struct Asked {
    word: Word,
    /// In lower case; None for what is no text.
    pub text: Option<String>,
}

impl Asked {
    /// A word in lower case.
    pub fn new(word: &str) -> Self {
        Self { word: Word::new(word), text: Some(word.to_owned()) }
    }

    /// What is no text.
    pub const fn of_hash(word: Word) -> Self {
        Self { word, text: None }
    }
}

/// Hash of a word in lower case.
pub fn hash(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// Adds each word of a text: runs of letters and digits, in lower case.
pub fn add_words(text: &str, out: &mut Vec<Word>) {
    let mut buffer = [0_u8; 64];
    for word in text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()) {
        match buffer.get_mut(..word.len()).filter(|_| word.is_ascii()) {
            Some(lower) => {
                lower.copy_from_slice(word.as_bytes());
                lower.make_ascii_lowercase();
                out.push(Word { hash: xxh3_64(lower), ..Word::new(word) });
            }
            None => out.push(Word::new(&word.to_lowercase())),
        }
    }
}

/// The bytes of a filter for these words, which may repeat, without those that are found elsewhere.
pub fn build(mut words: Vec<Word>, mut found_elsewhere: Vec<u64>, effort: Effort) -> Vec<u8> {
    found_elsewhere.sort_unstable();
    words.retain(|it| found_elsewhere.binary_search(&it.hash).is_err());
    words.sort_unstable_by_key(|it| (it.number, it.hash));
    words.dedup();
    let intervals = intervals(words.iter().filter_map(|it| it.number));
    let fingerprint_bits = if effort == Effort::Quick { QUICK_BITS } else { DENSE_BITS };
    let mut out = vec![fingerprint_bits as u8];
    put_varint(&mut out, intervals.len() as u64);
    let mut end = 0;
    for (first, last) in &intervals {
        put_varint(&mut out, first - end);
        put_varint(&mut out, last - first);
        end = *last;
    }
    let is_in = |number: u64| within(&intervals, number);
    let hashes: Vec<u64> = words.iter().filter(|it| !it.number.is_some_and(is_in)).map(|it| it.hash).collect();
    put_ribbon(&hashes, fingerprint_bits, &mut out);
    out
}

/// Those of the words that are certainly not in the filter.
pub fn lacking<'a>(filter: &[u8], words: &'a [Asked], layout: Layout) -> Vec<&'a Asked> {
    if matches!(layout, Layout::Texts | Layout::Shapes) {
        return words.iter().filter(|it| !bloom_may_hold(filter, it.word)).collect();
    }
    // What cannot be read is no reason to pass over a pack: its records have a checksum of their own.
    let Some(filter) = Filter::read(filter, layout) else { return vec![] };
    words.iter().filter(|it| filter.may_hold(it.word) == Some(false)).collect()
}

/// About how many bytes these words, each once, take in a filter.
pub fn estimate(words: &[&str]) -> usize {
    let mut numbers: Vec<u64> = words.iter().filter_map(|it| Word::new(it).number).collect();
    numbers.sort_unstable();
    let intervals = intervals(numbers.iter().copied());
    let n_within = numbers.iter().filter(|it| within(&intervals, **it)).count();
    // Numbers within intervals take nothing, but packs that lack them are unpacked for them.
    let bits = (words.len() - n_within) * DENSE_BITS as usize * 33 / 32 + n_within;
    bits.div_ceil(8) + 4 * intervals.len()
}

/// First and last of each run of numbers, which are in order, that are near each other.
fn intervals(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64, usize)> = vec![];
    for number in numbers {
        match found.last_mut().filter(|it| number - it.1 <= NEAR) {
            Some(run) => (run.1, run.2) = (number, run.2 + usize::from(number > run.1)),
            None => found.push((number, number, 1)),
        }
    }
    found.into_iter().filter(|it| it.2 >= MIN_NEAR).map(|it| (it.0, it.1)).collect()
}

fn within(intervals: &[(u64, u64)], number: u64) -> bool {
    let behind = intervals.partition_point(|it| it.0 <= number);
    intervals.get(behind.wrapping_sub(1)).is_some_and(|it| number <= it.1)
}

/// What a word says about the table: the first row, which of the rows from there on, and their sum.
fn equation(hash: u64, tries: u64, n_rows: usize, fingerprint_bits: u32) -> (usize, u128, u8) {
    let mixed = mix(hash ^ mix(tries + 1));
    let first = (u128::from(mixed) * (n_rows - WIDTH + 1) as u128) >> 64;
    let (high, low) = (mix(mixed ^ 1), mix(mixed ^ 2));
    (first as usize, u128::from(high) << 64 | u128::from(low) | 1, (mix(mixed ^ 3) >> (64 - fingerprint_bits)) as u8)
}

/// The finalizer of MurmurHash3.
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn put_ribbon(hashes: &[u64], fingerprint_bits: u32, out: &mut Vec<u8>) {
    let mut tries = 0;
    let table = loop {
        // A few rows more with every try: one with twice as many is always solved.
        let n_rows = hashes.len() + hashes.len() * (2 + tries as usize) / 64 + WIDTH;
        match solved(hashes, tries, n_rows, fingerprint_bits) {
            Some(table) => break table,
            None => tries += 1,
        }
    };
    put_varint(out, tries);
    put_varint(out, table.len() as u64);
    let mut bits = BitWriter::default();
    table.iter().for_each(|it| bits.put(u64::from(*it), fingerprint_bits));
    bits.finish(out);
}

/// A table for which all equations hold: Gauss' elimination, in which each equation reaches few rows.
fn solved(hashes: &[u64], tries: u64, n_rows: usize, fingerprint_bits: u32) -> Option<Vec<u8>> {
    let mut rows: Vec<(u128, u8)> = vec![(0, 0); n_rows];
    for hash in hashes {
        let (mut at, mut which, mut sum) = equation(*hash, tries, n_rows, fingerprint_bits);
        loop {
            let row = rows.get_mut(at)?;
            if row.0 == 0 {
                *row = (which, sum);
                break;
            }
            which ^= row.0;
            sum ^= row.1;
            if which == 0 {
                if sum == 0 {
                    break;
                }
                return None;
            }
            let zeros = which.trailing_zeros();
            at += zeros as usize;
            which >>= zeros;
        }
    }
    let mut table = vec![0_u8; n_rows];
    for at in (0..n_rows).rev() {
        let (which, sum) = *rows.get(at)?;
        let value = sum ^ xored(which & !1, |it| table.get(at + it).copied())?;
        *table.get_mut(at)? = if which == 0 { 0 } else { value };
    }
    Some(table)
}

/// The sum of the rows that are named.
fn xored(mut which: u128, row: impl Fn(usize) -> Option<u8>) -> Option<u8> {
    let mut sum = 0;
    while which != 0 {
        sum ^= row(which.trailing_zeros() as usize)?;
        which &= which - 1;
    }
    Some(sum)
}

/// A filter that is read.
struct Filter<'a> {
    fingerprint_bits: u32,
    intervals: Vec<(u64, u64)>,
    tries: u64,
    n_rows: usize,
    bits: &'a [u8],
}

impl<'a> Filter<'a> {
    fn read(bytes: &'a [u8], layout: Layout) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let fingerprint_bits = if layout == Layout::Templates { QUICK_BITS } else { u32::from(reader.byte()?) };
        if !(1..=u8::BITS).contains(&fingerprint_bits) {
            return None;
        }
        let mut end = 0_u64;
        let mut intervals = vec![];
        for _ in 0..reader.count()? {
            let first = end.checked_add(reader.varint()?)?;
            end = first.checked_add(reader.varint()?)?;
            intervals.push((first, end));
        }
        let tries = reader.varint()?;
        let n_rows = usize::try_from(reader.varint()?).ok().filter(|it| *it >= WIDTH)?;
        Some(Self { fingerprint_bits, intervals, tries, n_rows, bits: reader.rest() })
    }

    /// None if the filter is too short.
    fn may_hold(&self, word: Word) -> Option<bool> {
        if word.number.is_some_and(|it| within(&self.intervals, it)) {
            return Some(true);
        }
        let (first, which, sum) = equation(word.hash, self.tries, self.n_rows, self.fingerprint_bits);
        let row = |it: usize| {
            let mut bits = BitReader::from_bit(self.bits, (first + it).checked_mul(self.fingerprint_bits as usize)?);
            bits.get(self.fingerprint_bits).map(|it| it as u8)
        };
        Some(xored(which, row)? == sum)
    }
}

fn bloom_may_hold(filter: &[u8], word: Word) -> bool {
    let n_bits = filter.len() as u64 * 8;
    let has = |position: usize| filter.get(position / 8).is_some_and(|it| it & (1 << (position % 8)) != 0);
    n_bits > 0 && positions(word.hash, n_bits).all(has)
}

fn positions(hash: u64, n_bits: u64) -> impl Iterator<Item = usize> {
    let step = hash.rotate_left(32) | 1;
    (0..PROBES).map(move |it| (hash.wrapping_add(step.wrapping_mul(it)) % n_bits) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<Word> {
        let mut found = vec![];
        add_words(text, &mut found);
        found
    }

    fn holds(filter: &[u8], word: &str) -> bool {
        lacking(filter, &[Asked::new(word)], Layout::Gathered).is_empty()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(of("DB_pool: \u{dc}ber 017"), ["db", "pool", "\u{fc}ber", "017"].map(Word::new));
        assert_eq!(Word::new("017").number, Some(17));
        let long = "x".repeat(100);
        assert_eq!(of(&long.to_uppercase()), [Word::new(&long)]);
        assert!(of("*** --").is_empty());
    }

    #[test]
    fn what_is_there_is_always_found_and_little_else() {
        let name = |it: u32| format!("n{it}");
        for n_words in [0, 1, 100, 10_000] {
            let filter = build((0..n_words).map(|it| Word::new(&name(it))).collect(), vec![], Effort::Quick);
            assert!(filter.len() as f64 <= 0.80 * f64::from(n_words) + 110.0, "{n_words} in {} bytes", filter.len());
            assert!((0..n_words).all(|it| holds(&filter, &name(it))));
            let wrong = (10_000..30_000).filter(|it| holds(&filter, &name(*it))).count();
            assert!(wrong < 450, "{wrong} of 20,000");
        }
        assert!(lacking(&build(vec![], vec![], Effort::Quick), &[], Layout::Gathered).is_empty());
    }

    #[test]
    fn numbers_near_each_other_take_next_to_nothing() {
        let filter =
            build((0..10_000).map(|it| Word::new(&(4_000_000 + it * 7).to_string())).collect(), vec![], Effort::Quick);
        assert!(filter.len() < 120, "{}", filter.len());
        assert!((0..10_000).all(|it| holds(&filter, &(4_000_000 + it * 7).to_string())));
        assert!((0..1000).filter(|it| holds(&filter, &(it * 1000).to_string())).count() < 110);
    }

    proptest! {
        #[test]
        fn nothing_is_missed(words in prop::collection::vec("[0-9]{1,4}|[0-9]{17,20}|[a-c]{1,3}", 0..200)) {
            let filter = build(words.iter().map(|it| Word::new(it)).collect(), vec![], Effort::Quick);
            prop_assert!(words.iter().all(|it| holds(&filter, it)));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for layout in [Layout::Gathered, Layout::Templates, Layout::Shapes] {
                let _ = lacking(&bytes, &[Asked::new("a"), Asked::new("7")], layout);
            }
        }
    }
}
