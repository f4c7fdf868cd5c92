//! How do many lines of few kinds take little room? What is the same in them is written once, and what differs column by
//! column.
//!
//! The template of a line is the line with a mark in place of each word that differs: those with a digit in them, and,
//! among lines that would be alone with their template, those at places where nearly every line has another word (names
//! of users, random keys). Words behind the same beginning of a template are one column, so that what all lines begin with
//! (date, time, process) lies together whatever they end with. The idea is that of CLP (Rodrigues and others, OSDI
//! 2021) and of LogShrink (Li and others, ICSE 2024); here a pack says all that is needed to read it.
//!
//! ```text
//! heads: how many templates, lengths of them | TOGETHER, BY_STREAM or AS_WORDS | GATHERED or AS_THEY_ARE
//!        | heads of the columns
//! words: templates with 0xff for each word | words of the columns
//! rows:  template of each line | column of each place, if they are gathered | rows of the columns
//! ```

use std::collections::{HashMap, HashSet};

use super::gather;
use crate::bytes::put_varint;
use crate::packs::filter::{self, Word};
use crate::packs::sections::{SectionReader, Sections};
use crate::packs::words::{self, Column, Writer};
use crate::rows::{self, Effort};

/// Stands for a word in a template; no text in UTF-8 has this byte.
const MARK: u8 = 0xff;
/// How the numbers of the templates lie.
const TOGETHER: u8 = 0;
const BY_STREAM: u8 = 1;
const AS_WORDS: u8 = 2;
/// How the columns lie.
const AS_THEY_ARE: u8 = 0;
const GATHERED: u8 = 1;
/// Of so few lines whether it helps to gather columns is tried; of more the estimates can be trusted.
const FEW_LINES: usize = 4096;
/// All lines of a pack together are not larger.
const MOST_BYTES: usize = 1 << 28;
/// Lines of a template that has fewer are looked at together: it may have a name in it.
const RARE: usize = 4;
/// So many rare lines of one build are enough to see which words differ.
const MIN_ALIKE: usize = 8;

/// Adds lines; `streams` says how many of each stream follow each other.
pub fn put(lines: &[&str], streams: &[usize], effort: Effort, out: &mut Sections) {
    let mut split: Vec<Split<'_>> = lines.iter().map(|it| Split::of(it, |_, word| has_digit(word))).collect();
    mark_names(lines, &mut split);
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    let mut templates: Vec<&[u8]> = vec![];
    let mut of_lines = Vec::with_capacity(lines.len());
    for line in &split {
        let number = *numbers.entry(&line.template).or_insert_with(|| {
            templates.push(&line.template);
            templates.len() - 1
        });
        of_lines.push(number);
    }
    put_varint(&mut out.heads, templates.len() as u64);
    for template in &templates {
        put_varint(&mut out.heads, template.len() as u64);
        out.words.extend_from_slice(template);
    }
    put_numbers(&of_lines, streams, effort, out);
    let mut places = Places::default();
    let places_of: Vec<Vec<usize>> = templates.iter().map(|it| places.of(it)).collect();
    let columns = columns_of(&split, &of_lines, &places_of, places.count);
    if effort == Effort::Quick {
        out.heads.push(AS_THEY_ARE);
        return put_columns(&columns, effort, out);
    }
    let gathered = gather::gathered(&columns);
    let mut best = Sections { heads: vec![GATHERED], ..Sections::default() };
    rows::encode(&gathered.iter().map(|it| *it as i64).collect::<Vec<_>>(), effort, &mut best.rows);
    let n_columns = gathered.iter().max().map_or(0, |it| it + 1);
    let gathered_of: Vec<Vec<usize>> =
        places_of.iter().map(|it| it.iter().filter_map(|it| gathered.get(*it).copied()).collect()).collect();
    put_columns(&columns_of(&split, &of_lines, &gathered_of, n_columns), effort, &mut best);
    if lines.len() <= FEW_LINES {
        let mut as_they_are = Sections { heads: vec![AS_THEY_ARE], ..Sections::default() };
        put_columns(&columns, effort, &mut as_they_are);
        if bytes_of(&as_they_are, &columns) < bytes_of(&best, &columns) {
            best = as_they_are;
        }
    }
    out.append(&mut best);
}

fn put_columns(columns: &[Vec<&str>], effort: Effort, out: &mut Sections) {
    let mut writer = Writer::new(effort);
    columns.iter().for_each(|it| writer.put(it, out));
}

