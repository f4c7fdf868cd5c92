//! How are native histograms packed? Labels and the places of buckets once each, then times and counts as differences to
//! the histogram of the series before: mostly zeros.

use signal::{HistogramSample, NativeHistogram, ResetHint, Timestamp};
use xxhash_rust::xxh3::Xxh3;

use crate::bytes::{Reader, put_signed, put_varint};
use crate::packs::columns::{label_sets, put_label_sets};
use crate::packs::filter::{Word, hash};
use crate::packs::kind::{Kind, Layout};
use crate::packs::order::Order;
use crate::packs::sections::{SectionReader, Sections};
use crate::rows::Effort;

/// Native histograms of series.
#[derive(Debug)]
pub struct Shapes;

const HINTS: [ResetHint; 4] = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];

/// By which the histograms of a metric are found. The sign keeps it apart from words.
pub fn metric_word(metric: &str) -> Word {
    Word::of_hash(hash(&format!("histogram={metric}")))
}

impl Kind for Shapes {
    type Record = HistogramSample;

    const NAME: &'static str = "native histograms";

    fn times(sample: &HistogramSample) -> (Timestamp, Timestamp) {
        (sample.time, sample.time)
    }

    fn weight(sample: &HistogramSample) -> usize {
        let value = &sample.value;
        64 + 12 * (value.positive.len() + value.negative.len()) + 8 * value.bounds.len()
    }

    fn digest(sample: &HistogramSample) -> u64 {
        let mut hasher = Xxh3::new();
        hasher.update(&sample.labels.id().hash().to_le_bytes());
        hasher.update(&sample.time.millis().to_le_bytes());
        hasher.digest()
    }

    fn sort_key(sample: &HistogramSample) -> u64 {
        sample.labels.id().hash()
    }

    fn words(sample: &HistogramSample, out: &mut Vec<Word>) {
        out.push(metric_word(sample.labels.name()));
    }

    fn encode(samples: &[&HistogramSample], _order: &Order, _effort: Effort, out: &mut Sections) {
        put(samples, &mut out.words);
    }

    fn decode(
        reader: &mut SectionReader<'_>,
        count: usize,
        _order: &Order,
        _layout: Layout,
    ) -> Option<Vec<HistogramSample>> {
        read(&mut reader.words, count)
    }
}

/// Adds histograms, those of a series one after the other.
pub fn put(samples: &[&HistogramSample], out: &mut Vec<u8>) {
    put_label_sets(samples.iter().map(|it| &it.labels), out);
    let nothing = NativeHistogram::default();
    let mut before: Option<&HistogramSample> = None;
    for sample in samples {
        let same_series = before.filter(|it| it.labels == sample.labels);
        let (time, value) = same_series.map_or((0, &nothing), |it| (it.time.millis(), &it.value));
        put_signed(out, sample.time.millis().wrapping_sub(time));
        put_value(&sample.value, value, out);
        before = Some(sample);
    }
}

/// Reads `count` histograms back.
pub fn read(reader: &mut Reader<'_>, count: usize) -> Option<Vec<HistogramSample>> {
    let labels = label_sets(reader, count)?;
    let mut samples: Vec<HistogramSample> = Vec::with_capacity(count);
    for labels in labels {
        let before = samples.last().filter(|it| it.labels == labels);
        let time = before.map_or(0, |it: &HistogramSample| it.time.millis()).wrapping_add(reader.signed()?);
        let value = read_value(reader, before.map(|it| &it.value))?;
        samples.push(HistogramSample { labels, time: Timestamp::from_millis(time), value });
    }
    Some(samples)
}

fn put_value(value: &NativeHistogram, before: &NativeHistogram, out: &mut Vec<u8>) {
    put_signed(out, i64::from(value.schema));
    let hint = HINTS.iter().position(|it| *it == value.hint).unwrap_or(0);
    out.push(u8::try_from(hint).unwrap_or(0));
    put_number(value.zero_threshold, before.zero_threshold, out);
    put_number(value.zero_count, before.zero_count, out);
    put_number(value.count, before.count, out);
    put_number(value.sum, before.sum, out);
    put_buckets(&value.positive, &before.positive, out);
    put_buckets(&value.negative, &before.negative, out);
    put_varint(out, value.bounds.len() as u64);
    for (at, bound) in value.bounds.iter().enumerate() {
        put_number(*bound, before.bounds.get(at).copied().unwrap_or_default(), out);
    }
}

