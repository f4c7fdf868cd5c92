//! How does the state of a partition go from one worker to the next? As pieces in the changelog, and as a note beside the
//! committed offset that says which pieces they are.
//!
//! A piece is a record of the partition of the changelog that has the number of the partition: layout u8, generation
//! varint, index varint, then bytes. Its key is the slot (generation modulo 2) and the index, so that compaction keeps the
//! newest two generations: the one that is being written never removes the one that is in use. The note goes with the
//! commit, which a broker refuses from a worker that the group no longer knows.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::Xxh3;

use crate::Error;
use crate::wire::{Reader, put_varint};

const LAYOUT: u8 = 1;
/// Bytes of a piece: well below what brokers accept in one message.
const PIECE_BYTES: usize = 256 * 1024;

/// State that is being cut into pieces.
#[derive(Clone)]
pub struct Saved {
    generation: u64,
    index: u32,
    sum: Xxh3,
    open: Vec<u8>,
}

/// One record of the changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Key, by which a later generation takes its place.
    pub key: String,
    /// What it holds.
    pub value: Vec<u8>,
}

impl Saved {
    /// Nothing is written yet.
    pub fn new(generation: u64) -> Self {
        Self { generation, index: 0, sum: Xxh3::new(), open: vec![] }
    }

    /// Adds bytes; returns the pieces that are full.
    pub fn add(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.sum.update(bytes);
        self.open.extend_from_slice(bytes);
        let mut full = vec![];
        while self.open.len() >= PIECE_BYTES {
            let rest = self.open.split_off(PIECE_BYTES);
            let piece = std::mem::replace(&mut self.open, rest);
            full.push(self.piece(&piece));
        }
        full
    }

    /// The last piece, and how many there are with what sum.
    pub fn finish(mut self) -> (Piece, u32, u64) {
        let last = std::mem::take(&mut self.open);
        let piece = self.piece(&last);
        (piece, self.index, self.sum.digest())
    }

    fn piece(&mut self, bytes: &[u8]) -> Piece {
        let mut value = vec![LAYOUT];
        put_varint(&mut value, self.generation);
        put_varint(&mut value, u64::from(self.index));
        value.extend_from_slice(bytes);
        let key = format!("{}/{}", self.generation % 2, self.index);
        self.index += 1;
        Piece { key, value }
    }
}

/// Where saved state is, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Grows by one with every state that is saved.
    pub generation: u64,
    /// All records of the signals' partition below this offset are in the state.
    pub as_of: i64,
    /// The offset of the first piece in the changelog.
    pub first: i64,
    /// How many pieces there are.
    pub pieces: u32,
    /// XXH3 of their bytes, one after the other.
    pub sum: u64,
}

impl fmt::Display for Shelf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, as_of, first, pieces, sum } = self;
        write!(formatter, "state-1 {generation} {as_of} {first} {pieces} {sum:016x}")
    }
}

/// A note that is not one of ours, or of another release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownNote;

impl FromStr for Shelf {
    type Err = UnknownNote;

    fn from_str(text: &str) -> Result<Self, UnknownNote> {
        let parts: Vec<&str> = text.split(' ').collect();
        let ["state-1", generation, as_of, first, pieces, sum] = parts.as_slice() else { return Err(UnknownNote) };
        let shelf = || {
            Some(Self {
                generation: generation.parse().ok()?,
                as_of: as_of.parse().ok()?,
                first: first.parse().ok()?,
                pieces: pieces.parse().ok()?,
                sum: u64::from_str_radix(sum, 16).ok()?,
            })
        };
        shelf().ok_or(UnknownNote)
    }
}

impl Shelf {
    /// Begins to gather the pieces.
    pub fn gather(&self) -> Gathering {
        Gathering { shelf: *self, next: 0, bytes: vec![] }
    }
}

/// Pieces that are being read.
pub struct Gathering {
    shelf: Shelf,
    next: u32,
    bytes: Vec<u8>,
}

impl Gathering {
    /// Takes the next record of the changelog; those of other generations are passed over. True if all are there.
    ///
    /// # Errors
    /// The record is not readable.
    pub fn take(&mut self, record: &[u8]) -> Result<bool, Error> {
        let mut reader = Reader::new(record, LAYOUT)?;
        let (generation, index) = (reader.varint()?, reader.varint()?);
        if generation == self.shelf.generation && index == u64::from(self.next) {
            self.bytes.extend_from_slice(reader.rest());
            self.next += 1;
        }
        Ok(self.next >= self.shelf.pieces)
    }

    /// The state, if it is what was saved.
    pub fn finish(self) -> Option<Vec<u8>> {
        let mut sum = Xxh3::new();
        sum.update(&self.bytes);
        (self.next == self.shelf.pieces && sum.digest() == self.shelf.sum).then_some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(generation: u64, bytes: &[u8]) -> (Vec<Piece>, Shelf) {
        let mut saved = Saved::new(generation);
        let mut pieces: Vec<Piece> = bytes.chunks(100_000).flat_map(|it| saved.add(it)).collect();
        let (last, count, sum) = saved.finish();
        pieces.push(last);
        assert_eq!(pieces.len(), count as usize);
        (pieces, Shelf { generation, as_of: 42, first: 0, pieces: count, sum })
    }

    fn gather(shelf: &Shelf, pieces: &[Piece]) -> Option<Vec<u8>> {
        let mut gathering = shelf.gather();
        for piece in pieces {
            if gathering.take(&piece.value).unwrap() {
                break;
            }
        }
        gathering.finish()
    }

    #[test]
    fn state_is_cut_and_joined() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|it| it as u8).collect();
        for bytes in [&bytes[..], &bytes[..PIECE_BYTES], &[]] {
            let (pieces, shelf) = save(7, bytes);
            assert_eq!(gather(&shelf, &pieces).as_deref(), Some(bytes));
            assert!(pieces.iter().all(|it| it.key.starts_with("1/") && it.value.len() <= PIECE_BYTES + 16));
        }
    }

    #[test]
    fn pieces_of_another_writer_are_passed_over_and_what_is_damaged_is_not_used() {
        let bytes = vec![1; 700_000];
        let (mut pieces, shelf) = save(8, &bytes);
        let (others, _) = save(9, &[2; 700_000]);
        let mixed: Vec<Piece> = pieces.iter().zip(&others).flat_map(|(a, b)| [b.clone(), a.clone()]).collect();
        assert_eq!(gather(&shelf, &mixed), Some(bytes));
        assert_eq!(gather(&shelf, &pieces[1..]), None, "the first is gone");
        *pieces[1].value.last_mut().unwrap() ^= 1;
        assert_eq!(gather(&shelf, &pieces), None, "a bit is wrong");
    }

    #[test]
    fn the_note_is_read_back_and_others_are_not_taken_for_one() {
        let shelf = Shelf { generation: 3, as_of: 1 << 40, first: 12, pieces: 4, sum: 0xfedc };
        assert_eq!(shelf.to_string().parse(), Ok(shelf));
        for text in ["", "state-2 1 2 3 4 5", "state-1 1 2 3 4", "state-1 a 2 3 4 5", "consumer-1"] {
            assert_eq!(text.parse::<Shelf>(), Err(UnknownNote), "{text}");
        }
    }
}