/// What columns take in a pack, with the filter of their words.
fn bytes_of(sections: &Sections, columns: &[Vec<&str>]) -> usize {
    let text = sections.text();
    let text = zstd::bulk::compress(&text, zstd::DEFAULT_COMPRESSION_LEVEL).map_or(text.len(), |it| it.len());
    let words = columns.iter().flatten().map(|it| Word::new(&it.to_ascii_lowercase())).collect();
    let filter = filter::build(words, sections.plain.words.clone(), Effort::Dense).len();
    text + sections.rows.len() + sections.plain.directory.len() + sections.plain.bytes.len() + filter
}

/// The words that differ, column by column.
fn columns_of<'a>(
    split: &[Split<'a>],
    of_lines: &[usize],
    places_of: &[Vec<usize>],
    n_columns: usize,
) -> Vec<Vec<&'a str>> {
    let mut columns: Vec<Vec<&str>> = vec![vec![]; n_columns];
    for (line, number) in split.iter().zip(of_lines) {
        for (place, word) in places_of.get(*number).into_iter().flatten().zip(&line.words) {
            columns.get_mut(*place).into_iter().for_each(|it| it.push(word));
        }
    }
    columns
}

/// Adds the numbers of the lines' templates: all as one row, a row for each stream, which has templates of its own, or as
/// a column of words.
fn put_numbers(of_lines: &[usize], streams: &[usize], effort: Effort, out: &mut Sections) {
    let numbers: Vec<i64> = of_lines.iter().map(|it| *it as i64).collect();
    let mut together = vec![];
    rows::encode(&numbers, effort, &mut together);
    let (mut by_stream, mut rest) = (vec![], numbers.as_slice());
    for stream in streams {
        let (row, others) = rest.split_at_checked(*stream).unwrap_or((rest, &[]));
        rows::encode(row, effort, &mut by_stream);
        rest = others;
    }
    let (way, least) = if by_stream.len() < together.len() { (BY_STREAM, by_stream) } else { (TOGETHER, together) };
    if effort == Effort::Dense
        && let Some(mut as_words) = numbers_as_words(of_lines, least.len())
    {
        out.heads.push(AS_WORDS);
        return out.append(&mut as_words);
    }
    out.heads.push(way);
    out.rows.extend_from_slice(&least);
}

/// If that takes less: a sequence of templates that comes again and again is seen by zstd alone.
fn numbers_as_words(of_lines: &[usize], least: usize) -> Option<Sections> {
    let texts: Vec<String> = of_lines.iter().map(ToString::to_string).collect();
    let (mut writer, mut out) = (Writer::new(Effort::Dense), Sections::default());
    writer.put(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &mut out);
    (writer.estimate(&out, 0) < least).then_some(out)
}

fn read_numbers(reader: &mut SectionReader<'_>, streams: &[usize]) -> Option<Vec<usize>> {
    let total = streams.iter().sum();
    reader.claim(total)?;
    let rows: Vec<i64> = match reader.heads.byte()? {
        TOGETHER => rows::decode(&mut reader.rows, total)?,
        AS_WORDS => return numbers_in(&words::read(reader, total, 0)?, total),
        BY_STREAM => {
            let mut all = vec![];
            for stream in streams {
                all.append(&mut rows::decode(&mut reader.rows, *stream)?);
            }
            all
        }
        _ => return None,
    };
    rows.into_iter().map(|it| usize::try_from(it).ok()).collect()
}

/// Reads the lines of these streams back.
pub fn read(reader: &mut SectionReader<'_>, streams: &[usize]) -> Option<Vec<String>> {
    let templates = read_templates(reader)?;
    let of_lines = read_numbers(reader, streams)?;
    let mut places = Places::default();
    let mut places_of: Vec<Vec<usize>> = templates.iter().map(|it| places.of(it)).collect();
    let mut n_columns = places.count;
    if reader.heads.byte()? == GATHERED {
        reader.claim(places.count)?;
        let gathered = rows::decode(&mut reader.rows, places.count)?;
        let gathered: Vec<usize> = gathered
            .into_iter()
            .map(|it| usize::try_from(it).ok().filter(|it| *it < places.count))
            .collect::<Option<_>>()?;
        places_of.iter_mut().flatten().for_each(|it| *it = gathered.get(*it).copied().unwrap_or(0));
        n_columns = gathered.iter().max().map_or(0, |it| it + 1);
    }
    read_lines(reader, &templates, &of_lines, &places_of, n_columns, vec![])
}

/// Of a layout in which the numbers of the templates are a column of words.
pub fn read_older(reader: &mut SectionReader<'_>, count: usize) -> Option<Vec<String>> {
    let templates = read_templates(reader)?;
    let numbers_of_lines = words::read(reader, count, 0)?;
    let of_lines = numbers_in(&numbers_of_lines, count)?;
    let mut places = Places::default();
    let places_of: Vec<Vec<usize>> = templates.iter().map(|it| places.of(it)).collect();
    // Words may be the same as the numbers of the templates, which are column 0.
    read_lines(reader, &templates, &of_lines, &places_of, places.count, vec![numbers_of_lines])
}

