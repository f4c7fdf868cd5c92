//! What does a native histogram say? Its buckets come as runs of neighbors, with differences or absolute counts.
//!
//! Source: `Histogram` of <https://github.com/prometheus/prometheus/blob/main/prompb/types.proto>; the same in both versions.

use signal::{NativeHistogram, ResetHint, Timestamp};

use super::STALE;
use crate::Error;
use crate::protobuf::{Message, Value};

/// Buckets of one histogram; Prometheus itself merges those of targets with many more than some hundred.
const MOST_BUCKETS: usize = 10_000;
/// The schema whose bounds are given one by one.
const CUSTOM: i32 = -53;

/// A histogram as far as it can be kept.
#[derive(Debug)]
pub struct Native {
    pub time: Timestamp,
    pub count: f64,
    pub sum: f64,
    /// None for the end of a series, and where the buckets contradict each other.
    pub value: Option<NativeHistogram>,
}

impl Native {
    /// The series has ended.
    pub fn is_stale(&self) -> bool {
        self.sum.to_bits() == STALE
    }
}

/// One side of a histogram as it comes.
#[derive(Default)]
struct Side {
    /// Distance to the run before, and length.
    runs: Vec<(i64, u64)>,
    deltas: Vec<i64>,
    counts: Vec<u64>,
}

impl Side {
    /// Index and count of each bucket that holds anything. None if runs and numbers differ in length, or are too many.
    fn buckets(&self) -> Option<Vec<(i32, f64)>> {
        let n: u64 = self.runs.iter().try_fold(0_u64, |n, it| n.checked_add(it.1))?;
        let n = usize::try_from(n).ok().filter(|it| *it <= MOST_BUCKETS)?;
        let mut total = 0_i64;
        let summed = self.deltas.iter().map(|it| {
            total = total.wrapping_add(*it);
            total as f64
        });
        let counts: Vec<f64> = summed.chain(self.counts.iter().map(|it| f64::from_bits(*it))).collect();
        if counts.len() != n {
            return None;
        }
        let mut index = 0_i64;
        let mut buckets = Vec::with_capacity(n);
        let mut counts = counts.into_iter();
        for (distance, length) in &self.runs {
            index = index.checked_add(*distance)?;
            for count in counts.by_ref().take(usize::try_from(*length).ok()?) {
                if count != 0.0 {
                    buckets.push((i32::try_from(index).ok()?, count));
                }
                index = index.checked_add(1)?;
            }
        }
        buckets.is_sorted_by(|a, b| a.0 < b.0).then_some(buckets)
    }
}

/// Reads one.
pub fn native(bytes: &[u8]) -> Result<Native, Error> {
    let mut value = NativeHistogram::default();
    let (mut time, mut schema, mut hint) = (0, 0, 0);
    let (mut negative, mut positive) = (Side::default(), Side::default());
    let mut bounds = vec![];
    let mut fields = Message::new(bytes, "histogram");
    while let Some((field, it)) = fields.next()? {
        match (field, it) {
            (1, Value::Varint(count)) => value.count = count as f64,
            (2, it) => value.count = it.double("histogram.count_float")?,
            (3, it) => value.sum = it.double("histogram.sum")?,
            (4, it) => schema = it.sint64("histogram.schema")?,
            (5, it) => value.zero_threshold = it.double("histogram.zero_threshold")?,
            (6, Value::Varint(count)) => value.zero_count = count as f64,
            (7, it) => value.zero_count = it.double("histogram.zero_count_float")?,
            (8, it) => negative.runs.push(run(it.bytes("histogram.negative_spans")?)?),
            (9, it) => deltas(it, &mut negative)?,
            (10, it) => it.fixed64s("histogram.negative_counts", &mut negative.counts)?,
            (11, it) => positive.runs.push(run(it.bytes("histogram.positive_spans")?)?),
            (12, it) => deltas(it, &mut positive)?,
            (13, it) => it.fixed64s("histogram.positive_counts", &mut positive.counts)?,
            (14, it) => hint = it.uint64("histogram.reset_hint")?,
            (15, it) => time = it.int64("histogram.timestamp")?,
            (16, it) => it.fixed64s("histogram.custom_values", &mut bounds)?,
            _ => {}
        }
    }
    value.hint = match hint {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    value.bounds = bounds.into_iter().map(f64::from_bits).collect();
    let (time, count, sum) = (Timestamp::from_millis(time), value.count, value.sum);
    if sum.to_bits() == STALE {
        return Ok(Native { time, count: sum, sum, value: None });
    }
    let whole = whole(value, schema, &positive, &negative);
    Ok(Native { time, count, sum, value: whole })
}

/// The histogram, if its parts fit each other.
fn whole(mut value: NativeHistogram, schema: i64, positive: &Side, negative: &Side) -> Option<NativeHistogram> {
    value.schema = i32::try_from(schema).ok().filter(|it| (-4..=8).contains(it) || *it == CUSTOM)?;
    value.positive = positive.buckets()?;
    value.negative = negative.buckets()?;
    let is_custom = value.schema == CUSTOM;
    let are_bounds_good = value.bounds.len() <= MOST_BUCKETS
        && value.bounds.is_sorted_by(|a, b| a < b)
        && (is_custom || value.bounds.is_empty());
    let last = i32::try_from(value.bounds.len()).ok()?;
    let is_inside = |it: &(i32, f64)| (0..=last).contains(&it.0);
    let are_buckets_good = !is_custom || (value.negative.is_empty() && value.positive.iter().all(is_inside));
    (are_bounds_good && are_buckets_good).then_some(value)
}

/// `BucketSpan { offset = 1, length = 2 }`.
fn run(bytes: &[u8]) -> Result<(i64, u64), Error> {
    let (mut distance, mut length) = (0, 0);
    let mut fields = Message::new(bytes, "histogram.spans");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => distance = value.sint64("histogram.spans.offset")?,
            2 => length = value.uint64("histogram.spans.length")?,
            _ => {}
        }
    }
    Ok((distance, length))
}

fn deltas(value: Value<'_>, side: &mut Side) -> Result<(), Error> {
    let unzigzag = |it: u64| {
        #[expect(clippy::cast_possible_wrap, reason = "zigzag is undone on the two's complement")]
        let number = (it >> 1) as i64 ^ -((it & 1) as i64);
        number
    };
    value.numbers("histogram.deltas", |it| side.deltas.push(unzigzag(it)))
}
