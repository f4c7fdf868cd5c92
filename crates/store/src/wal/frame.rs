//! What stands in a frame of the write-ahead log? Points or lines; labels only the first time in a segment.

use std::collections::{HashMap, HashSet};

use signal::{Labels, LogRecord, Point, SeriesId, SeriesPoints, Timestamp};

use crate::bytes::{Reader, put_labels, put_signed, put_text, put_varint};

const SAMPLES: u8 = 1;
const LOGS: u8 = 2;

/// What a frame holds.
#[derive(Debug)]
pub enum Frame {
    Samples(Vec<SeriesPoints>),
    Logs { first_id: u64, received: Timestamp, records: Vec<LogRecord> },
}

/// Adds the payload for points.
pub fn put_samples(batch: &[SeriesPoints], defined: &mut HashSet<SeriesId>, out: &mut Vec<u8>) {
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
    defined: &mut HashSet<SeriesId>,
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
        last = record.time.millis();
    }
}

/// Reads a payload; None if it is none of the above or names labels that are not known.
pub fn read(payload: &[u8], known: &mut HashMap<SeriesId, Labels>) -> Option<Frame> {
    let mut reader = Reader::new(payload);
    match reader.byte()? {
        SAMPLES => {
            let count = reader.count()?;
            let batch: Option<Vec<_>> = (0..count).map(|_| read_series_points(&mut reader, known)).collect();
            Some(Frame::Samples(batch?))
        }
        LOGS => {
            let first_id = reader.varint()?;
            let received = reader.signed()?;
            let mut last = received;
            let count = reader.count()?;
            let records: Option<Vec<_>> = (0..count).map(|_| read_record(&mut reader, known, &mut last)).collect();
            Some(Frame::Logs { first_id, received: Timestamp::from_millis(received), records: records? })
        }
        _ => None,
    }
}

fn put_series(labels: &Labels, defined: &mut HashSet<SeriesId>, out: &mut Vec<u8>) {
    out.extend_from_slice(&labels.id().hash().to_le_bytes());
    let is_new = defined.insert(labels.id());
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

fn read_record(reader: &mut Reader<'_>, known: &mut HashMap<SeriesId, Labels>, last: &mut i64) -> Option<LogRecord> {
    let labels = read_series(reader, known)?;
    *last = last.wrapping_add(reader.signed()?);
    Some(LogRecord::new(Timestamp::from_millis(*last), labels, reader.text()?))
}
