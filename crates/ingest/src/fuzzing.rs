//! How do the fuzz targets reach what lies before a decoder? Bodies are unpacked, streams are cut into messages.
//!
//! No part of the interface: whoever is not `fuzz/` has no use for it.

use crate::syslog::Framer;
use crate::{Config, Error, body};

/// A body without its encoding: `snappy` (a block), `gzip`, `deflate`, `zstd` or none.
pub fn unpacked(bytes: &[u8], encoding: &str, config: &Config) -> Result<Vec<u8>, Error> {
    match encoding {
        "snappy" => body::snappy(bytes, config),
        other => body::plain(bytes, other, config).map(std::borrow::Cow::into_owned),
    }
}

/// Messages of a syslog stream that comes in pieces of `piece_bytes`, each with whether it was cut.
pub fn syslog_messages(stream: &[u8], piece_bytes: usize, max_bytes: usize) -> Vec<(Vec<u8>, bool)> {
    let mut framer = Framer::new(max_bytes);
    let mut messages = vec![];
    for piece in stream.chunks(piece_bytes.max(1)) {
        framer.push(piece, |message, is_cut| messages.push((message.to_vec(), is_cut)));
    }
    framer.finish(|message, is_cut| messages.push((message.to_vec(), is_cut)));
    messages
}
