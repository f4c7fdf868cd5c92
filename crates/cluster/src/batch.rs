//! What does a gateway say to the worker of a partition? Signals, and when the gateway took them. A worker says to others
//! what its spans tell of their services.
//!
//! Layout: layout u8, kind u8, received (signed varint, milliseconds), then items up to the end of the record. The time of
//! arrival is what points are judged against: whoever judges them, and however late, comes to the same verdict.

use std::ops::Range;

use signal::{LogRecord, Point, SeriesPoints, Span, Timestamp};

use crate::Error;
use crate::span::{put_span, span};
use crate::wire::{Reader, put_f64, put_labels, put_signed, put_text, put_time, put_varint};
use crate::work::{Work, put_work, work};

/// The layout of records; a record of another one is not read.
const LAYOUT: u8 = 1;
/// A record is ended when it has so many bytes: half of what brokers accept in one message by default.
const RECORD_BYTES: usize = 512 * 1024;
/// Points of one series that stand together; more of them are cut into several items.
const ITEM_POINTS: usize = 16_384;

const SAMPLES: u8 = 1;
const LOGS: u8 = 2;
const SPANS: u8 = 3;
const PAST: u8 = 4;
const WORK: u8 = 5;
const BEAT: u8 = 6;

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
    /// Spans.
    Spans(Vec<Span>),
    /// Points of the past, from which is only learned.
    Past(Vec<SeriesPoints>),
    /// What spans of another partition tell of services of this one; a worker says this, not a gateway.
    Work(Vec<Work>),
    /// A gateway of this name is there, or leaves.
    Beat(Beat),
}

/// What a gateway says to every partition, also when it has no signals for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Its name, unique among the gateways.
    pub gateway: String,
    /// It ends and is not waited for.
    pub is_leaving: bool,
}

impl Signals {
    /// Points, lines, spans or works.
    pub fn len(&self) -> usize {
        match self {
            Self::Samples(batch) | Self::Past(batch) => batch.iter().map(|it| it.points.len()).sum(),
            Self::Logs(lines) => lines.len(),
            Self::Spans(spans) => spans.len(),
            Self::Work(work) => work.len(),
            Self::Beat(_) => 1,
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
        let records = |kind| Records::new(kind, self.received);
        match &self.signals {
            Signals::Samples(batch) => records(SAMPLES).series(batch),
            Signals::Past(batch) => records(PAST).series(batch),
            Signals::Logs(lines) => records(LOGS).all(lines, put_line),
            Signals::Spans(spans) => records(SPANS).all(spans, put_span),
            Signals::Work(all) => records(WORK).all(all, put_work),
            Signals::Beat(it) => records(BEAT).all(std::slice::from_ref(it), put_beat),
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
            PAST => Signals::Past(until_the_end(&mut reader, series)?),
            LOGS => Signals::Logs(until_the_end(&mut reader, line)?),
            SPANS => Signals::Spans(until_the_end(&mut reader, span)?),
            WORK => Signals::Work(until_the_end(&mut reader, work)?),
            BEAT => Signals::Beat(beat(&mut reader)?),
            _ => return Err(reader.unreadable("a kind of signals")),
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

    fn all<T>(mut self, all: &[T], put: impl Fn(&mut Vec<u8>, &T)) -> Vec<Vec<u8>> {
        all.iter().for_each(|it| self.add(|out| put(out, it)));
        self.finish()
    }

    fn series(mut self, batch: &[SeriesPoints]) -> Vec<Vec<u8>> {
        for series in batch {
            for points in pieces(series.points.len()) {
                self.add(|out| put_series(out, series, points));
            }
        }
        self.finish()
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

fn put_beat(out: &mut Vec<u8>, it: &Beat) {
    out.push(u8::from(it.is_leaving));
    put_text(out, &it.gateway);
}

fn beat(reader: &mut Reader<'_>) -> Result<Beat, Error> {
    Ok(Beat { is_leaving: reader.byte()? != 0, gateway: reader.text()?.to_owned() })
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
pub(crate) mod tests {
    use proptest::prelude::*;
    use signal::Labels;

    use super::*;

    pub fn labels() -> impl Strategy<Value = Labels> {
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
        let series = (any::<bool>(), proptest::collection::vec(series, 1..9));
        prop_oneof![
            series.prop_map(|(is_past, it)| if is_past { Signals::Past(it) } else { Signals::Samples(it) }),
            proptest::collection::vec(line, 1..9).prop_map(Signals::Logs),
            proptest::collection::vec(crate::span::tests::any_span(), 1..9).prop_map(Signals::Spans),
            proptest::collection::vec(crate::work::tests::any_work(), 1..9).prop_map(Signals::Work),
            (any::<bool>(), ".{0,9}").prop_map(|(is_leaving, gateway)| Signals::Beat(Beat { gateway, is_leaving })),
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
            for kind in [SAMPLES, LOGS, SPANS, PAST, WORK, BEAT] {
                let _ = Batch::decode(&[&[LAYOUT, kind, 0][..], &bytes].concat());
            }
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
            _ => vec![],
        });
        let points: Vec<Point> = read.flat_map(|it| it.points).collect();
        assert_eq!(points, series.points);
    }
}
