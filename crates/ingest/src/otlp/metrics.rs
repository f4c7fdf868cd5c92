//! How do metrics of OpenTelemetry become series? As Prometheus takes them: one series per number.
//!
//! Messages: `opentelemetry/proto/metrics/v1/metrics.proto`. Read without copying; fields may come in any order, so
//! what the points depend on is looked for first. Data model: <https://opentelemetry.io/docs/specs/otel/metrics/data-model/>.

use signal::SeriesPoints;

use super::Decoded;
use super::exponential::{self, Side};
use super::names::Kind;
use super::series::{Context, Fault, Metric, Part, Writer};
use super::sums::Buckets;
use crate::protobuf::{Message, Value};
use crate::{Error, Reason};

/// Prometheus' marker of a series that ends here: a NaN with a payload of its own.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
/// The flag `NO_RECORDED_VALUE`.
const NO_RECORDED_VALUE: u64 = 1;
/// Most buckets of one classic histogram: each becomes a series.
const MOST_BUCKETS: usize = 256;
/// Most quantiles of one summary.
const MOST_QUANTILES: usize = 64;

/// Temporalities.
const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;

/// Series of an `ExportMetricsServiceRequest`.
pub(super) fn decode(bytes: &[u8], context: Context<'_>) -> Result<Decoded<SeriesPoints>, Error> {
    let mut writer = Writer::new(context);
    let mut request = Message::new(bytes, "ExportMetricsServiceRequest");
    while let Some((field, value)) = request.next()? {
        if field == 1 {
            let resource = value.bytes("resource_metrics")?;
            writer.begin_resource(resource)?;
            each(resource, 2, "scope_metrics", |scope| each(scope, 2, "metrics", |bytes| metric(bytes, &mut writer)))?;
        }
    }
    Ok(writer.finish())
}

/// Calls `take` with each message of a repeated field.
fn each<'a, E: From<Error>>(
    bytes: &'a [u8],
    wanted: u64,
    what: &'static str,
    mut take: impl FnMut(&'a [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut fields = Message::new(bytes, what);
    while let Some((field, value)) = fields.next()? {
        if field == wanted {
            take(value.bytes(what)?)?;
        }
    }
    Ok(())
}

/// `Metric { name = 1, unit = 3, gauge = 5 | sum = 7 | histogram = 9 | exponential_histogram = 10 | summary = 11 }`.
fn metric<'a>(bytes: &'a [u8], writer: &mut Writer<'a, '_>) -> Result<(), Error> {
    let (mut name, mut unit, mut data) = ("", "", None);
    let mut fields = Message::new(bytes, "Metric");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.text_or_none("Metric.name")?,
            3 => unit = value.text_or_none("Metric.unit")?,
            5 | 7 | 9 | 10 | 11 => data = Some((field, value.bytes("Metric.data")?)),
            _ => {}
        }
    }
    let Some((which, data)) = data else { return Ok(()) };
    let (temporality, is_monotonic) = aggregation(data)?;
    let has_temporality = matches!(which, 7 | 9 | 10);
    let kind = match which {
        5 => Kind::Gauge,
        7 if is_monotonic => Kind::Counter,
        _ => Kind::Other,
    };
    writer.begin_metric(Metric { name, unit, kind, is_delta: has_temporality && temporality == DELTA });
    let is_usable = !has_temporality || matches!(temporality, DELTA | CUMULATIVE);
    each(data, 1, "data_points", |point| {
        let mark = writer.mark();
        let outcome = match which {
            _ if !is_usable => Err(Fault::Point(
                Reason::Temporality,
                format!("aggregation_temporality {temporality} is neither delta (1) nor cumulative (2)"),
            )),
            5 | 7 => number(point, writer),
            9 => histogram(point, writer),
            10 => exponential_histogram(point, writer),
            _ => summary(point, writer),
        };
        writer.settle(mark, outcome)
    })
}

/// `aggregation_temporality = 2` and, for sums, `is_monotonic = 3`.
fn aggregation(bytes: &[u8]) -> Result<(u64, bool), Error> {
    let (mut temporality, mut is_monotonic) = (0, false);
    let mut fields = Message::new(bytes, "Metric.data");
    while let Some((field, value)) = fields.next()? {
        match field {
            2 => temporality = value.uint64("aggregation_temporality")?,
            3 => is_monotonic = value.uint64("is_monotonic")? != 0,
            _ => {}
        }
    }
    Ok((temporality, is_monotonic))
}

