//! How is a remote-write request made? The sending half of remote write 1.0, for measurements.
//!
//! Message numbers are those of the specification: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

use prost::Message;
use signal::{Labels, Point};

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

/// A request with one point per series, compressed as a snappy block.
pub fn encode<'a>(points: impl Iterator<Item = (&'a Labels, Point)>) -> anyhow::Result<Vec<u8>> {
    let timeseries = points.map(|(labels, point)| TimeSeries {
        labels: labels.iter().map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() }).collect(),
        samples: vec![Sample { value: point.value, timestamp: point.time.millis() }],
    });
    let body = WriteRequest { timeseries: timeseries.collect() }.encode_to_vec();
    Ok(snap::raw::Encoder::new().compress_vec(&body)?)
}
