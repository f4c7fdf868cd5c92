//! What are the columns of a pack before they are compressed? Heads and words, which zstd makes small; rows of numbers,
//! which are small already and would only disturb it; and identities that lie plain, so that a search can look at them.

use super::plain::{Plain, PlainReader};
use crate::bytes::{Reader, put_varint};

/// Values of all columns of a pack together are not more: what claims more is damage.
const MOST_VALUES: usize = 1 << 26;

/// Where columns are written.
#[derive(Debug, Default)]
pub struct Sections {
    /// What says how a column lies.
    pub heads: Vec<u8>,
    pub words: Vec<u8>,
    pub rows: Vec<u8>,
    pub plain: Plain,
}

impl Sections {
    /// What is to be compressed.
    pub fn text(&self) -> Vec<u8> {
        let mut out = vec![];
        put_varint(&mut out, self.heads.len() as u64);
        out.extend_from_slice(&self.heads);
        out.extend_from_slice(&self.words);
        out
    }

    /// Adds all of another one.
    pub fn append(&mut self, other: &mut Self) {
        self.heads.append(&mut other.heads);
        self.words.append(&mut other.words);
        self.rows.append(&mut other.rows);
        self.plain.append(&mut other.plain);
    }

    /// Reads what was written; `text` is that of [`Self::text`].
    #[cfg(test)]
    pub fn reader<'a>(&'a self, text: &'a [u8]) -> Option<SectionReader<'a>> {
        SectionReader::new(text, &self.rows, PlainReader::new(&self.plain.directory, &self.plain.bytes))
    }
}

/// Where columns are read.
pub struct SectionReader<'a> {
    pub heads: Reader<'a>,
    pub words: Reader<'a>,
    pub rows: Reader<'a>,
    pub plain: PlainReader<'a>,
    values_left: usize,
}

impl<'a> SectionReader<'a> {
    /// From the text, uncompressed, the rows, and what lies plain.
    pub fn new(text: &'a [u8], rows: &'a [u8], plain: PlainReader<'a>) -> Option<Self> {
        let mut words = Reader::new(text);
        let length = words.count()?;
        let heads = Reader::new(words.take(length)?);
        Some(Self { heads, words, rows: Reader::new(rows), plain, values_left: MOST_VALUES })
    }

    /// Of layouts that have words only.
    pub const fn of_words(text: &'a [u8]) -> Self {
        let none = PlainReader::new(&[], &[]);
        let (heads, rows) = (Reader::new(&[]), Reader::new(&[]));
        Self { heads, words: Reader::new(text), rows, plain: none, values_left: MOST_VALUES }
    }

    /// So many values follow; None if that is too many.
    pub fn claim(&mut self, count: usize) -> Option<()> {
        self.values_left = self.values_left.checked_sub(count)?;
        Some(())
    }
}
