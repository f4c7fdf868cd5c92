//! Where do the bytes of packs go? For those who want to make them smaller.

use serde::Serialize;

use super::Packs;
use super::file::{LENGTHS_BYTES, PACK_HEADER_BYTES, Pack, PackFile};
use super::kind::{Kind, Layout};
use crate::Error;
use crate::bytes::Reader;

/// Bytes by what they are for.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Parts {
    /// Filters, and what says how the identities lie.
    pub filters: u64,
    /// Identities that lie plain.
    pub plain: u64,
    /// Templates, words and heads, in zstd.
    pub words: u64,
    /// Rows of numbers.
    pub rows: u64,
    /// Headers, and packs of older layouts.
    pub rest: u64,
}

impl<K: Kind> Packs<K> {
    /// Of all that is packed.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn parts(&self) -> Result<Parts, Error> {
        let mut all = Parts::default();
        for file in self.files() {
            let mut packs = 0;
            for pack in file.packs.iter() {
                packs += all.add(&file, pack)?;
            }
            all.rest += file.bytes - packs;
        }
        Ok(all)
    }
}

impl Parts {
    /// Adds those of a pack and returns their sum.
    fn add(&mut self, file: &PackFile, pack: &Pack) -> Result<u64, Error> {
        if pack.layout != Layout::Gathered {
            return Ok(0);
        }
        let offset = pack.offset + PACK_HEADER_BYTES as u64 + u64::from(pack.filter_bytes);
        let lengths = file.read(offset, LENGTHS_BYTES)?;
        let mut reader = Reader::new(&lengths);
        let [_, words, plain] = [(); 3].map(|()| u64::from(reader.u32().unwrap_or(0)));
        let body = u64::from(pack.body_bytes);
        self.filters += u64::from(pack.filter_bytes);
        self.words += words;
        self.plain += plain;
        self.rows += body.saturating_sub(LENGTHS_BYTES as u64 + words + plain);
        Ok(u64::from(pack.filter_bytes) + body - LENGTHS_BYTES as u64)
    }
}
