//! How do many lines of few kinds take little room? What is the same in them is written once, and what differs column by
//! column.
//!
//! The shape of a line is the line with a mark in place of each word that has a digit in it; most programs write few
//! shapes. Words at the same place of the same shape are alike (times, ids, addresses, sizes), so that they lie beside
//! each other, as differences where they are numbers. Unlike templates, shapes depend on the line alone: nothing has to be
//! learned, and the same line always comes back. The idea is that of CLP (Rodrigues and others, OSDI 2021) and of
//! LogShrink (Li and others, ICSE 2024); here it needs no second pass and no sampling.
//!
//! ```text
//! lines = shapes (count, then texts with 0xff for each word) | number of each line's shape
//!         | for each shape, for each mark: a column with a word of each line
//! column = kind | for TEXT: words with a newline behind each
//!               | for numbers: digits if FIXED | values or differences as varints
//! ```

use std::collections::HashMap;

use crate::bytes::{Reader, put_signed, put_varint};

/// Stands for a word in a shape; no text in UTF-8 has this byte.
const MARK: u8 = 0xff;
/// All lines of a pack together are not larger.
const MOST_BYTES: usize = 1 << 28;
/// Longer numbers may not fit.
const MOST_DIGITS: usize = 18;

/// Kinds of columns: words, numbers without zeros before them, and numbers with equally many digits.
const TEXT: u8 = 0;
const NATURAL: u8 = 1;
const FIXED: u8 = 2;
/// Added to the kinds of numbers if their differences are written.
const DIFFERENCES: u8 = 2;

/// Adds lines.
pub fn put<'a>(lines: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut shapes: Vec<Vec<Vec<&'a str>>> = vec![];
    let (mut order, mut of_lines) = (vec![], vec![]);
    let (mut shape, mut words) = (vec![], vec![]);
    for line in lines {
        split(line, &mut shape, &mut words);
        let number = match numbers.get(&shape) {
            Some(number) => *number,
            None => {
                numbers.insert(shape.clone(), shapes.len());
                order.push(shape.clone());
                shapes.push(vec![vec![]; words.len()]);
                shapes.len() - 1
            }
        };
        put_varint(&mut of_lines, number as u64);
        let columns = shapes.get_mut(number).into_iter().flatten();
        columns.zip(&words).for_each(|(column, word)| column.push(word));
    }
    put_varint(out, order.len() as u64);
    for shape in &order {
        put_varint(out, shape.len() as u64);
        out.extend_from_slice(shape);
    }
    out.extend_from_slice(&of_lines);
    shapes.iter().flatten().for_each(|it| put_column(it, out));
}

/// Reads `count` lines back.
pub fn read(reader: &mut Reader<'_>, count: usize) -> Option<Vec<String>> {
    let n_shapes = reader.count()?;
    let mut shapes: Vec<(&[u8], usize)> = vec![];
    for _ in 0..n_shapes {
        let length = reader.count()?;
        shapes.push((reader.take(length)?, 0));
    }
    let mut of_lines = Vec::with_capacity(count);
    for _ in 0..count {
        let number = usize::try_from(reader.varint()?).ok()?;
        shapes.get_mut(number)?.1 += 1;
        of_lines.push(number);
    }
    let mut sources: Vec<Source<'_>> = vec![];
    for (shape, n_lines) in shapes {
        let n_columns = shape.iter().filter(|it| **it == MARK).count();
        let columns = (0..n_columns).map(|_| read_column(reader, n_lines)).collect::<Option<_>>()?;
        sources.push(Source { shape, columns, next: 0 });
    }
    let mut bytes = 0;
    let line = |number: usize| {
        let line = sources.get_mut(number)?.line()?;
        bytes += line.len();
        (bytes <= MOST_BYTES).then_some(line)
    };
    of_lines.into_iter().map(line).collect()
}

/// The words with a digit in them, and what is left of the line.
fn split<'a>(line: &'a str, shape: &mut Vec<u8>, words: &mut Vec<&'a str>) {
    shape.clear();
    words.clear();
    let bytes = line.as_bytes();
    let mut idx = 0;
    while let Some(byte) = bytes.get(idx) {
        if !byte.is_ascii_alphanumeric() {
            shape.push(*byte);
            idx += 1;
            continue;
        }
        let rest = bytes.get(idx..).unwrap_or_default();
        let length = rest.iter().position(|it| !it.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = line.get(idx..idx + length).unwrap_or_default();
        if word.bytes().any(|it| it.is_ascii_digit()) {
            shape.push(MARK);
            words.push(word);
        } else {
            shape.extend_from_slice(word.as_bytes());
        }
        idx += length;
    }
}

