//! How is a column of words made small? As numbers where all of them are numbers, decimal or hexadecimal, between the same
//! letters; else as words, or as places in a list of those that occur. A column that came before is named.
//!
//! ```text
//! head = SAME | number of the column
//!      | WORDS                                          words: each with a newline behind
//!      | LISTED | how many                              words: the different ones; rows: which of them
//!      | NUMBERS | form                                 rows: the numbers
//!      | LISTED_NUMBERS | how many | form               rows: the different ones, which of them
//!      | HALVES | base                                  rows: the first 16 digits of 32, the other 16
//!      | TEXTS | length of each                         words: with newlines in them, one after the other
//!      | PLAIN                                          see [`super::plain`]
//!      | PLAIN_HALVES | base                            the same, for the first 16 digits of 32 and the other 16
//! form = see [`super::form`]
//! ```

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3;
use zstd::bulk::Compressor;

use super::filter;
use super::form::{Form, is_digit, put_number};
use super::plain::{Part, best_low};
use super::sections::{SectionReader, Sections};
use crate::bytes::{Reader, put_varint};
use crate::rows::{self, Effort};

const SAME: u8 = 0;
const WORDS: u8 = 1;
const LISTED: u8 = 2;
const NUMBERS: u8 = 3;
const LISTED_NUMBERS: u8 = 4;
const HALVES: u8 = 5;
const TEXTS: u8 = 6;
const PLAIN: u8 = 7;
const PLAIN_HALVES: u8 = 8;

/// Shorter columns are words: the head of a row takes more than they do.
const MIN_ROW: usize = 16;
/// What says how many bytes words would take when compressed; each column alone, so a quick level will do.
const ESTIMATE_ZSTD_LEVEL: i32 = 1;

/// Writes columns of words.
pub struct Writer {
    effort: Effort,
    /// Says how many bytes words would take; made once, because that takes longer than most columns.
    estimator: Option<Compressor<'static>>,
    written: HashMap<(usize, u64), usize>,
    n_columns: usize,
}

impl Writer {
    /// No column yet.
    pub fn new(effort: Effort) -> Self {
        let estimator = match effort {
            Effort::Quick => None,
            // Without it, words count as they are.
            Effort::Dense => Compressor::new(ESTIMATE_ZSTD_LEVEL).ok(),
        };
        Self { effort, estimator, written: HashMap::new(), n_columns: 0 }
    }

    /// Adds a column.
    pub fn put(&mut self, words: &[&str], out: &mut Sections) {
        let number = self.n_columns;
        self.n_columns += 1;
        let mut hasher = Xxh3::new();
        words.iter().for_each(|it| {
            // Where a word ends is told by its length: it may have any sign in it.
            hasher.update(&it.len().to_le_bytes());
            hasher.update(it.as_bytes());
        });
        let digest = (words.len(), hasher.digest());
        if words.len() >= MIN_ROW {
            if let Some(same) = self.written.get(&digest) {
                out.heads.push(SAME);
                return put_varint(&mut out.heads, *same as u64);
            }
            self.written.insert(digest, number);
        }
        if words.iter().any(|it| it.contains('\n')) {
            out.heads.push(TEXTS);
            words.iter().for_each(|it| put_varint(&mut out.heads, it.len() as u64));
            return words.iter().for_each(|it| out.words.extend_from_slice(it.as_bytes()));
        }
        let form = Form::of(words).filter(|_| words.len() >= MIN_ROW);
        let numbers = form.as_ref().map(|form| words.iter().map(|it| form.number(it)).collect::<Vec<i64>>());
        let mut ways = vec![];
        if let Some((form, numbers)) = form.as_ref().zip(numbers.as_ref()) {
            ways.push(as_numbers(form, numbers, self.effort));
            ways.extend((self.effort == Effort::Dense).then(|| as_listed_numbers(form, numbers)).flatten());
        }
        if self.effort == Effort::Dense && words.len() >= MIN_ROW {
            ways.extend(as_listed(words));
            ways.extend(as_plain(words));
        }
        ways.extend(as_halves(words, self.effort).filter(|_| words.len() >= MIN_ROW));
        if ways.is_empty() || self.effort == Effort::Dense {
            ways.push(as_words(words));
        }
        let in_filter = if ways.iter().any(|it| !it.plain.words.is_empty()) { in_filter(words) } else { 0 };
        let best =
            if ways.len() == 1 { ways.pop() } else { ways.into_iter().min_by_key(|it| self.estimate(it, in_filter)) };
        if let Some(mut best) = best {
            out.append(&mut best);
        }
    }

