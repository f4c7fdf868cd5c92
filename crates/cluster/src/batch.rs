//! What does a gateway say to the worker of a partition? Signals, and when the gateway took them.
//!
//! Layout: layout u8, kind u8, received (signed varint, milliseconds), then items up to the end of the record. The time of
//! arrival is what points are judged against: whoever judges them, and however late, comes to the same verdict.

use std::ops::Range;

use signal::{LogRecord, Point, SeriesPoints, Timestamp};

use crate::Error;
use crate::wire::{Reader, put_f64, put_labels, put_signed, put_text, put_time, put_varint};

/// The layout of records; a record of another one is not read.
const LAYOUT: u8 = 1;
/// A record is ended when it has so many bytes: half of what brokers accept in one message by default.
const RECORD_BYTES: usize = 512 * 1024;
/// Points of one series that stand together; more of them are cut into several items.
const ITEM_POINTS: usize = 16_384;

const SAMPLES: u8 = 1;
const LOGS: u8 = 2;

/// One record of the signals' topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// When the gateway took it.
    pub received: Timestamp,
    /// What came in.
    pub signals: Signals,
}

/// Signals of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Signals {
    /// Points.
    Samples(Vec<SeriesPoints>),
    /// Log lines.
    Logs(Vec<LogRecord>),
}

impl Signals {
    /// Points or lines.
    pub fn len(&self) -> usize {
        match self {
            Self::Samples(batch) => batch.iter().map(|it| it.points.len()).sum(),
            Self::Logs(lines) => lines.len(),
        }
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Batch {
    /// The records that say this, none larger than a broker takes.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        match &self.signals {
            Signals::Samples(batch) => {
                let mut records = Records::new(SAMPLES, self.received);
                for series in batch {
                    for points in pieces(series.points.len()) {
                        records.add(|out| put_series(out, series, points));
                    }
                }
                records.finish()
            }
            Signals::Logs(lines) => {
                let mut records = Records::new(LOGS, self.received);
                lines.iter().for_each(|it| records.add(|out| put_line(out, it)));
                records.finish()
            }
        }
    }

    /// Reads one record.
    ///
    /// # Errors
    /// It is of another layout, or its bytes are not what `encode` writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, LAYOUT)?;
        let kind = reader.byte()?;
        let received = reader.time()?;
        let signals = match kind {
            SAMPLES => Signals::Samples(until_the_end(&mut reader, series)?),
            LOGS => Signals::Logs(until_the_end(&mut reader, line)?),
            _ => return Err(reader.unreadable("samples or log lines")),
        };
        Ok(Self { received, signals })
    }
}

/// Records that are being written.
struct Records {
    head: Vec<u8>,
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Records {
    fn new(kind: u8, received: Timestamp) -> Self {
        let mut head = vec![LAYOUT, kind];
        put_time(&mut head, received);
        Self { open: head.clone(), head, done: vec![] }
    }

    fn add(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.open);
        if self.open.len() >= RECORD_BYTES {
            self.done.push(std::mem::replace(&mut self.open, self.head.clone()));
        }
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        if self.open.len() > self.head.len() {
            self.done.push(self.open);
        }
        self.done
    }
}

fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(ITEM_POINTS).map(move |from| from..(from + ITEM_POINTS).min(len))
}

fn put_series(out: &mut Vec<u8>, series: &SeriesPoints, range: Range<usize>) {
    let points = series.points.get(range).unwrap_or_default();
    put_labels(out, &series.labels);
    let mut before = 0;
    put_varint(out, points.len() as u64);
    for point in points {
        put_signed(out, point.time.millis().wrapping_sub(before));
        put_f64(out, point.value);
        before = point.time.millis();
    }
}

fn series(reader: &mut Reader<'_>) -> Result<SeriesPoints, Error> {
    let labels = reader.labels()?;
    let mut before: i64 = 0;
    let points = reader.list(|it| {
        before = before.wrapping_add(it.signed()?);
        Ok(Point { time: Timestamp::from_millis(before), value: it.f64()? })
    })?;
    Ok(SeriesPoints { labels, points })
}

