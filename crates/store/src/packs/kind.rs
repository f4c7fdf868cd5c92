//! What must be known of records so that they can be packed? Their times, words and columns.

use std::fmt::Debug;

use signal::Timestamp;

use super::filter::Word;
use super::order::Order;
use super::sections::{SectionReader, Sections};
use crate::rows::Effort;

/// How the columns of a pack lie; older packs are still read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Log lines as texts with their length.
    Texts,
    /// Log lines by their shapes. Spans are as before.
    Shapes,
    /// Log lines by their templates, and numbers in rows of their own. Spans are as before.
    Templates,
    /// Times in the order in which they came, columns gathered that are alike, and random identities plain, which no
    /// filter has. Spans are as before.
    Gathered,
}

/// A sort of records that is kept in packs.
pub trait Kind: Debug + 'static {
    /// One record.
    type Record: Clone + Debug + Send + Sync + 'static;

    /// What the records are called in messages.
    const NAME: &'static str;

    /// When a record begins and ends.
    fn times(record: &Self::Record) -> (Timestamp, Timestamp);

    /// About how many bytes it has, unpacked.
    fn weight(record: &Self::Record) -> usize;

    /// What makes it the same record when it comes again; see [`super::recent`].
    fn digest(record: &Self::Record) -> u64;

    /// Records that are alike have keys that are alike: they lie beside each other, which saves room.
    fn sort_key(record: &Self::Record) -> u64;

    /// The words by which it can be found.
    fn words(record: &Self::Record, out: &mut Vec<Word>);

    /// Adds the records, column by column; `order` is that in which they came.
    fn encode(records: &[&Self::Record], order: &Order, effort: Effort, out: &mut Sections);

    /// Reads `count` records back; None if the bytes cannot be what was written. The order is known to all but older
    /// layouts.
    fn decode(reader: &mut SectionReader<'_>, count: usize, order: &Order, layout: Layout)
    -> Option<Vec<Self::Record>>;
}

/// A record that is durable in the write-ahead log.
#[derive(Debug)]
pub struct Entry<R> {
    pub id: u64,
    pub received: Timestamp,
    pub record: R,
}
