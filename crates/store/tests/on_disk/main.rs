//! Does what is stored come back: small, merged, from older files, and after damage?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../scratch/mod.rs"]
mod scratch;

mod keeps_lines_small;
mod keeps_native_histograms;
mod merges_blocks;
mod merges_packs;
mod reads_older_files;
mod recovers_after_bit_flip;
mod recovers_after_torn_write;
mod stores_and_finds;
mod tells_long_traces;