    /// Bytes of a column when its words are compressed; `in_filter` are those of its words in a filter.
    pub fn estimate(&mut self, way: &Sections, in_filter: usize) -> usize {
        let compressed = self.estimator.as_mut().filter(|_| !way.words.is_empty()).map(|it| it.compress(&way.words));
        let words = compressed.and_then(Result::ok).map_or(way.words.len(), |it| it.len());
        // Heads are alike.
        let elsewhere = if way.plain.words.is_empty() { in_filter } else { way.plain.directory.len() };
        way.heads.len() / 2 + words + way.rows.len() + way.plain.bytes.len() + elsewhere
    }
}

fn as_words(words: &[&str]) -> Sections {
    let mut way = Sections { heads: vec![WORDS], ..Sections::default() };
    put_words(words.iter().copied(), &mut way.words);
    way
}

fn put_words<'a>(words: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    for word in words {
        out.extend_from_slice(word.as_bytes());
        out.push(b'\n');
    }
}

fn as_listed(words: &[&str]) -> Option<Sections> {
    let mut distinct = words.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() > words.len() / 2 {
        return None;
    }
    let mut way = Sections { heads: vec![LISTED], ..Sections::default() };
    put_varint(&mut way.heads, distinct.len() as u64);
    put_words(distinct.iter().copied(), &mut way.words);
    let place = |it: &&str| distinct.binary_search(it).unwrap_or(0) as i64;
    rows::encode(&words.iter().map(place).collect::<Vec<_>>(), Effort::Dense, &mut way.rows);
    Some(way)
}

fn as_numbers(form: &Form<'_>, numbers: &[i64], effort: Effort) -> Sections {
    let mut way = Sections { heads: vec![NUMBERS], ..Sections::default() };
    form.put(&mut way.heads);
    rows::encode(numbers, effort, &mut way.rows);
    way
}

fn as_listed_numbers(form: &Form<'_>, numbers: &[i64]) -> Option<Sections> {
    let mut distinct = numbers.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() > numbers.len() / 2 {
        return None;
    }
    let mut way = Sections { heads: vec![LISTED_NUMBERS], ..Sections::default() };
    put_varint(&mut way.heads, distinct.len() as u64);
    form.put(&mut way.heads);
    rows::encode(&distinct, Effort::Dense, &mut way.rows);
    let place = |it: &i64| distinct.binary_search(it).unwrap_or(0) as i64;
    rows::encode(&numbers.iter().map(place).collect::<Vec<_>>(), Effort::Dense, &mut way.rows);
    Some(way)
}

/// Identities of 128 bits.
fn as_halves(words: &[&str], effort: Effort) -> Option<Sections> {
    let is_id = |word: &&str, base: u8| word.len() == 32 && word.bytes().all(|it| is_digit(it, base));
    let base = (1..3).find(|base| words.iter().all(|it| is_id(it, *base)))?;
    let mut way = Sections { heads: vec![HALVES, base], ..Sections::default() };
    for half in [0..16, 16..32] {
        let number = |it: &&str| u64::from_str_radix(it.get(half.clone()).unwrap_or_default(), 16).unwrap_or(0) as i64;
        rows::encode(&words.iter().map(number).collect::<Vec<_>>(), effort, &mut way.rows);
    }
    Some(way)
}

/// What the words would take in a filter.
fn in_filter(words: &[&str]) -> usize {
    let mut distinct = words.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    filter::estimate(&distinct)
}

/// If they are the words of a search, and numbers with enough random bits.
fn as_plain(words: &[&str]) -> Option<Sections> {
    let mut way = Sections::default();
    let is_id = |it: &&str, base: u8| it.len() == 32 && it.bytes().all(|it| is_digit(it, base));
    if let Some(base) = (1..3).find(|base| words.iter().all(|it| is_id(it, *base))) {
        way.heads.extend([PLAIN_HALVES, base]);
        let form = Form::of(&["0f"])?;
        for (part, half) in [(Part::First, 0..16), (Part::Last, 16..32)] {
            let number =
                |it: &&str| u64::from_str_radix(it.get(half.clone()).unwrap_or_default(), 16).unwrap_or(0) as i64;
            let numbers: Vec<i64> = words.iter().map(number).collect();
            way.plain.put(part, &form, &numbers, best_low(&numbers)?);
        }
    } else {
        let form = Form::of(words).or_else(|| Form::of_letters(words)).filter(Form::is_word)?;
        let numbers: Vec<i64> = words.iter().map(|it| form.number(it)).collect();
        way.heads.push(PLAIN);
        way.plain.put(Part::Whole, &form, &numbers, best_low(&numbers)?);
    }
    words.iter().for_each(|it| way.plain.cover(it));
    Some(way)
}

