//! Which series does a data point belong to? Its name, its resource and its attributes as labels, remembered by the
//! bytes they came in, so that a series that comes again every second is read once.

use std::borrow::Cow;

use signal::{Labels, SeriesPoints, Timestamp};

use super::exemplars::Told;
use super::names::{self, Kind};
use super::resource::Resource;
use super::sums::{OutOfOrder, Sums};
use super::{Decoded, any_value};
use crate::label_cache::{LabelCache, Protocol};
use crate::limits::checked_labels;
use crate::{Config, Error, OtlpConfig, Reason};

/// The series that tells what is known of a resource.
const TARGET_INFO: &str = "target_info";

/// What decoding metrics depends on besides the bytes.
#[derive(Clone, Copy)]
pub(super) struct Context<'b> {
    pub(super) config: &'b Config,
    pub(super) otlp: &'b OtlpConfig,
    pub(super) labels: &'b LabelCache,
    pub(super) sums: &'b Sums,
}

/// Why a data point is not taken.
pub(super) enum Fault {
    /// The bytes are at fault: the whole body is refused.
    Malformed(Error),
    /// Only this point is at fault.
    Point(Reason, String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Malformed(error)
    }
}

/// What the points of one metric share.
#[derive(Clone, Copy)]
pub(super) struct Metric<'a> {
    pub(super) name: &'a str,
    pub(super) unit: &'a str,
    pub(super) kind: Kind,
    /// True if points tell what came since the point before.
    pub(super) is_delta: bool,
}

/// Which of the series of a point: the end of its name, and a label with a number, such as `le`.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) suffix: &'static str,
    pub(super) label: Option<(&'static str, f64)>,
}

impl Part {
    pub(super) const fn of(suffix: &'static str) -> Self {
        Self { suffix, label: None }
    }
}

/// Label names and values.
type Pairs<'p> = Vec<(Cow<'p, str>, Cow<'p, str>)>;

