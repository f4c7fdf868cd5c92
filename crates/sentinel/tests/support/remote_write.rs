//! How does a test send many samples at once? As remote write 1.0, to Sentinel and to Prometheus alike.

use std::net::SocketAddr;

pub use wire::{BucketSpan, Histogram};
use wire::{Pair, Sample, TimeSeries, WriteRequest, snappy};

use super::client::send;

// The tests of the reader have them, too.
#[path = "../../../ingest/tests/fake/wire.rs"]
mod wire;

/// The bits of the number that marks the end of a series.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A series with its samples: milliseconds and value.
#[derive(Clone, Debug)]
pub struct Row {
    /// Labels, `__name__` included.
    pub labels: Vec<(String, String)>,
    /// Samples in order of time.
    pub samples: Vec<(i64, f64)>,
}

impl Row {
    /// A series of this metric.
    pub fn new(name: &str, pairs: &[(&str, &str)], samples: Vec<(i64, f64)>) -> Self {
        let name = ("__name__".to_owned(), name.to_owned());
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut labels: Vec<_> = std::iter::once(name).chain(pairs).collect();
        labels.sort();
        Self { labels, samples }
    }
}

/// Sends the rows, some hundred at a time; each must be taken.
pub fn write(address: SocketAddr, rows: &[Row]) {
    for rows in rows.chunks(200) {
        let timeseries = rows.iter().map(|it| TimeSeries {
            labels: it.labels.iter().map(|(name, value)| Pair { name: name.clone(), value: value.clone() }).collect(),
            samples: it
                .samples
                .iter()
                .map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp })
                .collect(),
            ..TimeSeries::default()
        });
        post(address, &WriteRequest { timeseries: timeseries.collect(), metadata: vec![] });
    }
}

/// Labels of a series with its histograms in order of time.
pub type HistogramRow = (Vec<(String, String)>, Vec<Histogram>);

/// Sends native histograms; all must be taken.
pub fn write_histograms(address: SocketAddr, rows: &[HistogramRow]) {
    let timeseries = rows.iter().map(|(labels, histograms)| TimeSeries {
        labels: labels.iter().map(|(name, value)| Pair { name: name.clone(), value: value.clone() }).collect(),
        histograms: histograms.clone(),
        ..TimeSeries::default()
    });
    post(address, &WriteRequest { timeseries: timeseries.collect(), metadata: vec![] });
}

fn post(address: SocketAddr, request: &WriteRequest) {
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    let answer = send(address, "POST", "/api/v1/write", &headers, &snappy(request)).expect("the server answers");
    assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());
}
