//! How were log lines packed before there were templates? By their shapes; they are still read.
//!
//! The shape of a line is the line with a mark in place of each word that has a digit in it. Words at the same place of
//! the same shape lie beside each other, as differences where they are numbers.
//!
//! ```text
//! lines = shapes (count, then texts with 0xff for each word) | number of each line's shape
//!         | for each shape, for each mark: a column with a word of each line
//! column = kind | for TEXT: words with a newline behind each
//!               | for numbers: digits if FIXED | values or differences as varints
//! ```

use crate::bytes::Reader;

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

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..50_usize) {
            let _ = read(&mut Reader::new(&bytes), count);
        }
    }
}
