//! Prometheus remote write 1.0: `prometheus.WriteRequest`, after the snappy block is undone.
//!
//! Specification: <https://prometheus.io/docs/specs/prw/remote_write_spec/>. Read without copying: the only memory
//! taken is that of the points that are passed on, and of labels that did not come before.

use signal::{Labels, Point, SeriesPoints, Timestamp};

use crate::label_cache::{LabelCache, Protocol};
use crate::limits::checked_labels;
use crate::protobuf::Message;
use crate::{Config, Error, Problems, Reason};

/// Series of a decompressed body. Samples that break a rule are left out and named in `Problems`.
pub fn decode(bytes: &[u8], config: &Config) -> Result<(Vec<SeriesPoints>, Problems), Error> {
    decode_with(bytes, config, &LabelCache::default())
}

/// The same with labels that came before: those are not read again.
pub(crate) fn decode_with(
    bytes: &[u8],
    config: &Config,
    cache: &LabelCache,
) -> Result<(Vec<SeriesPoints>, Problems), Error> {
    let mut batch = vec![];
    let mut problems = Problems::default();
    let mut reader = LabelReader { config, cache, labels: vec![], pairs: vec![], scratch: vec![] };
    let mut request = Message::new(bytes, "WriteRequest");
    // Field 3 is metadata (help and type), which is not kept.
    while let Some((field, value)) = request.next()? {
        if field == 1 {
            batch.extend(series(value.bytes("timeseries")?, &mut reader, &mut problems)?);
        }
    }
    Ok((batch, problems))
}

/// `TimeSeries { labels = 1, samples = 2, exemplars = 3, histograms = 4 }`.
fn series<'a>(
    bytes: &'a [u8],
    reader: &mut LabelReader<'a, '_>,
    problems: &mut Problems,
) -> Result<Option<SeriesPoints>, Error> {
    reader.labels.clear();
    let mut points = vec![];
    let mut n_histograms = 0;
    let mut n_exemplars = 0;
    let mut fields = Message::new(bytes, "timeseries");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => reader.labels.push(value.bytes("labels")?),
            2 => points.push(sample(value.bytes("samples")?)?),
            3 => n_exemplars += 1,
            4 => n_histograms += 1,
            _ => {}
        }
    }
    problems.add(Reason::Exemplar, n_exemplars, String::new);
    problems.add(Reason::NativeHistogram, n_histograms, String::new);
    let labels = match reader.read()? {
        Ok(labels) if labels.name().is_empty() => {
            problems.add(Reason::Unnamed, points.len().max(1) as u64, || format!("labels: {labels} has no __name__"));
            return Ok(None);
        }
        Ok(labels) => labels,
        Err((reason, detail)) => {
            problems.add(reason, points.len().max(1) as u64, || format!("labels: {detail}"));
            return Ok(None);
        }
    };
    let n_points = points.len();
    points.retain(|it: &Point| it.time.is_plausible());
    problems.add(Reason::Timestamp, (n_points - points.len()) as u64, || {
        format!("timestamp: a sample of {labels} is not between 1970 and 2200 (milliseconds are expected)")
    });
    if !points.is_sorted_by_key(|it| it.time) {
        points.sort_by_key(|it| it.time);
    }
    Ok((!points.is_empty()).then_some(SeriesPoints { labels, points }))
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
    fn read(&mut self) -> Result<Result<Labels, (Reason, String)>, Error> {
        let key = self.cache.key(Protocol::WriteV1, self.labels.iter().copied(), &mut self.scratch);
        if let Some(labels) = self.cache.get(key) {
            return Ok(Ok(labels));
        }
        self.pairs.clear();
        for bytes in &self.labels {
            self.pairs.push(label(bytes)?);
        }
        let checked = checked_labels(&self.pairs, self.config);
        if let Ok(labels) = &checked {
            self.cache.put(key, labels);
        }
        Ok(checked)
    }
}

fn label(bytes: &[u8]) -> Result<(&str, &str), Error> {
    let (mut name, mut text) = ("", "");
    let mut fields = Message::new(bytes, "label");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.text("label.name")?,
            2 => text = value.text("label.value")?,
            _ => {}
        }
    }
    Ok((name, text))
}

/// `Sample { value = 1, timestamp = 2 }`; a field that is left out is 0.
fn sample(bytes: &[u8]) -> Result<Point, Error> {
    let mut point = Point { time: Timestamp::from_millis(0), value: 0.0 };
    let mut fields = Message::new(bytes, "sample");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => point.value = value.double("sample.value")?,
            2 => point.time = Timestamp::from_millis(value.int64("sample.timestamp")?),
            _ => {}
        }
    }
    Ok(point)
}
