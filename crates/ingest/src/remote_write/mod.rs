//! Prometheus remote write: the messages of version 1.0 (`v1`) and 2.0 (`v2`), and what they share: samples and native
//! histograms (`native`).

mod native;
mod v1;
mod v2;

use signal::{Exemplar, HISTOGRAM_MARK, HistogramSample, Labels, Point, SeriesPoints, Timestamp};

use crate::exemplar::exemplar;
use crate::metadata::MetricMetadata;
use crate::protobuf::Message;
use crate::{Config, Error, Problems, Reason};
use native::{Native, native};
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
    /// Native histograms; in `batch` is a mark for each.
    pub(crate) histograms: Vec<HistogramSample>,
    /// Points of `batch` that tell of native histograms, and how many histograms there are.
    pub(crate) n_points_of_histograms: u64,
    pub(crate) n_histograms: u64,
}

/// Why labels are refused.
type Refusal = (Reason, String);

/// What one `TimeSeries` holds besides its labels.
#[derive(Debug, Default)]
struct Series<'a> {
    points: Vec<Point>,
    histograms: Vec<Native>,
    exemplars: Vec<Told<'a>>,
    /// Exemplars with labels that are not UTF-8.
    n_unreadable: u64,
    metadata: Option<Described<'a>>,
    /// It has metadata that are not UTF-8.
    is_obscure: bool,
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

    /// Of an exemplar that cannot be read the series has no less to say.
    fn exemplar(&mut self, told: Option<Told<'a>>) {
        self.n_unreadable += u64::from(told.is_none());
        self.exemplars.extend(told);
    }

    fn histogram(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.histograms.push(native(bytes)?);
        Ok(())
    }
}

impl Decoded {
    /// Adds the points and exemplars of a series under its labels.
    fn add(&mut self, labels: Result<Labels, Refusal>, series: Series<'_>, config: &Config) {
        let n_histograms = series.histograms.len() as u64;
        let n_points = series.points.len() as u64 + n_histograms;
        self.problems.add(Reason::Exemplar, series.n_unreadable, String::new);
        self.problems.add(Reason::MetricMetadata, series.is_obscure.into(), String::new);
        let checked = labels.and_then(|it| named(it, n_histograms, config));
        let labels = match checked {
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
        self.keep(&labels, series.histograms);
        self.put(labels, series.points);
    }

    /// Count and sum as series of their own, which everything else judges; the whole beside a mark in its series.
    fn keep(&mut self, labels: &Labels, histograms: Vec<Native>) {
        if histograms.is_empty() {
            return;
        }
        let points = |value: &dyn Fn(&Native) -> f64| {
            histograms.iter().map(|it| Point { time: it.time, value: value(it) }).collect::<Vec<_>>()
        };
        let suffixed = |suffix: &str| labels.with("__name__", &format!("{}_{suffix}", labels.name()));
        let (counts, sums) = (points(&|it| it.count), points(&|it| it.sum));
        let marks: Vec<Point> = histograms
            .iter()
            .filter(|it| it.value.is_some() || it.is_stale())
            .map(|it| Point {
                time: it.time,
                value: if it.is_stale() { it.sum } else { f64::from_bits(HISTOGRAM_MARK) },
            })
            .collect();
        let n_lost = histograms.iter().filter(|it| it.value.is_none() && !it.is_stale()).count() as u64;
        self.problems.add(Reason::NativeHistogram, n_lost, String::new);
        self.n_histograms += histograms.iter().filter(|it| it.time.is_plausible()).count() as u64;
        self.n_points_of_histograms += self.put(suffixed("count"), counts);
        self.n_points_of_histograms += self.put(suffixed("sum"), sums);
        self.n_points_of_histograms += self.put(labels.clone(), marks);
        let whole = histograms
            .into_iter()
            .filter(|it| it.time.is_plausible())
            .filter_map(|it| Some(HistogramSample { labels: labels.clone(), time: it.time, value: it.value? }));
        self.histograms.extend(whole);
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

/// Labels with a name, and one that leaves room for what is added to it.
fn named(labels: Labels, n_histograms: u64, config: &Config) -> Result<Labels, Refusal> {
    let name = labels.name();
    if name.is_empty() {
        return Err((Reason::Unnamed, format!("{labels} has no __name__")));
    }
    let most = config.max_label_value_bytes.saturating_sub("_count".len());
    if n_histograms > 0 && name.len() > most {
        let detail = format!("__name__ of a histogram has {} bytes, at most {most} are allowed", name.len());
        return Err((Reason::LabelValue, detail));
    }
    Ok(labels)
}

/// Name and value of a label as text. A series whose labels are none is left out, and the others are kept.
fn texts<'a>((name, value): (&'a [u8], &'a [u8])) -> Result<(&'a str, &'a str), Refusal> {
    let text = |what: &str, reason: Reason, bytes: &'a [u8]| {
        let detail = |error: std::str::Utf8Error| format!("label.{what}: not UTF-8 at byte {}", error.valid_up_to());
        std::str::from_utf8(bytes).map_err(|error| (reason, detail(error)))
    };
    Ok((text("name", Reason::LabelName, name)?, text("value", Reason::LabelValue, value)?))
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
