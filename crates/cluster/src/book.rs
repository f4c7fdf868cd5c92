//! How does the book of incidents get to a responder on another machine? As records of a compacted topic, one or more for
//! each row, which it reads from the first to the last before it begins.
//!
//! The key of a record is the term of its writer, the name of the row and the number of the part. Each owner has a term of
//! its own, above those before: what a former owner still sends takes nobody else's place, and counts only as long as the
//! new one has not written the same row. Layout: layout u8, term varint, name, part varint, parts varint, XXH3 of the whole
//! row (8 bytes), then bytes.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::Error;
use crate::saved::Piece;
use crate::wire::{Reader, put_text, put_varint};

const LAYOUT: u8 = 1;
/// Bytes of a part: well below what brokers accept in one message.
const PART_BYTES: usize = 256 * 1024;
/// A row has no more parts than this.
const MOST_PARTS: u64 = 4096;

/// The records that say what a row holds.
pub fn row_records(term: u64, name: &str, value: &[u8]) -> Vec<Piece> {
    let parts: Vec<&[u8]> = if value.is_empty() { vec![value] } else { value.chunks(PART_BYTES).collect() };
    let sum = xxh3_64(value);
    let record = |(idx, bytes): (usize, &&[u8])| {
        let mut record = vec![LAYOUT];
        put_varint(&mut record, term);
        put_text(&mut record, name);
        put_varint(&mut record, idx as u64);
        put_varint(&mut record, parts.len() as u64);
        record.extend_from_slice(&sum.to_le_bytes());
        record.extend_from_slice(bytes);
        Piece { key: format!("{term}/{name}/{idx}"), value: record }
    };
    parts.iter().enumerate().map(record).collect()
}

/// A book that is being read.
#[derive(Debug, Default)]
pub struct Book {
    /// By name, term and part: how many there are, the sum and the bytes.
    rows: BTreeMap<String, BTreeMap<u64, BTreeMap<u64, Part>>>,
    term: u64,
}

#[derive(Debug)]
struct Part {
    parts: u64,
    sum: u64,
    bytes: Vec<u8>,
}

impl Book {
    /// Takes the next record.
    ///
    /// # Errors
    /// It is not readable.
    pub fn take(&mut self, record: &[u8]) -> Result<(), Error> {
        let mut reader = Reader::new(record, LAYOUT)?;
        let term = reader.varint()?;
        let name = reader.text()?.to_owned();
        let (part, parts) = (reader.varint()?, reader.varint()?);
        if part >= parts || parts > MOST_PARTS {
            return Err(reader.unreadable("the number of a part"));
        }
        let sum = u64::from_le_bytes(reader.array()?);
        let bytes = reader.rest().to_vec();
        self.term = self.term.max(term);
        self.rows.entry(name).or_default().entry(term).or_default().insert(part, Part { parts, sum, bytes });
        Ok(())
    }

    /// The newest term; 0 if nobody has written yet.
    pub const fn term(&self) -> u64 {
        self.term
    }

    /// All rows as they were written last. Of a row that was not written to its end the one before is gone, and so it is
    /// left out, with its name in the second list.
    pub fn rows(self) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
        let (mut whole, mut torn) = (vec![], vec![]);
        for (name, terms) in self.rows {
            match terms.into_values().rev().find_map(|it| joined(&it)) {
                Some(value) => whole.push((name, value)),
                None => torn.push(name),
            }
        }
        (whole, torn)
    }
}

fn joined(all: &BTreeMap<u64, Part>) -> Option<Vec<u8>> {
    let first = all.get(&0)?;
    let mut value = vec![];
    for idx in 0..first.parts {
        let part = all.get(&idx).filter(|it| it.sum == first.sum)?;
        value.extend_from_slice(&part.bytes);
    }
    (xxh3_64(&value) == first.sum).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[Piece]) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
        let mut book = Book::default();
        records.iter().for_each(|it| book.take(&it.value).unwrap());
        book.rows()
    }

    #[test]
    fn the_newest_of_each_row_is_read_back() {
        let large = vec![7; 3 * PART_BYTES + 1];
        let records = [
            row_records(1, "incidents/1", b"old"),
            row_records(1, "incidents/2", &large),
            row_records(1, "state/x", b""),
            row_records(1, "incidents/1", b"new"),
        ];
        let (whole, torn) = read(&records.concat());
        let expected = [("incidents/1", b"new".to_vec()), ("incidents/2", large), ("state/x", vec![])];
        assert_eq!(whole, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(torn, [""; 0]);
    }

    /// Scenario: a responder hangs, another one takes over, and the first one wakes up and writes what it still had.
    #[test]
    fn a_former_owner_takes_nobodys_place() {
        let records = [
            row_records(1, "incidents/1", b"first"),
            row_records(2, "incidents/1", b"second"),
            row_records(1, "incidents/1", b"late"),
        ];
        assert_eq!(read(&records.concat()).0, [("incidents/1".to_owned(), b"second".to_vec())]);
        let keys: std::collections::BTreeSet<String> = records.concat().into_iter().map(|it| it.key).collect();
        assert_eq!(keys.len(), 2, "compaction keeps one of each");
    }

    #[test]
    fn a_row_that_was_not_written_to_its_end_is_told() {
        let mut records = row_records(3, "plans/1", &vec![1; PART_BYTES + 5]);
        records.extend(row_records(3, "plans/1", &vec![2; PART_BYTES + 5]).into_iter().take(1));
        assert_eq!(read(&records), (vec![], vec!["plans/1".to_owned()]));
        let mut book = Book::default();
        let good = &row_records(3, "plans/1", b"abc")[0].value;
        for end in 0..good.len() - 3 {
            assert!(book.take(&good[..end]).is_err(), "cut at {end}");
        }
    }
}
