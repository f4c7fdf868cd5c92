//! Do the decoders of our own bytes hold? What is on disk, what comes from a topic, scenarios. They are damaged bytes at
//! worst; whatever is read is written and read again, and is then the same.

use cluster::{Batch, Finding, Shelf};
use ingest::fuzzing::unpacked;
use store::{Effort, chunk, fuzzing};
use testkit::scn;

use crate::holds;

/// Bodies that are compressed: none becomes larger than the limit.
pub fn compressed(bytes: &[u8]) {
    let config = holds::small();
    for encoding in ["snappy", "gzip", "deflate", "zstd"] {
        match unpacked(bytes, encoding, &config) {
            Ok(plain) => assert!(plain.len() <= config.max_decompressed_bytes),
            Err(error) => holds::error(&error),
        }
    }
}

/// A frame of the write-ahead log.
pub fn store_wal(bytes: &[u8]) {
    if let Some(written) = fuzzing::rewritten_frame(bytes) {
        assert_eq!(fuzzing::rewritten_frame(&written).as_ref(), Some(&written));
    }
}

/// Columns of a pack; the first byte says of what kind, the second how many records.
pub fn store_pack(bytes: &[u8]) {
    let [kind, count, columns @ ..] = bytes else { return };
    let rewritten = if kind & 1 == 0 { fuzzing::rewritten_lines } else { fuzzing::rewritten_spans };
    let count = usize::from(*count);
    if let Some(written) = rewritten(columns, count) {
        assert_eq!(rewritten(&written, count).as_ref(), Some(&written));
    }
}

/// A chunk of points.
pub fn store_chunk(bytes: &[u8]) {
    let Some(points) = chunk::decode(bytes) else { return };
    let bits = |it: &signal::Point| (it.time, it.value.to_bits());
    for effort in [Effort::Quick, Effort::Dense] {
        let written = chunk::encode_with(&points, effort);
        let again = chunk::decode(&written).unwrap_or_else(|| panic!("what was written cannot be read"));
        assert!(points.iter().map(bits).eq(again.iter().map(bits)));
    }
}

/// Records that processes of a cluster tell each other, and the note beside an offset.
pub fn cluster_records(bytes: &[u8]) {
    match Batch::decode(bytes) {
        Ok(batch) => {
            let written = batch.encode();
            let again: Vec<Vec<u8>> =
                written.iter().flat_map(|it| Batch::decode(it).unwrap_or_else(unreadable).encode()).collect();
            assert_eq!(written, again);
        }
        Err(error) => holds::error(&error),
    }
    match Finding::decode(bytes) {
        Ok(finding) => {
            let written = finding.encode();
            let again: Vec<Vec<u8>> =
                written.iter().flat_map(|it| Finding::decode(it).unwrap_or_else(unreadable).encode()).collect();
            assert_eq!(written, again);
        }
        Err(error) => holds::error(&error),
    }
    if let Some(shelf) = std::str::from_utf8(bytes).ok().and_then(|it| it.parse::<Shelf>().ok()) {
        assert_eq!(shelf.to_string().parse(), Ok(shelf));
    }
}

fn unreadable<T>(error: cluster::Error) -> T {
    panic!("what was written cannot be read: {error}")
}

/// A scenario file.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(errors) = scn::parse("fuzz", text) {
        assert!(!errors.is_empty(), "a refusal says why");
        errors.iter().for_each(|it| holds::error(it));
    }
}