/// `NumberDataPoint { time = 3, as_double = 4, exemplars = 5, as_int = 6, attributes = 7, flags = 8 }`.
fn number<'a>(bytes: &'a [u8], writer: &mut Writer<'a, '_>) -> Result<(), Fault> {
    let (mut time, mut flags, mut number) = (0, 0, None);
    writer.begin_point();
    let mut fields = Message::new(bytes, "NumberDataPoint");
    while let Some((field, value)) = fields.next()? {
        match field {
            3 => time = value.fixed64("time_unix_nano")?,
            4 => number = Some(value.double("as_double")?),
            5 => writer.exemplar(value.bytes("exemplars")?),
            6 => number = Some(signed(value.fixed64("as_int")?)),
            7 => writer.attribute(value.bytes("attributes")?),
            8 => flags = value.uint64("flags")?,
            _ => {}
        }
    }
    writer.identify(time)?;
    if flags & NO_RECORDED_VALUE != 0 {
        return writer.put(Part::default(), STALE);
    }
    writer.put_sum(Part::default(), number.ok_or_else(|| misshapen("neither as_double nor as_int is there"))?)?;
    writer.put_exemplars(|_| Part::default())
}

/// `HistogramDataPoint { time = 3, count = 4, sum = 5, bucket_counts = 6, explicit_bounds = 7, exemplars = 8,
/// attributes = 9, flags = 10 }`.
fn histogram<'a>(bytes: &'a [u8], writer: &mut Writer<'a, '_>) -> Result<(), Fault> {
    let mut head = Head::default();
    let (mut counts, mut bounds) = (vec![], vec![]);
    writer.begin_point();
    let mut fields = Message::new(bytes, "HistogramDataPoint");
    while let Some((field, value)) = fields.next()? {
        match field {
            6 => value.fixed64s("bucket_counts", &mut counts)?,
            7 => value.fixed64s("explicit_bounds", &mut bounds)?,
            8 => writer.exemplar(value.bytes("exemplars")?),
            9 => writer.attribute(value.bytes("attributes")?),
            _ => head.field(field, 10, value)?,
        }
    }
    let bounds: Vec<f64> = bounds.into_iter().map(f64::from_bits).collect();
    if !(counts.is_empty() && bounds.is_empty()) && counts.len() != bounds.len() + 1 {
        return Err(misshapen(&format!("{} buckets do not fit {} bounds", counts.len(), bounds.len())));
    }
    if counts.len() > MOST_BUCKETS {
        return Err(misshapen(&format!("{} buckets, at most {MOST_BUCKETS} are taken", counts.len())));
    }
    if !bounds.is_sorted_by(|a, b| a < b) || bounds.iter().any(|it| it.is_nan()) {
        return Err(misshapen("the bounds do not rise"));
    }
    head.put_totals(writer)?;
    let mut total = 0;
    // The bucket beyond the last bound is the one that holds all.
    for (bound, count) in bounds.iter().zip(&counts).filter(|it| it.0.is_finite()) {
        total = u64::saturating_add(total, *count);
        head.put(writer, bucket(*bound), total as f64)?;
    }
    head.put(writer, bucket(f64::INFINITY), head.count as f64)?;
    writer.put_exemplars(|value| bucket_of(value, bounds.iter().copied()))
}

/// `ExponentialHistogramDataPoint { attributes = 1, time = 3, count = 4, sum = 5, scale = 6, zero_count = 7,
/// positive = 8, negative = 9, flags = 10, exemplars = 11, zero_threshold = 14 }`.
fn exponential_histogram<'a>(bytes: &'a [u8], writer: &mut Writer<'a, '_>) -> Result<(), Fault> {
    let mut head = Head::default();
    let (mut scale, mut zeros, mut threshold) = (0, 0, 0.0);
    let (mut positive, mut negative): (&[u8], &[u8]) = (&[], &[]);
    writer.begin_point();
    let mut fields = Message::new(bytes, "ExponentialHistogramDataPoint");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => writer.attribute(value.bytes("attributes")?),
            6 => scale = value.sint64("scale")?,
            7 => zeros = value.fixed64("zero_count")?,
            8 => positive = value.bytes("positive")?,
            9 => negative = value.bytes("negative")?,
            11 => writer.exemplar(value.bytes("exemplars")?),
            14 => threshold = value.double("zero_threshold")?,
            _ => head.field(field, 10, value)?,
        }
    }
    let mut buckets = Buckets::new();
    exponential::merge(positive, scale, Side::Positive, &mut buckets)?;
    exponential::merge(negative, scale, Side::Negative, &mut buckets)?;
    exponential::merge_zero(zeros, threshold, &mut buckets);
    exponential::tidy(&mut buckets);
    head.put_totals(writer)?;
    if writer.metric().is_delta && !head.is_stale() {
        let series = writer.labels(Part::of("_bucket"))?.id();
        let (sums, time) = writer.sums();
        buckets = sums.add_buckets(series, time, &buckets, exponential::tidy).map_err(|it| writer.late(&it))?;
    }
    let mut total = 0.0;
    for (key, count) in &buckets {
        total += count;
        let bound = exponential::bound_of(*key);
        if bound.is_finite() {
            writer.put(bucket(bound), head.or_stale(total))?;
        }
    }
    head.put(writer, bucket(f64::INFINITY), head.count as f64)?;
    writer.put_exemplars(|value| bucket_of(value, buckets.keys().map(|it| exponential::bound_of(*it))))
}

