//! Which words can be looked for where they lie? Random identities: no code makes them smaller than they are, so they lie
//! plain, with equally many bits each, and a search compares them one by one instead of asking a filter, which would take
//! six bits more for each.
//!
//! ```text
//! directory = for each column: part | form (see [`super::form`]) | count | low bits | bytes of the row of highs
//! bytes     = for each column: the lowest bits of each number | row of what is above them
//! part      = 0 whole words, 1 and 2 the first and the last 16 digits of 32
//! ```

use xxhash_rust::xxh3::xxh3_64;

use super::form::{Form, is_digit};
use crate::bytes::{Reader, put_varint};
use crate::rows::bits::{BitReader, BitWriter};
use crate::rows::{self, Effort};

/// Of fewer bits too many are the same by chance.
const MIN_LOW: u32 = 10;
/// So many bits at most are counted instead of lying plain.
const MOST_HIGH: u32 = 7;
/// About what one number that occurs takes in a table of frequencies, in bits.
const ENTRY_BITS: f64 = 10.0;

/// Which of its digits a number is of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    First,
    Last,
}

/// Columns that lie plain.
#[derive(Debug, Default)]
pub struct Plain {
    pub directory: Vec<u8>,
    pub bytes: Vec<u8>,
    /// The checksum of the bytes of each column.
    pub sums: Vec<u32>,
    /// Hashes of the words that are found here.
    pub words: Vec<u64>,
}

impl Plain {
    /// Adds a column; its words are added by whoever knows them.
    pub fn put(&mut self, part: Part, form: &Form<'_>, numbers: &[i64], low: u32) {
        self.directory.push(part as u8);
        form.put(&mut self.directory);
        put_varint(&mut self.directory, numbers.len() as u64);
        self.directory.push(low as u8);
        let begin = self.bytes.len();
        let mut lows = BitWriter::default();
        numbers.iter().for_each(|it| lows.put(*it as u64, low));
        lows.finish(&mut self.bytes);
        let highs: Vec<i64> = numbers.iter().map(|it| high(*it as u64, low) as i64).collect();
        let start = self.bytes.len();
        rows::encode(&highs, Effort::Dense, &mut self.bytes);
        put_varint(&mut self.directory, (self.bytes.len() - start) as u64);
        self.sums.push(crc32fast::hash(self.bytes.get(begin..).unwrap_or_default()));
    }

    /// A word that a search will find here.
    pub fn cover(&mut self, word: &str) {
        self.words.push(xxh3_64(word.to_ascii_lowercase().as_bytes()));
    }

    /// Adds all of another one.
    pub fn append(&mut self, other: &mut Self) {
        self.directory.append(&mut other.directory);
        self.bytes.append(&mut other.bytes);
        self.sums.append(&mut other.sums);
        self.words.append(&mut other.words);
    }
}

/// With how many plain bits the numbers take least; None if there are too few.
pub fn best_low(numbers: &[i64]) -> Option<u32> {
    let width = numbers.iter().map(|it| 64 - (*it as u64).leading_zeros()).max()?;
    let lowest = width.saturating_sub(MOST_HIGH).max(MIN_LOW);
    let mut counts = vec![0_u32; 1 << MOST_HIGH];
    for number in numbers {
        *counts.get_mut(high(*number as u64, lowest) as usize)? += 1;
    }
    let mut costs = vec![];
    for low in lowest..=width {
        let used = counts.iter().filter(|it| **it > 0).map(|it| f64::from(*it));
        let entropy: f64 = used.map(|it| ENTRY_BITS - it * (it / numbers.len() as f64).log2()).sum();
        costs.push((low, f64::from(low) * numbers.len() as f64 + entropy));
        counts = counts.chunks(2).map(|it| it.iter().sum()).collect();
    }
    costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|it| it.0)
}

const fn high(number: u64, low: u32) -> u64 {
    if low >= 64 { 0 } else { number >> low }
}

/// A column as the directory has it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub part: Part,
    pub form: Form<'a>,
    pub count: usize,
    low: u32,
    low_bytes: usize,
    high_bytes: usize,
}

