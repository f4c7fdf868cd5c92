//! What stands in a frame of the write-ahead log? Points, lines, spans or native histograms; labels only the first time in a segment.

use std::collections::HashMap;

use signal::{HistogramSample, Labels, LogRecord, Point, SeriesId, SeriesMap, SeriesPoints, Span, Timestamp};

use crate::bytes::{Reader, put_labels, put_signed, put_text, put_varint};
use crate::histograms;
use crate::spans::codec;

const SAMPLES: u8 = 1;
/// Lines without metadata, of earlier versions.
const PLAIN_LOGS: u8 = 2;
const LOGS: u8 = 3;
const SPANS: u8 = 4;
const HISTOGRAMS: u8 = 5;

/// What a frame holds.
#[derive(Debug)]
pub enum Frame {
    Samples(Vec<SeriesPoints>),
    Logs { first_id: u64, received: Timestamp, records: Vec<LogRecord> },
    Spans { first_id: u64, received: Timestamp, spans: Vec<Span> },
    Histograms { first_id: u64, received: Timestamp, samples: Vec<HistogramSample> },
}

/// Adds the payload for points.
pub fn put_samples(batch: &[SeriesPoints], defined: &mut SeriesMap<()>, out: &mut Vec<u8>) {
    out.push(SAMPLES);
    put_varint(out, batch.len() as u64);
    for series in batch {
        put_series(&series.labels, defined, out);
        put_varint(out, series.points.len() as u64);
        let mut last = 0;
        for point in &series.points {
            put_signed(out, point.time.millis().wrapping_sub(last));
            out.extend_from_slice(&point.value.to_bits().to_le_bytes());
            last = point.time.millis();
        }
    }
}

/// Adds the payload for lines.
pub fn put_logs(
    first_id: u64,
    received: Timestamp,
    records: &[LogRecord],
    defined: &mut SeriesMap<()>,
    out: &mut Vec<u8>,
) {
    out.push(LOGS);
    put_varint(out, first_id);
    put_signed(out, received.millis());
    put_varint(out, records.len() as u64);
    let mut last = received.millis();
    for record in records {
        put_series(&record.labels, defined, out);
        put_signed(out, record.time.millis().wrapping_sub(last));
        put_text(out, &record.line);
        put_labels(out, &record.metadata);
        last = record.time.millis();
    }
}

/// Adds the payload for spans. They are packed as they will be on disk: they repeat much.
pub fn put_spans(first_id: u64, received: Timestamp, spans: &[Span], out: &mut Vec<u8>) {
    out.push(SPANS);
    put_varint(out, first_id);
    put_signed(out, received.millis());
    put_varint(out, spans.len() as u64);
    codec::put(&spans.iter().collect::<Vec<_>>(), out);
}

/// Adds the payload for native histograms, packed as spans are.
pub fn put_histograms(first_id: u64, received: Timestamp, samples: &[HistogramSample], out: &mut Vec<u8>) {
    out.push(HISTOGRAMS);
    put_varint(out, first_id);
    put_signed(out, received.millis());
    put_varint(out, samples.len() as u64);
    histograms::codec::put(&samples.iter().collect::<Vec<_>>(), out);
}

/// Reads a payload; None if it is none of the above or names labels that are not known.
pub fn read(payload: &[u8], known: &mut HashMap<SeriesId, Labels>) -> Option<Frame> {
    let mut reader = Reader::new(payload);
    let tag = reader.byte()?;
    match tag {
        SAMPLES => {
            let count = reader.count()?;
            let batch: Option<Vec<_>> = (0..count).map(|_| read_series_points(&mut reader, known)).collect();
            Some(Frame::Samples(batch?))
        }
        PLAIN_LOGS | LOGS => {
            let first_id = reader.varint()?;
            let received = reader.signed()?;
            let mut last = received;
            let count = reader.count()?;
            let records: Option<Vec<_>> =
                (0..count).map(|_| read_record(&mut reader, known, &mut last, tag == LOGS)).collect();
            Some(Frame::Logs { first_id, received: Timestamp::from_millis(received), records: records? })
        }
        SPANS => {
            let (first_id, received) = (reader.varint()?, Timestamp::from_millis(reader.signed()?));
            let count = reader.count()?;
            Some(Frame::Spans { first_id, received, spans: codec::read(&mut reader, count)? })
        }
        HISTOGRAMS => {
            let (first_id, received) = (reader.varint()?, Timestamp::from_millis(reader.signed()?));
            let count = reader.count()?;
            let samples = histograms::codec::read(&mut reader, count)?;
            Some(Frame::Histograms { first_id, received, samples })
        }
        _ => None,
    }
}

fn put_series(labels: &Labels, defined: &mut SeriesMap<()>, out: &mut Vec<u8>) {
    out.extend_from_slice(&labels.id().hash().to_le_bytes());
    let is_new = defined.insert(labels.id(), ()).is_none();
    out.push(u8::from(is_new));
    if is_new {
        put_labels(out, labels);
    }
}

fn read_series(reader: &mut Reader<'_>, known: &mut HashMap<SeriesId, Labels>) -> Option<Labels> {
    let id = SeriesId::from_hash(reader.u64()?);
    if reader.byte()? == 1 {
        let labels = reader.labels()?;
        known.insert(id, labels);
    }
    known.get(&id).cloned()
}

fn read_series_points(reader: &mut Reader<'_>, known: &mut HashMap<SeriesId, Labels>) -> Option<SeriesPoints> {
    let labels = read_series(reader, known)?;
    let count = reader.count()?;
    let mut points = Vec::with_capacity(count);
    let mut last = 0_i64;
    for _ in 0..count {
        last = last.wrapping_add(reader.signed()?);
        points.push(Point { time: Timestamp::from_millis(last), value: f64::from_bits(reader.u64()?) });
    }
    Some(SeriesPoints { labels, points })
}

fn read_record(
    reader: &mut Reader<'_>,
    known: &mut HashMap<SeriesId, Labels>,
    last: &mut i64,
    has_metadata: bool,
) -> Option<LogRecord> {
    let labels = read_series(reader, known)?;
    *last = last.wrapping_add(reader.signed()?);
    let record = LogRecord::new(Timestamp::from_millis(*last), labels, reader.text()?);
    Some(if has_metadata { LogRecord { metadata: reader.labels()?, ..record } } else { record })
}
