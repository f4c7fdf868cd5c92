//! How is a series with its samples written for a Prometheus? The message that remote read answers with and remote write
//! sends: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

use prost::Message;
use signal::{Labels, Point};

/// A series and its samples.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
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

impl TimeSeries {
    /// With times in milliseconds.
    pub fn new(labels: &Labels, points: &[Point]) -> Self {
        Self {
            labels: labels
                .iter()
                .map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() })
                .collect(),
            samples: points.iter().map(|it| Sample { value: it.value, timestamp: it.time.millis() }).collect(),
        }
    }
}
