//! What do the last bytes of a block say, and where are the points of a series in it?

use signal::{SeriesId, Timestamp};

use crate::bytes::Reader;

/// Of blocks that were merged from others.
const MAGIC_MERGED: &[u8; 8] = b"SNTLBLK3";
/// Of blocks as they come from memory.
const MAGIC: &[u8; 8] = b"SNTLBLK2";
/// Of blocks whose labels are not compressed; they are still read.
const MAGIC_PLAIN: &[u8; 8] = b"SNTLBLK1";
/// Of an entry of the index.
pub const ENTRY_BYTES: u64 = 40;
/// Of all footers.
pub const FOOTER_BYTES: usize = 76;

/// What is known of a whole block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    pub labels_offset: u64,
    pub index_offset: u64,
    pub series: u64,
    pub points: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Samples in this segment of the write-ahead log and the ones before are in blocks.
    pub wal_through: u64,
    pub content_crc: u32,
    /// Its points are those of so many blocks, its own number the last of theirs; 0 if it came from memory.
    pub covers: u32,
    pub has_plain_labels: bool,
}

impl Footer {
    /// What stands at both ends of the file.
    pub const fn magic(&self) -> &'static [u8; 8] {
        if self.covers > 0 { MAGIC_MERGED } else { MAGIC }
    }

    /// Its bytes; all footers have equally many.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        for number in [self.labels_offset, self.index_offset, self.series, self.points, self.wal_through] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.first.millis().to_le_bytes());
        out.extend_from_slice(&self.last.millis().to_le_bytes());
        out.extend_from_slice(&self.content_crc.to_le_bytes());
        if self.covers > 0 {
            out.extend_from_slice(&self.covers.to_le_bytes());
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.resize(FOOTER_BYTES - self.magic().len(), 0);
        out.extend_from_slice(self.magic());
        out
    }

    /// None if it does not fit its checksum.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (is_merged, has_plain_labels) = (bytes.ends_with(MAGIC_MERGED), bytes.ends_with(MAGIC_PLAIN));
        let mut reader = Reader::new(bytes);
        let footer = Self {
            labels_offset: reader.u64()?,
            index_offset: reader.u64()?,
            series: reader.u64()?,
            points: reader.u64()?,
            wal_through: reader.u64()?,
            first: Timestamp::from_millis(reader.i64()?),
            last: Timestamp::from_millis(reader.i64()?),
            content_crc: reader.u32()?,
            covers: if is_merged { reader.u32()? } else { 0 },
            has_plain_labels,
        };
        let covered = bytes.len() - reader.rest().len();
        let is_ours = is_merged || has_plain_labels || bytes.ends_with(MAGIC);
        let is_whole = is_ours && reader.u32()? == crc32fast::hash(bytes.get(..covered)?);
        is_whole.then_some(footer)
    }
}

/// Where the points of one series are.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub id: SeriesId,
    pub offset: u64,
    pub length: u32,
    pub crc: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Entry {
    /// Adds its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.hash().to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.first.millis().to_le_bytes());
        out.extend_from_slice(&self.last.millis().to_le_bytes());
    }

    /// None at the end.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: SeriesId::from_hash(reader.u64()?),
            offset: reader.u64()?,
            length: reader.u32()?,
            crc: reader.u32()?,
            first: Timestamp::from_millis(reader.i64()?),
            last: Timestamp::from_millis(reader.i64()?),
        })
    }
}
