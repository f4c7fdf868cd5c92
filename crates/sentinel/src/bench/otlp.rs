//! How are points of OpenTelemetry sent for a measurement? As one request that is encoded once; each time only the times
//! and values in it are changed, so that little of the machine goes to the sender.
//!
//! Field numbers: `opentelemetry/proto/metrics/v1/metrics.proto`.

use signal::Timestamp;

/// Stands for a time and a value until they are known; no text of the request contains it.
const TIME: u64 = 0xfefd_fcfb_faf9_f8f7;
const VALUE: u64 = 0xeeed_eceb_eae9_e8e7;

/// An `ExportMetricsServiceRequest` with one gauge.
pub(super) struct Request {
    bytes: Vec<u8>,
    times: Vec<usize>,
    values: Vec<usize>,
}

impl Request {
    /// With so many series of a service.
    pub fn new(service: &str, n_series: usize) -> Self {
        let points: Vec<u8> = (0..n_series).flat_map(|it| message(1, &point(it))).collect();
        let gauge = message(5, &points);
        let metric = [message(1, b"bench.value"), gauge].concat();
        let resource = message(1, &attribute("service.name", service));
        let scope = message(2, &metric);
        let bytes = message(1, &[message(1, &resource), message(2, &scope)].concat());
        let places = |marker: u64| {
            let is_it = |it: &(usize, &[u8])| it.1 == marker.to_le_bytes();
            bytes.windows(8).enumerate().filter(is_it).map(|it| it.0).collect()
        };
        let (times, values) = (places(TIME), places(VALUE));
        Self { bytes, times, values }
    }

    /// The request in which every series has this value at this time.
    pub fn at(&mut self, time: Timestamp, value: f64) -> Vec<u8> {
        let nanos = u64::try_from(time.millis()).unwrap_or(0) * 1_000_000;
        for (places, bits) in [(&self.times, nanos), (&self.values, value.to_bits())] {
            for place in places {
                if let Some(it) = self.bytes.get_mut(*place..*place + 8) {
                    it.copy_from_slice(&bits.to_le_bytes());
                }
            }
        }
        self.bytes.clone()
    }
}

/// `NumberDataPoint { time = 3, as_double = 4, attributes = 7 }`.
fn point(series: usize) -> Vec<u8> {
    let mut point = message(7, &attribute("http.request.method", "GET"));
    point.extend(message(7, &attribute("series", &series.to_string())));
    for (field, marker) in [(3, TIME), (4, VALUE)] {
        point.push(field << 3 | 1);
        point.extend(marker.to_le_bytes());
    }
    point
}

/// `KeyValue { key = 1, value = 2 }` with a text.
pub(super) fn attribute(key: &str, value: &str) -> Vec<u8> {
    [message(1, key.as_bytes()), message(2, &message(1, value.as_bytes()))].concat()
}

/// A field with a message or a text.
pub(super) fn message(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use ingest::{OtlpConfig, OtlpDecoder};

    use super::*;

    #[test]
    fn every_series_gets_the_time_and_the_value() {
        let mut request = Request::new("bench", 300);
        let decoder = OtlpDecoder::new(&ingest::Config::default(), &OtlpConfig::default());
        for (secs, value) in [(1_700_000_000, 1.5), (1_700_000_001, -2.0)] {
            let time = Timestamp::from_secs(secs);
            let decoded = decoder.metrics(&request.at(time, value)).unwrap();
            assert_eq!((decoded.batch.len(), decoded.rejected), (300, 0));
            assert!(decoded.batch.iter().all(|it| it.points == [signal::Point { time, value }]));
            assert!(decoded.batch.iter().all(|it| it.labels.get("service") == Some("bench")));
        }
    }
}