/// A column that was read.
pub enum Column<'a> {
    Words(Vec<&'a [u8]>),
    Numbers(Vec<i64>, Form<'a>),
    /// Both halves, and the base.
    Halves(Vec<i64>, Vec<i64>, u8),
    /// As the column with this number.
    Same(usize),
}

/// Reads a column of `count` words; it is the one with this number.
pub fn read<'a>(reader: &mut SectionReader<'a>, count: usize, number: usize) -> Option<Column<'a>> {
    reader.claim(count)?;
    match reader.heads.byte()? {
        SAME => {
            let same = usize::try_from(reader.heads.varint()?).ok().filter(|it| *it < number)?;
            Some(Column::Same(same))
        }
        WORDS => Some(Column::Words(read_words(&mut reader.words, count)?)),
        LISTED => {
            let n_distinct = usize::try_from(reader.heads.varint()?).ok().filter(|it| *it <= count)?;
            let distinct = read_words(&mut reader.words, n_distinct)?;
            let places = rows::decode(&mut reader.rows, count)?.into_iter();
            Some(Column::Words(
                places.map(|it| distinct.get(usize::try_from(it).ok()?).copied()).collect::<Option<_>>()?,
            ))
        }
        NUMBERS => {
            let form = Form::read(&mut reader.heads)?;
            Some(Column::Numbers(rows::decode(&mut reader.rows, count)?, form))
        }
        LISTED_NUMBERS => {
            let n_distinct = usize::try_from(reader.heads.varint()?).ok().filter(|it| *it <= count)?;
            let form = Form::read(&mut reader.heads)?;
            let distinct = rows::decode(&mut reader.rows, n_distinct)?;
            let places = rows::decode(&mut reader.rows, count)?.into_iter();
            let numbers = places.map(|it| distinct.get(usize::try_from(it).ok()?).copied()).collect::<Option<_>>()?;
            Some(Column::Numbers(numbers, form))
        }
        HALVES => {
            let base = reader.heads.byte().filter(|it| (1..3).contains(it))?;
            let first = rows::decode(&mut reader.rows, count)?;
            Some(Column::Halves(first, rows::decode(&mut reader.rows, count)?, base))
        }
        PLAIN => {
            let (entry, numbers) = reader.plain.column(count).filter(|it| it.0.part == Part::Whole)?;
            Some(Column::Numbers(numbers, entry.form))
        }
        PLAIN_HALVES => {
            let base = reader.heads.byte().filter(|it| (1..3).contains(it))?;
            let first = reader.plain.column(count)?.1;
            Some(Column::Halves(first, reader.plain.column(count)?.1, base))
        }
        TEXTS => {
            let text = |reader: &mut SectionReader<'a>| {
                let length = usize::try_from(reader.heads.varint()?).ok()?;
                reader.words.take(length)
            };
            Some(Column::Words((0..count).map(|_| text(reader)).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn read_words<'a>(reader: &mut Reader<'a>, count: usize) -> Option<Vec<&'a [u8]>> {
    let mut words = vec![];
    for _ in 0..count {
        let length = reader.rest().iter().position(|it| *it == b'\n')?;
        words.push(reader.take(length)?);
        reader.byte()?;
    }
    Some(words)
}

impl Column<'_> {
    /// Adds the word with this place; None if there is none. `others` are the columns before.
    pub fn put_word(&self, place: usize, others: &[Self], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Words(words) => out.extend_from_slice(words.get(place)?),
            Self::Numbers(numbers, form) => form.put_word(*numbers.get(place)? as u64, out),
            Self::Halves(first, second, base) => {
                put_number(*first.get(place)? as u64, *base, 16, out);
                put_number(*second.get(place)? as u64, *base, 16, out);
            }
            // A column that is like another one is never named itself.
            Self::Same(number) => match others.get(*number)? {
                Self::Same(_) => return None,
                other => other.put_word(place, &[], out)?,
            },
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size_after_round_trip(columns: &[Vec<String>], effort: Effort) -> usize {
        let (mut writer, mut out) = (Writer::new(effort), Sections::default());
        for column in columns {
            writer.put(&column.iter().map(String::as_str).collect::<Vec<_>>(), &mut out);
        }
        let text = out.text();
        let mut reader = out.reader(&text).unwrap();
        let mut found: Vec<Column<'_>> = vec![];
        for (number, column) in columns.iter().enumerate() {
            found.push(read(&mut reader, column.len(), number).unwrap());
            for (place, word) in column.iter().enumerate() {
                let mut bytes = vec![];
                found[number].put_word(place, &found, &mut bytes).unwrap();
                assert_eq!(String::from_utf8(bytes).as_ref(), Ok(word));
            }
        }
        assert!(reader.heads.rest().is_empty() && reader.words.rest().is_empty() && reader.rows.rest().is_empty());
        zstd::bulk::compress(&text, 9).unwrap().len()
            + out.rows.len()
            + out.plain.bytes.len()
            + out.plain.directory.len()
    }

    fn column(word: impl FnMut(u64) -> String) -> Vec<String> {
        (0..1000).map(word).collect()
    }

    #[test]
    fn columns_take_about_what_is_in_them() {
        let mut random = fastrand::Rng::with_seed(1);
        let check = |column: Vec<String>, bits: usize| {
            let quick = size_after_round_trip(std::slice::from_ref(&column), Effort::Quick);
            let dense = size_after_round_trip(std::slice::from_ref(&column), Effort::Dense);
            assert!(dense <= quick && dense < bits * 1000 / 8 + 80, "{quick} {dense} {}", column[0]);
        };
        check(column(|_| format!("{:016x}", random.u64(..))), 64);
        check(column(|_| format!("{:032X}", random.u128(..) | 10 << 124)), 128);
        check(column(|_| format!("blk{}x", random.u32(..1 << 20))), 20);
        check(column(|it| format!("{:06}", 3600 + it)), 0);
        check(column(|_| ["node1", "node27", "x"][random.usize(..3)].to_owned()), 2);
        check(column(|_| [7, 100, 65_000, 4_000_000][random.usize(..4)].to_string()), 2);
        let twice = column(|_| random.u64(..).to_string());
        let (one, two) = (
            size_after_round_trip(std::slice::from_ref(&twice), Effort::Dense),
            size_after_round_trip(&[twice.clone(), twice], Effort::Dense),
        );
        assert!(two < one + 8, "{one} {two}");
    }

    #[test]
    fn columns_of_which_only_the_ends_of_words_differ_are_two() {
        let words = |pair: [&str; 2]| pair.iter().cycle().take(40).map(|it| (*it).to_owned()).collect::<Vec<_>>();
        for effort in [Effort::Quick, Effort::Dense] {
            size_after_round_trip(&[words(["p\nq", "r"]), words(["p", "q\nr"])], effort);
        }
    }

    proptest! {
        #[test]
        fn any_words_come_back(columns in prop::collection::vec(
            prop_oneof![
                prop::collection::vec("[0-9]{1,20}", 0..40),
                prop::collection::vec("[0-9a-f]{16}|[0-9a-f]{16}", 16..40),
                prop::collection::vec("[0-9A-F]{1,17}", 16..40),
                prop::collection::vec("[0-9a-f]{32}", 16..40),
                prop::collection::vec("R[0-9]{1,3}a", 16..40),
                prop::collection::vec("a1|b2|1|01|\u{e9}7|\u{e8}7", 16..40),
                prop::collection::vec("x?1?2?1?x?", 16..40),
                prop::collection::vec("(a|\n|\\PC){0,3}", 0..40),
            ],
            0..6,
        )) {
            for effort in [Effort::Quick, Effort::Dense] {
                size_after_round_trip(&columns, effort);
            }
        }

        #[test]
        fn any_bytes_are_survived(
            heads in prop::collection::vec(0..9_u8, 0..40),
            words in prop::collection::vec(any::<u8>(), 0..40),
            rows in prop::collection::vec(any::<u8>(), 0..40),
            count in 0..50_usize,
        ) {
            let out = Sections { heads, words, rows, ..Sections::default() };
            let text = out.text();
            let mut reader = out.reader(&text).unwrap();
            for number in 0..5 {
                if let Some(column) = read(&mut reader, count, number) {
                    (0..count).for_each(|it| _ = column.put_word(it, &[], &mut vec![]));
                }
            }
        }
    }
}
