//! How is a remote-write request made? The sending half of remote write 1.0, for forecasts that go out and for
//! measurements.
//!
//! Message numbers are those of the specification: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

use prost::Message;
use serve::TimeSeries;
use signal::{Labels, Point};

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// A request with one point per series, compressed as a snappy block.
pub fn encode<'a>(points: impl Iterator<Item = (&'a Labels, Point)>) -> anyhow::Result<Vec<u8>> {
    let timeseries = points.map(|(labels, point)| TimeSeries::new(labels, &[point])).collect();
    let body = WriteRequest { timeseries }.encode_to_vec();
    Ok(snap::raw::Encoder::new().compress_vec(&body)?)
}
