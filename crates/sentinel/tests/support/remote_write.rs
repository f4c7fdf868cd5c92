//! How does a test send many samples at once? As remote write 1.0, to Sentinel and to Prometheus alike.
//!
//! Message numbers are those of the specification: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

use std::net::SocketAddr;

use prost::Message;

use super::client::send;

/// The bits of the number that marks the end of a series.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

/// A native histogram.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// Observations.
    #[prost(uint64, optional, tag = "1")]
    pub count_int: Option<u64>,
    /// Their sum.
    #[prost(double, tag = "3")]
    pub sum: f64,
    /// Resolution.
    #[prost(sint32, tag = "4")]
    pub schema: i32,
    /// Width of the zero bucket.
    #[prost(double, tag = "5")]
    pub zero_threshold: f64,
    /// Observations in it.
    #[prost(uint64, tag = "6")]
    pub zero_count_int: u64,
    /// Where buckets lie.
    #[prost(message, repeated, tag = "11")]
    pub positive_spans: Vec<BucketSpan>,
    /// Their counts, as differences.
    #[prost(sint64, repeated, tag = "12")]
    pub positive_deltas: Vec<i64>,
    /// Milliseconds.
    #[prost(int64, tag = "15")]
    pub timestamp: i64,
}

/// Buckets that lie beside each other.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct BucketSpan {
    /// Distance to the run before.
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    /// How many.
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

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
            labels: it.labels.iter().map(|(name, value)| Label { name: name.clone(), value: value.clone() }).collect(),
            samples: it
                .samples
                .iter()
                .map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp })
                .collect(),
            histograms: vec![],
        });
        post(address, &WriteRequest { timeseries: timeseries.collect() });
    }
}

/// Labels of a series with its histograms in order of time.
pub type HistogramRow = (Vec<(String, String)>, Vec<Histogram>);

/// Sends native histograms; all must be taken.
pub fn write_histograms(address: SocketAddr, rows: &[HistogramRow]) {
    let timeseries = rows.iter().map(|(labels, histograms)| TimeSeries {
        labels: labels.iter().map(|(name, value)| Label { name: name.clone(), value: value.clone() }).collect(),
        samples: vec![],
        histograms: histograms.clone(),
    });
    post(address, &WriteRequest { timeseries: timeseries.collect() });
}

fn post(address: SocketAddr, request: &WriteRequest) {
    let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).expect("it is small enough");
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    let answer = send(address, "POST", "/api/v1/write", &headers, &body).expect("the server answers");
    assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());
}
