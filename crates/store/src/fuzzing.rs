//! How do the fuzz targets reach the decoders of what is on disk? Each reads bytes and writes what it read again.
//!
//! No part of the interface: whoever is not `fuzz/` has no use for it.

use std::collections::HashMap;

use signal::SeriesMap;

use crate::bytes::{Reader, put_varint};
use crate::logs::Lines;
use crate::packs::kind::{Kind, Layout};
use crate::packs::order::{Order, put_ids, read_ids};
use crate::packs::plain::PlainReader;
use crate::packs::sections::{SectionReader, Sections};
use crate::rows::Effort;
use crate::spans::Steps;
use crate::wal::frame::{self, Frame};

/// A frame of the write-ahead log, as it is written anew; None if the bytes are none.
pub fn rewritten_frame(payload: &[u8]) -> Option<Vec<u8>> {
    let (mut defined, mut out) = (SeriesMap::default(), vec![]);
    match frame::read(payload, &mut HashMap::new())? {
        Frame::Samples(batch) => frame::put_samples(&batch, &mut defined, &mut out),
        Frame::Logs { first_id, received, records } => {
            frame::put_logs(first_id, received, &records, &mut defined, &mut out);
        }
        Frame::Spans { first_id, received, spans } => frame::put_spans(first_id, received, &spans, &mut out),
        Frame::Histograms { first_id, received, samples } => {
            frame::put_histograms(first_id, received, &samples, &mut out);
        }
    }
    Some(out)
}

/// Columns of log lines, of whatever layout, as they are written anew.
pub fn rewritten_lines(columns: &[u8], count: usize) -> Option<Vec<u8>> {
    rewritten::<Lines>(columns, count)
}

/// Columns of spans, as they are written anew.
pub fn rewritten_spans(columns: &[u8], count: usize) -> Option<Vec<u8>> {
    rewritten::<Steps>(columns, count)
}

/// Lengths of text, directory and what lies plain, and these; rows. In older layouts, only the length of the text.
fn rewritten<K: Kind>(bytes: &[u8], count: usize) -> Option<Vec<u8>> {
    let sections = || {
        let mut reader = Reader::new(bytes);
        let [text, directory, plain] = [(); 3].map(|()| reader.count());
        let (text, directory) = (reader.take(text?)?, reader.take(directory?)?);
        let plain = PlainReader::new(directory, reader.take(plain?)?);
        let mut reader = SectionReader::new(text, reader.rest(), plain)?;
        let (_, order) = read_ids(&mut reader, count)?;
        K::decode(&mut reader, count, &order, Layout::Gathered)
    };
    let templates = || {
        let mut reader = Reader::new(bytes);
        let length = reader.count()?;
        let text = reader.take(length)?;
        let mut reader = SectionReader::new(text, reader.rest(), PlainReader::new(&[], &[]))?;
        K::decode(&mut reader, count, &Order::none(), Layout::Templates)
    };
    let words = |layout| K::decode(&mut SectionReader::of_words(bytes), count, &Order::none(), layout);
    let older = || templates().or_else(|| [Layout::Shapes, Layout::Texts].into_iter().find_map(words));
    let records = sections().or_else(older)?;
    let mut columns = Sections::default();
    let order = put_ids(&(0..records.len() as u64).collect::<Vec<_>>(), Effort::Dense, &mut columns);
    K::encode(&records.iter().collect::<Vec<_>>(), &order, Effort::Dense, &mut columns);
    let text = columns.text();
    let mut out = vec![];
    [text.len(), columns.plain.directory.len(), columns.plain.bytes.len()]
        .iter()
        .for_each(|it| put_varint(&mut out, *it as u64));
    [text, columns.plain.directory, columns.plain.bytes, columns.rows].iter().for_each(|it| out.extend_from_slice(it));
    Some(out)
}
