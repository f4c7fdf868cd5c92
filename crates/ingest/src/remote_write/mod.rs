//! Prometheus remote write: the messages of version 1.0 (`v1`) and 2.0 (`v2`), and what they share: samples, and what
//! is kept of native histograms.

mod v1;
mod v2;

use signal::{Exemplar, Labels, Point, SeriesPoints, Timestamp};

use crate::exemplar::exemplar;
use crate::metadata::MetricMetadata;
use crate::protobuf::{Message, Value};
use crate::{Config, Error, Problems, Reason};
pub use v1::decode;
pub(crate) use v1::decode_with as decode_v1_with;
pub use v2::decode as decode_v2;
pub(crate) use v2::decode_with as decode_v2_with;

/// The bits of the number that marks the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// What a request holds.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) batch: Vec<SeriesPoints>,
    pub(crate) exemplars: Vec<Exemplar>,
    pub(crate) problems: Problems,
    /// Type, help and unit of metrics.
    pub(crate) metadata: Vec<MetricMetadata>,
    /// Points of `batch` that are counts and sums of native histograms: two of each histogram.
    pub(crate) n_of_histograms: u64,
}

/// Why labels are refused.
type Refusal = (Reason, String);

/// What one `TimeSeries` holds besides its labels.
#[derive(Debug, Default)]
struct Series<'a> {
    points: Vec<Point>,
    /// Counts and sums of native histograms.
    counts: Vec<Point>,
    sums: Vec<Point>,
    exemplars: Vec<Told<'a>>,
    metadata: Option<Described<'a>>,
}

/// Type, help and unit of a series' metric.
#[derive(Debug)]
struct Described<'a> {
    kind: &'static str,
    help: &'a str,
    unit: &'a str,
}

/// An exemplar as it stands in the message.
#[derive(Debug)]
struct Told<'a> {
    pairs: Vec<(&'a str, &'a str)>,
    point: Point,
}

impl<'a> Series<'a> {
    /// `Sample { value = 1, timestamp = 2 }`, the same in both versions; a field that is left out is 0.
    fn sample(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut point = Point { time: Timestamp::from_millis(0), value: 0.0 };
        let mut fields = Message::new(bytes, "sample");
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => point.value = value.double("sample.value")?,
                2 => point.time = Timestamp::from_millis(value.int64("sample.timestamp")?),
                _ => {}
            }
        }
        if self.points.is_empty() {
            // Most series have one sample, and a vector would take room for four.
            self.points.reserve_exact(1);
        }
        self.points.push(point);
        Ok(())
    }

    /// `Histogram { count_int = 1, count_float = 2, sum = 3, .. timestamp = 15 .. }`, the same in both versions.
    fn histogram(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (mut count, mut sum, mut time) = (0.0, 0.0_f64, Timestamp::from_millis(0));
        let mut fields = Message::new(bytes, "histogram");
        while let Some((field, value)) = fields.next()? {
            match (field, value) {
                (1, Value::Varint(it)) => count = it as f64,
                (2, value) => count = value.double("histogram.count_float")?,
                (3, value) => sum = value.double("histogram.sum")?,
                (15, value) => time = Timestamp::from_millis(value.int64("histogram.timestamp")?),
                _ => {}
            }
        }
        if sum.to_bits() == STALE {
            count = sum;
        }
        self.counts.push(Point { time, value: count });
        self.sums.push(Point { time, value: sum });
        Ok(())
    }
}

impl Decoded {
    /// Adds the points and exemplars of a series under its labels.
    fn add(&mut self, labels: Result<Labels, Refusal>, series: Series<'_>, config: &Config) {
        let n_histograms = series.counts.len() as u64;
        self.problems.add(Reason::NativeHistogram, n_histograms, String::new);
        let n_points = series.points.len() as u64 + n_histograms;
        let labels = match labels {
            Ok(labels) if labels.name().is_empty() => {
                self.problems.add(Reason::Exemplar, series.exemplars.len() as u64, String::new);
                let detail = || format!("labels: {labels} has no __name__");
                return self.problems.add(Reason::Unnamed, n_points.max(1), detail);
            }
            Ok(labels) => labels,
            Err((reason, detail)) => {
                self.problems.add(Reason::Exemplar, series.exemplars.len() as u64, String::new);
                return self.problems.add(reason, n_points.max(1), || format!("labels: {detail}"));
            }
        };
        if let Some(it) = series.metadata {
            self.describe(family(labels.name(), it.kind), &it);
        }
        for told in &series.exemplars {
            self.exemplars.extend(exemplar(&labels, &told.pairs, told.point, config, &mut self.problems));
        }
        if n_histograms > 0 {
            for (suffix, points) in [("count", series.counts), ("sum", series.sums)] {
                let name = format!("{}_{suffix}", labels.name());
                self.n_of_histograms += self.put(labels.with("__name__", &name), points);
            }
        }
        self.put(labels, series.points);
    }

    /// Each metric once, though each of its series says it.
    fn describe(&mut self, metric: &str, told: &Described<'_>) {
        if self.metadata.last().is_some_and(|it| it.metric == metric) {
            return;
        }
        match MetricMetadata::new(metric, told.kind, told.help, told.unit) {
            Some(it) => self.metadata.push(it),
            None => self.problems.add(Reason::MetricMetadata, 1, String::new),
        }
    }

    /// Adds points in order of time and says how many.
    fn put(&mut self, labels: Labels, mut points: Vec<Point>) -> u64 {
        let n_points = points.len();
        points.retain(|it: &Point| it.time.is_plausible());
        self.problems.add(Reason::Timestamp, (n_points - points.len()) as u64, || {
            format!("timestamp: a sample of {labels} is not between 1970 and 2200 (milliseconds are expected)")
        });
        if !points.is_sorted_by_key(|it| it.time) {
            points.sort_by_key(|it| it.time);
        }
        let n_points = points.len() as u64;
        if n_points > 0 {
            self.batch.push(SeriesPoints { labels, points });
        }
        n_points
    }
}

/// The name of the metric to which a series belongs.
fn family<'a>(series: &'a str, kind: &str) -> &'a str {
    let suffixes: &[&str] = match kind {
        "histogram" | "gaugehistogram" => &["_bucket", "_count", "_sum"],
        "summary" => &["_count", "_sum"],
        _ => &[],
    };
    suffixes.iter().find_map(|it| series.strip_suffix(it)).unwrap_or(series)
}