/// Numbers that are a column of words.
fn numbers_in(column: &Column<'_>, count: usize) -> Option<Vec<usize>> {
    let number = |line: usize| {
        let mut digits = vec![];
        column.put_word(line, &[], &mut digits)?;
        std::str::from_utf8(&digits).ok()?.parse().ok()
    };
    (0..count).map(number).collect()
}

fn read_templates<'a>(reader: &mut SectionReader<'a>) -> Option<Vec<&'a [u8]>> {
    let n_templates = reader.heads.count()?;
    let mut templates = vec![];
    for _ in 0..n_templates {
        let length = usize::try_from(reader.heads.varint()?).ok()?;
        templates.push(reader.words.take(length)?);
    }
    Some(templates)
}

/// Reads the columns behind those `before`, and puts the lines together.
fn read_lines<'a>(
    reader: &mut SectionReader<'a>,
    templates: &[&'a [u8]],
    of_lines: &[usize],
    places_of: &[Vec<usize>],
    n_columns: usize,
    before: Vec<Column<'a>>,
) -> Option<Vec<String>> {
    let mut lengths = vec![0; n_columns];
    for number in of_lines {
        places_of.get(*number)?.iter().for_each(|it| lengths.get_mut(*it).into_iter().for_each(|it| *it += 1));
    }
    let (n_before, mut columns) = (before.len(), before);
    for length in &lengths {
        columns.push(words::read(reader, *length, columns.len())?);
    }
    let (mut next, mut bytes) = (vec![0; n_columns], 0);
    let line = |number: &usize| {
        let (template, places) = (templates.get(*number)?, places_of.get(*number)?);
        let mut line = Vec::with_capacity(template.len() + 8 * places.len());
        let mut parts = template.split(|it| *it == MARK);
        line.extend_from_slice(parts.next()?);
        for (place, part) in places.iter().zip(parts) {
            let next = next.get_mut(*place)?;
            columns.get(place + n_before)?.put_word(*next, &columns, &mut line)?;
            *next += 1;
            line.extend_from_slice(part);
        }
        bytes += line.len();
        if bytes > MOST_BYTES {
            return None;
        }
        String::from_utf8(line).ok()
    };
    of_lines.iter().map(line).collect()
}

/// A line as its template and what differs.
struct Split<'a> {
    template: Vec<u8>,
    words: Vec<&'a str>,
}

impl<'a> Split<'a> {
    /// Marks the words, which are runs of letters and digits in ASCII, that `differs` says; it is told their number.
    fn of(line: &'a str, mut differs: impl FnMut(usize, &str) -> bool) -> Self {
        let mut split = Self { template: Vec::with_capacity(line.len()), words: vec![] };
        let mut number = 0;
        for (word, other) in parts(line) {
            if !word.is_empty() {
                if differs(number, word) {
                    split.template.push(MARK);
                    split.words.push(word);
                } else {
                    split.template.extend_from_slice(word.as_bytes());
                }
                number += 1;
            }
            split.template.extend_from_slice(other.as_bytes());
        }
        split
    }
}

/// Words, each with what is between it and the next; the first may be empty.
fn parts(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest.bytes().position(|it| !it.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(word);
        let other = behind.bytes().position(|it| it.is_ascii_alphanumeric()).unwrap_or(behind.len());
        let (other, behind) = behind.split_at(other);
        rest = behind;
        Some((word, other))
    })
}

fn has_digit(word: &str) -> bool {
    word.bytes().any(|it| it.is_ascii_digit())
}

/// Splits lines of rare templates anew, with marks for words that are names.
fn mark_names<'a>(lines: &[&'a str], split: &mut [Split<'a>]) {
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    split.iter().for_each(|it| *counts.entry(&it.template).or_default() += 1);
    // By how lines are built: what is between the words, and how many words there are.
    let mut alike: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    let rare = split.iter().enumerate().filter(|(_, it)| counts.get(&*it.template).is_some_and(|it| *it < RARE));
    for (idx, _) in rare {
        let Some(line) = lines.get(idx) else { continue };
        alike.entry(Split::of(line, |_, _| true).template).or_default().push(idx);
    }
    for members in alike.into_values().filter(|it| it.len() >= MIN_ALIKE) {
        let mut seen: Vec<HashSet<&str>> = vec![];
        for line in members.iter().filter_map(|it| lines.get(*it)) {
            let words = parts(line).map(|it| it.0).filter(|it| !it.is_empty());
            for (number, word) in words.enumerate() {
                match seen.get_mut(number) {
                    Some(it) => _ = it.insert(word),
                    None => seen.push(HashSet::from([word])),
                }
            }
        }
        let is_name = |number: usize| seen.get(number).is_some_and(|it| it.len() * RARE > members.len());
        for idx in &members {
            if let (Some(line), Some(it)) = (lines.get(*idx), split.get_mut(*idx)) {
                *it = Split::of(line, |number, word| has_digit(word) || is_name(number));
            }
        }
    }
}

