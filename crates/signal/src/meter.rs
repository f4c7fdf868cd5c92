//! How does a stage tell about itself? Plain numbers that `serve` prints on /metrics.

/// What a number means over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows; the name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A part of a histogram, whose name ends in `_bucket`, `_count` or `_sum`.
    Histogram,
}

/// One number with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// `sentinel_<stage>_<noun>_<unit>[_total]`; forecasts have the name of what is forecast.
    pub name: std::borrow::Cow<'static, str>,
    /// One sentence.
    pub help: std::borrow::Cow<'static, str>,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Labels from closed sets; forecasts have those of their series.
    pub labels: Vec<(std::borrow::Cow<'static, str>, String)>,
    /// The value now.
    pub value: f64,
}

impl Metric {
    /// A counter without labels.
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name: name.into(), help: help.into(), kind: MetricKind::Counter, labels: vec![], value: value as f64 }
    }

    /// A gauge without labels.
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name: name.into(), help: help.into(), kind: MetricKind::Gauge, labels: vec![], value }
    }

    /// The same with one more label.
    pub fn label(mut self, name: &'static str, value: &str) -> Self {
        self.labels.push((name.into(), value.to_owned()));
        self
    }
}

/// A stage that counts what it does.
pub trait Meter: Send + Sync {
    /// The numbers now.
    fn metrics(&self) -> Vec<Metric>;
}
