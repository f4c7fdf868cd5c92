//! Prometheus remote write 1.0: `prometheus.WriteRequest`, after the snappy block is undone.
//!
//! Specification: <https://prometheus.io/docs/specs/prw/remote_write_spec/>. Read without copying: the only memory
//! taken is that of the points that are passed on, and of labels that did not come before.

use signal::{Labels, Point, SeriesPoints, Timestamp};

use super::{Decoded, Refusal, Series, Told, texts};
use crate::label_cache::{LabelCache, Protocol};
use crate::limits::checked_labels;
use crate::metadata::of_write_v1;
use crate::protobuf::Message;
use crate::{Config, Error, Problems, Reason};

/// Series of a decompressed body. Samples that break a rule are left out and named in `Problems`.
pub fn decode(bytes: &[u8], config: &Config) -> Result<(Vec<SeriesPoints>, Problems), Error> {
    decode_with(bytes, config, &LabelCache::default()).map(|it| (it.batch, it.problems))
}

/// The same with labels that came before: those are not read again.
pub(crate) fn decode_with(bytes: &[u8], config: &Config, cache: &LabelCache) -> Result<Decoded, Error> {
    let mut decoded = Decoded::default();
    let mut reader = LabelReader { config, cache, labels: vec![], pairs: vec![], scratch: vec![] };
    let mut request = Message::new(bytes, "WriteRequest");
    while let Some((field, value)) = request.next()? {
        match field {
            1 => {
                let series = series(value.bytes("timeseries")?, &mut reader)?;
                decoded.add(reader.read()?, series, config);
            }
            3 => match of_write_v1(value.bytes("metadata")?)? {
                Some(it) => decoded.metadata.push(it),
                None => decoded.problems.add(Reason::MetricMetadata, 1, String::new),
            },
            _ => {}
        }
    }
    Ok(decoded)
}

/// `TimeSeries { labels = 1, samples = 2, exemplars = 3, histograms = 4 }`; the labels go to the reader.
fn series<'a>(bytes: &'a [u8], reader: &mut LabelReader<'a, '_>) -> Result<Series<'a>, Error> {
    reader.labels.clear();
    let mut series = Series::default();
    let mut fields = Message::new(bytes, "timeseries");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => reader.labels.push(value.bytes("labels")?),
            2 => series.sample(value.bytes("samples")?)?,
            3 => series.exemplar(exemplar(value.bytes("exemplars")?)?),
            4 => series.histogram(value.bytes("histograms")?)?,
            _ => {}
        }
    }
    Ok(series)
}

/// `Exemplar { labels = 1, value = 2, timestamp = 3 }`; none if its labels are not UTF-8.
fn exemplar(bytes: &[u8]) -> Result<Option<Told<'_>>, Error> {
    let mut is_readable = true;
    let mut told = Told { pairs: vec![], point: Point { time: Timestamp::from_millis(0), value: 0.0 } };
    let mut fields = Message::new(bytes, "exemplar");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => match texts(label_bytes(value.bytes("exemplar.labels")?)?) {
                Ok(pair) => told.pairs.push(pair),
                Err(_) => is_readable = false,
            },
            2 => told.point.value = value.double("exemplar.value")?,
            3 => told.point.time = Timestamp::from_millis(value.int64("exemplar.timestamp")?),
            _ => {}
        }
    }
    Ok(is_readable.then_some(told))
}

/// Reads the labels of one series after the other.
struct LabelReader<'a, 'b> {
    config: &'b Config,
    cache: &'b LabelCache,
    /// The bytes of the series' labels.
    labels: Vec<&'a [u8]>,
    pairs: Vec<(&'a str, &'a str)>,
    scratch: Vec<u8>,
}

impl LabelReader<'_, '_> {
    /// The labels, or why they are refused.
    fn read(&mut self) -> Result<Result<Labels, Refusal>, Error> {
        let key = self.cache.key(Protocol::WriteV1, self.labels.iter().copied(), &mut self.scratch);
        if let Some(labels) = self.cache.get(key) {
            return Ok(Ok(labels));
        }
        self.pairs.clear();
        for bytes in &self.labels {
            match texts(label_bytes(bytes)?) {
                Ok(pair) => self.pairs.push(pair),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        let checked = checked_labels(&self.pairs, self.config);
        if let Ok(labels) = &checked {
            self.cache.put(key, labels);
        }
        Ok(checked)
    }
}

/// `Label { name = 1, value = 2 }`.
fn label_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (mut name, mut text) = (&[][..], &[][..]);
    let mut fields = Message::new(bytes, "label");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.bytes("label.name")?,
            2 => text = value.bytes("label.value")?,
            _ => {}
        }
    }
    Ok((name, text))
}