/// `SummaryDataPoint { time = 3, count = 4, sum = 5, quantile_values = 6, attributes = 7, flags = 8 }`.
fn summary<'a>(bytes: &'a [u8], writer: &mut Writer<'a, '_>) -> Result<(), Fault> {
    // A sum that is left out is 0: unlike in histograms it is not optional.
    let mut head = Head { sum: Some(0.0), ..Head::default() };
    let mut quantiles = vec![];
    writer.begin_point();
    let mut fields = Message::new(bytes, "SummaryDataPoint");
    while let Some((field, value)) = fields.next()? {
        match field {
            6 => quantiles.push(quantile(value.bytes("quantile_values")?)?),
            7 => writer.attribute(value.bytes("attributes")?),
            _ => head.field(field, 8, value)?,
        }
    }
    if quantiles.len() > MOST_QUANTILES {
        return Err(misshapen(&format!("{} quantiles, at most {MOST_QUANTILES} are taken", quantiles.len())));
    }
    head.put_totals(writer)?;
    for (quantile, value) in quantiles {
        writer.put(Part { suffix: "", label: Some(("quantile", quantile)) }, head.or_stale(value))?;
    }
    Ok(())
}

/// `ValueAtQuantile { quantile = 1, value = 2 }`.
fn quantile(bytes: &[u8]) -> Result<(f64, f64), Error> {
    let mut pair = (0.0, 0.0);
    let mut fields = Message::new(bytes, "ValueAtQuantile");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => pair.0 = value.double("quantile")?,
            2 => pair.1 = value.double("value")?,
            _ => {}
        }
    }
    Ok(pair)
}

/// What histograms and summaries have in common.
#[derive(Default)]
struct Head {
    time: u64,
    count: u64,
    sum: Option<f64>,
    flags: u64,
}

impl Head {
    fn field(&mut self, field: u64, flags: u64, value: Value<'_>) -> Result<(), Error> {
        match field {
            3 => self.time = value.fixed64("time_unix_nano")?,
            4 => self.count = value.fixed64("count")?,
            5 => self.sum = Some(value.double("sum")?),
            it if it == flags => self.flags = value.uint64("flags")?,
            _ => {}
        }
        Ok(())
    }

    const fn is_stale(&self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }

    const fn or_stale(&self, value: f64) -> f64 {
        if self.is_stale() { STALE } else { value }
    }

    /// `_count` and `_sum`.
    fn put_totals(&self, writer: &mut Writer<'_, '_>) -> Result<(), Fault> {
        writer.identify(self.time)?;
        self.put(writer, Part::of("_count"), self.count as f64)?;
        self.sum.map_or(Ok(()), |sum| self.put(writer, Part::of("_sum"), sum))
    }

    fn put(&self, writer: &mut Writer<'_, '_>, part: Part, value: f64) -> Result<(), Fault> {
        if self.is_stale() { writer.put(part, STALE) } else { writer.put_sum(part, value) }
    }
}

const fn bucket(bound: f64) -> Part {
    Part { suffix: "_bucket", label: Some(("le", bound)) }
}

/// The bucket that holds a value: the first, in rising order, that reaches it.
fn bucket_of(value: f64, mut bounds: impl Iterator<Item = f64>) -> Part {
    bucket(bounds.find(|it| value <= *it && it.is_finite()).unwrap_or(f64::INFINITY))
}

fn misshapen(detail: &str) -> Fault {
    Fault::Point(Reason::Shape, detail.to_owned())
}

#[expect(clippy::cast_possible_wrap, reason = "sfixed64 is the two's complement")]
pub(super) const fn signed(bits: u64) -> f64 {
    bits as i64 as f64
}