impl<'a> Entry<'a> {
    /// The next one; None if there is none.
    pub fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let part = [Part::Whole, Part::First, Part::Last].get(usize::from(reader.byte()?)).copied()?;
        let form = Form::read(reader)?;
        let count = usize::try_from(reader.varint()?).ok()?;
        let low = u32::from(reader.byte()?);
        if !(1..=64).contains(&low) {
            return None;
        }
        let low_bytes = count.checked_mul(low as usize)?.div_ceil(8);
        Some(Self { part, form, count, low, low_bytes, high_bytes: usize::try_from(reader.varint()?).ok()? })
    }

    /// How many of the bytes are its own.
    pub fn bytes(&self) -> Option<usize> {
        self.low_bytes.checked_add(self.high_bytes)
    }

    /// The number to look for if a word, in lower case, can be here.
    pub fn number_of(&self, word: &str) -> Option<u64> {
        match self.part {
            Part::Whole => self.form.number_of(word),
            Part::First => None,
            Part::Last => {
                let is_id = word.len() == 32 && word.bytes().all(|it| is_digit(it, 1));
                u64::from_str_radix(word.get(16..).filter(|_| is_id)?, 16).ok()
            }
        }
    }

    /// True if a number is among its bytes; None if these are damaged.
    pub fn holds(&self, bytes: &[u8], number: u64) -> Option<bool> {
        let (lows, highs) = bytes.split_at_checked(self.low_bytes)?;
        let places = self.places(lows, number)?;
        if places.is_empty() {
            return Some(false);
        }
        let highs = rows::decode(&mut Reader::new(highs), self.count)?;
        let wanted = high(number, self.low) as i64;
        Some(places.into_iter().any(|it| highs.get(it) == Some(&wanted)))
    }

    /// Where the low bits are those of the number.
    fn places(&self, lows: &[u8], number: u64) -> Option<Vec<usize>> {
        match self.low {
            // As most identities are.
            32 => Some(places_of((number as u32).to_be_bytes(), lows)),
            64 => Some(places_of(number.to_be_bytes(), lows)),
            low => {
                let (wanted, mut bits) = (number & ((1 << low) - 1), BitReader::new(lows));
                let mut places = vec![];
                for place in 0..self.count {
                    if bits.get(low)? == wanted {
                        places.push(place);
                    }
                }
                Some(places)
            }
        }
    }

    /// All numbers.
    pub fn numbers(&self, bytes: &[u8]) -> Option<Vec<i64>> {
        let (lows, highs) = bytes.split_at_checked(self.low_bytes)?;
        let mut highs_reader = Reader::new(highs);
        let highs = rows::decode(&mut highs_reader, self.count).filter(|_| highs_reader.rest().is_empty())?;
        let mut bits = BitReader::new(lows);
        let number = |it: i64| Some(bits.get(self.low)? | (it as u64).checked_shl(self.low).unwrap_or(0));
        highs.into_iter().map(number).map(|it| it.map(|it| it as i64)).collect()
    }
}

fn places_of<const N: usize>(wanted: [u8; N], lows: &[u8]) -> Vec<usize> {
    lows.as_chunks().0.iter().enumerate().filter(|it| *it.1 == wanted).map(|it| it.0).collect()
}

/// Reads one column after the other.
pub struct PlainReader<'a> {
    pub directory: Reader<'a>,
    pub bytes: Reader<'a>,
}

impl<'a> PlainReader<'a> {
    /// From both.
    pub const fn new(directory: &'a [u8], bytes: &'a [u8]) -> Self {
        Self { directory: Reader::new(directory), bytes: Reader::new(bytes) }
    }

    /// The next column, which must have so many numbers.
    pub fn column(&mut self, count: usize) -> Option<(Entry<'a>, Vec<i64>)> {
        let entry = Entry::read(&mut self.directory).filter(|it| it.count == count)?;
        let numbers = entry.numbers(self.bytes.take(entry.bytes()?)?)?;
        Some((entry, numbers))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(words: &[&str]) -> Plain {
        let form = Form::of(words).or_else(|| Form::of_letters(words)).unwrap();
        let numbers: Vec<i64> = words.iter().map(|it| form.number(it)).collect();
        let mut plain = Plain::default();
        plain.put(Part::Whole, &form, &numbers, best_low(&numbers).unwrap_or(1));
        plain
    }

    #[test]
    fn what_is_there_is_found_and_nothing_else() {
        let mut random = fastrand::Rng::with_seed(1);
        let words: Vec<String> = (0..1000).map(|_| random.u64(5_000_000_000..).to_string()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|it| it.len() < 20).collect();
        let plain = written(&words);
        let entry = Entry::read(&mut Reader::new(&plain.directory)).unwrap();
        let holds = |word: &str| entry.holds(&plain.bytes, entry.number_of(word).unwrap()).unwrap();
        assert!(words.iter().all(|it| holds(it)));
        assert!((0..1000).all(|_| !holds(&random.u64(5_000_000_000..1 << 62).to_string())));
    }

    #[test]
    fn few_bits_more_than_random_ones_are_taken() {
        let mut random = fastrand::Rng::with_seed(1);
        for (end, bits) in [(1_u64 << 32, 32.0), (5_000_000_000, 32.3), (100_000, 16.7), (3 << 40, 41.7)] {
            let words: Vec<String> = (0..4000).map(|_| random.u64(..end).to_string()).collect();
            let plain = written(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let each = plain.bytes.len() as f64 * 8.0 / 4000.0;
            assert!((bits - 0.1..bits + 0.3).contains(&each), "{each} for {bits}");
        }
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(words in prop_oneof![
            prop::collection::vec("[0-9]{1,18}", 1..50).prop_map(|it| it.iter().map(|it| it.trim_start_matches('0').to_owned() + "1").collect::<Vec<_>>()),
            prop::collection::vec("[0-9a-f]{16}", 1..50),
            prop::collection::vec("[a-z]{9}", 1..50),
        ]) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let plain = written(&words);
            let mut reader = PlainReader::new(&plain.directory, &plain.bytes);
            let (entry, numbers) = reader.column(words.len()).unwrap();
            for (word, number) in words.iter().zip(numbers) {
                let mut out = vec![];
                entry.form.put_word(number as u64, &mut out);
                prop_assert_eq!(out, word.as_bytes());
                prop_assert_eq!(entry.holds(&plain.bytes, entry.number_of(word).unwrap()), Some(true));
            }
        }

        #[test]
        fn any_bytes_are_survived(directory in prop::collection::vec(0..70_u8, 0..30), bytes in prop::collection::vec(any::<u8>(), 0..60), count in 0..50_usize) {
            let _ = PlainReader::new(&directory, &bytes).column(count);
            if let Some(entry) = Entry::read(&mut Reader::new(&directory)) {
                let _ = entry.holds(&bytes, 7);
            }
        }
    }
}