fn put_column(words: &[&str], out: &mut Vec<u8>) {
    let digits = words.first().map_or(0, |it| it.len());
    let is_number = |it: &&str| it.len() <= MOST_DIGITS && it.bytes().all(|it| it.is_ascii_digit());
    let is_natural = |it: &&str| *it == "0" || !it.starts_with('0');
    let kind = match () {
        () if !words.iter().all(is_number) => TEXT,
        () if words.iter().all(|it| it.len() == digits) => FIXED,
        () if words.iter().all(is_natural) => NATURAL,
        () => TEXT,
    };
    if kind == TEXT {
        out.push(TEXT);
        for word in words {
            out.extend_from_slice(word.as_bytes());
            out.push(b'\n');
        }
        return;
    }
    let values: Vec<u64> = words.iter().filter_map(|it| it.parse().ok()).collect();
    let (mut plain, mut differences, mut before) = (vec![], vec![], 0);
    for value in values {
        put_varint(&mut plain, value);
        put_signed(&mut differences, (value as i64).wrapping_sub(before));
        before = value as i64;
    }
    let is_smaller = differences.len() < plain.len();
    out.push(if is_smaller { kind + DIFFERENCES } else { kind });
    if kind == FIXED {
        out.push(digits as u8);
    }
    out.append(if is_smaller { &mut differences } else { &mut plain });
}

/// Words of a column, in the order of the lines.
enum Column<'a> {
    Text(Vec<&'a [u8]>),
    /// With so many digits at least.
    Numbers(Vec<u64>, usize),
}

fn read_column<'a>(reader: &mut Reader<'a>, count: usize) -> Option<Column<'a>> {
    let kind = reader.byte()?;
    if kind == TEXT {
        let mut words = vec![];
        for _ in 0..count {
            let length = reader.rest().iter().position(|it| *it == b'\n')?;
            words.push(reader.take(length)?);
            reader.byte()?;
        }
        return Some(Column::Text(words));
    }
    let (kind, is_differences) = if kind > FIXED { (kind - DIFFERENCES, true) } else { (kind, false) };
    let digits = match kind {
        FIXED => usize::from(reader.byte()?).min(MOST_DIGITS),
        NATURAL => 0,
        _ => return None,
    };
    let mut values = vec![];
    let mut before = 0_i64;
    for _ in 0..count {
        if is_differences {
            before = before.wrapping_add(reader.signed()?);
            values.push(before as u64);
        } else {
            values.push(reader.varint()?);
        }
    }
    Some(Column::Numbers(values, digits))
}

/// The lines of one shape that are still to come.
struct Source<'a> {
    shape: &'a [u8],
    columns: Vec<Column<'a>>,
    next: usize,
}

impl Source<'_> {
    fn line(&mut self) -> Option<String> {
        let idx = self.next;
        self.next += 1;
        let mut line = Vec::with_capacity(self.shape.len() + 8 * self.columns.len());
        let mut parts = self.shape.split(|it| *it == MARK);
        line.extend_from_slice(parts.next()?);
        for (column, part) in self.columns.iter().zip(parts) {
            match column {
                Column::Text(words) => line.extend_from_slice(words.get(idx)?),
                Column::Numbers(values, digits) => put_digits(*values.get(idx)?, *digits, &mut line),
            }
            line.extend_from_slice(part);
        }
        String::from_utf8(line).ok()
    }
}

/// Adds a number with zeros before it if it is shorter.
fn put_digits(mut value: u64, digits: usize, out: &mut Vec<u8>) {
    let start = out.len();
    while value > 0 || out.len() == start {
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
    }
    while out.len() < start + digits {
        out.push(b'0');
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size_after_round_trip(lines: &[String]) -> usize {
        let mut out = vec![];
        put(lines.iter().map(String::as_str), &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(read(&mut reader, lines.len()).as_deref(), Some(lines));
        assert!(reader.rest().is_empty());
        out.len()
    }

    #[test]
    fn lines_of_a_kind_take_little_more_than_what_differs() {
        let line =
            |it: u64| format!("081109 20{:04} INFO dfs: block blk_{} of size {}", it, 1_000_000 + it, 67_108_864);
        let lines: Vec<String> = (0..1000).map(line).collect();
        let raw: usize = lines.iter().map(String::len).sum();
        assert!(size_after_round_trip(&lines) < raw / 4);
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

    #[test]
    fn cut_and_changed_bytes_do_not_panic() {
        let mut out = vec![];
        put((0..50).map(|it| if it % 2 == 0 { "a 1 b2" } else { "c 003" }), &mut out);
        for idx in 0..out.len() {
            assert_eq!(read(&mut Reader::new(&out[..idx]), 50), None, "{idx}");
            let mut changed = out.clone();
            changed[idx] ^= 0x55;
            let _ = read(&mut Reader::new(&changed), 50);
        }
    }

    proptest! {
        #[test]
        fn any_lines_come_back(lines in prop::collection::vec("([a-c]|[0-9]{1,3}|\\PC|[ :.\n]){0,12}", 0..40)) {
            size_after_round_trip(&lines);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..50_usize) {
            let _ = read(&mut Reader::new(&bytes), count);
        }
    }
}