fn put_line(out: &mut Vec<u8>, record: &LogRecord) {
    put_time(out, record.time);
    put_labels(out, &record.labels);
    put_text(out, &record.line);
    put_labels(out, &record.metadata);
}

fn line(reader: &mut Reader<'_>) -> Result<LogRecord, Error> {
    Ok(LogRecord {
        time: reader.time()?,
        labels: reader.labels()?,
        line: reader.text()?.to_owned(),
        metadata: reader.labels()?,
    })
}

fn until_the_end<T>(
    reader: &mut Reader<'_>,
    one: impl Fn(&mut Reader<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut items = vec![];
    while !reader.is_empty() {
        items.push(one(reader)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signal::Labels;

    use super::*;

    fn labels() -> impl Strategy<Value = Labels> {
        proptest::collection::vec(("[a-z_]{1,8}", ".{0,12}"), 0..5).prop_map(Labels::new)
    }

    fn signals() -> impl Strategy<Value = Signals> {
        let point = (any::<i64>(), any::<f64>())
            .prop_map(|(millis, value)| Point { time: Timestamp::from_millis(millis), value });
        let series = (labels(), proptest::collection::vec(point, 1..9))
            .prop_map(|(labels, points)| SeriesPoints { labels, points });
        let line = (any::<i64>(), labels(), ".{0,40}", labels()).prop_map(|(millis, labels, line, metadata)| {
            LogRecord { time: Timestamp::from_millis(millis), labels, line, metadata }
        });
        prop_oneof![
            proptest::collection::vec(series, 1..9).prop_map(Signals::Samples),
            proptest::collection::vec(line, 1..9).prop_map(Signals::Logs),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(signals in signals(), received in any::<i64>()) {
            let batch = Batch { received: Timestamp::from_millis(received), signals };
            let records = batch.encode();
            prop_assert_eq!(records.len(), 1);
            let read = Batch::decode(&records[0]).unwrap();
            // NaN is not equal to itself, but is written like itself.
            prop_assert_eq!(read.encode(), records);
            prop_assert_eq!(read.signals.len(), batch.signals.len());
        }

        #[test]
        fn no_bytes_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Batch::decode(&bytes);
            let _ = Batch::decode(&[&[LAYOUT, SAMPLES, 0][..], &bytes].concat());
            let _ = Batch::decode(&[&[LAYOUT, LOGS, 0][..], &bytes].concat());
        }
    }

    #[test]
    fn what_is_cut_is_refused() {
        let batch = Batch {
            received: Timestamp::from_secs(1),
            signals: Signals::Samples(vec![SeriesPoints::one(Labels::metric("m", &[]), Timestamp::from_secs(1), 2.0)]),
        };
        let record = batch.encode().remove(0);
        let head = 2 + 2;
        for end in (0..record.len()).filter(|it| *it != head) {
            assert!(Batch::decode(&record[..end]).is_err(), "cut at {end}");
        }
        let error = Batch::decode(&[9, 1, 0]).unwrap_err().to_string();
        assert_eq!(error, "a record has layout 9, this release reads layout 1");
    }

    #[test]
    fn large_batches_become_several_records() {
        let labels = Labels::metric("m", &[]);
        let point = |secs| Point { time: Timestamp::from_secs(secs), value: secs as f64 };
        let series = SeriesPoints { labels, points: (0..200_000).map(point).collect() };
        let batch = Batch { received: Timestamp::from_secs(1), signals: Signals::Samples(vec![series.clone()]) };
        let records = batch.encode();
        assert!(records.len() > 2 && records.iter().all(|it| it.len() < 2 * RECORD_BYTES), "{}", records.len());
        let read = records.iter().flat_map(|it| match Batch::decode(it).unwrap().signals {
            Signals::Samples(it) => it,
            Signals::Logs(_) => vec![],
        });
        let points: Vec<Point> = read.flat_map(|it| it.points).collect();
        assert_eq!(points, series.points);
    }
}
