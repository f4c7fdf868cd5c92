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
        });
        let body = WriteRequest { timeseries: timeseries.collect() }.encode_to_vec();
        let body = snap::raw::Encoder::new().compress_vec(&body).expect("it is small enough");
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "0.1.0"),
        ];
        let answer = send(address, "POST", "/api/v1/write", &headers, &body).expect("the server answers");
        assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());
    }
}