/// Turns points into series, one after the other.
pub(super) struct Writer<'a, 'b> {
    context: Context<'b>,
    resource: Resource<'a>,
    resource_key: u128,
    /// Where the series of the resource begin in the batch.
    resource_begin: usize,
    metric: Metric<'a>,
    metric_key: u128,
    /// `KeyValue` messages of the point.
    attributes: Vec<&'a [u8]>,
    /// `Exemplar` messages of the point.
    exemplars: Vec<&'a [u8]>,
    point_key: u128,
    time: Timestamp,
    decoded: Decoded<SeriesPoints>,
    scratch: Vec<u8>,
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) fn new(context: Context<'b>) -> Self {
        Self {
            context,
            resource: Resource::default(),
            resource_key: 0,
            resource_begin: 0,
            metric: Metric { name: "", unit: "", kind: Kind::Other, is_delta: false },
            metric_key: 0,
            attributes: vec![],
            exemplars: vec![],
            point_key: 0,
            time: Timestamp::MIN,
            decoded: Decoded::default(),
            scratch: vec![],
        }
    }

    pub(super) fn finish(mut self) -> Decoded<SeriesPoints> {
        self.end_resource();
        self.decoded
    }

    /// What follows is of this resource (`ResourceMetrics`).
    pub(super) fn begin_resource(&mut self, bytes: &'a [u8]) -> Result<(), Error> {
        self.end_resource();
        let bytes = Resource::find(bytes)?;
        self.resource = Resource::read(bytes, self.context.config, self.context.otlp)?;
        self.resource_key = self.key([bytes].into_iter());
        Ok(())
    }

    /// What else is known of a resource becomes the labels of a series of its own, as Prometheus has it: `target_info` is
    /// always 1, at the time of the newest point.
    fn end_resource(&mut self) {
        let points = self.decoded.batch.get(self.resource_begin..).unwrap_or_default();
        let newest = points.iter().flat_map(|it| &it.points).map(|it| it.time).max();
        if let Some(time) = newest.filter(|_| !self.resource.info.is_empty()) {
            let key = self.resource_key.to_le_bytes();
            let key = self.key([&key[..], TARGET_INFO.as_bytes()].into_iter());
            let known = self.context.labels.get(key);
            if let Some(labels) = known.or_else(|| self.info_labels()) {
                self.context.labels.put(key, &labels);
                self.decoded.batch.push(SeriesPoints::one(labels, time, 1.0));
            }
        }
        self.resource_begin = self.decoded.batch.len();
    }

    /// None if they are too many or too long: nobody sent this series, so nobody is told.
    fn info_labels(&self) -> Option<Labels> {
        let Resource { pairs, info } = &self.resource;
        let is_free = |name: &str| name != "__name__" && pairs.iter().all(|it| it.0 != name);
        let info = info.iter().filter(|it| is_free(&it.0));
        let rows = pairs.iter().chain(info).map(|(name, value)| (&**name, &**value));
        let rows: Vec<(&str, &str)> =
            [("__name__", TARGET_INFO)].into_iter().chain(rows).take(self.context.config.max_labels).collect();
        checked_labels(&rows, self.context.config).ok()
    }

    /// What follows is of this metric.
    pub(super) fn begin_metric(&mut self, metric: Metric<'a>) {
        self.metric = metric;
        let (resource, kind) = (self.resource_key.to_le_bytes(), [metric.kind as u8]);
        let parts = [&resource[..], metric.name.as_bytes(), metric.unit.as_bytes(), &kind];
        self.metric_key = self.key(parts.into_iter());
    }

    /// What follows is of this point, whose attributes are given next.
    pub(super) fn begin_point(&mut self) {
        self.attributes.clear();
        self.exemplars.clear();
    }

    /// One more attribute of the point.
    pub(super) fn attribute(&mut self, bytes: &'a [u8]) {
        self.attributes.push(bytes);
    }

    /// One more exemplar of the point.
    pub(super) fn exemplar(&mut self, bytes: &'a [u8]) {
        self.exemplars.push(bytes);
    }

    /// The series of the point were put: its exemplars belong to those that `part` names by their value.
    pub(super) fn put_exemplars(&mut self, part: impl Fn(f64) -> Part) -> Result<(), Fault> {
        for bytes in std::mem::take(&mut self.exemplars) {
            let told = Told::read(bytes)?;
            let series = self.labels(part(told.point.value))?;
            let config = self.context.config;
            let exemplar = told.exemplar(&series, config, &mut self.decoded.problems)?;
            self.decoded.exemplars.extend(exemplar);
        }
        Ok(())
    }

    /// All attributes of the point were given; this is its time.
    pub(super) fn identify(&mut self, time_nanos: u64) -> Result<(), Fault> {
        self.time = super::millis(time_nanos);
        if time_nanos == 0 || !self.time.is_plausible() {
            let detail = format!("time_unix_nano: {time_nanos} is not between 1970 and 2200");
            return Err(Fault::Point(Reason::Timestamp, detail));
        }
        let metric = self.metric_key.to_le_bytes();
        let parts = [&metric[..]].into_iter().chain(self.attributes.iter().copied());
        self.point_key = self.context.labels.key(Protocol::Otlp, parts, &mut self.scratch);
        Ok(())
    }

    /// The value of a series of the point, as it is.
    pub(super) fn put(&mut self, part: Part, value: f64) -> Result<(), Fault> {
        let labels = self.labels(part)?;
        self.decoded.batch.push(SeriesPoints::one(labels, self.time, value));
        Ok(())
    }

    /// The value of a series of the point; added to what came before if the metric tells increases.
    pub(super) fn put_sum(&mut self, part: Part, value: f64) -> Result<(), Fault> {
        if !self.metric.is_delta {
            return self.put(part, value);
        }
        let labels = self.labels(part)?;
        let sum = self.context.sums.add(labels.id(), self.time, value).map_err(|it| self.late(&it))?;
        self.decoded.batch.push(SeriesPoints::one(labels, self.time, sum));
        Ok(())
    }

    /// What is to be said of an increase that comes too late.
    pub(super) fn late(&self, _: &OutOfOrder) -> Fault {
        Fault::Point(Reason::OutOfOrder, format!("an increase at {} is older than the one before it", self.time))
    }

    /// The state of increases, and the point's time.
    pub(super) fn sums(&self) -> (&'b Sums, Timestamp) {
        (self.context.sums, self.time)
    }

    pub(super) const fn metric(&self) -> Metric<'a> {
        self.metric
    }

    /// Numbers of series and exemplars so far, to which `settle` goes back.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.decoded.batch.len(), self.decoded.exemplars.len())
    }

    /// A point is done; if it is at fault, none of its series is kept.
    pub(super) fn settle(&mut self, mark: (usize, usize), outcome: Result<(), Fault>) -> Result<(), Error> {
        let (reason, detail) = match outcome {
            Ok(()) => return Ok(()),
            Err(Fault::Malformed(error)) => return Err(error),
            Err(Fault::Point(reason, detail)) => (reason, detail),
        };
        self.decoded.batch.truncate(mark.0);
        self.decoded.exemplars.truncate(mark.1);
        self.decoded.rejected += 1;
        let name = self.metric.name;
        self.decoded.problems.add(reason, 1, || format!("metric {:?}: {detail}", super::brief(name)));
        Ok(())
    }

    /// The labels of a series of the point.
    pub(super) fn labels(&mut self, part: Part) -> Result<Labels, Fault> {
        // A series without a number has the bits of no bound and no quantile.
        let number = part.label.map_or(u64::MAX, |it| it.1.to_bits()).to_le_bytes();
        let point = self.point_key.to_le_bytes();
        let key = self.key([&point[..], part.suffix.as_bytes(), &number].into_iter());
        if let Some(labels) = self.context.labels.get(key) {
            return Ok(labels);
        }
        let labels = self.read_labels(part)?;
        self.context.labels.put(key, &labels);
        Ok(labels)
    }

    /// What stands for these bytes.
    fn key<'p>(&mut self, parts: impl Iterator<Item = &'p [u8]>) -> u128 {
        self.context.labels.key(Protocol::Otlp, parts, &mut self.scratch)
    }

    fn read_labels(&self, part: Part) -> Result<Labels, Fault> {
        let config = self.context.config;
        let mut name = names::metric(self.metric.name, self.metric.unit, self.metric.kind);
        if name.is_empty() {
            return Err(Fault::Point(Reason::Unnamed, "the name has neither letters nor digits".to_owned()));
        }
        name.push_str(part.suffix);
        if self.attributes.len() > config.max_labels {
            let detail = format!("{} attributes, at most {} are allowed", self.attributes.len(), config.max_labels);
            return Err(Fault::Point(Reason::LabelCount, detail));
        }
        let number = part.label.map(|(label, value)| (label, number_text(value)));
        let mut pairs = self.attribute_pairs(number.as_ref().map(|it| it.0))?;
        pairs.extend(self.resource.pairs.iter().map(|(name, value)| (name.clone(), Cow::Borrowed(&**value))));
        pairs.push(("__name__".into(), name.into()));
        pairs.extend(number.map(|(label, value)| (label.into(), value.into())));
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        checked_labels(&pairs, config).map_err(|(reason, detail)| Fault::Point(reason, detail))
    }

    /// The attributes as labels. Those that get the same name are joined by `;`, as Prometheus does; those that would
    /// stand for a label of ours are called `exported_...`, as when a target is scraped.
    fn attribute_pairs(&self, number_label: Option<&str>) -> Result<Pairs<'_>, Fault> {
        let mut attributes = vec![];
        for bytes in &self.attributes {
            let (key, any) = any_value::key_value(bytes)?;
            let mut label = names::label(key);
            if label.is_empty() {
                return Err(Fault::Point(
                    Reason::LabelName,
                    "an attribute has no key, or one that is not UTF-8".to_owned(),
                ));
            }
            if number_label == Some(&*label) || self.resource.pairs.iter().any(|it| it.0 == label) {
                label = format!("exported_{label}").into();
            }
            attributes.push((label, key, any_value::text(any, self.context.config.max_label_value_bytes)?));
        }
        attributes.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let mut pairs: Pairs<'_> = vec![];
        let mut before = "";
        for (label, key, value) in attributes {
            match pairs.last_mut() {
                // The same key twice is a mistake that the check of the labels finds.
                Some(last) if last.0 == label && before != key => {
                    let joined = last.1.to_mut();
                    joined.push(';');
                    joined.push_str(&value);
                }
                _ => pairs.push((label, value)),
            }
            before = key;
        }
        Ok(pairs)
    }
}

/// A bound or quantile as Prometheus writes it.
fn number_text(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { value.to_string() }
}