fn read_value(reader: &mut Reader<'_>, before: Option<&NativeHistogram>) -> Option<NativeHistogram> {
    let nothing = NativeHistogram::default();
    let before = before.unwrap_or(&nothing);
    let schema = i32::try_from(reader.signed()?).ok()?;
    let hint = HINTS.get(usize::from(reader.byte()?)).copied()?;
    let zero_threshold = number(reader, before.zero_threshold)?;
    let zero_count = number(reader, before.zero_count)?;
    let count = number(reader, before.count)?;
    let sum = number(reader, before.sum)?;
    let positive = buckets(reader, &before.positive)?;
    let negative = buckets(reader, &before.negative)?;
    let n_bounds = reader.count()?;
    let bound = |at| number(reader, before.bounds.get(at).copied().unwrap_or_default());
    let bounds = (0..n_bounds).map(bound).collect::<Option<_>>()?;
    Some(NativeHistogram { schema, hint, zero_threshold, zero_count, count, sum, positive, negative, bounds })
}

/// A whole number as its difference to the one before, shifted by one bit; anything else as a 3 if it is the one before, or
/// as its bits behind a 1.
fn put_number(value: f64, before: f64, out: &mut Vec<u8>) {
    match difference(value, before) {
        Some(it) => put_varint(out, crate::bytes::zigzag(it) << 1),
        None if value.to_bits() == before.to_bits() => out.push(3),
        None => {
            out.push(1);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

fn number(reader: &mut Reader<'_>, before: f64) -> Option<f64> {
    match reader.varint()? {
        1 => reader.u64().map(f64::from_bits),
        3 => Some(before),
        it if it & 1 == 0 => Some(before + crate::bytes::unzigzag(it >> 1) as f64),
        _ => None,
    }
}

/// Whole numbers of up to 52 bits, whose difference is exact.
fn difference(value: f64, before: f64) -> Option<i64> {
    let is_whole = |it: f64| it.fract() == 0.0 && it.abs() < 4.5e15 && it.to_bits() != (-0.0_f64).to_bits();
    (is_whole(value) && is_whole(before)).then(|| value as i64 - before as i64)
}

/// Places as differences to the bucket before, counts as differences to the same place of the histogram before.
fn put_buckets(buckets: &[(i32, f64)], before: &[(i32, f64)], out: &mut Vec<u8>) {
    put_varint(out, buckets.len() as u64);
    let mut last = 0;
    for (at, (index, count)) in buckets.iter().enumerate() {
        put_signed(out, i64::from(*index) - last);
        last = i64::from(*index);
        put_number(*count, before.get(at).map_or(0.0, |it| it.1), out);
    }
}

fn buckets(reader: &mut Reader<'_>, before: &[(i32, f64)]) -> Option<Vec<(i32, f64)>> {
    let n = reader.count()?;
    let mut buckets = Vec::with_capacity(n);
    let mut last = 0_i64;
    for at in 0..n {
        last = last.checked_add(reader.signed()?)?;
        buckets.push((i32::try_from(last).ok()?, number(reader, before.get(at).map_or(0.0, |it| it.1))?));
    }
    Some(buckets)
}

#[cfg(test)]
mod tests {
    use signal::Labels;

    use super::*;

    fn sample(series: usize, secs: i64, shift: f64) -> HistogramSample {
        let labels = Labels::default().with("__name__", "latency").with("pod", &series.to_string());
        let value = NativeHistogram {
            schema: 3,
            hint: ResetHint::NotReset,
            zero_threshold: 1e-128,
            zero_count: 2.0,
            count: 100.0 + shift,
            sum: 12.75 + shift,
            positive: vec![(-4, 3.0), (0, 40.0 + shift), (17, 0.5)],
            negative: vec![(2, 1e300)],
            bounds: vec![],
        };
        HistogramSample { labels, time: Timestamp::from_secs(secs), value }
    }

    #[test]
    fn packed_histograms_come_back() {
        let mut samples: Vec<HistogramSample> =
            (0..3).flat_map(|series| (0..50).map(move |at| sample(series, 15 * at, at as f64))).collect();
        let mut odd = sample(7, -3, f64::NAN.abs());
        odd.value = NativeHistogram { schema: -53, bounds: vec![0.1, 1.0, f64::MAX], sum: -0.0, ..odd.value };
        odd.value.count = f64::INFINITY;
        odd.value.positive = vec![(i32::MIN, -0.0), (i32::MAX, 9e15)];
        samples.push(odd);
        let mut bytes = vec![];
        put(&samples.iter().collect::<Vec<_>>(), &mut bytes);
        let back = read(&mut Reader::new(&bytes), samples.len()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{samples:?}"));
        assert!(bytes.len() < 35 * samples.len(), "{} bytes for {} histograms", bytes.len(), samples.len());
        // Any part of it is refused or read, and never more.
        for end in 0..bytes.len() {
            let _ = read(&mut Reader::new(&bytes[..end]), samples.len());
        }
    }
}