/// Columns by what is before the mark: marks behind the same beginning have the same column.
#[derive(Default)]
struct Places<'a> {
    /// By the place of the mark before, if there is one, and what is between.
    numbers: HashMap<(Option<usize>, &'a [u8]), usize>,
    count: usize,
}

impl<'a> Places<'a> {
    /// The column of each mark of a template.
    fn of(&mut self, template: &'a [u8]) -> Vec<usize> {
        let mut before = None;
        let n_marks = template.iter().filter(|it| **it == MARK).count();
        let parts = template.split(|it| *it == MARK).take(n_marks);
        let place = |part: &'a [u8]| {
            let number = *self.numbers.entry((before, part)).or_insert(self.count);
            self.count = self.count.max(number + 1);
            before = Some(number);
            number
        };
        parts.map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size_after_round_trip(lines: &[String]) -> usize {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let sizes = [Effort::Quick, Effort::Dense].map(|effort| {
            let mut out = Sections::default();
            let streams = [lines.len() / 3, lines.len() - lines.len() / 3];
            put(&lines, &streams, effort, &mut out);
            let text = out.text();
            let mut reader = out.reader(&text).unwrap();
            assert_eq!(
                read(&mut reader, &streams).as_deref(),
                Some(&*lines.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
            );
            assert!(reader.heads.rest().is_empty() && reader.words.rest().is_empty() && reader.rows.rest().is_empty());
            text.len() + out.rows.len() + out.plain.bytes.len()
        });
        sizes[1]
    }

    #[test]
    fn lines_of_a_kind_take_little_more_than_what_differs() {
        let line =
            |it: u64| format!("081109 20{:04} INFO dfs: block blk_{} of size {}", it, 1_000_000 + it, 67_108_864);
        let lines: Vec<String> = (0..1000).map(line).collect();
        let raw: usize = lines.iter().map(String::len).sum();
        assert!(size_after_round_trip(&lines) < raw / 50);
    }

    #[test]
    fn every_line_comes_back() {
        let lines = [
            "",
            "7",
            "007",
            "0",
            "00",
            "a1b2 \u{e9}9\u{ff} 12:30:01",
            "x\n1\n2",
            "99999999999999999999",
            "1.5e3",
            "0x1f",
            "\0 5",
            "no digits",
            "007",
            "18446744073709551615",
            "  5  6  ",
        ];
        size_after_round_trip(&lines.map(str::to_owned));
        size_after_round_trip(&[]);
    }

    /// The column of zeros is the same as that of the templates' numbers.
    #[test]
    fn words_may_be_the_numbers_of_their_templates() {
        size_after_round_trip(&vec!["retry 0 of 3".to_owned(); 40]);
        let lines = (0..40).map(|it| if it % 3 == 0 { "retry 0".to_owned() } else { "tried 1".to_owned() });
        size_after_round_trip(&lines.collect::<Vec<_>>());
    }

    #[test]
    fn names_are_columns_and_what_lines_begin_with_is_one() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut name = || (0..9).map(|_| random.lowercase()).collect::<String>();
        let line = |it: u64| match it % 2 {
            0 => format!("12:00:{:02} login of {}", it / 7 % 60, name()),
            _ => format!("12:00:{:02} {} has left the shop", it / 7 % 60, name()),
        };
        let lines: Vec<String> = (0..400).map(line).collect();
        // Ten bytes a name with its newline.
        let size = size_after_round_trip(&lines);
        assert!(size < 400 * 10 + 300, "{size}");
    }

    proptest! {
        #[test]
        fn any_lines_come_back(lines in prop::collection::vec("([a-c]|[0-9]{1,3}|\\PC|[ :.\n]){0,12}", 0..40)) {
            size_after_round_trip(&lines);
        }

        #[test]
        fn any_bytes_are_survived(
            heads in prop::collection::vec(0..9_u8, 0..60),
            words in prop::collection::vec(any::<u8>(), 0..200),
            rows in prop::collection::vec(any::<u8>(), 0..100),
            count in 0..50_usize,
        ) {
            let out = Sections { heads, words, rows, ..Sections::default() };
            let text = out.text();
            let _ = out.reader(&text).map(|mut it| read(&mut it, &[count / 2, count - count / 2]));
            let _ = out.reader(&text).map(|mut it| read_older(&mut it, count));
        }
    }
}
