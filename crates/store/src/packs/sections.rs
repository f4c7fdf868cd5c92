//! What are the columns of a pack before they are compressed? Heads and words, which zstd makes small, and rows of
//! numbers, which are small already and would only disturb it.

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
}

/// Where columns are read.
pub struct SectionReader<'a> {
    pub heads: Reader<'a>,
    pub words: Reader<'a>,
    pub rows: Reader<'a>,
    values_left: usize,
}

impl<'a> SectionReader<'a> {
    /// From the text, uncompressed, and the rows.
    pub fn new(text: &'a [u8], rows: &'a [u8]) -> Option<Self> {
        let mut words = Reader::new(text);
        let length = words.count()?;
        let heads = Reader::new(words.take(length)?);
        Some(Self { heads, words, rows: Reader::new(rows), values_left: MOST_VALUES })
    }

    /// Of layouts that have words only.
    pub const fn of_words(text: &'a [u8]) -> Self {
        Self { heads: Reader::new(&[]), words: Reader::new(text), rows: Reader::new(&[]), values_left: MOST_VALUES }
    }

    /// So many values follow; None if that is too many.
    pub fn claim(&mut self, count: usize) -> Option<()> {
        self.values_left = self.values_left.checked_sub(count)?;
        Some(())
    }
}
