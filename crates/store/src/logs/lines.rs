//! How are log lines packed? Streams once, then times, metadata and the text by its templates.

use signal::{Labels, LogRecord, Timestamp};
use xxhash_rust::xxh3::Xxh3;

use super::{shapes, templates};
use crate::bytes::Reader;
use crate::packs::columns::{attributes, label_sets};
use crate::packs::filter::{Word, add_words};
use crate::packs::kind::{Kind, Layout};
use crate::packs::labels::{label_columns, put_label_columns, put_label_sets, read_label_sets};
use crate::packs::order::Order;
use crate::packs::sections::{SectionReader, Sections};
use crate::rows::{self, Effort};

/// In which order times lie.
const AS_THEY_LIE: u8 = 0;
const BY_ID: u8 = 1;

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

    fn encode(records: &[&LogRecord], order: &Order, effort: Effort, out: &mut Sections) {
        put_label_sets(records.iter().map(|it| &it.labels), out, effort);
        let times: Vec<i64> = records.iter().map(|it| it.time.millis()).collect();
        put_times(&times, order, effort, out);
        put_label_columns(records.iter().map(|it| &it.metadata), out, effort);
        let streams: Vec<usize> = records.chunk_by(|a, b| a.labels == b.labels).map(<[_]>::len).collect();
        templates::put(&records.iter().map(|it| &*it.line).collect::<Vec<_>>(), &streams, effort, out);
    }

    fn decode(reader: &mut SectionReader<'_>, count: usize, order: &Order, layout: Layout) -> Option<Vec<LogRecord>> {
        if matches!(layout, Layout::Texts | Layout::Shapes) {
            return decode_older(&mut reader.words, count, layout);
        }
        let labels = read_label_sets(reader, count)?;
        let is_by_id = layout == Layout::Gathered && reader.heads.byte()? == BY_ID;
        let times = rows::decode(&mut reader.rows, count)?;
        let times = if is_by_id { order.unsorted(&times)? } else { times };
        let times = times.into_iter().map(Timestamp::from_millis).collect();
        let metadata = label_columns(reader, count)?;
        let lines = match layout {
            Layout::Gathered => {
                let streams: Vec<usize> = labels.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
                templates::read(reader, &streams)?
            }
            _ => templates::read_older(reader, count)?,
        };
        Some(joined(labels, times, metadata, lines))
    }
}

/// Adds the times in order of the ids, in which they mostly ascend, or as the records lie, if each stream has a beat of
/// its own.
fn put_times(times: &[i64], order: &Order, effort: Effort, out: &mut Sections) {
    let (mut as_they_lie, mut by_id) = (vec![], vec![]);
    rows::encode(times, effort, &mut as_they_lie);
    rows::encode(&order.sorted(times), effort, &mut by_id);
    let is_by_id = by_id.len() < as_they_lie.len();
    out.heads.push(if is_by_id { BY_ID } else { AS_THEY_LIE });
    out.rows.append(if is_by_id { &mut by_id } else { &mut as_they_lie });
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
    use crate::packs::plain::PlainReader;

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
                let order = Order::of(&(0..records.len() as u64).map(|it| it * 7 % 41).collect::<Vec<_>>());
                let mut out = Sections::default();
                Lines::encode(&records.iter().collect::<Vec<_>>(), &order, effort, &mut out);
                let text = out.text();
                let found = Lines::decode(&mut out.reader(&text).unwrap(), records.len(), &order, Layout::Gathered);
                prop_assert_eq!(found.as_ref(), Some(&records));
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..50_usize) {
            for layout in [Layout::Texts, Layout::Shapes] {
                let _ = Lines::decode(&mut SectionReader::of_words(&bytes), count, &Order::none(), layout);
            }
            let order = Order::of(&vec![1; count]);
            for layout in [Layout::Templates, Layout::Gathered] {
                let plain = PlainReader::new(&bytes, &bytes);
                let reader = SectionReader::new(&bytes, &bytes, plain);
                let _ = reader.map(|mut it| Lines::decode(&mut it, count, &order, layout));
            }
        }
    }
}
