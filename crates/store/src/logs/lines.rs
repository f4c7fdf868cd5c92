//! How are log lines packed? Streams once, then times, metadata and the text by its shapes.

use signal::{Labels, LogRecord, Timestamp};
use xxhash_rust::xxh3::Xxh3;

use super::shapes;
use crate::bytes::{Reader, put_signed};
use crate::packs::columns::{attributes, label_sets, put_attributes, put_label_sets};
use crate::packs::filter::hashes;
use crate::packs::kind::{Kind, Layout};

/// Log lines.
#[derive(Debug)]
pub struct Lines;

impl Kind for Lines {
    type Record = LogRecord;

    const NAME: &'static str = "logs";

    fn times(record: &LogRecord) -> (Timestamp, Timestamp) {
        (record.time, record.time)
    }

    fn weight(record: &LogRecord) -> usize {
        let metadata: usize = record.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        // The time counts as in a line of RFC 3339.
        24 + record.line.len() + metadata
    }

    fn digest(record: &LogRecord) -> u64 {
        let mut hasher = Xxh3::new();
        hasher.update(&record.labels.id().hash().to_le_bytes());
        hasher.update(&record.time.millis().to_le_bytes());
        hasher.update(record.line.as_bytes());
        if !record.metadata.is_empty() {
            hasher.update(&record.metadata.id().hash().to_le_bytes());
        }
        hasher.digest()
    }

    fn sort_key(record: &LogRecord) -> u64 {
        record.labels.id().hash()
    }

    fn words(record: &LogRecord, out: &mut Vec<u64>) {
        hashes(&record.line, out);
        for (name, value) in record.metadata.iter() {
            hashes(name, out);
            hashes(value, out);
        }
    }

    fn encode(records: &[&LogRecord], out: &mut Vec<u8>) {
        put_label_sets(records.iter().map(|it| &it.labels), out);
        let mut before = 0;
        for record in records {
            put_signed(out, record.time.millis().wrapping_sub(before));
            before = record.time.millis();
        }
        put_attributes(records.iter().map(|it| &it.metadata), out);
        shapes::put(records.iter().map(|it| &*it.line), out);
    }

    fn decode(bytes: &[u8], count: usize, layout: Layout) -> Option<Vec<LogRecord>> {
        let mut reader = Reader::new(bytes);
        let labels = label_sets(&mut reader, count)?;
        let mut times = Vec::with_capacity(count);
        let mut millis = 0_i64;
        for _ in 0..count {
            millis = millis.wrapping_add(reader.signed()?);
            times.push(Timestamp::from_millis(millis));
        }
        let metadata = attributes(&mut reader, count)?;
        let lines: Vec<String> = match layout {
            Layout::Texts => (0..count).map(|_| reader.text().map(str::to_owned)).collect::<Option<_>>()?,
            Layout::Shapes => shapes::read(&mut reader, count)?,
        };
        let record = |(((labels, time), metadata), line): (((Labels, Timestamp), Labels), String)| LogRecord {
            time,
            labels,
            line,
            metadata,
        };
        Some(labels.into_iter().zip(times).zip(metadata).zip(lines).map(record).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_come_back(rows in prop::collection::vec((any::<i64>(), "[a-c]{0,2}", ".{0,20}", "[x-z]{0,3}"), 0..40)) {
            let records: Vec<LogRecord> = rows
                .into_iter()
                .map(|(millis, app, line, trace)| LogRecord {
                    time: Timestamp::from_millis(millis),
                    labels: Labels::new([("app", app)]),
                    line,
                    metadata: Labels::new([("trace_id", trace)]),
                })
                .collect();
            let mut bytes = vec![];
            Lines::encode(&records.iter().collect::<Vec<_>>(), &mut bytes);
            prop_assert_eq!(Lines::decode(&bytes, records.len(), Layout::Shapes), Some(records));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..50_usize) {
            for layout in [Layout::Texts, Layout::Shapes] {
                let _ = Lines::decode(&bytes, count, layout);
            }
        }
    }
}
