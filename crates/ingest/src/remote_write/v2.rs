//! Prometheus remote write 2.0: `io.prometheus.write.v2.Request`, after the snappy block is undone.
//!
//! Specification: <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>. All texts are in one table; series
//! refer to it by number.

use signal::{Labels, Point, SeriesPoints, Timestamp};

use super::{Decoded, Described, Refusal, Series, Told, texts};
use crate::label_cache::{LabelCache, Protocol};
use crate::limits::checked_labels;
use crate::metadata::kind_of_number;
use crate::protobuf::Message;
use crate::{Config, Error, Problems};

/// Texts of one request. Prometheus sends 2,000 samples at once by default; a table of this size takes 16 MiB.
const MOST_SYMBOLS: usize = 1 << 20;

/// Series of a decompressed body. Samples that break a rule are left out and named in `Problems`.
pub fn decode(bytes: &[u8], config: &Config) -> Result<(Vec<SeriesPoints>, Problems), Error> {
    decode_with(bytes, config, &LabelCache::default()).map(|it| (it.batch, it.problems))
}

/// The same with labels that came before: those are not read again.
pub(crate) fn decode_with(bytes: &[u8], config: &Config, cache: &LabelCache) -> Result<Decoded, Error> {
    let symbols = symbols(bytes)?;
    let mut reader = Reader { config, cache, symbols, parts: vec![], scratch: vec![] };
    let mut decoded = Decoded::default();
    let mut request = Message::new(bytes, "Request");
    while let Some((field, value)) = request.next()? {
        if field == 5 {
            let (refs, series) = series(value.bytes("timeseries")?, &reader)?;
            decoded.add(reader.labels(&refs)?, series, config);
        }
    }
    Ok(decoded)
}

/// The table, which may stand anywhere in the message.
fn symbols(bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut symbols = vec![];
    let mut request = Message::new(bytes, "Request");
    while let Some((field, value)) = request.next()? {
        match field {
            4 if symbols.len() == MOST_SYMBOLS => {
                return Err(Error::malformed("symbols", format!("more than {MOST_SYMBOLS}; send smaller batches")));
            }
            4 => symbols.push(value.bytes("symbols")?),
            // They are kept free so that a message of version 1.0 is not taken for an empty one of 2.0.
            1..=3 => return Err(Error::malformed("Request", "this is a message of version 1.0")),
            _ => {}
        }
    }
    match symbols.first() {
        Some(first) if !first.is_empty() => Err(Error::malformed("symbols", "the first one must be empty")),
        _ => Ok(symbols),
    }
}

/// `TimeSeries { labels_refs = 1, samples = 2, histograms = 3, exemplars = 4, metadata = 5 }`.
fn series<'a>(bytes: &'a [u8], reader: &Reader<'a, '_>) -> Result<(Vec<u64>, Series<'a>), Error> {
    let mut refs = vec![];
    let mut series = Series::default();
    let mut fields = Message::new(bytes, "timeseries");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => value.numbers("labels_refs", |it| refs.push(it))?,
            2 => series.sample(value.bytes("samples")?)?,
            3 => series.histogram(value.bytes("histograms")?)?,
            4 => series.exemplar(exemplar(value.bytes("exemplars")?, reader)?),
            5 => {
                series.metadata = described(value.bytes("metadata")?, reader)?;
                series.is_obscure = series.metadata.is_none();
            }
            _ => {}
        }
    }
    Ok((refs, series))
}

/// `Metadata { type = 1, help_ref = 3, unit_ref = 4 }`; none if a text is not UTF-8.
fn described<'a>(bytes: &'a [u8], reader: &Reader<'a, '_>) -> Result<Option<Described<'a>>, Error> {
    let (mut number, mut help, mut unit) = (0, 0, 0);
    let mut fields = Message::new(bytes, "metadata");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => number = value.int64("metadata.type")?,
            3 => help = value.int64("metadata.help_ref")?,
            4 => unit = value.int64("metadata.unit_ref")?,
            _ => {}
        }
    }
    let symbol_of = |it: i64| reader.symbol(u64::try_from(it).unwrap_or(u64::MAX));
    let kind = kind_of_number(u64::try_from(number).unwrap_or(0));
    let (help, unit) = (std::str::from_utf8(symbol_of(help)?), std::str::from_utf8(symbol_of(unit)?));
    Ok(help.ok().zip(unit.ok()).map(|(help, unit)| Described { kind, help, unit }))
}

/// `Exemplar { labels_refs = 1, value = 2, timestamp = 3 }`; none if its labels are not UTF-8.
fn exemplar<'a>(bytes: &'a [u8], reader: &Reader<'a, '_>) -> Result<Option<Told<'a>>, Error> {
    let mut refs = vec![];
    let mut point = Point { time: Timestamp::from_millis(0), value: 0.0 };
    let mut fields = Message::new(bytes, "exemplar");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => value.numbers("exemplar.labels_refs", |it| refs.push(it))?,
            2 => point.value = value.double("exemplar.value")?,
            3 => point.time = Timestamp::from_millis(value.int64("exemplar.timestamp")?),
            _ => {}
        }
    }
    let symbols: Vec<&'a [u8]> = refs.iter().map(|it| reader.symbol(*it)).collect::<Result<_, _>>()?;
    Ok(pairs(&symbols)?.ok().map(|pairs| Told { pairs, point }))
}

/// Names and values.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Names and values in turn, as pairs; or why the series is refused.
fn pairs<'a>(parts: &[&'a [u8]]) -> Result<Result<Pairs<'a>, Refusal>, Error> {
    let (pairs, rest) = parts.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::malformed("labels_refs", "the number of refs is odd"));
    }
    Ok(pairs.iter().map(|[name, value]| texts((name, value))).collect())
}

/// Reads the labels of one series after the other.
struct Reader<'a, 'b> {
    config: &'b Config,
    cache: &'b LabelCache,
    symbols: Vec<&'a [u8]>,
    /// Names and values in turn.
    parts: Vec<&'a [u8]>,
    scratch: Vec<u8>,
}

impl<'a> Reader<'a, '_> {
    fn symbol(&self, number: u64) -> Result<&'a [u8], Error> {
        let symbol = usize::try_from(number).ok().and_then(|it| self.symbols.get(it)).copied();
        symbol.ok_or_else(|| {
            Error::malformed("labels_refs", format!("{number} is beyond the {} symbols", self.symbols.len()))
        })
    }

    /// The labels, or why they are refused.
    fn labels(&mut self, refs: &[u64]) -> Result<Result<Labels, Refusal>, Error> {
        self.parts.clear();
        for it in refs {
            let symbol = self.symbol(*it)?;
            self.parts.push(symbol);
        }
        let key = self.cache.key(Protocol::WriteV2, self.parts.iter().copied(), &mut self.scratch);
        if let Some(labels) = self.cache.get(key) {
            return Ok(Ok(labels));
        }
        let checked = pairs(&self.parts)?.and_then(|it| checked_labels(&it, self.config));
        if let Ok(labels) = &checked {
            self.cache.put(key, labels);
        }
        Ok(checked)
    }
}
