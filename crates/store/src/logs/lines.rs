//! How are log lines packed? Streams once, then times, metadata and the text by its templates.

use signal::{Labels, LogRecord, Timestamp};
use xxhash_rust::xxh3::Xxh3;

use super::{shapes, templates};
use crate::bytes::Reader;
use crate::packs::columns::{attributes, label_sets};
use crate::packs::filter::{Word, add_words};
use crate::packs::kind::{Kind, Layout};
use crate::packs::labels::{label_columns, put_label_columns, put_label_sets, read_label_sets};
use crate::packs::sections::{SectionReader, Sections};
use crate::rows::{self, Effort};

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

    fn words(record: &LogRecord, out: &mut Vec<Word>) {
        add_words(&record.line, out);
        for (name, value) in record.metadata.iter() {
            add_words(name, out);
            add_words(value, out);
        }
    }

    fn encode(records: &[&LogRecord], effort: Effort, out: &mut Sections) {
        put_label_sets(records.iter().map(|it| &it.labels), out, effort);
        let times: Vec<i64> = records.iter().map(|it| it.time.millis()).collect();
        rows::encode(&times, effort, &mut out.rows);
        put_label_columns(records.iter().map(|it| &it.metadata), out, effort);
        templates::put(&records.iter().map(|it| &*it.line).collect::<Vec<_>>(), effort, out);
    }

    fn decode(reader: &mut SectionReader<'_>, count: usize, layout: Layout) -> Option<Vec<LogRecord>> {
        if layout != Layout::Templates {
            return decode_older(&mut reader.words, count, layout);
        }
        let labels = read_label_sets(reader, count)?;
        let times = rows::decode(&mut reader.rows, count)?.into_iter().map(Timestamp::from_millis).collect();
        let metadata = label_columns(reader, count)?;
        Some(joined(labels, times, metadata, templates::read(reader, count)?))
    }
}

fn decode_older(reader: &mut Reader<'_>, count: usize, layout: Layout) -> Option<Vec<LogRecord>> {
    let labels = label_sets(reader, count)?;
    let mut times = vec![];
    let mut millis = 0_i64;
    for _ in 0..count {
        millis = millis.wrapping_add(reader.signed()?);
        times.push(Timestamp::from_millis(millis));
    }
    let metadata = attributes(reader, count)?;
    let lines: Vec<String> = match layout {
        Layout::Texts => (0..count).map(|_| reader.text().map(str::to_owned)).collect::<Option<_>>()?,
        _ => shapes::read(reader, count)?,
    };
    Some(joined(labels, times, metadata, lines))
}

fn joined(labels: Vec<Labels>, times: Vec<Timestamp>, metadata: Vec<Labels>, lines: Vec<String>) -> Vec<LogRecord> {
    let record = |(((labels, time), metadata), line): (((Labels, Timestamp), Labels), String)| LogRecord {
        time,
        labels,
        line,
        metadata,
    };
    labels.into_iter().zip(times).zip(metadata).zip(lines).map(record).collect()
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
            for effort in [Effort::Quick, Effort::Dense] {
                let mut out = Sections::default();
                Lines::encode(&records.iter().collect::<Vec<_>>(), effort, &mut out);
                let text = out.text();
                let mut reader = SectionReader::new(&text, &out.rows).unwrap();
                let found = Lines::decode(&mut reader, records.len(), Layout::Templates);
                prop_assert_eq!(found.as_ref(), Some(&records));
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..50_usize) {
            for layout in [Layout::Texts, Layout::Shapes] {
                let _ = Lines::decode(&mut SectionReader::of_words(&bytes), count, layout);
            }
            let _ = SectionReader::new(&bytes, &bytes).map(|mut it| Lines::decode(&mut it, count, Layout::Templates));
        }
    }
}
