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
//! heads: how many templates, lengths of them | template of each line, as a column of numbers | heads of the columns
//! words: templates with 0xff for each word | words of the columns
//! ```

use std::collections::{HashMap, HashSet};

use crate::bytes::put_varint;
use crate::packs::sections::{SectionReader, Sections};
use crate::packs::words::{self, Column, Writer};
use crate::rows::Effort;

/// Stands for a word in a template; no text in UTF-8 has this byte.
const MARK: u8 = 0xff;
/// All lines of a pack together are not larger.
const MOST_BYTES: usize = 1 << 28;
/// Lines of a template that has fewer are looked at together: it may have a name in it.
const RARE: usize = 4;
/// So many rare lines of one build are enough to see which words differ.
const MIN_ALIKE: usize = 8;

/// Adds lines.
pub fn put(lines: &[&str], effort: Effort, out: &mut Sections) {
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
    let mut writer = Writer::new(effort);
    let texts: Vec<String> = of_lines.iter().map(ToString::to_string).collect();
    writer.put(&texts.iter().map(String::as_str).collect::<Vec<_>>(), out);
    let mut places = Places::default();
    let places_of: Vec<Vec<usize>> = templates.iter().map(|it| places.of(it)).collect();
    let mut columns: Vec<Vec<&str>> = vec![vec![]; places.count];
    for (line, number) in split.iter().zip(&of_lines) {
        for (place, word) in places_of.get(*number).into_iter().flatten().zip(&line.words) {
            columns.get_mut(*place).into_iter().for_each(|it| it.push(word));
        }
    }
    columns.iter().for_each(|it| writer.put(it, out));
}

/// Reads `count` lines back.
pub fn read(reader: &mut SectionReader<'_>, count: usize) -> Option<Vec<String>> {
    let n_templates = reader.heads.count()?;
    let mut templates: Vec<&[u8]> = vec![];
    for _ in 0..n_templates {
        let length = usize::try_from(reader.heads.varint()?).ok()?;
        templates.push(reader.words.take(length)?);
    }
    let numbers_of_lines = words::read(reader, count, 0)?;
    let number = |line: usize| {
        let mut digits = vec![];
        numbers_of_lines.put_word(line, &[], &mut digits)?;
        let number: usize = std::str::from_utf8(&digits).ok()?.parse().ok()?;
        (number < templates.len()).then_some(number)
    };
    let of_lines: Vec<usize> = (0..count).map(number).collect::<Option<_>>()?;
    let mut places = Places::default();
    let places_of: Vec<Vec<usize>> = templates.iter().map(|it| places.of(it)).collect();
    let mut lengths = vec![0; places.count];
    for number in &of_lines {
        places_of.get(*number)?.iter().for_each(|it| lengths.get_mut(*it).into_iter().for_each(|it| *it += 1));
    }
    // Words may be the same as the numbers of the templates, which are column 0.
    let mut columns: Vec<Column<'_>> = vec![numbers_of_lines];
    for (number, length) in lengths.iter().enumerate() {
        columns.push(words::read(reader, *length, number + 1)?);
    }
    let (mut next, mut bytes) = (vec![0; places.count], 0);
    let line = |number: usize| {
        let (template, places) = (templates.get(number)?, places_of.get(number)?);
        let mut line = Vec::with_capacity(template.len() + 8 * places.len());
        let mut parts = template.split(|it| *it == MARK);
        line.extend_from_slice(parts.next()?);
        for (place, part) in places.iter().zip(parts) {
            let next = next.get_mut(*place)?;
            columns.get(place + 1)?.put_word(*next, &columns, &mut line)?;
            *next += 1;
            line.extend_from_slice(part);
        }
        bytes += line.len();
        if bytes > MOST_BYTES {
            return None;
        }
        String::from_utf8(line).ok()
    };
    of_lines.into_iter().map(line).collect()
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
            put(&lines, effort, &mut out);
            let text = out.text();
            let mut reader = SectionReader::new(&text, &out.rows).unwrap();
            assert_eq!(
                read(&mut reader, lines.len()).as_deref(),
                Some(&*lines.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
            );
            assert!(reader.heads.rest().is_empty() && reader.words.rest().is_empty() && reader.rows.rest().is_empty());
            text.len() + out.rows.len()
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
            let out = Sections { heads, words, rows };
            let text = out.text();
            let _ = SectionReader::new(&text, &out.rows).map(|mut it| read(&mut it, count));
        }
    }
}
